/** Signatures, and what they are held against, in PostgreSQL. Signatures change only in their shard's turn. */
import type { ClientBase } from 'pg';
import { integerArray, textArray } from '../database/array-literal.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import { UNFITTED_CALIBRATION, type Calibration } from './calibration.ts';
import type { HotRange } from './model.ts';
import { takeAllTurns } from './movement-log.ts';
import { UNFITTED_NORMS, type Norms } from './norms.ts';
import { Signature, SIGNATURE_BYTES_MAX } from './signature.ts';

/** So many come in a row: few enough that what is read of it is gone at once. */
const SIGNATURES_OF_ROW = 64;
/** Some in a row: to take a row and a `bytea` apart costs more than to find a signature does. By the primary key. */
const SIGNATURES = {
  name: 'signatures',
  text: `
    SELECT json_agg(account_id) AS ids, json_agg(length(state)) AS bytes, string_agg(state, '') AS states
      FROM (SELECT account_id, state, row_number() OVER () / ${SIGNATURES_OF_ROW} AS no
              FROM deviation_signatures WHERE account_id = ANY ((SELECT $1::text[])::text[])) AS s GROUP BY no`,
};

/** What is of another version of the engine is left out: its account begins anew, until it is rebuilt. */
export async function signaturesOf(client: ClientBase, accountIds: readonly string[]): Promise<Map<string, Signature>> {
  const signatures = new Map<string, Signature>();
  if (accountIds.length === 0) return signatures;
  const { rows } = await client.query<{ ids: string[]; bytes: number[]; states: Buffer }>({
    ...SIGNATURES,
    values: [textArray(accountIds)],
  });
  for (const { ids, bytes, states } of rows) {
    let end = 0;
    for (const [at, id] of ids.entries()) {
      const signature = decoded(states.subarray(end, (end += bytes[at]!)));
      if (signature) signatures.set(id, signature);
    }
  }
  return signatures;
}

function decoded(state: Buffer): Signature | undefined {
  try {
    return Signature.decode(state);
  } catch {
    return undefined;
  }
}

/** Some thousands at a time, in their accounts' order and with their segments, for what goes through all of them. */
export async function* allSignatures(
  client: ClientBase,
): AsyncGenerator<{ accountId: string; segment: string; signature: Signature }> {
  for (let after = ''; ;) {
    const { rows } = await client.query<{ account_id: string; segment: string; state: Buffer }>(
      `SELECT s.account_id, a.segment, s.state FROM deviation_signatures s JOIN accounts a USING (account_id)
        WHERE s.account_id > $1 ORDER BY s.account_id LIMIT 5000`,
      [after],
    );
    if (rows.length === 0) return;
    for (const { account_id, segment, state } of rows) {
      const signature = decoded(state);
      if (signature) yield { accountId: account_id, segment, signature };
    }
    after = rows.at(-1)!.account_id;
  }
}

/**
 * All of them in one piece of memory, which goes to the server as it is; each is cut out of it there. Whoever saves has the
 * turns of their shards, so that nobody else makes the same one meanwhile, and MERGE is safe: it looks for each once.
 */
const SAVE = {
  name: 'save-signatures',
  text: `
    MERGE INTO deviation_signatures AS s
    USING (SELECT account_id, substring((SELECT $2::bytea) FROM begins FOR bytes) AS state
             FROM unnest((SELECT $1::text[]), (SELECT $3::int[]), (SELECT $4::int[])) AS n (account_id, begins, bytes)) AS n
       ON s.account_id = n.account_id
     WHEN MATCHED THEN UPDATE SET state = n.state
     WHEN NOT MATCHED THEN INSERT (account_id, state) VALUES (n.account_id, n.state)`,
};

/** Where signatures are put one behind the other before they go: taken anew for each turn, it would be most of what is thrown away. */
let scratch = new Uint32Array(0);

export async function saveSignatures(client: ClientBase, signatures: ReadonlyMap<string, Signature>): Promise<void> {
  if (signatures.size === 0) return;
  const words = SIGNATURE_BYTES_MAX / 4;
  if (scratch.length < signatures.size * words) scratch = new Uint32Array(signatures.size * words);
  // In the order of the key, neighbours lie on the same pages.
  const ids = [...signatures.keys()].toSorted();
  const begins: number[] = [];
  const bytes: number[] = [];
  let end = 0;
  for (const id of ids) {
    begins.push(4 * end + 1);
    const taken = signatures.get(id)!.encodeInto(scratch.subarray(end, end + words));
    bytes.push(4 * taken);
    end += taken;
  }
  const states = Buffer.from(new Uint8Array(scratch.buffer, 0, 4 * end));
  await client.query({ ...SAVE, values: [textArray(ids), states, integerArray(begins), integerArray(bytes)] });
}

