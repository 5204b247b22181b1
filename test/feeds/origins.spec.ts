/** A feed's origin says whose its records are: it does not change under usage that is on its way. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { inTransaction } from '../../src/database/transaction.ts';
import { feedDefinition } from '../../src/feeds/feed.ts';
import { beginImport, endAbandoned, makeFeed } from '../../src/feeds/imports.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { lockCounting } from '../../src/ledger/usage-store.ts';
import { ChangeFeeds } from '../../src/pipeline/usage/change-feeds.ts';
import { FeedBook } from '../../src/pipeline/usage/feed-book.ts';
import { NOTHING_SETTLED } from '../../src/pipeline/usage/lanes.ts';
import { TestPlafond } from '../harness/plafond.ts';

const now = parseInstant('2026-04-10T12:00:00+02:00')!;
let plafond: TestPlafond;
let feeds: ChangeFeeds;
beforeAll(async () => {
  plafond = await TestPlafond.at(now);
  await plafond.addAccount({ accountId: '1001' });
  const { dataSource } = plafond.database;
  feeds = new ChangeFeeds(dataSource, plafond.clock, new FeedBook(dataSource));
});
afterAll(() => plafond.close());

const put = (feed: string, origin: string) => feeds.put(feed, feedDefinition.parse({ origin }), 'any', 'the tests');
const begin = (feed: string) =>
  inTransaction(plafond.database.dataSource, ({ client }) =>
    beginImport(
      client,
      { feed, source: 'http', fileName: '', contentHash: undefined, format: 'csv', requestedBy: 'the tests' },
      NOTHING_SETTLED,
      now,
    ),
  );
/** Until somebody waits for a lock. */
const someoneWaits = async () => {
  for (;;) {
    const [row] = await plafond.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (row!.n > 0) return;
    await nextTurn();
  }
};

it('is refused while an import runs, of which nothing has counted yet, until nobody carries it on', async () => {
  await put('running', 'before');
  await begin('running');
  await expect(put('running', 'after')).rejects.toMatchObject({ code: 'origin_in_use' });
  const { dataSource } = plafond.database;
  const ended = await inTransaction(dataSource, ({ client }) => endAbandoned(client, now + 25 * 3_600_000));
  expect(ended).toMatchObject([{ feed: 'running' }]);
  expect((await put('running', 'after')).feed.definition).toMatchObject({ origin: 'after' });
});

it('is the new one for an import that begins while it is being changed', async () => {
  await put('begins', 'before');
  const importing = await inTransaction(plafond.database.dataSource, async ({ client }) => {
    await client.query(`SELECT FROM feeds WHERE feed = 'begins' FOR UPDATE`);
    const begun = begin('begins');
    await someoneWaits();
    await client.query(`UPDATE feeds SET origin = 'after' WHERE feed = 'begins'`);
    return { begun };
  });
  expect(await importing.begun).toMatchObject({ origin: 'after' });
});

it('is the new one for a small delivery that was weighed under the other', async () => {
  await put('small', 'before');
  const sending = await inTransaction(plafond.database.dataSource, async ({ client }) => {
    await lockCounting(client);
    const sent = plafond.send([{ record_id: 'small' }], 'small');
    await someoneWaits();
    await put('small', 'after');
    return { sent };
  });
  expect(await sending.sent).toMatchObject({ counted: 1 });
  expect(await plafond.query(`SELECT origin FROM usage WHERE record_id = 'small'`)).toEqual([{ origin: 'after' }]);
  expect(await plafond.send([{ record_id: 'small' }], 'small')).toMatchObject({ duplicate: 1 });
  expect(await plafond.differences()).toEqual([]);
});

it('is not given to a feed that usage makes at the same moment', async () => {
  const putting = await inTransaction(plafond.database.dataSource, async ({ client }) => {
    await makeFeed(client, 'made', now);
    await client.query(`INSERT INTO imports (feed, source, file_name, format, requested_by, state, started_at)
      VALUES ('made', 'http', '', 'csv', 'the tests', 'running', now())`);
    const outcome = put('made', 'after').catch((error: unknown) => error);
    await someoneWaits();
    return { outcome };
  });
  expect(await putting.outcome).toMatchObject({ code: 'origin_in_use' });
});
