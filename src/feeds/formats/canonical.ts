/**
 * The canonical usage row. Pure: the values of one row in, a record or a reject out.
 */
import { hasMoreThan } from '../../kernel/characters.ts';
import { parseInstant, type Instant } from '../../kernel/clock.ts';
import { formatAmount, parseAmount, type Micros } from '../../kernel/money.ts';
import {
  KINDS,
  STATES,
  type ParsedRow,
  type RejectReason,
  type UsageKind,
  type UsageRecord,
  type UsageState,
} from '../usage-record.ts';

export const COLUMNS = [
  'record_id',
  'account_id',
  'service_id',
  'started_at',
  'duration_s',
  'kind',
  'units',
  'a_number',
  'b_number',
  'amount',
  'currency',
  'state',
  'revision',
  'cost',
  'origin_country',
  'received_at',
  'tariff',
] as const;
export type Column = (typeof COLUMNS)[number];

/** Without these columns no row can be read. */
export const REQUIRED_COLUMNS: readonly Column[] = [
  'record_id',
  'account_id',
  'started_at',
  'kind',
  'amount',
  'currency',
  'state',
];

/** The values of a row in the order of {@link COLUMNS}; empty where the row has none, and none for the last that it lacks. */
export type Values = readonly string[];

const RECORD_ID_LENGTH_MAX = 128;
const REFERENCE_LENGTH_MAX = 64;
const NUMBER_LENGTH_MAX = 64;
const INTEGER_MAX = 2_147_483_647;
const UNITS_MAX = 999_999_999_999_999_999n;
/** A billion of the currency's units, either way: no record costs as much, and a sum of thousands still fits a counter (2^63). */
const MONEY_MAX: Micros = 1_000_000_000_000_000n;

/** Line breaks, tabs, NUL, half a surrogate pair: nothing that an identifier holds, or that stays itself in UTF-8. */
const CONTROL = /[\p{Cc}\p{Cs}\ufffd]/u;
const WHOLE = /^\d{1,18}$/;

class Unusable {
  readonly field: Column;
  readonly reason: RejectReason;
  readonly detail: string;
  constructor(field: Column, reason: RejectReason, detail: string) {
    this.field = field;
    this.reason = reason;
    this.detail = detail;
  }
}

/** Reads a row; `plain` says that its text is known to hold printable ASCII alone. */
export function readRow(values: Values, line: number, text: string, plain = false): ParsedRow {
  const read = readRecord(values, line, plain);
  if (!(read instanceof Unusable)) return { record: read, text };
  return { reject: { line, text, field: read.field, reason: read.reason, detail: read.detail } };
}

