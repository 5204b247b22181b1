import { createServer, type AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import type { QueryRunner } from 'typeorm';
import { CalibrateEveryFourWeeks1700000000020 } from '../../migrations/20-calibrate-every-four-weeks.ts';
import { MaskWhatGatewaysSaid1700000000022 } from '../../migrations/22-mask-what-gateways-said.ts';
import { ForgetCooledNumbers1700000000034 } from '../../migrations/34-forget-cooled-numbers.ts';
import { KnowWhatCrossingsDid1700000000035 } from '../../migrations/35-know-what-crossings-did.ts';
import { KnowWhenNumbersWereHot1700000000030 } from '../../migrations/30-know-when-numbers-were-hot.ts';
import { RememberWhoIsRedialled1700000000017 } from '../../migrations/17-remember-who-is-redialled.ts';
import { migrations } from '../../migrations/index.ts';
import { assertServerVersion, createDataSource } from '../../src/database/data-source.ts';
import { migrate } from '../../src/database/migrate.ts';
import { coolOldRanges, hotRanges } from '../../src/deviations/signature-store.ts';
import { closedAtLast } from '../harness/closing.ts';
import { createEmptyDatabase } from '../harness/database.ts';

let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
let client: Client;

beforeAll(async () => {
  database = await createEmptyDatabase();
  client = new Client({ connectionString: database.url });
  closedAtLast('connection', () => client.end());
  await client.connect();
});

async function connected(): Promise<QueryRunner> {
  const dataSource = createDataSource(database.url, { poolSize: 1, applicationName: 'a test' });
  await dataSource.initialize();
  const runner = dataSource.createQueryRunner();
  closedAtLast('connection', async () => {
    await runner.release();
    await dataSource.destroy();
  });
  return runner;
}

describe('the migrations', () => {
  it('run once, however many start at once', async () => {
    const story: string[] = [];
    const tell = (text: string) => void story.push(text);
    const log = { info: tell, warn: tell, error: tell };
    await Promise.all([migrate(database.url, log), migrate(database.url, log), migrate(database.url, log)]);

    expect(story.filter((line) => line.startsWith('migrated: '))).toEqual(
      migrations.map((migration) => `migrated: ${migration.name}`),
    );
    expect(story.filter((line) => line.includes('waiting'))).toHaveLength(2);
    const { rows } = await client.query('SELECT count(*)::int AS done FROM migrations');
    expect(rows).toEqual([{ done: migrations.length }]);
  });

  it('are given up where a server takes the connection and says nothing', async () => {
    const mute = createServer((socket) => void socket.on('error', () => undefined));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    closedAtLast('mute server', () => mute.close());
    const { port } = mute.address() as AddressInfo;
    const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
    await expect(migrate(`postgres://anyone@127.0.0.1:${port}/any`, silent)).rejects.toThrow('timeout expired');
  }, 30_000);

  it('are refused where the address says how sessions are started, and what to do is said', async () => {
    const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
    const url = `${database.url}?options=-c%20work_mem%3D8MB`;
    await expect(migrate(url, silent)).rejects.toThrow('DATABASE_URL may have no options=');
  });

  it('are refused where a later version has run its own, in words', async () => {
    const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
    await client.query(`INSERT INTO migrations (timestamp, name) VALUES (1900000000001, 'KnowTheFuture1900000000001')`);
    await expect(migrate(database.url, silent)).rejects.toThrow(
      'a later version of Plafond has migrated this database (KnowTheFuture1900000000001): start that version, or restore what was kept from before it',
    );
    await client.query(`DELETE FROM migrations WHERE name = 'KnowTheFuture1900000000001'`);
    await migrate(database.url, silent);
  });

  it('wait until processes of the version before have ended, and are given up where one goes on', async () => {
    const story: string[] = [];
    const tell = (text: string) => void story.push(text);
    const log = { info: tell, warn: tell, error: tell };
    const runner = await connected();
    const last = migrations.at(-1)!;
    await new last().down(runner);
    await runner.query(`DELETE FROM migrations WHERE name = $1`, [last.name]);
    const other = new Client({ connectionString: database.url, application_name: 'plafond relay' });
    await other.connect();
    await expect(migrate(database.url, log, { othersEnd_ms: 300 })).rejects.toThrow(
      'processes of an earlier version of Plafond still run on this database (1 session)',
    );
    const migrating = migrate(database.url, log);
    await client.query('SELECT pg_sleep(0.5)');
    expect(story).toEqual([
      'processes of an earlier version of Plafond still run on this database (1 session); waiting until they have ended',
      'processes of an earlier version of Plafond still run on this database (1 session); waiting until they have ended',
    ]);
    await other.end();
    await migrating;
    expect(story.slice(2)).toEqual([`migrated: ${last.name}`]);
  });

  it('bring the tables of the queue', async () => {
    const { rows } = await client.query(`SELECT to_regclass('bullmq.job') IS NOT NULL AS there`);
    expect(rows).toEqual([{ there: true }]);
  });
});

describe('a migration to an engine that remembers more', () => {
  it('has the signatures of the one before made anew, where there are any', async () => {
    const runner = await connected();
    const jobs = async (): Promise<unknown> => runner.query('SELECT job, payload FROM outbox');
    const migration = new RememberWhoIsRedialled1700000000017();
    await migration.up(runner);
    expect(await jobs()).toEqual([]);
    await runner.query(`INSERT INTO deviation_signatures (account_id, state) VALUES ('1', '\\x05000000')`);
    await migration.up(runner);
    expect(await jobs()).toEqual([{ job: 'rebuild-signatures', payload: {} }]);
  });
});

describe('a migration to calibration every four weeks', () => {
  it('has the first one hold again, where others came within hours of it', async () => {
    const runner = await connected();
    const fits = async (): Promise<unknown> =>
      runner.query(`SELECT calibrated_at::text AS at, calibration #>> '{settled,everyone,together,seen}' AS fit
                      FROM deviation_norms ORDER BY norms_no`);
    const keepFit = async (at: string, seen: number): Promise<void> =>
      runner.query(`INSERT INTO deviation_norms (fitted_at, accounts, calibrated_at, norms, calibration)
                    VALUES (now(), 9, '${at}', '{}', '{"settled": {"everyone": {"together": {"seen": ${seen}}}}}')`);
    const migration = new CalibrateEveryFourWeeks1700000000020();
    await keepFit('2026-03-01 10:00:00+00', 1);
    await migration.up(runner);
    const first = { at: '2026-03-01 10:00:00+00', fit: '1' };
    expect(await fits()).toEqual([first]);
    await keepFit('2026-03-01 11:00:00+00', 2);
    await migration.up(runner);
    const later = { at: '2026-03-01 11:00:00+00' };
    expect(await fits()).toEqual([first, { ...later, fit: '2' }, { ...later, fit: '1' }]);
  });
});

describe('a migration to hot numbers whose time is known', () => {
  it('has what was hot hold for all usage, as it did, and forgets what no longer was; there and back', async () => {
    const runner = await connected();
    const migration = new KnowWhenNumbersWereHot1700000000030();
    await migration.down(runner);
    await runner.query(`
      INSERT INTO hot_numbers (range, added_at, added_by, expires_at, why)
      VALUES ('+252611', now(), 'anna', now() + interval '1 day', ''), ('+252612', now(), 'anna', now() - interval '1 day', '')`);
    await migration.up(runner);
    await new ForgetCooledNumbers1700000000034().up(runner);
    expect(await hotRanges(client)).toEqual([{ range: '+252611', fromBatch: 0, beforeBatch: Infinity }]);
    await coolOldRanges(client, Date.parse('2100-01-01T00:00:00Z'));
    const [cooled] = await hotRanges(client);
    expect(cooled).toMatchObject({ range: '+252611', fromBatch: 0 });
    expect(Number.isFinite(cooled!.beforeBatch)).toBe(true);
  });
});

describe('a migration to crossings that know what was done', () => {
  it('has it as the cap was when the account was held last; there and back', async () => {
    const runner = await connected();
    const migration = new KnowWhatCrossingsDid1700000000035();
    await migration.down(runner);
    const caps = ['enforce', 'shadow'].map((mode, nth) => ({ id: `00000000-0000-8000-a000-00000000000${nth}`, mode }));
    for (const { id, mode } of caps) {
      const definition = (version: number) => ({
        mode,
        thresholds: [
          { percent: 50, actions: ['warn'] },
          { percent: 100, actions: version === 1 ? ['warn', 'suspend:premium'] : ['notify-operator'] },
        ],
      });
      await runner.query(
        `INSERT INTO caps (cap_id, version, scope_kind, scope_value, traffic, period, currency, definition, created_at, updated_at)
         VALUES ($1::uuid, 2, 'account', $1::text, 'all', 'month', 'EUR', $2, now(), now())`,
        [id, definition(2)],
      );
      for (const version of [1, 2]) {
        await runner.query(`INSERT INTO cap_versions VALUES ($1, $2, $3, now(), 'test')`, [
          id,
          version,
          definition(version),
        ]);
      }
      await runner.query(
        `INSERT INTO crossings (account_id, cap_id, period, percent, period_from, period_end, crossed_at, record_id)
         SELECT account, $1, '2026-03', percent, now(), now(), now(), '' FROM unnest(ARRAY['held', 'waits']) account, unnest(ARRAY[50, 100]) percent`,
        [id],
      );
      await runner.query(`INSERT INTO caps_to_hold VALUES ('waits', $1, 1)`, [id]);
    }
    await migration.up(runner);
    const done = (cap: (typeof caps)[number]): Promise<unknown> =>
      runner.query(
        `SELECT account_id || ' ' || percent::int || ' ' || array_to_string(done, ' ') AS done FROM crossings
          WHERE cap_id = $1 ORDER BY 1`,
        [cap.id],
      );
    expect(await done(caps[0]!)).toEqual([
      { done: 'held 100 notify-operator' },
      { done: 'held 50 warn' },
      { done: 'waits 100 warn suspend:premium' },
      { done: 'waits 50 warn' },
    ]);
    expect(await done(caps[1]!)).toEqual(
      ['held 100', 'held 50', 'waits 100', 'waits 50'].map((which) => ({ done: `${which} recorded` })),
    );
  });
});

describe('a migration to masked answers of gateways', () => {
  it('masks addresses where they stood in full, and nothing else', async () => {
    const runner = await connected();
    const of = (answer: string) => `account 100000001 can't be reached by email at a***@example.net: ${answer}`;
    const told = (answer: string) => `The customer was not reached by email: ${answer}. Please call them.`;
    const keep = async (subject: string, type: string, answer: string): Promise<void> => {
      await runner.query(
        `INSERT INTO alarms (kind, subject, raised_at, text, facts) VALUES ('contact-fails', $1, now(), $2, $3)`,
        [subject, of(answer), { account: '100000001', answer }],
      );
      await runner.query(
        `INSERT INTO decisions (decision_id, at, account_id, type, trigger, action, period, traffic, currency, record_id,
                                service_id, mode, explanation)
         VALUES (gen_random_uuid(), now(), '100000001', $1, 'cap', '', '', '', 'EUR', '', '', 'enforce', $2)`,
        [type, told(answer)],
      );
    };
    await keep('mail', 'notify-operator', '550 5.1.1 <anna@example.net>: unknown');
    await keep('sms', 'notify-operator', '31681230221 unknown');
    await keep('none', 'notify-operator', '550 mailbox full');
    const migration = new MaskWhatGatewaysSaid1700000000022();
    for (let times = 0; times < 2; times++) {
      await migration.up(runner);
      const masked = ['550 5.1.1 <a***@example.net>: unknown', '316***21 unknown', '550 mailbox full'];
      expect(await runner.query(`SELECT text, facts ->> 'answer' AS answer FROM alarms ORDER BY alarm_id`)).toEqual(
        masked.map((answer) => ({ text: of(answer), answer })),
      );
      expect(await runner.query('SELECT explanation FROM decisions ORDER BY decision_no')).toEqual(
        masked.map((answer) => ({ explanation: told(answer) })),
      );
    }
  });
});

describe('a session', () => {
  it('speaks UTC and waits for as long as a statement takes', async () => {
    const [session] = await (
      await connected()
    ).query(
      `SELECT current_setting('timezone') AS zone, current_setting('statement_timeout') AS timeout,
              current_setting('application_name') AS name`,
    );
    expect(session).toEqual({ zone: 'UTC', timeout: '0', name: 'a test' });
  });
});

describe('a server', () => {
  it('of PostgreSQL 18 will do', async () => {
    await assertServerVersion(async () => [{ num: '180000', name: '18.0' }]);
  });

  it('of PostgreSQL 17 is refused in words', async () => {
    await expect(assertServerVersion(async () => [{ num: '170006', name: '17.6' }])).rejects.toThrow(
      'Plafond needs PostgreSQL 18 or later; this server is 17.6',
    );
  });
});
