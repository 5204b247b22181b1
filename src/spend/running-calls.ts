/** Calls in progress, as switches and interim records tell of them, until the record of each has come. */
import type { ClientBase } from 'pg';
import type { Destination } from '../destinations/classify.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Movement } from '../ledger/version.ts';
import { settledBy, type CallPrice, type RunningCall, type SettlingRecord } from './exposure.ts';

/** A record may come this long after its call; then the call is forgotten. */
const WAITS_MS_MAX = 6 * 3_600_000;
/** A call that no switch has told of for so long has ended, as far as anybody knows, when one told of it last. */
const UNHEARD_MS_MAX = 3_600_000;
/** What settled a call is remembered this long, so that it settles no other. */
const KEPT_MS = 24 * 3_600_000;

/**
 * Of a call that a feed told of and whose record is no interim one any more, or one of another account: it counts no more,
 * and is forgotten once somebody has looked at what that leaves. No record has such an id.
 */
const OVER = '';

/** What is over for the accounts that calls were of. No feed has such a name; told twice before somebody looks is told once. */
const LEAVE = `
  INSERT INTO running_calls (source, call_id, account_id, service_id, number, country, traffic, started_at, seen_at, settled_record)
  SELECT r.source || ' of ' || r.account_id, call_id, account_id, service_id, number, country, traffic, started_at, seen_at, '${OVER}'
    FROM running_calls r JOIN unnest($1::text[], $2::text[], $3::text[]) AS gone (source, call_id, account_id) USING (source, call_id, account_id)
  ON CONFLICT DO NOTHING`;

const PUT = `
  INSERT INTO running_calls AS r (source, call_id, account_id, service_id, number, country, traffic, started_at, counted_until,
                                  price_micros, price_s, price_from, seen_at)
  SELECT *, $13::timestamptz
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[], $8::timestamptz[],
                $9::timestamptz[], $10::bigint[], $11::int[], $12::text[])
  ON CONFLICT (source, call_id) DO UPDATE
     SET account_id = excluded.account_id, service_id = excluded.service_id, number = excluded.number,
         country = excluded.country, traffic = excluded.traffic, seen_at = greatest(r.seen_at, excluded.seen_at),
         -- What was asked for before its end was heard of says nothing against that.
         ended_at = CASE WHEN r.seen_at > excluded.seen_at THEN r.ended_at END, counted_until = excluded.counted_until,
         settled_record = nullif(r.settled_record, '${OVER}'),
         price_micros = coalesce(excluded.price_micros, r.price_micros), price_s = coalesce(excluded.price_s, r.price_s),
         price_from = coalesce(excluded.price_from, r.price_from)`;

interface SeenCall {
  source: string;
  callId: string;
  accountId: string;
  serviceId: string;
  destination: Destination;
  startedAt: Instant;
  countedUntil?: Instant;
  price?: CallPrice;
}

async function put(client: ClientBase, seen: readonly SeenCall[], at: Instant): Promise<void> {
  if (seen.length === 0) return;
  // A switch may list two legs of a call under one id.
  const calls = [...new Map(seen.map((call) => [nameOf(call), call])).values()];
  await client.query(PUT, [
    calls.map((c) => c.source),
    calls.map((c) => c.callId),
    calls.map((c) => c.accountId),
    calls.map((c) => c.serviceId),
    calls.map((c) => c.destination.number),
    calls.map((c) => c.destination.country),
    calls.map((c) => c.destination.traffic),
    calls.map((c) => toDate(c.startedAt)),
    calls.map((c) => (c.countedUntil === undefined ? null : toDate(c.countedUntil))),
    calls.map((c) => c.price?.amount.toString() ?? null),
    calls.map((c) => c.price?.seconds ?? null),
    calls.map((c) => c.price?.from ?? null),
    toDate(at),
  ]);
}