export async function removeSignatures(client: ClientBase, accountIds: readonly string[]): Promise<void> {
  await client.query('DELETE FROM deviation_signatures WHERE account_id = ANY ($1)', [accountIds]);
}

/** What usage is held against, as it was fitted. */
export interface Fitted {
  /** empty: nothing has been fitted yet */
  normsNo: string;
  /** it holds for batches with this number and higher ones, until the next */
  fromBatch: number;
  norms: Norms;
  calibration: Calibration;
  /** from then on signatures note anew how high they get; undefined: never calibrated */
  calibratedAt: Instant | undefined;
  fittedAt: Instant | undefined;
}

export const UNFITTED: Fitted = {
  normsNo: '',
  fromBatch: 0,
  norms: UNFITTED_NORMS,
  calibration: UNFITTED_CALIBRATION,
  calibratedAt: undefined,
  fittedAt: undefined,
};

interface FitRow {
  norms_no: string;
  from_batch: string;
  fitted_at: Date;
  calibrated_at: Date | null;
  norms: Norms;
  calibration: Calibration;
}

/** What this version of the engine can read; what an older one fitted is left out, as its signatures are. */
const FITS = `
  SELECT * FROM deviation_norms
   WHERE norms #> '{everyone,travel,between}' IS NOT NULL AND calibration #> '{settled,everyone,together,seen}' IS NOT NULL
     AND from_batch IS NOT NULL
   ORDER BY norms_no DESC LIMIT $1`;

/** The latest fits come first. */
export async function latestFits(client: ClientBase, most: number | 'all'): Promise<Fitted[]> {
  const { rows } = await client.query<FitRow>(FITS, [most === 'all' ? null : most]);
  return rows.map((row) => ({
    normsNo: row.norms_no,
    fromBatch: Number(row.from_batch),
    norms: row.norms,
    calibration: row.calibration,
    calibratedAt: row.calibrated_at?.getTime(),
    fittedAt: row.fitted_at.getTime(),
  }));
}

export async function latestFit(client: ClientBase): Promise<Fitted> {
  const [latest] = await latestFits(client, 1);
  return latest ?? UNFITTED;
}

/**
 * From the next batch on usage is held against it; the first fit holds for all that came before as well. The caller has all
 * turns: what was looked at till then was held against the one before.
 */
export async function keepFit(
  client: ClientBase,
  fit: Pick<Fitted, 'norms' | 'calibration' | 'calibratedAt'>,
  { accounts, isFirst }: { accounts: number; isFirst: boolean },
  at: Instant,
): Promise<void> {
  await client.query(
    `INSERT INTO deviation_norms (fitted_at, accounts, calibrated_at, norms, calibration, from_batch)
     VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN 0 ELSE nextval('usage_batches') END)`,
    [
      toDate(at),
      accounts,
      fit.calibratedAt === undefined ? null : toDate(fit.calibratedAt),
      JSON.stringify(fit.norms),
      JSON.stringify(fit.calibration),
      isFirst,
    ],
  );
}

/** Number ranges that were confirmed as fraud's, whether they still count or did so once. */
export async function hotRanges(client: ClientBase): Promise<HotRange[]> {
  const { rows } = await client.query<{ range: string; from_batch: string; before_batch: string | null }>(
    `SELECT range, from_batch, NULL AS before_batch FROM hot_numbers
     UNION ALL SELECT range, from_batch, before_batch FROM cooled_numbers`,
  );
  return rows.map(({ range, from_batch, before_batch }) => ({
    range,
    fromBatch: Number(from_batch),
    beforeBatch: before_batch === null ? Infinity : Number(before_batch),
  }));
}

const HOT_MS = 180 * 24 * 3_600_000;

