/** What the first rows of a sample say about a mapping that may be wrong. Pure. */
import { parseInstant } from '../../kernel/clock.ts';
import type { FeedRow, UsageRecord } from '../usage-record.ts';
import { cellsOf } from './cells.ts';
import type { Mapping } from './mapping.ts';
import { WENT_FORWARD } from './translate.ts';

/** What there is to say, in sentences. */
export type Hint = string;

const FEW = 3;
const MICROS = 1_000_000n;
const LONG_CALL_S = 24 * 3_600;
const SEPARATORS = [',', ';', '\t', '|'];
/** A date that is not followed by the usual `hh:mm:ss`, or not written in the usual order. */
const OWN_TIME =
  /^"(?:\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d{4}[./]\d{1,2}[./]\d{1,2}|\d{4}-\d{2}-\d{2}(?![T ]\d{2}:\d{2}:\d{2})|\d{8}T?\d{4}(?:\d{2})?")/;

/** Hints from rows that were read, whatever became of them. */
export function hintsOf(rows: readonly FeedRow[], mapping: Mapping | undefined): Hint[] {
  const records = rows.flatMap((row) => ('record' in row ? [row.record] : []));
  const rejects = rows.flatMap((row) => ('reject' in row ? [row.reject] : []));
  const skipped = rows.flatMap((row) => ('skipped' in row ? [row.skipped] : []));
  const hints: Hint[] = [];
  const say = (holds: boolean, hint: Hint) => {
    if (holds) hints.push(hint);
  };

  const priced = records.filter((record) => record.amount !== 0n);
  say(
    priced.length >= FEW &&
      priced.every(({ amount }) => amount % MICROS === 0n) &&
      (mapping?.amountUnit ?? 'units') === 'units',
    'no amount has decimals: they look like cents; see amount_unit',
  );
  say(records.length >= FEW && priced.length === 0, 'every amount is zero: is it the right column?');
  const calls = records.filter(({ kind }) => kind === 'voice');
  say(
    calls.length >= FEW &&
      calls.filter(({ durationSeconds }) => durationSeconds > LONG_CALL_S).length > calls.length / 2,
    'most calls last longer than a day: durations look like milliseconds or nanoseconds; see duration_unit',
  );
  say(
    calls.length >= FEW &&
      calls.every(({ durationSeconds }) => durationSeconds <= 1) &&
      ['go', 'ns', 'us', 'ms'].includes(mapping?.durationUnit ?? 's'),
    'no call lasts longer than a second: durations look like seconds; see duration_unit',
  );
  say(
    mapping !== undefined &&
      !mapping.e164WithoutPlus &&
      records.length >= FEW &&
      records.every(({ bNumber }) => /^[1-9]\d{9,14}$/.test(bNumber)),
    'called numbers look like E.164 without the plus; see e164_without_plus',
  );

  const alike = sameVersions(records);
  say(
    alike > 0,
    `${alike} of ${records.length} rows have the id, state and revision of an earlier one, and say something else: they would not count; see record_id`,
  );

  const leftOut = rejects.filter(({ detail }) => detail.endsWith(WENT_FORWARD));
  const times = rejects.filter((reject) => reject.reason === 'bad_started_at' && !leftOut.includes(reject));
  say(
    times.length > 0 && mapping?.timeZone === undefined && times.some(({ detail }) => looksLocal(detail)),
    'times have no zone; see time_zone',
  );
  say(
    leftOut.length > 0,
    `clocks in ${mapping?.timeZone} went forward over some times: are they written in that zone? see time_zone`,
  );
  say(
    times.some(({ detail }) => /^"\d{10}(\.\d+)?"/.test(detail)),
    'times look like seconds since 1970; see time_format epoch-s',
  );
  say(
    times.some(({ detail }) => /^"\d{13}"/.test(detail)),
    'times look like milliseconds since 1970; see time_format epoch-ms',
  );
  say(
    times.some(({ detail }) => OWN_TIME.test(detail)),
    'times have a form of their own; see time_format, such as dd.MM.yyyy HH:mm:ss',
  );
  say(
    rejects.some(({ reason, detail }) => reason === 'bad_amount' && /^"-?[\d.]*,\d+"/.test(detail)),
    'amounts have a decimal comma; see decimal',
  );
  say(
    rejects.some(({ detail }) => detail.startsWith('is not UTF-8')),
    'the text is not UTF-8; see encoding latin1',
  );
  const kinds = [...new Set(rejects.filter(({ reason }) => reason === 'bad_kind').map(({ detail }) => detail))];
  say(kinds.length > 0, `kinds are not known: ${kinds.slice(0, FEW).join('; ')}; see kinds`);
  if (mapping) hints.push(...columnHints(rejects, mapping));
  say(
    rows.length >= FEW && skipped.length === rows.length,
    `every row is passed over (${[...new Set(skipped.map(({ reason }) => reason))].join(', ')}); see only`,
  );
  return hints;
}

/** How many records stand for the same version of a record as an earlier one, though they are about something else. */
function sameVersions(records: readonly UsageRecord[]): number {
  const first = new Map<string, string>();
  let alike = 0;
  for (const { recordId, state, revision, accountId, startedAt, amount, bNumber } of records) {
    const version = `${state} ${revision} ${recordId}`;
    const says = `${startedAt} ${amount} ${bNumber} ${accountId}`;
    if ((first.get(version) ?? says) !== says) alike++;
    else first.set(version, says);
  }
  return alike;
}

/** Rows whose cells are not as many as expected: by another separator they might be. */
function columnHints(rejects: readonly { detail: string; text: string }[], mapping: Mapping): Hint[] {
  const counts = rejects.map(({ detail }) => /^has (\d+) values where (\d+) are expected/.exec(detail));
  const wrong = counts.findIndex((count) => count);
  if (wrong < 0) return [];
  const [, found, expected] = counts[wrong]!;
  const text = rejects[wrong]!.text;
  const fitting = SEPARATORS.find((separator) => cellsOf(text, { ...mapping, separator })?.length === Number(expected));
  return [
    fitting === undefined
      ? `rows have ${found} values, ${expected} are expected: name the columns in header, in their order`
      : `rows fit with the separator ${JSON.stringify(fitting)}; see separator`,
  ];
}

function looksLocal(detail: string): boolean {
  const text = /^"([^"…]*)"/.exec(detail)?.[1] ?? '';
  return (
    /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/.test(text) &&
    parseInstant(`${text.slice(0, 19).replace(' ', 'T')}Z`) !== undefined
  );
}

/** What the first line of a CSV says, where the whole could not be read for it. */
export function headerHints(text: string, mapping: Mapping): { found: string[]; hints: Hint[] } {
  const first = text
    .split(/\r\n?|\n/, 1)[0]!
    .replace(/^\ufeff/, '')
    .slice(0, 20_000);
  const best = SEPARATORS.map((separator) => ({
    separator,
    cells: cellsOf(first, { ...mapping, separator }) ?? [],
  })).toSorted((a, b) => b.cells.length - a.cells.length)[0]!;
  const own = cellsOf(first, mapping) ?? [];
  return best.cells.length > own.length
    ? {
        found: best.cells,
        hints: [`the header fits with the separator ${JSON.stringify(best.separator)}; see separator`],
      }
    : { found: own, hints: [] };
}