/** Keeps the calls of which interim records came, and lets go those whose record is no interim one any more, or not the account's. */
export async function followInterims(client: ClientBase, movements: readonly Movement[], at: Instant): Promise<void> {
  const running = new Map<string, SeenCall>();
  const over: { source: string; callId: string }[] = [];
  const left: CallOver[] = [];
  for (const { from, to } of movements) {
    if (to.state !== 'interim' && from?.state !== 'interim') continue;
    const call = { source: `feed:${to.origin}`, callId: to.recordId };
    running.delete(to.recordId);
    if (from && from.accountId !== to.accountId) left.push({ ...call, accountId: from.accountId });
    if (to.state !== 'interim' || to.kind !== 'voice' || to.destination.number === '') over.push(call);
    else {
      const { accountId, serviceId, destination, startedAt, durationSeconds: seconds, amount } = to;
      const price: CallPrice | undefined =
        seconds > 0 && amount > 0n ? { amount, seconds, from: 'interim' } : undefined;
      const countedUntil = startedAt + seconds * 1000;
      running.set(to.recordId, {
        ...call,
        accountId,
        serviceId,
        destination,
        startedAt,
        countedUntil,
        ...(price ? { price } : {}),
      });
    }
  }
  const leave =
    left.length > 0 &&
    client.query(LEAVE, [
      left.map(({ source }) => source),
      left.map(({ callId }) => callId),
      left.map(({ accountId }) => accountId),
    ]);
  const letGo =
    over.length > 0 &&
    client.query(
      `UPDATE running_calls r SET settled_record = $3 FROM unnest($1::text[], $2::text[]) AS o (source, call_id)
        WHERE r.source = o.source AND r.call_id = o.call_id`,
      [over.map((each) => each.source), over.map((each) => each.callId), OVER],
    );
  await Promise.all([leave, letGo, put(client, [...running.values()], at)]);
}

export interface SwitchCall {
  callId: string;
  accountId: string;
  destination: Destination;
  startedAt: Instant;
}

/**
 * All calls that run on a switch, as it was asked for them at `at`: one that is told of no more has ended, and waits for
 * its record; but for those of which was heard since.
 */
export async function followSwitch(
  client: ClientBase,
  source: string,
  calls: readonly SwitchCall[],
  at: Instant,
): Promise<void> {
  await put(client, calls.map(seenBy(source)), at);
  await client.query(
    `UPDATE running_calls SET ended_at = $3
      WHERE source = $1 AND ended_at IS NULL AND seen_at <= $3 AND call_id <> ALL ($2::text[]) AND settled_record IS NULL`,
    [source, calls.map(({ callId }) => callId), toDate(at)],
  );
}

/** Calls that were answered, and others that have ended, as a switch tells of them at `at`, all others being as they were. */
export async function followEvents(
  client: ClientBase,
  source: string,
  answered: readonly SwitchCall[],
  ended: ReadonlyMap<string, Instant>,
  at: Instant,
): Promise<void> {
  await put(client, answered.map(seenBy(source)), at);
  await client.query(
    `UPDATE running_calls r SET ended_at = greatest(r.started_at, least(e.at, $4)), seen_at = $4
       FROM unnest($2::text[], $3::timestamptz[]) AS e (call_id, at)
      WHERE r.source = $1 AND r.call_id = e.call_id AND r.ended_at IS NULL`,
    [source, [...ended.keys()], [...ended.values()].map(toDate), toDate(at)],
  );
}

function seenBy(source: string): (call: SwitchCall) => SeenCall {
  return (call) => ({ ...call, source, serviceId: '' });
}

/** When calls began that a source has told of; by the primary key. */
export async function startsOf(
  client: ClientBase,
  source: string,
  callIds: readonly string[],
): Promise<Map<string, Instant>> {
  const { rows } = await client.query<{ call_id: string; started_at: Date }>(
    'SELECT call_id, started_at FROM running_calls WHERE source = $1 AND call_id = ANY ($2::text[])',
    [source, callIds],
  );
  return new Map(rows.map((row) => [row.call_id, row.started_at.getTime()]));
}

