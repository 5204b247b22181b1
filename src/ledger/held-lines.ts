/**
 * What the ledger holds of the records that a batch names, as one text with a line a version. Most of what is sent again
 * says what is held already: that shows by comparing texts, and only of the others a version is made.
 */
import type { ClientBase } from 'pg';
import { textArray } from '../database/array-literal.ts';
import type { Instant } from '../kernel/clock.ts';
import { STATES, type UsageKind, type UsageRecord } from '../feeds/usage-record.ts';
import { dateOfDay, dayOf, destinationOf } from './usage-store.ts';
import type { HeldVersion } from './version.ts';

/**
 * A version's rank, which most corrections change, then what it says, then what only the ledger knows. No text of a record
 * holds a control character.
 */
const LINE = `
  concat_ws(E'\\t', u.record_id, u.state, u.revision, u.account_id, u.service_id,
            (date_part('epoch', u.started_at) * 1000)::bigint, u.duration_s, u.kind, coalesce(u.units::text, ''), u.a_number,
            u.b_number, u.amount_micros, coalesce(u.cost_micros::text, ''), u.origin_country, u.tariff, u.country, u.traffic,
            u.import_id, u.arrived, coalesce(u.near_amount_micros::text, ''), coalesce(u.near_import_id::text, ''),
            coalesce(u.near_revision::text, ''))`;
const CELLS = 22;

type Said = Omit<UsageRecord, 'bNumber' | 'currency' | 'line'>;

/**
 * Whether a line begins with what is said of a record. Value by value where they stand: a text to compare it with would be
 * garbage, and of what is sent again all of it is compared.
 */
function begins(line: string, said: Said, bNumber: string): boolean {
  let at = afterText(line, 0, said.recordId);
  at = afterInteger(line, at, STATES.indexOf(said.state));
  at = afterInteger(line, at, said.revision);
  at = afterText(line, at, said.accountId);
  at = afterText(line, at, said.serviceId);
  at = afterInteger(line, at, said.startedAt);
  at = afterInteger(line, at, said.durationSeconds);
  at = afterText(line, at, said.kind);
  at = afterInteger(line, at, said.units);
  at = afterText(line, at, said.aNumber);
  at = afterText(line, at, bNumber);
  at = afterInteger(line, at, said.amount);
  at = afterInteger(line, at, said.cost);
  at = afterText(line, at, said.originCountry);
  return afterText(line, at, said.tariff) >= 0;
}

const TAB = 9;
const ZERO = 48;

/** Where the next value stands, if this one is `text`; −1 where it is not, or one before was not. */
function afterText(line: string, at: number, text: string): number {
  const end = at + text.length;
  return at >= 0 && line.charCodeAt(end) === TAB && line.startsWith(text, at) ? end + 1 : -1;
}

function afterInteger(line: string, at: number, value: number | bigint | undefined): number {
  if (at < 0 || value === undefined) return afterText(line, at, '');
  if (value < 0 || value > Number.MAX_SAFE_INTEGER) return afterText(line, at, value.toString());
  let read = 0;
  let end = at;
  for (let unit = line.charCodeAt(end); unit !== TAB; unit = line.charCodeAt(++end)) {
    if (!(unit >= ZERO && unit < ZERO + 10)) return -1;
    read = read * 10 + unit - ZERO;
  }
  return end > at && read === Number(value) ? end + 1 : -1;
}

/** The line of a record that is held, or all of them. */
export type HeldOf = string | string[];

/**
 * Whether the ledger holds exactly this of a record, from whichever import, and nothing else: then it is a duplicate. No
 * separator stands in what arrives, so where the texts are equal each of their values is. A number that arrives as it is
 * held need not be made ready first.
 */
export function isSame(held: HeldOf, said: Said, bNumber: string): boolean {
  return typeof held === 'string' && begins(held, said, bNumber);
}

export class HeldLines {
  readonly #origin: string;
  readonly #lines = new Map<string, HeldOf>();

