/** What a peer rates anew comes under its old id: whichever it rated last holds, in whatever order they come. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { inTransaction } from '../../src/database/transaction.ts';
import { feedDefinition } from '../../src/feeds/feed.ts';
import { saveFeed } from '../../src/feeds/feed-store.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { TestPlafond } from '../harness/plafond.ts';

let plafond: TestPlafond;

beforeEach(async () => {
  plafond = await TestPlafond.at(parseInstant('2010-03-20T12:00:00Z')!);
  await plafond.addAccount({ accountId: '1001' });
});
afterEach(async () => plafond.close());

const sample = (name: string) => readFileSync(new URL(`../samples/feeds/${name}`, import.meta.url), 'utf8');
const SIPWISE = sample('sipwise.cdr').split('\n')[1]!;

/** A rating: when it was, and what the call cost by it. */
type Rating = readonly [ratedAt: string, amount: string];

const RATINGS: readonly Rating[] = [
  ['2010-03-14T01:46:00Z', '2.0164'],
  ['2010-03-15T07:00:00Z', '2.50'],
  ['2010-03-15T07:00:01Z', '0.70'],
];

const CALL = '2010-03-14T01:40:00Z';

function sealed(row: string): string {
  const unsealed = `007,0001\n${row}\n`;
  return `${unsealed}${createHash('md5').update(unsealed).digest('hex')}\n`;
}

const FORMATS = [
  [
    'cgrates-csv',
    { currency: 'EUR' },
    ([ratedAt, amount]: Rating) =>
      `CGRID,RunID,OrderID,ToR,Account,Destination,SetupTime,AnswerTime,Usage,Cost,@timestamp
c1,*default,7,*voice,1001,+252612345678,${CALL},${CALL},85s,${amount},${ratedAt}\n`,
  ],
  [
    'cgrates-json',
    { currency: 'EUR' },
    ([ratedAt, amount]: Rating) =>
      `{"CGRID":"c1","RunID":"*default","OrderID":7,"ToR":"*voice","Account":"1001","Destination":"+252612345678",
        "SetupTime":"${CALL}","AnswerTime":"${CALL}","Usage":"85s","Cost":${amount},"@timestamp":"${ratedAt}"}`,
  ],
  [
    'sipwise',
    { currency: 'EUR', time_zone: 'Europe/Amsterdam' },
    ([ratedAt, amount]: Rating) => {
      const local = new Date(Date.parse(ratedAt) + 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
      return sealed(
        SIPWISE.replace('2010-03-14 02:46:00', local).replace('201.640000', `${(Number(amount) * 100).toFixed(6)}`),
      );
    },
  ],
  [
    'mapped-csv',
    {
      columns: {
        record_id: 'id',
        account_id: 'customer',
        started_at: 'begin',
        duration_s: 's',
        b_number: 'to',
        amount: 'price',
        revision: 'rated',
      },
      currency: 'EUR',
      kind: 'voice',
    },
    ([ratedAt, amount]: Rating) =>
      `id,customer,begin,s,to,price,rated\nc1,1001,${CALL},85,+252612345678,${amount},${ratedAt}\n`,
  ],
] as const;

describe.each(FORMATS)('%s', (format, mapping, written) => {
  it.each([
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ])('rated %i, %i, %i', async (...order) => {
    const definition = feedDefinition.parse({ format, mapping });
    await inTransaction(plafond.database.dataSource, ({ client }) =>
      saveFeed(client, 'rating', false, definition, undefined, plafond.clock.now()),
    );
    for (const at of [...order, ...order]) {
      const { received, rejected } = await plafond.sendText(written(RATINGS[at]!), 'json', 'rating');
      expect({ received, rejected }).toEqual({ received: 1, rejected: 0 });
    }
    expect(await plafond.query('SELECT amount_micros FROM usage')).toEqual([{ amount_micros: '700000' }]);
    expect(await plafond.differences()).toEqual([]);
  });
});