/** Whether any call runs, as far as these have told. */
export async function anyRunsOn(client: ClientBase, sources: readonly string[]): Promise<boolean> {
  const { rows } = await client.query(
    'SELECT FROM running_calls WHERE source = ANY ($1::text[]) AND ended_at IS NULL LIMIT 1',
    [sources],
  );
  return rows.length > 0;
}

/** A switch as a source of calls; a feed's is `feed:` with the origin of its records. */
export function switchSource(name: string): string {
  return `switch:${name}`;
}

/** A call of {@link OVER}. */
export interface CallOver {
  source: string;
  callId: string;
  accountId: string;
}

/** Those that are over since somebody looked last; by the primary key: a feed's other calls are those that run. */
const CALLS_OVER = `
  SELECT source, call_id AS "callId", account_id AS "accountId" FROM running_calls
   WHERE source LIKE 'feed:%' AND settled_record = '${OVER}'`;

export async function callsOver(client: ClientBase): Promise<CallOver[]> {
  return (await client.query<CallOver>(CALLS_OVER)).rows;
}

export async function forgetOver(client: ClientBase, over: readonly CallOver[]): Promise<void> {
  await client.query(
    `DELETE FROM running_calls r USING unnest($1::text[], $2::text[]) AS o (source, call_id)
      WHERE r.source = o.source AND r.call_id = o.call_id AND r.settled_record = $3`,
    [over.map(({ source }) => source), over.map(({ callId }) => callId), OVER],
  );
}

/** Whether any call runs, waits for its record, or is over since somebody looked last. */
export async function anyToLookAt(client: ClientBase): Promise<boolean> {
  const open = await client.query('SELECT FROM running_calls WHERE settled_record IS NULL LIMIT 1');
  return open.rows.length > 0 || (await client.query(`${CALLS_OVER} LIMIT 1`)).rows.length > 0;
}

interface CallRow {
  source: string;
  call_id: string;
  account_id: string;
  service_id: string;
  number: string;
  country: string;
  traffic: number;
  started_at: Date;
  counted_until: Date | null;
  ended_at: Date | null;
  price_micros: string | null;
  price_s: number | null;
  price_from: CallPrice['from'] | null;
}

const RUNNING = `
  SELECT * FROM running_calls
   WHERE settled_record IS NULL AND ($1::text[] IS NULL OR account_id = ANY ($1)) ORDER BY started_at, source, call_id`;

/** Those that are not settled, of all accounts or of some. */
export async function runningCalls(client: ClientBase, accounts?: readonly string[]): Promise<RunningCall[]> {
  return callsOf((await client.query<CallRow>(RUNNING, [accounts ?? null])).rows);
}

/**
 * The same, of which none is settled or forgotten before this transaction has ended: whoever does that looks at what it
 * leaves, and so at what this transaction left standing on it.
 */
export async function runningCallsKept(client: ClientBase, accounts: readonly string[]): Promise<RunningCall[]> {
  return callsOf((await client.query<CallRow>(`${RUNNING} FOR SHARE`, [accounts])).rows);
}

function callsOf(rows: readonly CallRow[]): RunningCall[] {
  return rows.map((row) => ({
    source: row.source,
    callId: row.call_id,
    accountId: row.account_id,
    serviceId: row.service_id,
    number: row.number,
    country: row.country,
    traffic: row.traffic,
    startedAt: row.started_at.getTime(),
    countedUntil: row.counted_until?.getTime(),
    endedAt: row.ended_at?.getTime(),
    price: {
      amount: BigInt(row.price_micros ?? 0),
      seconds: row.price_s ?? 0,
      from: row.price_from ?? 'unknown',
    },
  }));
}

/**
 * Records that are no interim ones, around the starts of calls that have ended, and that have settled no call before. Calls
 * of an account to a number that begin within the same ten seconds are looked for together, however many there are.
 */