  constructor(origin: string, text: string) {
    this.#origin = origin;
    for (let from = 0; from < text.length;) {
      const to = text.indexOf('\n', from);
      const line = text.slice(from, to < 0 ? text.length : to);
      from += line.length + 1;
      const recordId = line.slice(0, line.indexOf('\t'));
      const known = this.#lines.get(recordId);
      this.#lines.set(recordId, known === undefined ? line : [known, line].flat());
    }
  }

  /** What is held of a record; undefined where nothing is. */
  of(recordId: string): HeldOf | undefined {
    return this.#lines.get(recordId);
  }

  /** Usually one; several where a start has moved by days. */
  versionsOf(recordId: string): HeldVersion[] {
    return [this.of(recordId) ?? []].flat().map((line) => versionOfLine(line, this.#origin));
  }
}

function versionOfLine(line: string, origin: string): HeldVersion {
  const cells = line.split('\t');
  if (cells.length !== CELLS) throw new Error(`the ledger holds a text with a control character: ${line}`);
  const [recordId, state, revision, accountId, serviceId, started, duration, kind, units, aNumber] = cells as Ten;
  const [bNumber, amount, cost, originCountry, tariff, country, traffic, importId, arrived, nearAmount] = cells.slice(
    10,
  ) as Ten;
  const [nearImportId, nearRevision] = cells.slice(20) as [string, string];
  const startedAt = Number(started);
  const durationSeconds = Number(duration);
  return {
    recordId,
    origin,
    accountId,
    serviceId,
    startedAt,
    durationSeconds,
    kind: kind as UsageKind,
    units: units === '' ? undefined : BigInt(units),
    aNumber,
    amount: BigInt(amount),
    state: STATES[Number(state)]!,
    revision: Number(revision),
    cost: cost === '' ? undefined : BigInt(cost),
    originCountry,
    tariff,
    receivedAt: startedAt + durationSeconds * 1000,
    destination: destinationOf({ b_number: bNumber, country, traffic: Number(traffic) }),
    importId,
    arrived: Number(arrived),
    near:
      nearAmount === ''
        ? undefined
        : {
            amount: BigInt(nearAmount),
            importId: nearImportId,
            revision: nearRevision === '' ? undefined : Number(nearRevision),
          },
  };
}

type Five = [string, string, string, string, string];
type Ten = [...Five, ...Five];

/**
 * The versions that hold of the records named, on the days given: those of the arriving versions and their neighbours,
 * since a correction may move a start over midnight. One walk through the unique key of each of these days: PostgreSQL
 * sorts the records and goes from leaf to leaf. The constant days prune; the records come from a subselect, since the
 * planner would look up how common each of them is.
 */
const HELD = `
  SELECT string_agg(${LINE}, E'\\n') AS lines FROM usage u
   WHERE u.record_id = ANY ((SELECT $1::text[])::text[]) AND u.origin = $2 AND u.day`;

/**
 * Usage as it comes near real time starts on few days, and those of now: what is asked about these is planned once a connection,
 * two or three times for each day that passes, and connections live for a day. What comes late, a backfill of years too, is
 * planned anew each time.
 */
const NEAR_DAYS_MAX = 4;

export async function heldLines(
  client: ClientBase,
  origin: string,
  recordIds: readonly string[],
  days: ReadonlySet<number>,
  now: Instant,
): Promise<HeldLines> {
  if (recordIds.length === 0) return new HeldLines(origin, '');
  const [first, last] = [Math.min(...days) - 1, Math.max(...days) + 1];
  const values = [textArray(recordIds), origin];
  const near = `'${dateOfDay(first)}' AND '${dateOfDay(last)}'`;
  const prepare = last - first < NEAR_DAYS_MAX && Math.abs(dayOf(now) - first) < NEAR_DAYS_MAX;
  const around = [...new Set([...days].flatMap((day) => [day - 1, day, day + 1]))];
  const { rows } = await client.query<{ lines: string | null }>(
    prepare
      ? { name: `held-${dateOfDay(first)}-${dateOfDay(last)}`, text: `${HELD} BETWEEN ${near}`, values }
      : { text: `${HELD} = ANY ($3::date[])`, values: [...values, around.map(dateOfDay)] },
  );
  return new HeldLines(origin, rows[0]!.lines ?? '');
}
