/** The scales of evidence: what each looks at, and how long it lasts. Pure. */
import { TRAVEL_DAYS } from './travel.ts';
import { SCALES } from './signature.ts';

const HOUR_S = 3_600;

/** What a scale looks at: unusual usage (weighed), all that goes abroad or is premium, everything, the number of calls at home, or use from abroad. */
export type Family = 'unusual' | 'international' | 'all' | 'calls' | 'roaming';

/**
 * Each scale's family, how long its evidence lasts (it fades by e in that time), and how much of the budget for false alarms it gets
 * against others: money by itself says less than money that is unusual (a weighted Bonferroni correction: C. Genovese, K. Roeder,
 * L. Wasserman, "False discovery control with p-value weighting", Biometrika 93, 2006).
 */
export const SCALE: readonly { family: Family; seconds: number; floor: number; share: number }[] = [
  { family: 'unusual', seconds: 2 * HOUR_S, floor: 5, share: 1 },
  { family: 'unusual', seconds: 24 * HOUR_S, floor: 5, share: 1 },
  { family: 'unusual', seconds: 144 * HOUR_S, floor: 5, share: 1 },
  { family: 'international', seconds: 24 * HOUR_S, floor: 5, share: 0.25 },
  { family: 'international', seconds: 144 * HOUR_S, floor: 5, share: 0.25 },
  { family: 'all', seconds: 10 * HOUR_S, floor: 5, share: 0.25 },
  { family: 'all', seconds: 96 * HOUR_S, floor: 5, share: 0.25 },
  // Once with less for a number that is tried again and for who talks to somebody, and once as they are.
  { family: 'calls', seconds: 24 * HOUR_S, floor: 5, share: 1 },
  { family: 'calls', seconds: 24 * HOUR_S, floor: 5, share: 1 },
  { family: 'roaming', seconds: TRAVEL_DAYS * 24 * HOUR_S, floor: 0, share: 1 },
];

/** The scale of all spend, over four days. */
export const ALL_4_DAYS = 6;

/** Shares of evidence that are left, by scale, after what {@link fadeBy} was told last; one array for all. */
export const fades = new Float64Array(SCALES);

/** How long scales last: several last as long. */
const LASTING = [...new Set(SCALE.map(({ seconds }) => seconds))];
const LASTING_OF = SCALE.map(({ seconds }) => LASTING.indexOf(seconds));
/** Places of a row of the tables, a power of two: rows lie so that few of the processor's lines are read. */
const ROW = 8;

const FINE = 1_024;
/** Longer than that leaves nothing to speak of, even of six days. */
const COARSE = 8_192;
/** e to the minus of so many seconds, and of so many times 1,024 seconds; all that lasts differently side by side. */
const fine = tableOf(FINE, 1);
const coarse = tableOf(COARSE, FINE);

function tableOf(rows: number, seconds: number): Float64Array {
  const table = new Float64Array(rows * ROW);
  for (let row = 0; row < rows; row++) {
    for (const [at, lasting] of LASTING.entries()) table[row * ROW + at] = Math.exp((-row * seconds) / lasting);
  }
  return table;
}

const left = new Float64Array(LASTING.length);

/** Sets {@link fades} to what is left after `seconds`, a whole number. */
export function fadeBy(seconds: number): void {
  if (seconds === 0) {
    // Most of what comes is the latest. A loop: for so few, what arrays do by themselves takes longer.
    for (let scale = 0; scale < SCALES; scale++) fades[scale] = 1;
    return;
  }
  const many = Math.floor(seconds / FINE);
  if (many >= COARSE) {
    fades.fill(0);
    return;
  }
  const few = (seconds % FINE) * ROW;
  const begins = many * ROW;
  for (let at = 0; at < left.length; at++) left[at] = coarse[begins + at]! * fine[few + at]!;
  for (let scale = 0; scale < SCALES; scale++) fades[scale] = left[LASTING_OF[scale]!]!;
}
