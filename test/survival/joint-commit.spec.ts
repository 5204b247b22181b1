/**
 * The database dies in the middle of a COMMIT that many deliveries share: just before the transaction holds, or just after,
 * when nobody hears of it. Each of them is answered honestly, and may be sent again: each euro counts once.
 */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { formatInstant, SystemClock } from '../../src/kernel/clock.ts';
import { closedAtLast } from '../harness/closing.ts';
import { CAP } from '../harness/plafond.ts';
import { PlafondProcess, sleep, until } from '../harness/process.ts';
import { makeTestFolder, postmasterOf, startPostgres } from '../harness/server.ts';
import { MID_CYCLE } from '../samples/account.ts';

const DELIVERIES = 30;
const ACCOUNTS = 5;
const HEADER = 'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state';
const startedAt = formatInstant(new SystemClock().now() - 600_000);

let dataDir: string;
let url: string;
let plafond: PlafondProcess;

beforeAll(async () => {
  dataDir = makeTestFolder();
  ({ url } = await startPostgres(dataDir));
  plafond = await PlafondProcess.start({ DATABASE_URL: url, DATA_DIR: join(dataDir, 'plafond'), ROLE: 'api' });
  const thresholds = [20, 50].map((percent) => ({ percent, actions: ['notify-operator' as const] }));
  await plafond.json('POST', '/v1/caps', { ...CAP, limit: '1.00', thresholds });
  await query(`
    CREATE TABLE probe (at timestamptz);
    CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_advisory_xact_lock_shared(${LOCK});
      RETURN NULL;
    END $$`);
});
async function connected(): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  closedAtLast('connection', () => client.end());
  await client.connect();
  return client;
}

async function query<T>(sql: string, values?: unknown[]): Promise<T[]> {
  const client = await connected();
  try {
    return (await client.query(sql, values)).rows as T[];
  } finally {
    await client.end();
  }
}

/** Where in a COMMIT a transaction is held up until something dies. */
interface Moment {
  /** as pg_stat_activity tells of who waits there */
  event: string;
  hold(): Promise<() => Promise<void>>;
}

const LOCK = 4711;

/** What is deferred to the end of a transaction runs in its COMMIT, before the record that makes it hold. */
const BEFORE_IT_HOLDS: Moment = {
  event: 'advisory',
  hold: async () => {
    const holder = await connected();
    await holder.query(`SELECT pg_advisory_lock(${LOCK})`);
    await holder.query(`CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON imports DEFERRABLE INITIALLY DEFERRED
                        FOR EACH ROW EXECUTE FUNCTION wait_for_test()`);
    return async () => {
      await holder.end().catch(() => undefined);
      await query('DROP TRIGGER wait ON imports');
    };
  },
};

