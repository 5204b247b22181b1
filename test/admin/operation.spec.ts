import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { runCommand } from '../../src/command-line/program.ts';
import { ReconcileImports } from '../../src/pipeline/usage/reconcile-imports.ts';
import { WatchFeeds } from '../../src/pipeline/usage/watch-feeds.ts';
import { until } from '../harness/process.ts';
import { ACCOUNT, ADMIN_KEY, CAP, startAdmin, type AdminApp } from './admin-app.ts';

let admin: AdminApp;
beforeAll(async () => {
  admin = await startAdmin();
  await admin.call('PUT', '/v1/accounts/1001', { body: ACCOUNT });
  await admin.call('POST', '/v1/caps', { body: CAP });
  await send('near', [row('a', '10.00', 'provisional'), row('b', '20.00', 'provisional')]);
});
afterAll(() => admin.close());

const row = (record_id: string, amount: string, state: string) => ({
  record_id,
  account_id: '1001',
  started_at: '2010-03-09T02:00:00+01:00',
  duration_s: 60,
  kind: 'voice',
  b_number: '+252612345678',
  amount,
  currency: 'EUR',
  state,
});

/** Answers the number of the import. */
async function send(feed: string, rows: object[]): Promise<string> {
  const answer = await admin.call('POST', `/v1/usage?feed=${feed}`, {
    body: JSON.stringify(rows),
    headers: { 'content-type': 'application/json' },
  });
  expect(answer.statusCode).toBe(200);
  return answer.json<{ import_id: string }>().import_id;
}

async function json<T>(method: 'GET' | 'POST', url: string): Promise<T> {
  const answer = await admin.call(method, url);
  expect([url, answer.statusCode]).toEqual([url, 200]);
  return answer.json<T>();
}

interface Listed {
  items: Record<string, unknown>[];
  next: string | null;
}

describe('operators', () => {
  it('see how fresh a feed is, and what is open of it', async () => {
    expect(await json('GET', '/v1/feeds/near/freshness')).toMatchObject({
      state: 'unknown',
      last_import_at: '2010-03-10T11:00:00Z',
      watermark: '2010-03-09T01:00:00Z',
    });
    expect((await admin.call('GET', '/v1/feeds/nowhere/freshness')).statusCode).toBe(404);
    await admin.database.dataSource.query('UPDATE feeds SET expect_every_s = 60, late_after_s = 3600');
    const watch = admin.app.get(WatchFeeds);
    await watch.run();
    expect(await json('GET', '/v1/feeds/near/freshness')).toMatchObject({ state: 'late' });

    const { items } = await json<Listed>('GET', '/v1/alarms?open=true');
    expect(items).toMatchObject([
      {
        kind: 'feed-behind',
        subject: 'near',
        raised_at: '2010-03-10T11:00:00Z',
        cleared_at: null,
        facts: { state: 'late' },
      },
    ]);
    const id = String(items[0]!.id);
    expect(await json('POST', `/v1/alarms/${id}/clear`)).toMatchObject({
      cleared_at: '2010-03-10T11:00:00Z',
      cleared_by: expect.stringMatching('.'),
    });
    expect((await json<Listed>('GET', '/v1/alarms?open=true')).items).toEqual([]);
    // Its trouble lasts, so it is told again.
    await watch.run();
    expect(await json('GET', '/v1/alarms?kind=feed-behind&subject=near&limit=1')).toMatchObject({
      items: [{ cleared_at: null }],
      next: expect.any(String),
    });
    expect((await json<Listed>('GET', '/v1/alarms?open=false')).items).toMatchObject([{ id }]);
    expect((await admin.call('POST', '/v1/alarms/999/clear')).statusCode).toBe(404);
  });

  it('see what the nightly file was held against', async () => {
    const importId = await send('night', [row('a', '10.00', 'final'), row('c', '5.00', 'final')]);
    await admin.app.get(ReconcileImports).run();
    const totals = [
      {
        currency: 'EUR',
        matched_equal: { records: 1, amount: '10.00' },
        matched_different: { records: 0, near_real_time: '0.00', nightly: '0.00', difference: '0.00' },
        only_near_real_time: { records: 1, amount: '20.00' },
        only_nightly: { records: 1, amount: '5.00' },
      },
    ];
    const { items } = await json<Listed>('GET', '/v1/reconciliations?feed=night&day=2010-03-09');
    expect(items).toEqual([
      {
        import_id: importId,
        feed: 'night',
        at: '2010-03-10T11:00:00Z',
        days: ['2010-03-09'],
        outcome: 'beyond-tolerance',
        totals,
      },
    ]);
    expect((await json<Listed>('GET', '/v1/reconciliations?day=2010-03-10')).items).toEqual([]);
    const report = await json<{ by_country: object[]; sample: object[] }>('GET', `/v1/reconciliations/${importId}`);
    expect(report).toMatchObject({ imports: [importId], totals });
    expect(report.by_country).toMatchObject([
      {
        day: '2010-03-09',
        country: 'SO',
        feed: 'near',
        only_near_real_time: { records: 1 },
        matched_equal: { records: 1 },
      },
      { day: '2010-03-09', country: 'SO', feed: 'night', only_nightly: { records: 1, amount: '5.00' } },
    ]);
    expect(report.sample).toMatchObject([
      { record_id: 'b', account: '1001', comparison: 'only-near', near_real_time: '20.00', nightly: null },
      { record_id: 'c', comparison: 'only-nightly', near_real_time: null, nightly: '5.00' },
    ]);
    expect((await admin.call('GET', '/v1/reconciliations/1')).statusCode).toBe(404);
    expect((await admin.call('GET', '/v1/reconciliations?day=soon')).statusCode).toBe(422);
    expect((await json<Listed>('GET', '/v1/alarms?kind=reconciliation')).items).toMatchObject([
      { subject: 'night 2010-03-09' },
    ]);
  });
});

