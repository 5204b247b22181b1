/**
 * How a peer's rows are said in ours: which field of theirs is which of ours, and how they write time, money and length.
 * A format brings what its peer does by itself; a feed's definition says what is different there.
 */
import { z } from 'zod';
import { isTimeFormat } from '../../kernel/local-time.ts';
import { isTimeZone } from '../../kernel/period.ts';
import { KINDS, STATES, type RejectReason, type SkipReason } from '../usage-record.ts';
import { COLUMNS, type Column } from './canonical.ts';
import { AMOUNT_UNITS, DURATION_UNITS, type AmountUnit, type DurationUnit } from './conversions.ts';
import type { Encoding } from './lines.ts';

const name = z.string().min(1).max(128);
const mark = z.string().length(1, { error: 'must be one character' });
const amountUnits = Object.keys(AMOUNT_UNITS) as [AmountUnit, ...AmountUnit[]];

/** What a feed's definition may say; what it leaves out is as the format has it. */
export const mappingForm = z
  .strictObject({
    columns: z
      .partialRecord(z.enum(COLUMNS), z.union([name, z.array(name).min(1).max(5)]))
      .optional()
      .meta({
        description: 'our name → theirs; of several, the first that is not empty. `revision` may be when it was rated',
      }),
    header: z
      .array(name)
      .min(1)
      .max(500)
      .optional()
      .meta({ description: 'their columns in order, where the file has no header' }),
    separator: mark.optional(),
    quote: mark.or(z.literal('')).optional(),
    escape: mark.optional().meta({ description: 'what stands before a quote within quotes; a quote itself: doubled' }),
    encoding: z.enum(['utf-8', 'latin1']).optional(),
    time_zone: z
      .string()
      .refine(isTimeZone, { error: 'must be an IANA time zone, such as Europe/Amsterdam' })
      .optional()
      .meta({ description: 'of times without an offset' }),
    time_format: z
      .string()
      .refine(isTimeFormat, { error: 'must be epoch-s, epoch-ms, or a form such as dd.MM.yyyy HH:mm:ss' })
      .optional(),
    decimal: z.enum(['.', ',']).optional(),
    amount_unit: z.enum(amountUnits).optional(),
    duration_unit: z.enum(DURATION_UNITS).optional(),
    e164_without_plus: z
      .boolean()
      .optional()
      .meta({ description: 'whether numbers are E.164 without the plus; short codes stay as they are' }),
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/, { error: 'must be an ISO 4217 code' })
      .optional(),
    kind: z.enum(KINDS).optional(),
    kinds: z.record(name, z.enum(KINDS)).optional().meta({ description: 'their word → ours, in any case' }),
    state: z.enum(STATES).optional(),
    only: z
      .strictObject({ column: name, values: z.array(z.string().max(128)).min(1).max(100) })
      .nullable()
      .optional()
      .meta({ description: 'rows with another value in this column of theirs are passed over; null: none are' }),
  })
  .meta({ id: 'FeedMapping' });
export type MappingForm = z.output<typeof mappingForm>;

/** A mapping with nothing left open. */
export interface Mapping {
  columns: Readonly<Partial<Record<Column, readonly string[]>>>;
  /** those of {@link columns} that the definition named itself: a header has to have them */
  named: ReadonlySet<Column>;
  /** undefined: the first line says it */
  header: readonly string[] | undefined;
  separator: string;
  quote: string;
  escape: string;
  encoding: Encoding;
  timeZone: string | undefined;
  timeFormat: string | undefined;
  decimal: '.' | ',';
  amountUnit: AmountUnit;
  durationUnit: DurationUnit;
  e164WithoutPlus: boolean;
  currency: string;
  kind: string;
  kinds: ReadonlyMap<string, string>;
  state: string;
  only: { column: string; values: readonly string[]; reason: SkipReason } | undefined;
}

/** A row of a peer's: what stands in their field of a name; empty where nothing does. */
export type PeerRow = (name: string) => string;

/** Why a row is not to be counted, by what the peer itself says. */
export type Verdict = { skip: SkipReason } | { reject: RejectReason; field: Column; detail: string };

