/** From a peer's row to a canonical one: the mapping at work. Pure. */
import { toDate } from '../../kernel/clock.ts';
import { timeReader, type TimeReader } from '../../kernel/local-time.ts';
import type { FeedRow, Reject, RejectReason } from '../usage-record.ts';
import { COLUMNS, readRow, type Column } from './canonical.ts';
import { canonicalAmount, canonicalDuration, canonicalRevision, canonicalWhole, withPlus } from './conversions.ts';
import { bounded } from './lines.ts';
import type { Mapping, PeerFormat, PeerRow } from './mapping.ts';

export type Translation = (row: PeerRow, line: number, text: string) => FeedRow;

/** How rows of this format, under this mapping, become canonical ones. */
export function translation(format: PeerFormat, mapping: Mapping): Translation {
  const time = timeReader(mapping.timeFormat, mapping.timeZone);
  const fields = COLUMNS.map((column) => fieldOf(column, mapping, time));
  return (bare, line, text) => {
    const row = format.view?.(bare) ?? bare;
    if (mapping.only && !mapping.only.values.includes(row(mapping.only.column))) {
      return { skipped: { line, reason: mapping.only.reason, text: bounded(text) } };
    }
    const verdict = format.verdict?.(row, mapping);
    if (verdict) {
      return 'skip' in verdict
        ? { skipped: { line, reason: verdict.skip, text: bounded(text) } }
        : {
            reject: { line, text: bounded(text), field: verdict.field, reason: verdict.reject, detail: verdict.detail },
          };
    }
    const values: string[] = [];
    for (const field of fields) {
      const value = field(row);
      if (typeof value !== 'string') return { reject: { line, text: bounded(text), ...value } };
      values.push(value);
    }
    return readRow(values, line, text);
  };
}

/** What is wrong with a field that can't be read as the feed says it is written. */
type Fault = Pick<Reject, 'field' | 'reason' | 'detail'>;

/** What a column of ours is in a row of theirs. */
function fieldOf(column: Column, mapping: Mapping, time: TimeReader): (row: PeerRow) => string | Fault {
  const names = mapping.columns[column];
  const constant = constantOf(column, mapping);
  if (!names) return () => constant;
  const { convert, written } = conversionOf(column, mapping, time);
  return (row) => {
    const text = firstOf(row, names);
    if (text === '') return constant;
    const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
    return convert(text) ?? { field: column, reason: REASONS[column]!, detail: `"${shown}" is ${written(text)}` };
  };
}

const REASONS: Partial<Record<Column, RejectReason>> = {
  started_at: 'bad_started_at',
  received_at: 'bad_received_at',
  amount: 'bad_amount',
  cost: 'bad_cost',
  duration_s: 'bad_duration',
};

/** The first of their fields that holds something. */
export function firstOf(row: PeerRow, names: readonly string[]): string {
  for (const name of names) {
    const text = row(name);
    if (text !== '') return text;
  }
  return '';
}

function constantOf(column: Column, mapping: Mapping): string {
  if (column === 'currency') return mapping.currency;
  if (column === 'kind') return mapping.kind;
  return column === 'state' ? mapping.state : '';
}

interface Conversion {
  /** undefined: it is not written as it should be */
  convert: (text: string) => string | undefined;
  /** what it is then */
  written: (text: string) => string;
}

function conversionOf(column: Column, mapping: Mapping, time: TimeReader): Conversion {
  switch (column) {
    case 'started_at':
    case 'received_at':
      return {
        convert: (text) => {
          const instant = time(text);
          return instant === undefined ? undefined : toDate(instant).toISOString();
        },
        written: (text) => noTime(text, mapping),
      };
    case 'amount':
    case 'cost':
      return {
        convert: (text) => canonicalAmount(text, mapping.decimal, mapping.amountUnit),
        written: () => `no amount with a decimal ${mapping.decimal === ',' ? 'comma' : 'point'}`,
      };
    case 'duration_s':
      return {
        convert: (text) => canonicalDuration(text, mapping.durationUnit, mapping.decimal),
        written: () => `no duration in ${mapping.durationUnit}`,
      };
    case 'units':
      return { convert: canonicalWhole, written: NOTHING };
    case 'revision':
      return { convert: (text) => canonicalRevision(text, time), written: NOTHING };
    case 'kind':
      return { convert: (text) => mapping.kinds.get(text.toLowerCase()) ?? text, written: NOTHING };
    case 'a_number':
    case 'b_number':
      return { convert: mapping.e164WithoutPlus ? withPlus : (text) => text, written: NOTHING };
    default:
      return { convert: (text) => text, written: NOTHING };
  }
}

const NOTHING = () => '';

/** Why a text is no time under a mapping. */
function noTime(text: string, { timeFormat, timeZone }: Mapping): string {
  const form = timeFormat ?? 'ISO 8601';
  if (timeZone === undefined && !form.startsWith('epoch'))
    return `no time as ${form} with an offset; the feed names no time zone`;
  // What is a time elsewhere is one that clocks leave out here.
  return timeReader(timeFormat, 'UTC')(text) === undefined
    ? `no time as ${form}`
    : `no time in ${timeZone}, ${WENT_FORWARD}`;
}

export const WENT_FORWARD = 'whose clocks went forward over it';
