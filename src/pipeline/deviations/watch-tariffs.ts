/** Looks at what calls are charged, and brakes account actions on a number range whose price must be wrong. */
import type { ClientBase } from 'pg';
import type { Account } from '../../accounts/account.ts';
import { addCaseEvent, openTariffCase, widenTariffCase } from '../../cases/store.ts';
import { blocksOf } from '../../decisions/decide-deviation.ts';
import { chargedPerMinute, rangeOf, type UsualPrices } from '../../deviations/price.ts';
import {
  brakeCause,
  brakeInWords,
  faultInWords,
  faultLike,
  speaksAgainst,
  SUSPICIOUS_RATIO,
  type BrakeCause,
  type PriceFault,
} from '../../deviations/tariff-brake.ts';
import {
  insertBrake,
  keepSigns,
  openBrakes,
  lockBrakes,
  lockOpenFaults,
  priceFaults,
  ratioFoundRight,
  signsOn,
  suspectedRanges,
  type NewSign,
} from '../../deviations/tariff-store.ts';
import { settleAlarm } from '../../feeds/alarms.ts';
import { formatInstant, type Instant } from '../../kernel/clock.ts';
import type { Movement } from '../../ledger/version.ts';
import type { Matter } from '../deciding/matter.ts';

/** The signs that movements give: dear calls, and whatever is called on a range that had one. Pure. */
export function priceSigns(
  movements: readonly Movement[],
  accounts: ReadonlyMap<string, Account>,
  prices: UsualPrices,
  suspected: ReadonlySet<string>,
  at: Instant,
): NewSign[] {
  const signs: NewSign[] = [];
  for (const { to } of movements) {
    const range = rangeOf(to.destination.number);
    const account = accounts.get(to.accountId);
    const charged = chargedPerMinute(to);
    if (range === undefined || !account || charged === undefined) continue;
    const usual = prices.highest(account.currency, account.segment, range);
    if (usual === undefined) continue;
    const ratio = charged / usual;
    if (ratio < SUSPICIOUS_RATIO && !suspected.has(range)) continue;
    const { currency, accountId } = account;
    signs.push({ kind: 'price', currency, range, accountId, recordId: to.recordId, at, ratio });
  }
  return signs;
}

/** The signs that a deviation gives which calls for a bar, on the number ranges that it is about; none in shadow mode, which does nothing. Pure. */
export function alarmSigns({ decision, account }: Matter): NewSign[] {
  if (decision.mode === 'shadow' || decision.type === 'warn') return [];
  const { currency, accountId } = account;
  const { recordId, at } = decision;
  const ranges = new Set(blocksOf(decision).flatMap((block) => rangeOf(block) ?? []));
  return [...ranges].map((range) => ({ kind: 'alarm', currency, range, accountId, recordId, at, ratio: 1 }));
}

/**
 * Keeps signs, and brakes the ranges that they speak against; answers what there is to tell. A wrong price that is on several
 * ranges is one case. Turns at once count each other's signs: where one speaks against a range, they come one after the other.
 */
export async function actOnSigns(client: ClientBase, signs: readonly NewSign[], at: Instant): Promise<string[]> {
  if (signs.length === 0) return [];
  await keepSigns(client, signs);
  const against = new Set(signs.filter((sign) => speaksAgainst(sign)).map(({ range }) => range));
  if ((await unbraked(client, against)).length === 0) return [];
  await lockBrakes(client);
  const { told, isPrice } = await brakeAmong(client, against, at);
  if (!isPrice) return told;
  // Where it has come to be on several, one dear call is enough on others, also one from before.
  return [...told, ...(await brakeAmong(client, await suspectedRanges(client, at), at)).told];
}

/** Brakes those of these ranges that are to be; with the lock of brakes. */
async function brakeAmong(
  client: ClientBase,
  ranges: ReadonlySet<string>,
  at: Instant,
): Promise<{ told: string[]; isPrice: boolean }> {
  const told: string[] = [];
  let isPrice = false;
  for (const [range, cause] of await causesOn(client, await unbraked(client, ranges), at)) {
    const open = cause.kind === 'price' ? await lockOpenFaults(client, at) : [];
    // Others may have settled meanwhile what it was seen by.
    const still = (await causesOn(client, [range], at)).get(range);
    if (!still) continue;
    isPrice ||= still.kind === 'price';
    told.push(
      ...(await brake(client, range, still, still.kind === 'price' ? faultLike(open, still.ratio) : undefined, at)),
    );
  }
  return { told, isPrice };
}

async function unbraked(client: ClientBase, ranges: ReadonlySet<string>): Promise<string[]> {
  const braked = new Set((await openBrakes(client)).map(({ range }) => range));
  return [...ranges].filter((range) => !braked.has(range));
}

/** Why ranges are to be braked, as far as is known now. */
async function causesOn(client: ClientBase, ranges: readonly string[], at: Instant): Promise<Map<string, BrakeCause>> {
  const faults = await priceFaults(client, at);
  const causes = new Map<string, BrakeCause>();
  for (const [range, signs] of await signsOn(client, ranges)) {
    let cause = brakeCause(signs, at, { faults });
    if (cause?.kind === 'price')
      cause = brakeCause(signs, at, { faults, right: await ratioFoundRight(client, range, at) });
    if (cause) causes.set(range, cause);
  }
  return causes;
}

async function brake(
  client: ClientBase,
  range: string,
  cause: BrakeCause,
  fault: PriceFault | undefined,
  at: Instant,
): Promise<string[]> {
  const why = brakeInWords(range, cause);
  const summary = fault ? faultInWords(fault, range) : why;
  const from = cause.since;
  const caseNo = fault?.caseNo ?? (await openTariffCase(client, { ranges: [range], from, summary }, at));
  if (fault) await widenTariffCase(client, caseNo, { range, from, summary }, at);
  await insertBrake(client, { range, caseNo, kind: cause.kind }, at);
  const ranges = [...(fault?.ranges ?? []), range];
  const facts = { range, ranges, case: caseNo, ...cause, since: formatInstant(from) };
  await addCaseEvent(client, { caseNo, at, by: 'plafond', what: 'braked', why, facts });
  return settleAlarm(client, 'tariff-brake', ranges[0]!, { text: summary, facts }, '', at);
}
