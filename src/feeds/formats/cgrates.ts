/**
 * CDRs as CGRateS exports them: `*file_csv` with a header row, and JSON of its CDR object (`*http_json_map`, `*s3_json_map`,
 * the answer of `CDRsV2.GetCDRs`). After `CDR`, `ExternalCDR` and `AsExternalCDR` of engine/cdr.go, and docs/ees.rst, in
 * github.com/cgrates/cgrates. An exporter writes the fields of its template, and a header row only where that has `*hdr`
 * fields: where it has none, the mapping's `header` names the columns. Newer versions have no `CGRID`: the mapping then says
 * what `record_id` is.
 *
 * - One call has a CDR for each run (customer, supplier, …): only one of them is what the customer is charged, so rows of
 *   other runs are passed over. An empty RunID means `*default` there.
 * - `Cost` −1 says that rating failed; it is no credit.
 * - What is rated anew keeps its id, its run and its `OrderID`, and nothing in a CDR says when it was rated. An exporter does, where
 *   its template has `{"path": "*exp.@timestamp", "type": "*datetime", "value": "*now"}`, as data/conf/samples/ees_elastic has:
 *   then the version that was exported last holds, in whatever order they come. Without, the first that comes does.
 * - `Usage` is a Go duration or nanoseconds for `*voice`, bytes for `*data`, messages for `*sms`. Within CGRateS it is always a
 *   duration, a byte a nanosecond, and templates of a CSV may write it so: `1.048576ms` are 1,048,576 bytes.
 * - CGRateS rates nothing without a `Destination`; of `*data` it is mostly a word of the site's own (`data`, an access point).
 * - A call that was not answered has the zero time `0001-01-01T00:00:00Z` as `AnswerTime`.
 */
import { parseAmount, type Micros } from '../../kernel/money.ts';
import { canonicalAmount, nanosecondsOf } from './conversions.ts';
import type { Mapping, PeerFormat, PeerRow, Verdict } from './mapping.ts';
import { firstOf } from './translate.ts';

const ZERO_TIME = /^0001-01-01/;
const NUMBER = /^\+?\d+$/;
const GO_UNIT = /[smh]$/;
const NOT_RATED: Micros = -1_000_000n;

/** `Usage` under a name for each of its meanings, no time that is none, and no word for where data went. */
function view(row: PeerRow): PeerRow {
  return (name) => {
    if (name === 'Usage of voice') return row('ToR') === '*voice' || row('ToR') === '' ? row('Usage') : '';
    if (name === 'Usage of data') return row('ToR') === '*data' ? bytesOf(row('Usage')) : '';
    const text = row(name);
    if (name === 'Destination' && row('ToR') === '*data' && !NUMBER.test(text)) return '';
    return ZERO_TIME.test(text) ? '' : text;
  };
}

function bytesOf(usage: string): string {
  return (GO_UNIT.test(usage) ? nanosecondsOf(usage, 'go')?.toString() : undefined) ?? usage;
}

function verdict(row: PeerRow, mapping: Mapping): Verdict | undefined {
  const cost = canonicalAmount(firstOf(row, mapping.columns.amount ?? []), mapping.decimal, 'units');
  return parseAmount(cost ?? '') === NOT_RATED
    ? { reject: 'not_rated', field: 'amount', detail: 'is -1: CGRateS could not rate it' }
    : undefined;
}

const CGRATES = {
  columns: {
    record_id: ['CGRID'],
    account_id: ['Account'],
    started_at: ['AnswerTime', 'SetupTime'],
    duration_s: ['Usage of voice'],
    kind: ['ToR'],
    units: ['Usage of data'],
    b_number: ['Destination'],
    amount: ['Cost'],
    revision: ['@timestamp'],
  },
  kind: 'voice',
  kinds: { '*voice': 'voice', '*sms': 'sms', '*data': 'data' },
  durationUnit: 'go',
  only: { column: 'RunID', values: ['*default', ''], reason: 'other_run' },
  view,
  madeOf: { 'Usage of voice': 'Usage', 'Usage of data': 'Usage' },
  verdict,
} as const satisfies Partial<PeerFormat>;

export const cgratesCsv: PeerFormat = { ...CGRATES, syntax: 'csv' };

export const cgratesJson: PeerFormat = {
  ...CGRATES,
  syntax: 'json',
  rowOf: (cdr) => {
    const extra = typeof cdr.ExtraFields === 'object' && cdr.ExtraFields !== null ? cdr.ExtraFields : {};
    return (name) => {
      const value = Object.hasOwn(cdr, name) ? cdr[name] : (extra as Record<string, unknown>)[name];
      return typeof value === 'string' ? value : '';
    };
  },
};
