import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parseInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import { instantText, TestPlafond, type UsageRow } from '../harness/plafond.ts';

const now = parseInstant('2026-03-20T12:00:00+01:00')!;
const STATES = ['interim', 'provisional', 'final'];

let plafond: TestPlafond;
beforeAll(async () => {
  plafond = await TestPlafond.at(now);
  await plafond.addCap({});
  await plafond.addCap({ name: 'All, a day', traffic: 'all', period: 'day', limit: '40.00' });
  await plafond.addCap({ name: 'Somalia, a week', traffic: 'country:SO', period: 'week', limit: '60.00' });
  await plafond.addCap({ name: 'A trunk of its own', scope: { service: 'trunk' }, limit: '30.00' });
});
afterAll(() => plafond.close());

/** One version of a record; the same (state, revision) of a record always says the same. */
interface Version {
  record: number;
  state: number;
  revision: number;
}

const versions = fc.uniqueArray(fc.record({ record: fc.nat(7), state: fc.nat(2), revision: fc.nat(2) }), {
  minLength: 1,
  maxLength: 30,
  selector: (v) => `${v.record} ${v.state} ${v.revision}`,
});

let run = 0;
const row = (account: string, { record, state, revision }: Version): Partial<UsageRow> => {
  // Invented, but fixed for each version: amounts that differ between versions, starts that a correction moves over midnight.
  const seed = record * 9 + state * 3 + revision;
  const startedAt = now - 36 * 3_600_000 + record * 3_600_000 * 4 + (revision === 2 ? 5 * 3_600_000 : 0);
  return {
    record_id: `run${account}-${record}`,
    account_id: account,
    service_id: record % 4 === 0 ? 'trunk' : '',
    started_at: instantText(startedAt),
    b_number: record % 3 === 0 ? '+31201234567' : '+252612345678',
    amount: formatAmount(BigInt((seed * 7919) % 30) * 1_000_000n),
    state: STATES[state]!,
    revision,
  };
};

describe('usage in any order, repeated and split anyhow', () => {
  it('spends each euro once, crosses each threshold once, and ends in the same crossings', async () => {
    await fc.assert(
      fc.asyncProperty(
        versions,
        fc.array(fc.nat(100), { maxLength: 10 }),
        fc.infiniteStream(fc.nat(1_000)),
        fc.nat(6),
        async (chosen, repeated, shuffle, cuts) => {
          const account = `order-${run++}`;
          await plafond.addAccount({ accountId: account });
          const twin = `${account}-sorted`;
          await plafond.addAccount({ accountId: twin });

          const sent = [...chosen, ...repeated.map((index) => chosen[index % chosen.length]!)]
            .map((version) => ({ version, rank: shuffle.next().value! }))
            .toSorted((a, b) => a.rank - b.rank)
            .map(({ version }) => version);
          const size = Math.max(1, Math.ceil(sent.length / (cuts + 1)));
          for (let i = 0; i < sent.length; i += size) {
            await plafond.send(sent.slice(i, i + size).map((version) => row(account, version)));
          }
          const holding = [...new Set(chosen.map((v) => v.record))].map(
            (record) =>
              chosen
                .filter((v) => v.record === record)
                .toSorted((a, b) => b.state - a.state || b.revision - a.revision)[0]!,
          );
          await plafond.send(holding.map((version) => row(twin, version)));

          const spent = (id: string) =>
            plafond.query<{ rows: string; spend: string | null }>(
              'SELECT count(*) AS rows, sum(amount_micros) AS spend FROM usage WHERE account_id = $1',
              [id],
            );
          expect(await spent(account)).toEqual(await spent(twin));
          const standing = (id: string) =>
            plafond.query(
              `SELECT cap_id, period, percent FROM crossings
                WHERE account_id = $1 AND uncrossed_at IS NULL ORDER BY 1, 2, 3`,
              [id],
            );
          expect(await standing(account)).toEqual(await standing(twin));
          const acted = await plafond.query<{ times: string }>(
            `SELECT count(*) AS times FROM decisions WHERE account_id = $1 AND trigger = 'cap'
              GROUP BY cap_id, period, threshold, action HAVING count(*) > 1`,
            [account],
          );
          expect(acted).toEqual([]);
        },
      ),
      { numRuns: 60, seed: 20100314 },
    );
    expect(await plafond.differences()).toEqual([]);
  });
});