/** What waits for a standby that is not there holds already; who asked for it has not heard. */
const WHEN_IT_HOLDS: Moment = {
  event: 'SyncRep',
  hold: async () => {
    await query(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`);
    await query('SELECT pg_reload_conf()');
    const prober = await connected();
    await until('transactions wait for the standby', async () => {
      prober.query('INSERT INTO probe VALUES (now())').catch(() => undefined);
      return (await waitingFor('SyncRep')).length > 0;
    });
    await endConnections(await waitingFor('SyncRep'));
    return async () => {
      await query('ALTER SYSTEM RESET synchronous_standby_names');
      await query('SELECT pg_reload_conf()');
    };
  },
};

async function waitingFor(event: string): Promise<number[]> {
  const rows = await query<{ pid: number }>('SELECT pid FROM pg_stat_activity WHERE wait_event = $1', [event]);
  return rows.map(({ pid }) => pid);
}

async function endConnections(pids: readonly number[]): Promise<void> {
  await query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [pids]);
}

type Death = (waiting: readonly number[], ended: number) => Promise<void>;

const ENDED_CONNECTIONS: Death = (waiting) => endConnections(waiting);

/** What comes first shares its transaction with nobody; so that ends otherwise, and PostgreSQL dies with many in one. */
const KILLED_POSTGRES: Death = async (waiting, ended) => {
  if (ended < 2) return endConnections(waiting);
  process.kill(postmasterOf(join(dataDir, 'postgres', 'cluster'))!, 'SIGKILL');
  return until('PostgreSQL is back', () => query('SELECT').catch(() => undefined)).then(() => undefined);
};

interface Answered {
  status: number;
  retryAfter: string | null;
  counted: number;
  duplicate: number;
}

async function deliver(story: string, number: number): Promise<Answered> {
  const account = `${story}-${number % ACCOUNTS}`;
  const row = `${story}-${number},${account},${startedAt},60,voice,+252612345678,0.10,EUR,final`;
  const answer = await plafond.ask('POST', `/v1/usage?feed=${story}`, `${HEADER}\n${row}`, 'text/csv');
  const { counted = 0, duplicate = 0 } = (await answer.json()) as Partial<Answered>;
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), counted, duplicate };
}

const all = <T>(each: (number: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: DELIVERIES }, (_, number) => each(number)));

describe('thirty deliveries at once, whose transactions end', () => {
  it.each<[story: string, id: string, moment: Moment, death: Death, holds: boolean]>([
    ['just before they hold, with their connections', 'a', BEFORE_IT_HOLDS, ENDED_CONNECTIONS, false],
    ['just before they hold, with PostgreSQL', 'b', BEFORE_IT_HOLDS, KILLED_POSTGRES, false],
    ['when they hold but nobody has heard, with their connections', 'c', WHEN_IT_HOLDS, ENDED_CONNECTIONS, true],
    ['when they hold but nobody has heard, with PostgreSQL', 'd', WHEN_IT_HOLDS, KILLED_POSTGRES, true],
  ])('%s: are answered 503, and count once when they are sent again', async (_, id, moment, death, holds) => {
    for (let i = 0; i < ACCOUNTS; i++) {
      const account = {
        segment: 'smb',
        currency: 'EUR',
        time_zone: 'Europe/Amsterdam',
        cycle_day: MID_CYCLE,
        home_country: 'NL',
      };
      await plafond.json('PUT', `/v1/accounts/${id}-${i}`, account);
    }
    expect(await deliver(id, DELIVERIES)).toMatchObject({ status: 200, counted: 1 });

    const release = await moment.hold();
    const first = all((number) => deliver(id, number));
    const answered = first.then(() => true);
    let ended = 0;
    while (!(await Promise.race([answered, sleep(20)]))) {
      const waiting = await waitingFor(moment.event);
      if (waiting.length > 0) await death(waiting, ended);
      ended += waiting.length;
    }
    await release();
    for (const { status, retryAfter } of await first) {
      expect(status).toBe(503);
      expect(retryAfter).toMatch(/^\d+$/);
    }
    expect(ended).toBeGreaterThanOrEqual(3);
    // They came in a few transactions.
    expect(ended).toBeLessThan(DELIVERIES / 2);

    const kept = await query<{ n: number }>(
      `SELECT count(*)::int AS n FROM usage WHERE account_id LIKE '${id}-%' AND record_id <> '${id}-${DELIVERIES}'`,
    );
    if (!holds) expect(kept).toEqual([{ n: 0 }]);
    else expect(kept[0]!.n).toBeGreaterThan(DELIVERIES / 2);
    await until('it is ready again', async () => (await fetch(`${plafond.url}/health/ready`)).ok);
    const again = await all((number) => deliver(id, number));
    expect(again.map(({ status }) => status)).toEqual(again.map(() => 200));
    const sum = (key: 'counted' | 'duplicate') => again.reduce((total, each) => total + each[key], 0);
    expect([sum('counted'), sum('duplicate')]).toEqual([DELIVERIES - kept[0]!.n, kept[0]!.n]);

    expect(
      await query(
        `SELECT count(*)::int AS rows, sum(amount_micros)::int AS spend FROM usage WHERE account_id LIKE '${id}-%'`,
      ),
    ).toEqual([{ rows: DELIVERIES + 1, spend: (DELIVERIES + 1) * 100_000 }]);
    expect(await plafond.json('POST', '/v1/spend/rebuild?check=true')).toMatchObject({ count: 0 });
    const crossed = await query<{ account_id: string; threshold: string }>(
      `SELECT account_id, threshold FROM decisions WHERE account_id LIKE '${id}-%' ORDER BY 1, 2`,
    );
    expect(crossed.map(({ account_id, threshold }) => `${account_id} ${Number(threshold)}`)).toEqual(
      Array.from({ length: ACCOUNTS }, (_each, i) => [`${id}-${i} 20`, `${id}-${i} 50`]).flat(),
    );
  });
});
