/** How far the evidence of an account is above what is usual for it. Pure. */
import { dailyOf } from './learning.ts';
import type { SegmentModel } from './model.ts';
import { SCALE, type Family } from './scales.ts';
import { AT as WORD, SCALES, type Signature } from './signature.ts';

/** A name of this file's own: see `observe.ts`. */
const AT = WORD;
const DAY_S = 86_400;
const ROAMING = SCALES - 1;
/** All spend, over as long as a journey is remembered. */
const ALL_4_DAYS = 6;
/** Use from abroad counts in full from so many euros on. */
const ROAMING_EUROS = 30;
const PEAK_SHARE = 0.8;
/** Of a new account so many times its usual is not unusual yet; half of that after so many days. */
const FRESH = 5;
const FRESH_HALF_DAYS = 10;

/** What {@link measure} found last, by scale; one array for all, since one is made a record. */
export const statistics = new Float64Array(SCALES);

/**
 * Evidence against what is usual here, as logarithms; 0 where it is no more than this account has shown. Answers whether any is more;
 * of most records none is, and most of it is below the floor, whatever is usual.
 */
export function measure({ f }: Signature, segment: SegmentModel): boolean {
  let unusual = false;
  const fresh = 1 + FRESH / (1 + f[AT.days]! / FRESH_HALF_DAYS);
  for (let scale = 0; scale < ROAMING; scale++) {
    const evidence = f[AT.evidence + scale]!;
    const { family, seconds, floor } = SCALE[scale]!;
    let statistic = 0;
    if (evidence > floor) {
      const usual = fresh * usualOf(family, f, segment);
      const shown = floor + (usual * seconds) / DAY_S + PEAK_SHARE * f[AT.peaks + scale]!;
      if (evidence > shown) {
        statistic = Math.log(evidence / shown);
        unusual = true;
      }
    }
    statistics[scale] = statistic;
  }
  // A logarithm already. However busy a traveller is, what costs little is no abuse: it counts as far as there is money in it.
  const money = Math.min(1, f[AT.evidence + ALL_4_DAYS]! / ROAMING_EUROS);
  const roaming = money * f[AT.evidence + ROAMING]! - PEAK_SHARE * f[AT.peaks + ROAMING]!;
  statistics[ROAMING] = Math.max(0, roaming);
  return unusual || roaming > 0;
}

/** Euros' worth, or calls, a day. */
function usualOf(family: Family, f: Float32Array, segment: SegmentModel): number {
  const days = f[AT.days]!;
  if (family === 'all') return dailyOf(f[AT.learntAll]!, segment.dayAll, days);
  if (family === 'international') return dailyOf(f[AT.learntInternational]!, segment.dayInternational, days);
  return family === 'calls' ? dailyOf(f[AT.learntCalls]!, segment.dayCalls, days) : 0;
}
