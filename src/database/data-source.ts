import { DataSource } from 'typeorm';
import { migrations } from '../../migrations/index.ts';

const SERVER_VERSION_MIN = 18;

/** Who gets no connection for so long hears that, and can try again, instead of waiting for what may never come. */
const CONNECT_MS_MAX = 30_000;
/** What a session remembers grows with each day that passes: plans by day, partitions. After a day another takes its place. */
const CONNECTION_S_MAX = 86_400;

/**
 * A server that is gone without a word, and a connection that a firewall has forgotten since nothing went over it, are noticed
 * within half a minute; by themselves systems look after two hours, and who only listens is deaf until then.
 */
export const KEPT_ALIVE = { keepAlive: true, keepAliveInitialDelayMillis: 20_000 };

/** So does the server, and lets go what a client that is gone without a word has locked. */
const CLIENT_KEPT_ALIVE = '-c tcp_keepalives_idle=20 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3';
/**
 * A process that stands still, its machine paused or short of memory, keeps its connections. What it has locked is let go
 * after a minute: longer than any transaction reckons by itself between two statements.
 */
const CLIENT_HEARD_OF = '-c idle_in_transaction_session_timeout=60s -c idle_session_timeout=60s';

/**
 * What a provider sets of its server, database or role for people is not for these sessions: a date in a style that is read as
 * none, a transaction that takes its time, a lock that is waited for, a listener that hears nothing for an hour.
 */
const SPEAKS =
  '-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c bytea_output=hex -c extra_float_digits=1 ' +
  '-c default_transaction_isolation=read\\ committed -c statement_timeout=0 -c lock_timeout=0';
/** The same, of what a server older than PostgreSQL 17 does not know, and would refuse the connection for. */
const SPEAKS_TODAY = `${SPEAKS} -c transaction_timeout=0`;

/** Of a connection outside the pool, kept for as long as its process runs: it listens, holds a lock, or serves the queue. */
export const KEPT_SESSION = {
  ...KEPT_ALIVE,
  options: `${SPEAKS_TODAY} -c idle_in_transaction_session_timeout=60s -c idle_session_timeout=0`,
};

/** Of the first connection to a server, which may be too old, and is then told so. */
export const FIRST_SESSION = { ...KEPT_ALIVE, options: SPEAKS };

export interface ConnectionOptions {
  /** How many connections this pool holds at most. */
  poolSize: number;
  /** What `pg_stat_activity` shows. */
  applicationName: string;
}

/**
 * A pool of connections to Plafond's database, not yet connected: `initialize()` does. A connection that does not come, or
 * come free, within {@link CONNECT_MS_MAX} is an error.
 */
export function createDataSource(url: string, { poolSize, applicationName }: ConnectionOptions): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    poolSize,
    connectTimeoutMS: CONNECT_MS_MAX,
    applicationName,
    migrations,
    migrationsTransactionMode: 'each',
    synchronize: false,
    // gen_random_uuid() is part of PostgreSQL; nothing has to be installed for it.
    uuidExtension: 'pgcrypto',
    installExtensions: false,
    extra: {
      options: `${SPEAKS_TODAY} ${CLIENT_KEPT_ALIVE} ${CLIENT_HEARD_OF}`,
      ...KEPT_ALIVE,
      maxLifetimeSeconds: CONNECTION_S_MAX,
    },
    // An idle connection that breaks leaves the pool by itself, and the next query opens another.
    poolErrorHandler: () => undefined,
  });
}

/** Throws where the server is older than PostgreSQL 18, the first with `MERGE … RETURNING old/new`. */
export async function assertServerVersion(
  query: (sql: string) => Promise<{ num: string; name: string }[]>,
): Promise<void> {
  const [server] = await query(
    `SELECT current_setting('server_version_num') AS num, current_setting('server_version') AS name`,
  );
  if (Number(server!.num) < SERVER_VERSION_MIN * 10_000) {
    throw new Error(`Plafond needs PostgreSQL ${SERVER_VERSION_MIN} or later; this server is ${server!.name}`);
  }
}