/** Puts ranges on the hot list for half a year, or keeps them there for longer. The caller has all turns, as for {@link keepFit}. */
export async function addHotRanges(
  client: ClientBase,
  ranges: readonly string[],
  { caseNo, by, why, at }: { caseNo: string; by: string; why: string; at: Instant },
): Promise<void> {
  await client.query(
    `INSERT INTO hot_numbers (range, case_no, added_at, added_by, expires_at, why, from_batch)
     SELECT range, $2, $3, $4, $5, $6, (SELECT nextval('usage_batches')) FROM unnest($1::text[]) AS r (range) ORDER BY range
     ON CONFLICT (range) DO UPDATE SET expires_at = excluded.expires_at, why = excluded.why, case_no = excluded.case_no`,
    [ranges, caseNo, toDate(at), by, toDate(at + HOT_MS), why],
  );
}

/** What a case had made hot and another confirmed case found as well is hot by that one. */
const KEEP_HOT_BY_OTHERS = `
  UPDATE hot_numbers h SET case_no = o.case_no, added_by = o.by, why = o.why, expires_at = o.at + $2::interval
    FROM (SELECT DISTINCT ON (r.range) r.range, c.case_no, e.by, e.why, e.at
            FROM cases c JOIN case_events e ON e.case_no = c.case_no AND e.what = c.state AND e.at = c.state_at
                 CROSS JOIN jsonb_array_elements_text(e.facts -> 'hot') AS r (range)
           WHERE c.state = 'confirmed-fraud' AND c.case_no <> $1
           ORDER BY r.range, e.at DESC) o
   WHERE h.case_no = $1 AND h.range = o.range`;

const COOL = (which: string) => `
  WITH gone AS (DELETE FROM hot_numbers WHERE ${which} RETURNING range, from_batch)
  INSERT INTO cooled_numbers (range, from_batch, before_batch, cooled_at)
  SELECT range, from_batch, (SELECT nextval('usage_batches')), $1 FROM gone RETURNING range`;

/** Takes ranges off the hot list that a case, and no other one, had put there. The caller has all turns. */
export async function removeHotRanges(client: ClientBase, caseNo: string, at: Instant): Promise<string[]> {
  await client.query(KEEP_HOT_BY_OTHERS, [caseNo, `${HOT_MS} milliseconds`]);
  const { rows } = await client.query<{ range: string }>(COOL('case_no = $2'), [toDate(at), caseNo]);
  return rows.map(({ range }) => range);
}

/** Takes ranges off the hot list whose half year is over. */
export async function coolOldRanges(client: ClientBase, now: Instant): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM hot_numbers WHERE expires_at <= $1 LIMIT 1', [toDate(now)]);
  if (rowCount === 0) return;
  await takeAllTurns(client);
  await client.query(COOL('expires_at <= $1'), [toDate(now)]);
}

/**
 * What a verdict did to a signature: of usage that was the customer's own what waited was `taken-in`, of what was fraud or wrongly
 * rated it was `dropped`.
 */
export interface SignatureEvent {
  accountId: string;
  what: 'taken-in' | 'dropped';
  /** in the order of usage: it comes after all with a lower number */
  arrived: number;
  /** where that says nothing, since it is of a time when usage had no order: the last import before it */
  importId: bigint;
}

export async function signatureEvents(client: ClientBase, accountIds: readonly string[]): Promise<SignatureEvent[]> {
  const { rows } = await client.query<{
    account_id: string;
    what: SignatureEvent['what'];
    arrived: string;
    import_id: string;
  }>(
    'SELECT account_id, what, arrived, import_id FROM signature_events WHERE account_id = ANY ($1) ORDER BY event_no',
    [accountIds],
  );
  return rows.map((row) => ({
    accountId: row.account_id,
    what: row.what,
    arrived: Number(row.arrived),
    importId: BigInt(row.import_id),
  }));
}

/** Notes what was done to a signature now, after all usage so far. The caller holds the lock of the account's shard. */
export async function keepSignatureEvent(
  client: ClientBase,
  accountId: string,
  what: SignatureEvent['what'],
  at: Instant,
): Promise<void> {
  await client.query(
    `INSERT INTO signature_events (account_id, what, arrived, import_id, at)
     SELECT $1, $2, nextval('usage_batches'), coalesce(max(import_id), 0), $3 FROM imports`,
    [accountId, what, toDate(at)],
  );
}

/** What the verdict of then did is not to have been. */
export async function removeSignatureEvent(client: ClientBase, accountId: string, at: Instant): Promise<void> {
  await client.query('DELETE FROM signature_events WHERE account_id = $1 AND at = $2', [accountId, toDate(at)]);
}
