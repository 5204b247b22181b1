/** How much of a provider's own history stands behind what a policy promises, as data and in words. Pure. */
import { formatInstant, type Instant } from '../kernel/clock.ts';
import { hasOwnTail, OWN_TAIL_MONTHS, thresholdsOf, type Calibration } from './calibration.ts';

export interface Backing {
  /** `none`: nothing is calibrated yet; `few`: a hold lies beyond what was seen */
  state: 'none' | 'few' | 'enough';
  /** account-months that were seen of whom the policy is about, and of everyone */
  ownMonths: number;
  allMonths: number;
  /** that stand behind the promise once it holds */
  enoughMonths: number;
  words: string;
}

/** `segment` undefined: of everyone. `calibratedAt`: undefined where only built-in tails are known. */
export function backingOf(
  { settled: { everyone, segments } }: Calibration,
  calibratedAt: Instant | undefined,
  segment: string | undefined,
  falseBudget: number,
): Backing {
  const { hold } = thresholdsOf(falseBudget);
  const allMonths = everyone.accountMonths;
  const ownMonths = segment === undefined ? allMonths : (segments[segment]?.accountMonths ?? 0);
  // What is rarer than was ever seen is reckoned, and a tail has to be somebody's own.
  const enoughMonths = Math.max(OWN_TAIL_MONTHS, hold);
  const leans = segment !== undefined && !hasOwnTail(ownMonths);
  const months = leans ? allMonths : ownMonths;
  const figures = { ownMonths, allMonths, enoughMonths };
  if (calibratedAt === undefined || months <= 0) {
    return {
      ...figures,
      state: 'none',
      words:
        'Not backed by your own history yet: some weeks of usage are needed first. Until then scores are held against what made-up customers show, and nothing can be promised; shadow or approve keep it from barring anybody by itself.',
    };
  }
  const seen = `the calibration of ${formatInstant(calibratedAt)} saw ${whole(months)} customer-months${leans ? ' of everyone' : ''}`;
  const leaning = leans
    ? ` Of this segment it saw ${whole(ownMonths)}, too few for themselves: they are held against everyone, or more strictly where they show more.`
    : '';
  if (months >= enoughMonths) {
    return { ...figures, state: 'enough', words: `Backed by your own history: ${seen}.${leaning}` };
  }
  return {
    ...figures,
    state: 'few',
    words:
      `Not yet backed by enough history: ${seen}, and ${whole(enoughMonths)} are enough. A hold is at what a harmless customer shows once in ${whole(hold)}; ` +
      `what was not seen is reckoned from what was, and taken to be the more frequent the less was seen: holds come later rather than wrongly.${leaning} Verdicts on its cases tell what the promise comes to (see realised).`,
  };
}

function whole(months: number): string {
  return Math.round(months).toLocaleString('en-GB');
}
