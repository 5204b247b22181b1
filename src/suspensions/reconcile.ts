/**
 * Wanted and actual, compared on one node: what it has to be told, and what reading it shows. Pure, and used three times:
 * on all that a node holds for what differs, in a round before the commands for what to do, and after them, on what was
 * read back, for what has come true.
 */
import type { BarScope } from '../caps/barring.ts';
import type { SuspensionState } from './states.ts';
import { barKey, parseBarKey, type BarKey } from './switches/switch.ts';

/** A suspension that concerns the switch, as one node knows it. */
export interface LiveSuspension {
  id: string;
  accountId: string;
  class: BarScope;
  state: Extract<SuspensionState, 'wanted' | 'applied' | 'lifting'>;
  /** whether this node was read to bar it, when it was last read; undefined where it never was */
  here: boolean | undefined;
}

export type SwitchCommand =
  | { do: 'bar'; accountId: string; class: BarScope; suspensionId: string }
  | { do: 'unbar'; accountId: string; class: BarScope };

export type Drift =
  /** the node had barred it, and does so no longer: it is asserted again */
  | { drift: 'bar-missing'; accountId: string; class: BarScope; suspensionId: string }
  /** a bar of ours that nothing wants any more, such as after a restored backup: it is taken away */
  | { drift: 'bar-unwanted'; accountId: string; class: BarScope; suspensionId: string }
  /** a bar that Plafond did not make: it is left alone. `accountId` and `class` are undefined where the key is no such */
  | { drift: 'bar-foreign'; accountId?: string; class?: BarScope; key: BarKey; found: string };

export interface Reconciliation {
  /** in the order in which they are to be carried out */
  commands: SwitchCommand[];
  /** suspensions that are wanted, and barred here as was not known yet */
  barred: LiveSuspension[];
  /** suspensions being lifted whose bar is gone here, or has passed to another suspension that wants the same */
  gone: LiveSuspension[];
  drifts: Drift[];
}

/**
 * `live` has to hold every suspension of the accounts looked at that is wanted, applied or lifting; `actual` the bars of
 * these accounts; `ours` tells whether an id on the switch, of none of `live`, is that of a suspension of Plafond's.
 */
export function reconcile(
  live: readonly LiveSuspension[],
  actual: ReadonlyMap<BarKey, string>,
  ours: (suspensionId: string) => boolean,
): Reconciliation {
  const result: Reconciliation = { commands: [], barred: [], gone: [], drifts: [] };
  const byKey = new Map<BarKey, LiveSuspension[]>();
  for (const each of live) {
    const key = barKey(each.accountId, each.class);
    const same = byKey.get(key);
    if (same) same.push(each);
    else byKey.set(key, [each]);
  }
  for (const [key, suspensions] of byKey) compareKey(suspensions, actual.get(key), key, ours, result);
  for (const [key, found] of actual) {
    if (!byKey.has(key)) compareKey([], found, key, ours, result);
  }
  return result;
}

function compareKey(
  suspensions: readonly LiveSuspension[],
  found: string | undefined,
  key: BarKey,
  ours: (suspensionId: string) => boolean,
  { commands, barred, gone, drifts }: Reconciliation,
): void {
  const wanting = suspensions.filter((each) => each.state !== 'lifting');
  const lifting = suspensions.filter((each) => each.state === 'lifting');
  const bearer = suspensions.find((each) => each.id === found);
  const foreign = found !== undefined && !bearer && !ours(found);
  const parsed = parseBarKey(key);
  gone.push(...lifting.filter((each) => each !== bearer));
  if (foreign) drifts.push({ drift: 'bar-foreign', accountId: parsed?.account, class: parsed?.class, key, found });
  if (!parsed) return;
  const place = { accountId: parsed.account, class: parsed.class };

  const [first] = wanting;
  if (first) {
    if (found === undefined) {
      for (const each of wanting) {
        if (each.here) drifts.push({ drift: 'bar-missing', ...place, suspensionId: each.id });
      }
    } else {
      // Barred is barred, whoever's id it bears; but a foreign bar is not ours to write over.
      barred.push(...wanting.filter((each) => !each.here));
    }
    // A bar that bears the id of one being lifted, or long over, passes to one that wants it.
    if (!foreign && !wanting.some((each) => each.id === found))
      commands.push({ do: 'bar', ...place, suspensionId: first.id });
    return;
  }
  if (found === undefined || foreign) return;
  if (!bearer) drifts.push({ drift: 'bar-unwanted', ...place, suspensionId: found });
  commands.push({ do: 'unbar', ...place });
}
