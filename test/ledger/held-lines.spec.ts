import { afterAll, beforeAll, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { inTransaction } from '../../src/database/transaction.ts';
import { KINDS, STATES } from '../../src/feeds/usage-record.ts';
import { SystemClock, parseInstant } from '../../src/kernel/clock.ts';
import { heldLines, isSame } from '../../src/ledger/held-lines.ts';
import { UsagePartitions } from '../../src/ledger/partitions.ts';
import { dateOfDay, dayOf, insertVersions } from '../../src/ledger/usage-store.ts';
import { sameContent, type HeldVersion } from '../../src/ledger/version.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

const MIDNIGHT = parseInstant('2026-03-15T00:00:00Z')!;
const DAYS = new Set([dayOf(MIDNIGHT) - 1, dayOf(MIDNIGHT)]);

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await new UsagePartitions(database.dataSource, new SystemClock()).prepareDays(DAYS);
});
afterAll(() => database.drop());

// Few values, of which some are easily taken for others: two versions are often equal, or nearly.
const text = fc.constantFrom(
  '',
  '1',
  '11',
  ' ',
  'a b',
  '\\',
  '\\t',
  '\\N',
  'NULL',
  '"',
  "'",
  ',',
  'é',
  '语',
  '\u{1f600}',
);
const micros = fc.constantFrom(0n, 1n, 10n, -1n, 999_999_999_999_999_999n, -999_999_999_999_999_999n);
const version: fc.Arbitrary<Omit<HeldVersion, 'recordId'>> = fc.record({
  origin: fc.constant('default'),
  accountId: fc.constantFrom('1001', '10', '01'),
  serviceId: text,
  startedAt: fc.constantFrom(-1, 0, 1, 500, 999, 86_399_999).map((ms) => MIDNIGHT + ms),
  durationSeconds: fc.constantFrom(0, 1, 2_147_483_647),
  kind: fc.constantFrom(...KINDS),
  units: fc.option(micros, { nil: undefined }),
  aNumber: fc.constantFrom('', '1', '+1'),
  amount: micros,
  state: fc.constantFrom(...STATES),
  revision: fc.constantFrom(0, 1, 2_147_483_647),
  cost: fc.option(micros, { nil: undefined }),
  originCountry: fc.constantFrom('', 'NL'),
  tariff: text,
  receivedAt: fc.constant(0),
  destination: fc.record({
    number: fc.constantFrom('', '1', '+1'),
    country: fc.constantFrom('', 'NL'),
    type: fc.constant('other' as const),
    traffic: fc.nat(31),
  }),
  importId: fc.constantFrom('1', '12'),
  arrived: fc.constantFrom(0, 64, 2 ** 52),
  near: fc.option(
    fc.record({
      amount: micros,
      importId: fc.constantFrom('1', '12'),
      revision: fc.constantFrom(undefined, 0, 827_014_400),
    }),
    { nil: undefined },
  ),
});
const FIELDS = [
  ...(['accountId', 'serviceId', 'startedAt', 'durationSeconds', 'kind', 'units', 'aNumber', 'amount'] as const),
  ...(['cost', 'originCountry', 'tariff', 'destination', 'state', 'revision', 'importId', 'arrived', 'near'] as const),
];
/** A version, and another: of its own, or the same but for one value. */
const pair = fc.tuple(version, version, fc.option(fc.constantFrom(...FIELDS))).map(([held, other, field]) => ({
  held,
  arriving: field === null ? other : { ...held, [field]: other[field] },
}));

it('a version is the same as what is held where all that it says is, and what is held is read as it was written', async () => {
  let run = 0;
  const property = fc.asyncProperty(fc.array(pair, { minLength: 1, maxLength: 200 }), async (pairs) => {
    run++;
    const named = pairs.map(({ held, arriving }, index) => {
      const recordId = `r\\"${run} ${index}`;
      return { held: { ...held, recordId }, arriving: { ...arriving, recordId } };
    });
    await inTransaction(database.dataSource, async ({ client }) => {
      const ids = named.map(({ held }) => held.recordId);
      await insertVersions(
        client,
        named.map(({ held }) => held),
      );
      const lines = await heldLines(client, 'default', [...ids, `none of run ${run}`], DAYS, MIDNIGHT);
      expect(lines.of(`none of run ${run}`)).toBeUndefined();
      for (const { held, arriving } of named) {
        const sameRank = held.state === arriving.state && held.revision === arriving.revision;
        expect(isSame(lines.of(arriving.recordId)!, arriving, arriving.destination.number)).toBe(
          sameRank && sameContent(held, arriving),
        );
        const receivedAt = held.startedAt + held.durationSeconds * 1000;
        expect(lines.versionsOf(held.recordId)).toEqual([{ ...held, receivedAt }]);
      }
    });
  });
  await fc.assert(property, { numRuns: 25 });
});

it('of a record that stands on two days nothing is the same, and both versions are known', async () => {
  const [held] = fc.sample(version, 1);
  const two = [-1, 0].map((ms) => ({ ...held!, recordId: 'twice', startedAt: MIDNIGHT + ms }));
  await inTransaction(database.dataSource, async ({ client }) => {
    await insertVersions(client, two);
    const lines = await heldLines(client, 'default', ['twice'], DAYS, MIDNIGHT);
    expect(two.map((each) => isSame(lines.of(each.recordId)!, each, each.destination.number))).toEqual([false, false]);
    expect(
      lines
        .versionsOf('twice')
        .map(({ startedAt }) => startedAt - MIDNIGHT)
        .toSorted(),
    ).toEqual([-1, 0]);
  });
});

it('what is asked about the days of now is planned once, however much comes of other days', async () => {
  const today = dayOf(MIDNIGHT);
  await inTransaction(database.dataSource, async ({ client }) => {
    for (let day = today - 100; day <= today; day++) await heldLines(client, 'other', ['a'], new Set([day]), MIDNIGHT);
    const { rows } = await client.query<{ name: string }>(
      `SELECT name FROM pg_prepared_statements WHERE name LIKE 'held-%'`,
    );
    const names = rows.map(({ name }) => name);
    expect(names).toContain(`held-${dateOfDay(today - 1)}-${dateOfDay(today + 1)}`);
    expect(names.filter((name) => name < `held-${dateOfDay(today - 3)}`)).toEqual([]);
  });
});