const RECORDS = `
  SELECT DISTINCT u.record_id, u.account_id, u.b_number, u.started_at, u.duration_s
    FROM (SELECT DISTINCT account_id, number, date_bin('10 s', started_at, 'epoch') AS around FROM running_calls
           WHERE ended_at IS NOT NULL AND settled_record IS NULL AND ($3::text[] IS NULL OR account_id = ANY ($3))) r,
         LATERAL (SELECT * FROM usage u
                   WHERE u.account_id = r.account_id AND u.started_at BETWEEN r.around - interval '10 s' AND r.around + interval '20 s'
                     AND u.day BETWEEN $1::date AND $2::date AND u.b_number = r.number AND u.state > 0 OFFSET 0) u
   WHERE NOT EXISTS (SELECT FROM running_calls s WHERE s.account_id = r.account_id AND s.settled_record = u.record_id)
   ORDER BY u.started_at, u.record_id`;

export async function settlingRecords(client: ClientBase, accounts?: readonly string[]): Promise<SettlingRecord[]> {
  const { rows: days } = await client.query<{ first: string | null; last: string | null }>(
    `SELECT ((min(started_at) - interval '10 s') AT TIME ZONE 'UTC')::date::text AS first,
            ((max(started_at) + interval '10 s') AT TIME ZONE 'UTC')::date::text AS last
       FROM running_calls WHERE ended_at IS NOT NULL AND settled_record IS NULL`,
  );
  const { first, last } = days[0]!;
  if (first === null || last === null) return [];
  const { rows } = await client.query<{
    record_id: string;
    account_id: string;
    b_number: string;
    started_at: Date;
    duration_s: number;
  }>(RECORDS, [first, last, accounts ?? null]);
  return rows.map((row) => ({
    recordId: row.record_id,
    accountId: row.account_id,
    number: row.b_number,
    startedAt: row.started_at.getTime(),
    seconds: row.duration_s,
  }));
}

/**
 * The calls of accounts that count beside what they have spent: a record counts from when it is there, so its call no longer
 * does, whoever has yet to write down which that is. The caller keeps others from counting these accounts.
 */
export async function callsBesideSpend(client: ClientBase, accounts: readonly string[]): Promise<RunningCall[]> {
  const calls = await runningCalls(client, accounts);
  const settled = settledBy(calls, await settlingRecords(client, accounts));
  // It may have been written down meanwhile; then that record is none of those any more.
  const open = new Set((await runningCalls(client, accounts)).map(nameOf));
  return calls.filter((call) => !settled.has(call) && open.has(nameOf(call)));
}

function nameOf({ source, callId }: Pick<RunningCall, 'source' | 'callId'>): string {
  return `${source}\n${callId}`;
}

/**
 * Writes down which record came for which call, takes for ended what no switch tells of any more, and forgets calls whose
 * record never came.
 */
export async function keepSettled(
  client: ClientBase,
  settled: ReadonlyMap<RunningCall, SettlingRecord>,
  at: Instant,
): Promise<void> {
  await client.query(
    `UPDATE running_calls r SET settled_record = s.record
       FROM unnest($1::text[], $2::text[], $3::text[]) AS s (source, call_id, record)
      WHERE r.source = s.source AND r.call_id = s.call_id`,
    [
      [...settled.keys()].map((call) => call.source),
      [...settled.keys()].map((call) => call.callId),
      [...settled.values()].map((record) => record.recordId),
    ],
  );
  await client.query(
    `UPDATE running_calls SET ended_at = seen_at WHERE source LIKE 'switch:%' AND ended_at IS NULL AND seen_at < $1`,
    [toDate(at - UNHEARD_MS_MAX)],
  );
  await client.query(
    `DELETE FROM running_calls
      WHERE ended_at < $1 OR (source LIKE 'feed:%' AND seen_at < $1) OR (settled_record IS NOT NULL AND seen_at < $2)`,
    [toDate(at - WAITS_MS_MAX), toDate(at - KEPT_MS)],
  );
}
