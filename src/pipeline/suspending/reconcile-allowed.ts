/**
 * Numbers that accounts may call whatever is barred, as each node of a switch knows them: beside the bars, in the same table,
 * set before any bar is and read back like one.
 */
import { numbersOnSwitch } from '../../accounts/allowed-numbers.ts';
import { inTransaction } from '../../database/transaction.ts';
import {
  ALLOWED,
  keyOf,
  parseAllowKey,
  SwitchFailure,
  type BarKey,
  type NodeLook,
  type SwitchNode,
  type TableEntry,
} from '../../suspensions/switches/switch.ts';
import { isTellable, type RoundTools } from './reconcile-round.ts';

/** A look at the bars alone, and the numbers that stood among them; undefined where the table is too large to be listed. */
export function numbersAside(look: NodeLook): { look: NodeLook; numbers: Map<BarKey, string> | undefined } {
  if (look.bars === undefined) return { look, numbers: undefined };
  const isNumber = ([key]: [BarKey, string]) => parseAllowKey(key) !== undefined;
  const numbers = new Map([...look.bars].filter(isNumber));
  const bars = new Map([...look.bars].filter((each) => !isNumber(each)));
  return { look: { ...look, bars, count: bars.size }, numbers };
}

/**
 * For some accounts, or for all of whom something is barred. `seen` are the numbers that a look has shown, where it could
 * show all. Throws {@link SwitchFailure} where the node does not do as it is told.
 */
export async function reconcileAllowed(
  tools: RoundTools,
  node: SwitchNode,
  accounts: readonly string[] | undefined,
  seen: ReadonlyMap<BarKey, string> | undefined,
): Promise<void> {
  const known = await inTransaction(tools.dataSource, ({ client }) => numbersOnSwitch(client, accounts));
  const wanted = new Map<BarKey, TableEntry>();
  const unwanted = new Map<BarKey, TableEntry>();
  for (const { accountId, number, allowed } of known) {
    if (!isTellable(tools, accountId)) continue;
    const entry: TableEntry = { accountId, scope: `allow:${number as `+${string}`}` };
    (allowed ? wanted : unwanted).set(keyOf(entry), entry);
  }
  if (wanted.size + unwanted.size === 0) return;
  const actual = seen ?? (await node.read([...wanted.values(), ...unwanted.values()]));
  const missing = [...wanted].filter(([key]) => !actual.has(key)).map(([, entry]) => entry);
  const over = [...unwanted].filter(([key]) => actual.get(key) === ALLOWED).map(([, entry]) => entry);
  if (missing.length + over.length === 0) return;
  for (const entry of missing) await node.bar(entry, ALLOWED);
  for (const entry of over) await node.unbar(entry);
  const found = await node.read([...missing, ...over]);
  const wrong = [
    ...missing.filter((entry) => !found.has(keyOf(entry))),
    ...over.filter((entry) => found.has(keyOf(entry))),
  ];
  if (wrong.length > 0) throw new SwitchFailure('wrong', `it does not do what it is told of ${keyOf(wrong[0]!)}`);
}