/** What a peer's rating system does by itself. */
export interface PeerFormat {
  syntax: 'csv' | 'json';
  columns: Readonly<Partial<Record<Column, readonly string[]>>>;
  header?: readonly string[];
  quote?: string;
  escape?: string;
  /** whether the file has a first line that counts its rows and a last one with their checksum */
  sealed?: boolean;
  amountUnit?: AmountUnit;
  durationUnit?: DurationUnit;
  e164WithoutPlus?: boolean;
  /** whether its times never say their zone */
  needsTimeZone?: boolean;
  kind?: string;
  kinds?: Readonly<Record<string, string>>;
  only?: Mapping['only'];
  verdict?: (row: PeerRow, mapping: Mapping) => Verdict | undefined;
  /** where a field means something only beside another: names of our own for what it means */
  view?: (row: PeerRow) => PeerRow;
  /** and the column that each of those names is made of */
  madeOf?: Readonly<Record<string, string>>;
  /** of JSON: what stands in which field */
  rowOf?: (element: Readonly<Record<string, unknown>>) => PeerRow;
}

/** What a format does by itself, as far as a definition does not say otherwise. */
export function mappingOf(format: PeerFormat, form: MappingForm): Mapping {
  const columns: Partial<Record<Column, readonly string[]>> = { ...format.columns };
  const named = new Set<Column>();
  for (const [column, theirs] of Object.entries(form.columns ?? {}) as [Column, string | string[]][]) {
    columns[column] = typeof theirs === 'string' ? [theirs] : theirs;
    named.add(column);
  }
  const header = form.header ?? format.header;
  // A switch that is told to write a price puts it at the end.
  const price = columns.amount?.[0];
  const withPrice =
    form.header || !header || price === undefined || header.includes(price) ? header : [...header, price];
  const only = form.only === undefined ? format.only : (form.only ?? undefined);
  const quote = form.quote ?? format.quote ?? '"';
  return {
    columns,
    named,
    header: withPrice,
    separator: form.separator ?? ',',
    quote,
    escape: form.escape ?? format.escape ?? quote,
    encoding: form.encoding ?? 'utf-8',
    timeZone: form.time_zone,
    timeFormat: form.time_format,
    decimal: form.decimal ?? '.',
    amountUnit: form.amount_unit ?? format.amountUnit ?? 'units',
    durationUnit: form.duration_unit ?? format.durationUnit ?? 's',
    e164WithoutPlus: form.e164_without_plus ?? format.e164WithoutPlus ?? false,
    currency: form.currency ?? '',
    kind: form.kind ?? format.kind ?? '',
    kinds: new Map(
      [...Object.entries(format.kinds ?? {}), ...Object.entries(form.kinds ?? {})].map(([theirs, ours]) => [
        theirs.toLowerCase(),
        ours,
      ]),
    ),
    state: form.state ?? 'final',
    only: only && { reason: 'not_selected', ...only },
  };
}

/** What a definition has to add before rows of this format can be read. */
export function lacking(format: PeerFormat, form: MappingForm): { field: string; detail: string }[] {
  const mapping = mappingOf(format, form);
  const faults: { field: string; detail: string }[] = [];
  for (const column of ['record_id', 'account_id', 'started_at', 'amount'] as const) {
    if (!mapping.columns[column])
      faults.push({ field: `columns.${column}`, detail: 'must say which of their columns' });
  }
  if (!mapping.columns.kind && mapping.kind === '') {
    faults.push({
      field: 'kind',
      detail: `must be one of ${KINDS.join(', ')}, or columns.kind must say where it stands`,
    });
  }
  if (!mapping.columns.currency && mapping.currency === '') {
    faults.push({ field: 'currency', detail: 'must be said, for the rows do not say it' });
  }
  if (format.needsTimeZone && mapping.timeZone === undefined && mapping.timeFormat === undefined) {
    faults.push({ field: 'time_zone', detail: 'must be said, for the times in the rows do not say it' });
  }
  const { separator, quote, escape } = mapping;
  if (format.syntax === 'csv' && (separator === quote || separator === escape)) {
    faults.push({ field: 'separator', detail: 'must differ from quote and escape' });
  }
  if (mapping.header && new Set(mapping.header).size < mapping.header.length) {
    faults.push({ field: 'header', detail: 'must name each column once' });
  }
  for (const column of mapping.header ? mapping.named : []) {
    if (!mapping.columns[column]!.some((theirs) => mapping.header!.includes(theirs))) {
      faults.push({ field: `columns.${column}`, detail: 'names a column that is not in the header' });
    }
  }
  return faults;
}
