/**
 * What rules want done to accounts, past the tariff brake: where most of the money that caused it went to number ranges
 * whose price is in doubt, a bar waits for the brake's case to be settled, and the customer is not told of amounts that
 * are likely wrong, unless the bar is approved. By range; how many bars there may be within an hour is the guard's business
 * (`through-guard.ts`).
 */
import type { ClientBase } from 'pg';
import { openBrakes, type Brake } from '../../deviations/tariff-store.ts';
import { lockGuard } from '../../suspensions/guard-store.ts';
import { spentInRanges, type SpentInRanges } from '../../spend/spent-in-ranges.ts';
import { grouped } from '../grouped.ts';
import type { Matter } from './matter.ts';

/** Of the money in question this share has to be in doubt. */
const SHARE_MIN_PERCENT = 50n;

/** The matters as they pass, and the brake that holds each of those it holds, by decision. */
export interface Braked {
  matters: readonly Matter[];
  held: ReadonlyMap<string, Brake>;
}

/** One look at a table that is nearly always empty; more only where something is braked. */
export async function throughBrake(client: ClientBase, asked: readonly Matter[]): Promise<Braked> {
  const held = new Map<string, Brake>();
  const acting = asked.filter(actsOnAccount);
  const brakes = acting.length === 0 ? [] : await openBrakes(client);
  if (brakes.length === 0) return { matters: asked, held };
  const byRange = new Map(brakes.map((brake) => [brake.range, brake]));
  for (const [traffic, same] of grouped(acting, ({ stretch }) => stretch.traffic)) {
    const questions = same.map(({ decision, stretch }) => ({ key: decision.id, ...stretch }));
    for (const [id, spent] of await spentInRanges(client, traffic, questions, [...byRange.keys()])) {
      const range = doubtfulRange(spent);
      if (range !== undefined) held.set(id, byRange.get(range)!);
    }
  }
  return { matters: asked.map((matter) => heldBack(matter, held.get(matter.decision.id))), held };
}

/**
 * Whether brakes still hold what they were seen to hold. Whoever settles a brake's case has the guard when looking for what waits for it,
 * and so has whoever notes that something does: from here on nobody lets go of what is not noted yet.
 */
export async function holdStill(client: ClientBase, { held }: Braked): Promise<boolean> {
  if (held.size === 0) return true;
  await lockGuard(client);
  const open = new Set((await openBrakes(client)).map(({ caseNo }) => caseNo));
  return [...held.values()].every(({ caseNo }) => open.has(caseNo));
}

/** What bars somebody, or tells them. What is lifted, or told to operators, passes. */
function actsOnAccount({ bars, words }: Matter): boolean {
  return bars.length > 0 || words !== undefined;
}

/** The range in doubt that most of the money in doubt went to, where that is the most of all. */
function doubtfulRange({ all, ranges }: SpentInRanges): string | undefined {
  const doubtful = [...ranges.values()].reduce((sum, each) => sum + each, 0n);
  if (doubtful <= 0n || doubtful * 100n < all * SHARE_MIN_PERCENT) return undefined;
  return [...ranges].toSorted(([, a], [, b]) => (a > b ? -1 : a < b ? 1 : 0))[0]![0];
}

function heldBack(matter: Matter, brake: Brake | undefined): Matter {
  if (!brake) return matter;
  const { decision, known } = matter;
  const isTold = matter.bars.length === 0;
  const where = `most of it went to ${brake.range}, where the tariff brake holds (case ${brake.caseNo}).`;
  const waits = `${isTold ? 'The customer is not told' : 'Waits'}: ${where}`;
  return {
    ...matter,
    decision: {
      ...decision,
      ...(isTold ? { type: 'notify-operator' as const } : { mode: 'approve' as const }),
      explanation: `${decision.explanation} ${waits}`,
    },
    known: { ...known, tariff_brake: { range: brake.range, case: brake.caseNo, mode_without: decision.mode } },
    words: undefined,
    wordsIfApproved: matter.words,
  };
}