describe('plafond spend rebuild', () => {
  it('shows what differs with --check and exits with 1, and mends without', async () => {
    await admin.app.listen(0, '127.0.0.1');
    const url = await admin.app.getUrl();
    const run = async (...options: string[]) => {
      const out: string[] = [];
      const terminal = { out: (line: string) => void out.push(line), err: (line: string) => void out.push(line) };
      const code = await runCommand(['spend', 'rebuild', ...options, '--url', url, '--key', ADMIN_KEY], terminal);
      return { code, out: out.join('\n') };
    };
    const equal = { code: 0, out: 'every counter equals the ledger' };
    expect(await run('--check')).toEqual(equal);
    await admin.database.dataSource.query('UPDATE counters SET spend_micros = spend_micros + 1');
    const line = '\n  1001  international  month from 2010-02-28T23:00:00Z  counted 35.000001  ledger 35.00';
    expect(await run('--check')).toEqual({ code: 1, out: `1 counter NOT equal to the ledger${line}` });
    expect(await run()).toEqual({ code: 0, out: `1 counter mended${line}` });
    expect(await run('--check')).toEqual(equal);
    const billing = await admin.keyOf('billing');
    expect((await admin.call('POST', '/v1/spend/rebuild', { key: billing })).statusCode).toBe(403);
  });
});

describe('a database that takes no changes', () => {
  const takesChanges = async (takes: boolean) => {
    const { dataSource } = admin.database;
    const [{ name } = { name: '' }] = await dataSource.query<{ name: string }[]>('SELECT current_database() AS name');
    await dataSource.query(
      `BEGIN READ WRITE; ALTER DATABASE ${name} SET default_transaction_read_only = ${!takes}; COMMIT`,
    );
    // All that know the old setting, which the pool replaces: the one that asks last, or others outlive it.
    const each = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1';
    await dataSource.query(`${each} ORDER BY pid = pg_backend_pid()`, [name]).catch(() => undefined);
    await until('sessions are new', async () => {
      const ready = await admin.call('GET', '/health/ready', { key: null });
      return ready.json<{ code?: string }>().code !== 'database_away';
    });
  };

  it('is not ready, and what is sent to it is to come again; the log says so once', async () => {
    const said = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
    await takesChanges(false);
    const ready = await admin.call('GET', '/health/ready', { key: null });
    expect([ready.statusCode, ready.json<{ code: string }>().code]).toEqual([503, 'read_only']);
    for (let times = 0; times < 3; times++) {
      const refused = await admin.call('PUT', '/v1/accounts/1002', { body: ACCOUNT });
      expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '5']);
      expect(refused.json()).toMatchObject({ code: 'read_only' });
    }
    const away = said.mock.calls.map(([text]) => String(text)).filter((text) => text.startsWith('the database'));
    expect(away).toEqual([expect.stringContaining('the database is away and is tried again')]);
    expect(said).toHaveBeenCalledTimes(1);
    said.mockRestore();
    await takesChanges(true);
    expect((await admin.call('GET', '/health/ready', { key: null })).statusCode).toBe(200);
    expect((await admin.call('PUT', '/v1/accounts/1002', { body: ACCOUNT })).statusCode).toBe(201);
  });
});
