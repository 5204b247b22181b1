/** Days that are made while others read the ledger: whoever reads it afterwards reads them too. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { parseInstant } from '../../src/kernel/clock.ts';
import { UsagePartitions } from '../../src/ledger/partitions.ts';
import { dateOfDay, dayOf } from '../../src/ledger/usage-store.ts';
import { TestPlafond } from '../harness/plafond.ts';

const now = parseInstant('2026-04-10T12:00:00Z')!;
/** The more there are, the longer a connection takes to find them all. */
const DAYS = 200;
const MADE_MEANWHILE = 8;
const READERS = 6;

let plafond: TestPlafond;
beforeEach(async () => {
  plafond = await TestPlafond.at(now);
  await plafond.addAccount({ accountId: '1001' });
});
afterEach(() => plafond.close());

it('are read by connections that were looking for the days of the ledger just then', async () => {
  const partitions = new UsagePartitions(plafond.database.dataSource, plafond.clock);
  const latest = dayOf(now) - 1;
  await partitions.prepareDays(Array.from({ length: DAYS }, (_, index) => latest - index));
  for (let day = latest - DAYS; day > latest - DAYS - MADE_MEANWHILE; day--) {
    const date = dateOfDay(day);
    const readers = Array.from({ length: READERS }, () => new Client({ connectionString: plafond.database.url }));
    const countAll = async (reader: Client) =>
      Number((await reader.query<{ n: string }>('SELECT count(*) AS n FROM usage WHERE day = $1', [date])).rows[0]!.n);
    try {
      await Promise.all(readers.map((reader) => reader.connect()));
      const reading = readers.map(async (reader, index) => {
        await sleep(2 * index);
        await countAll(reader);
      });
      await Promise.all([partitions.prepareDays([day]), ...reading]);
      expect(await plafond.send([{ record_id: date, started_at: `${date}T10:00:00Z` }])).toMatchObject({ counted: 1 });
      expect(await Promise.all(readers.map(countAll))).toEqual(readers.map(() => 1));
    } finally {
      await Promise.all(readers.map((reader) => reader.end()));
    }
  }
});