function readRecord(values: Values, line: number, plain: boolean): UsageRecord | Unusable {
  const [recordId, accountId, serviceId, started, duration, kind, units, aNumber, bNumber, amountText] =
    values as string[];
  const currency = values[10];
  const state = values[11];
  const revisionText = values[12] ?? '';
  const costText = values[13] ?? '';
  const originCountry = values[14] ?? '';
  const received = values[15] ?? '';
  const tariff = values[16] ?? '';
  const odd = (value: string) => !plain && CONTROL.test(value);

  if (!recordId) return missing('record_id');
  if (hasMoreThan(recordId, RECORD_ID_LENGTH_MAX) || odd(recordId)) {
    return new Unusable(
      'record_id',
      'bad_record_id',
      `has more than ${RECORD_ID_LENGTH_MAX} characters or a control character`,
    );
  }
  if (!accountId) return missing('account_id');
  if (hasMoreThan(accountId, REFERENCE_LENGTH_MAX) || odd(accountId)) {
    return new Unusable(
      'account_id',
      'bad_account_id',
      `has more than ${REFERENCE_LENGTH_MAX} characters or a control character`,
    );
  }
  if (hasMoreThan(serviceId!, REFERENCE_LENGTH_MAX) || odd(serviceId!)) {
    return new Unusable(
      'service_id',
      'bad_service_id',
      `has more than ${REFERENCE_LENGTH_MAX} characters or a control character`,
    );
  }
  if (!started) return missing('started_at');
  const startedAt = readInstant(started);
  if (startedAt === undefined) {
    return new Unusable(
      'started_at',
      'bad_started_at',
      `"${shown(started)}" is no RFC 3339 instant with an offset from 2000 to before 9999`,
    );
  }
  if (!kind) return missing('kind');
  // The words themselves rather than the row's cells, which would keep their text alive.
  const kindAt = KINDS.indexOf(kind as UsageKind);
  if (kindAt < 0) {
    return new Unusable('kind', 'bad_kind', `"${shown(kind)}" is not one of ${KINDS.join(', ')}`);
  }
  const durationSeconds = duration === '' && kind !== 'voice' ? 0 : readInteger(duration!);
  if (durationSeconds === undefined) {
    return new Unusable('duration_s', 'bad_duration', notWhole(duration!, INTEGER_MAX, ' of seconds'));
  }
  if (units !== '' && !WHOLE.test(units!)) {
    return new Unusable('units', 'bad_units', notWhole(units!, UNITS_MAX));
  }
  if (bNumber === '' && kind !== 'data') {
    return new Unusable('b_number', 'bad_number', `is empty; only data may have no called number`);
  }
  if (bNumber!.length > NUMBER_LENGTH_MAX || aNumber!.length > NUMBER_LENGTH_MAX || odd(aNumber!) || odd(bNumber!)) {
    return new Unusable(
      bNumber!.length > NUMBER_LENGTH_MAX || odd(bNumber!) ? 'b_number' : 'a_number',
      'bad_number',
      `has more than ${NUMBER_LENGTH_MAX} characters or a control character`,
    );
  }
  if (!amountText) return missing('amount');
  const amount = parseAmount(amountText);
  if (amount === undefined) return new Unusable('amount', 'bad_amount', notAnAmount(amountText));
  if (isBeyond(amount)) return new Unusable('amount', 'bad_amount', beyond(amountText));
  if (!currency) return missing('currency');
  if (!/^[A-Z]{3}$/.test(currency)) {
    return new Unusable('currency', 'bad_currency', `"${shown(currency)}" is no ISO 4217 code`);
  }
  if (!state) return missing('state');
  const stateAt = STATES.indexOf(state as UsageState);
  if (stateAt < 0) {
    return new Unusable('state', 'bad_state', `"${shown(state)}" is not one of ${STATES.join(', ')}`);
  }
  if (amount < 0n && state !== 'final') {
    return new Unusable('amount', 'negative_amount', `is negative; only a final credit may be`);
  }
  const revision = revisionText === '' ? 0 : readInteger(revisionText);
  if (revision === undefined) {
    return new Unusable('revision', 'bad_revision', notWhole(revisionText, INTEGER_MAX));
  }
  const cost = costText === '' ? undefined : parseAmount(costText);
  if (costText !== '' && cost === undefined) return new Unusable('cost', 'bad_cost', notAnAmount(costText));
  if (cost !== undefined && isBeyond(cost)) return new Unusable('cost', 'bad_cost', beyond(costText));
  if (originCountry !== '' && !/^[A-Z]{2}$/.test(originCountry)) {
    return new Unusable(
      'origin_country',
      'bad_origin_country',
      `"${shown(originCountry)}" is no ISO 3166-1 alpha-2 code`,
    );
  }
  if (hasMoreThan(tariff, REFERENCE_LENGTH_MAX) || odd(tariff)) {
    return new Unusable(
      'tariff',
      'bad_tariff',
      `has more than ${REFERENCE_LENGTH_MAX} characters or a control character`,
    );
  }
  const receivedAt = received === '' ? startedAt + durationSeconds * 1000 : readInstant(received);
  if (receivedAt === undefined) {
    return new Unusable(
      'received_at',
      'bad_received_at',
      `"${shown(received)}" is no RFC 3339 instant with an offset from 2000 to before 9999`,
    );
  }
  return {
    recordId,
    accountId,
    serviceId: serviceId!,
    startedAt,
    durationSeconds,
    kind: KINDS[kindAt]!,
    units: units === '' ? undefined : BigInt(units!),
    aNumber: aNumber!,
    bNumber: bNumber!,
    amount,
    currency,
    state: STATES[stateAt]!,
    revision,
    cost,
    originCountry,
    tariff,
    receivedAt,
    line,
  };
}

/** Rating systems did not write such records before; a clock that stands at 1970 is a fault of theirs. */
const EARLIEST: Instant = parseInstant('2000-01-01T00:00:00Z')!;

function readInstant(text: string): Instant | undefined {
  const instant = parseInstant(text);
  return instant !== undefined && instant >= EARLIEST ? instant : undefined;
}

function readInteger(text: string): number | undefined {
  if (!WHOLE.test(text)) return undefined;
  const value = Number(text);
  return value <= INTEGER_MAX ? value : undefined;
}

function notWhole(text: string, most: number | bigint, what = ''): string {
  if (text === '') return 'is empty';
  return `"${shown(text)}" is ${/^\d+$/.test(text) ? `beyond ${most}` : `no whole number${what}`}`;
}

function missing(field: Column): Unusable {
  return new Unusable(field, 'missing_field', 'is empty');
}

function notAnAmount(text: string): string {
  return `"${shown(text)}" is no decimal number with a point, at most 12 digits before it and 6 after`;
}

function isBeyond(micros: Micros): boolean {
  return micros > MONEY_MAX || micros < -MONEY_MAX;
}

function beyond(text: string): string {
  return `"${shown(text)}" is beyond ${formatAmount(MONEY_MAX)}, the most that one record may say`;
}

function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
