/** Whether a connection is a session of PostgreSQL's own, or a pooler stands between and lends sessions. */
import { Client, type ClientConfig } from 'pg';
import { sqlState } from './transaction.ts';

const ANSWER_MS_MAX = 10_000;
const PROTOCOL_VIOLATION = '08P01';
/** What a session is started with, and then has. */
const OPTIONS = '-c idle_in_transaction_session_timeout=61s';
const KEPT = '61s';

interface Session {
  pid: number;
  timeout: string;
}

/**
 * Plafond relies on sessions: it locks, listens and prepares statements in them, and the queue's find their schema by what they
 * were started with. Through a pooler that lends them by the transaction, a lock stays in a session that nobody has any more, and
 * the next start waits for it for ever. Throws where one stands between, or the address itself says how sessions are started, and
 * says what to do.
 */
export async function assertOwnSessions(config: ClientConfig): Promise<void> {
  if (new URL(config.connectionString!).searchParams.has('options')) {
    throw new Error(
      'DATABASE_URL may have no options=…, which would take the place of what Plafond starts its sessions with: say it of the role instead, by ALTER ROLE … SET …',
    );
  }
  const made = { ...config, options: OPTIONS, query_timeout: ANSWER_MS_MAX };
  const [one, other] = [new Client(made), new Client(made)];
  // What breaks comes out of the statement that is under way.
  for (const client of [one, other]) client.on('error', () => undefined);
  try {
    await one.connect();
    await other.connect();
    // Whoever takes turns through free sessions shows another at once; who gives the one that was used last, once it is taken.
    const before = [await sessionOf(one), await sessionOf(one)];
    await other.query('START TRANSACTION');
    const sessions = [...before, await sessionOf(one)];
    if (new Set(sessions.map(({ pid }) => pid)).size > 1) throw pooler('lends sessions by the transaction');
    if (sessions[0]!.timeout !== KEPT) throw pooler('drops what sessions are started with');
  } catch (error) {
    const refused = sqlState(error) === PROTOCOL_VIOLATION && /startup parameter/.test(String(error));
    throw refused ? pooler('refuses what sessions are started with') : error;
  } finally {
    await Promise.all([one, other].map((client) => client.end().catch(() => undefined)));
  }
}

async function sessionOf(client: Client): Promise<Session> {
  const asked = `SELECT pg_backend_pid() AS pid, current_setting('idle_in_transaction_session_timeout') AS timeout`;
  return (await client.query<Session>(asked)).rows[0]!;
}

function pooler(does: string): Error {
  return new Error(
    `a pooler of connections, such as PgBouncer, stands between and ${does}. Plafond keeps sessions, and pools them itself: let DATABASE_URL name PostgreSQL's own address, with room for 60 connections a process`,
  );
}
