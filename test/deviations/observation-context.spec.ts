/** What a look at usage goes by, read by several turns of a process at a time. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { PoolClient } from 'pg';
import { inTransaction } from '../../src/database/transaction.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { ChangePolicies } from '../../src/pipeline/deviations/change-policies.ts';
import { ObservationContexts } from '../../src/pipeline/deviations/observation-context.ts';
import { ACCOUNT, TestPlafond } from '../harness/plafond.ts';

const NOW = parseInstant('2026-03-20T12:00:00+01:00')!;
let plafond: TestPlafond;
beforeEach(async () => (plafond = await TestPlafond.at(NOW)));
afterEach(() => plafond.close());

/** A turn whose answer to the query that names `table` comes only when `go` is called; `asked`: the database has answered it. */
const turnThatWaits = (contexts: ObservationContexts, table: string) => {
  let go = (): void => undefined;
  let asked = (): void => undefined;
  const gone = new Promise<void>((resolve) => (go = resolve));
  const isAsked = new Promise<void>((resolve) => (asked = resolve));
  const context = inTransaction(plafond.database.dataSource, ({ client }) => {
    const query = async (text: string, values?: unknown[]) => {
      const answer = await client.query(text, values);
      if (!text.includes(`FROM ${table}`)) return answer;
      asked();
      await gone;
      return answer;
    };
    return contexts.at(Object.create(client, { query: { value: query } }) as PoolClient, NOW);
  });
  return { context, isAsked, go };
};

it('is what it was at its marks, also where one turn reads it before a change and another behind it', async () => {
  const contexts = new ObservationContexts();
  const before = turnThatWaits(contexts, 'deviation_policies');
  await before.isAsked;
  const policies = new ChangePolicies(plafond.database.dataSource, plafond.clock);
  await policies.put({ kind: 'everyone', value: '' }, 'enforce', 1, 'test');
  const behind = turnThatWaits(contexts, 'tariff_prices');
  await behind.isAsked;
  before.go();
  await before.context;
  behind.go();
  expect((await behind.context).policies.of(ACCOUNT).mode).toBe('enforce');
  const next = await inTransaction(plafond.database.dataSource, ({ client }) => contexts.at(client, NOW));
  expect(next.policies.of(ACCOUNT).mode).toBe('enforce');
});
