/** What a verdict on a case makes of its number ranges: hot, braked, or counted anew. */
import type { PoolClient } from 'pg';
import type { Said } from '../../cases/case.ts';
import { addCaseEvent, blocksOfCase, openTariffCase, type CaseRow } from '../../cases/store.ts';
import { rangeOf } from '../../deviations/price.ts';
import { addHotRanges } from '../../deviations/signature-store.ts';
import { countPrices, insertBrake, leavesPricesOut, lockBrakes, openBrakes } from '../../deviations/tariff-store.ts';
import type { Instant } from '../../kernel/clock.ts';
import { dayOf } from '../../ledger/usage-store.ts';

/** Counts prices anew of the days that a case has kept some from, or does so now: which takes their time. */
export async function recountPrices(client: PoolClient, { case_no, from_at }: CaseRow, at: Instant): Promise<void> {
  if (!(await leavesPricesOut(client, case_no))) return;
  const [first, last] = [dayOf(from_at.getTime()), dayOf(at)];
  await countPrices(
    client,
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
    at,
  );
}

/** Puts the number blocks of a case on the provider's hot list; answers them. */
export async function makeHot(client: PoolClient, row: CaseRow, { by, why, at }: Said): Promise<string[]> {
  const blocks = await blocksOfCase(client, row);
  await addHotRanges(client, blocks, { caseNo: row.case_no, by, why, at });
  return blocks;
}

/** Has account actions wait on the ranges of a case that a person found wrongly rated; answers those that did not already. */
export async function brakeByHand(client: PoolClient, row: CaseRow, { by, why, at }: Said): Promise<string[]> {
  await lockBrakes(client);
  const open = new Set((await openBrakes(client)).map(({ range }) => range));
  const ranges = [...new Set(row.ranges.map((each) => rangeOf(each)))].filter((range) => range !== undefined);
  const fresh = ranges.filter((range) => !open.has(range));
  if (fresh.length === 0) return [];
  const summary = `Case ${row.case_no} was found to be wrongly rated by ${by}: ${why}. Account actions that are due to ${fresh.join(', ')} wait until this case is closed.`;
  const caseNo = await openTariffCase(client, { ranges: fresh, from: row.from_at.getTime(), summary }, at);
  for (const range of fresh) await insertBrake(client, { range, caseNo, kind: 'by-hand' }, at);
  await addCaseEvent(client, { caseNo, at, by, what: 'braked', why: summary, facts: { ranges: fresh } });
  return fresh;
}
