import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { formatAmount } from '../../kernel/money.ts';
import { notFound, NumberPipe } from '../http/identifiers.ts';
import { numberCursor, pageOf, pageQuery, toPage, type Page } from '../http/paging.ts';
import { Route } from '../http/route.ts';
import { amount, instant, showInstant } from '../http/wire.ts';

const day = z.iso.date({ error: 'must be a day such as 2010-03-14' });

const reconciliationsQuery = pageQuery.extend({
  feed: z.string().max(64).optional().meta({ description: 'the nightly feed' }),
  day: day.optional().meta({ description: 'a day that was compared' }),
});

const oneSided = z.object({ records: z.int(), amount });
const comparison = {
  matched_equal: oneSided,
  matched_different: z.object({
    records: z.int(),
    near_real_time: amount,
    nightly: amount,
    difference: amount.meta({ description: 'nightly less near-real-time' }),
  }),
  only_near_real_time: oneSided,
  only_nightly: oneSided,
};

const summary = z.object({
  import_id: z.string().meta({ description: 'the last nightly import that it looks at' }),
  feed: z.string(),
  at: instant,
  days: z.array(z.string()).meta({ description: 'in the zones of the accounts' }),
  outcome: z.enum(['within-tolerance', 'beyond-tolerance', 'nothing-to-compare']),
  totals: z.array(z.object({ currency: z.string(), ...comparison })),
});

const reconciliation = summary.meta({ id: 'Reconciliation' });
type Reconciliation = z.output<typeof reconciliation>;

const report = summary
  .extend({
    imports: z.array(z.string()).meta({ description: 'the imports that it looks at together' }),
    by_country: z.array(
      z.object({
        day: z.string(),
        currency: z.string(),
        country: z.string(),
        feed: z.string().meta({ description: 'the feed that brought the records first' }),
        ...comparison,
      }),
    ),
    by_tariff: z
      .array(
        z.object({ day: z.string(), currency: z.string(), country: z.string(), tariff: z.string(), ...comparison }),
      )
      .meta({ description: 'by destination and the tariff that the records name; empty: they name none' }),
    sample: z
      .array(
        z.object({
          record_id: z.string(),
          account: z.string(),
          started_at: instant,
          day: z.string(),
          country: z.string(),
          tariff: z.string(),
          feed: z.string(),
          comparison: z.enum(['different', 'only-near', 'only-nightly']),
          near_real_time: amount.nullable(),
          nightly: amount.nullable(),
          currency: z.string(),
        }),
      )
      .meta({ description: 'of the records that do not compare equal, the hundred that differ most' }),
  })
  .meta({ id: 'ReconciliationReport' });
type Report = z.output<typeof report>;

interface ReconciliationRow {
  import_id: string;
  feed: string;
  at: Date;
  days: string[];
  outcome: Reconciliation['outcome'];
}

interface SampleRow {
  record_id: string;
  account: string;
  started_at: string;
  day: string;
  currency: string;
  country: string;
  /** absent in what was kept before tariffs were known */
  tariff?: string;
  feed: string | null;
  comparison: Report['sample'][number]['comparison'];
  near_micros: string | null;
  nightly_micros: string | null;
}

interface LineRow {
  import_id: string;
  day: string;
  currency: string;
  country: string;
  tariff: string;
  feed: string;
  comparison: 'equal' | 'different' | 'only-near' | 'only-nightly';
  records: string;
  near_micros: string;
  nightly_micros: string;
}

/** By `reconciliations_of_feed`, or by the primary key backwards. */
const PAGE = `
  SELECT import_id, feed, at, days::text[] AS days, outcome FROM reconciliations
   WHERE ($1::text IS NULL OR feed = $1) AND ($2::date IS NULL OR $2 = ANY (days))
     AND ($3::bigint IS NULL OR import_id < $3)
   ORDER BY import_id DESC LIMIT $4`;

/** The report of an import, or the one of a later import of its feed that looked at both. */
const ONE = `
  SELECT import_id, feed, at, days::text[] AS days, outcome, sample,
         (SELECT array_agg(DISTINCT d.import_id::text) FROM import_days d WHERE d.reconciled_in = r.import_id) AS imports
    FROM reconciliations r
   WHERE import_id = (SELECT max(reconciled_in) FROM import_days WHERE import_id = $1)`;

/** By the primary key. */
const LINES = `
  SELECT import_id, day::text AS day, currency, country, tariff, feed, comparison, records, near_micros, nightly_micros
    FROM reconciliation_lines WHERE import_id = ANY ($1) ORDER BY import_id, day, currency, country, tariff, feed`;

@ApiTags('usage')
@Controller('v1/reconciliations')
export class ReconciliationsController {
  readonly #dataSource: DataSource;

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  @Get()
  @Route({
    needs: 'billing',
    summary: 'Lists what nightly files were held against near-real-time usage',
    answers: 'A page, newest first',
    schema: pageOf(reconciliation),
  })
  async list(
    @Query({ schema: reconciliationsQuery }) { cursor, limit, feed, day }: z.output<typeof reconciliationsQuery>,
  ): Promise<Page<Reconciliation>> {
    const parameters = [feed, day, numberCursor(cursor), limit + 1];
    const rows = await this.#dataSource.query<ReconciliationRow[]>(PAGE, parameters);
    const lines = await this.#lines(rows.slice(0, limit));
    return toPage(
      rows,
      limit,
      (row) => row.import_id,
      (row) =>
        show(
          row,
          lines.filter((line) => line.import_id === row.import_id),
        ),
    );
  }

  @Get(':import_id')
  @Route({
    needs: 'billing',
    summary: 'Shows what a nightly import was held against',
    answers: 'Totals, by country, and a sample of records',
    schema: report,
  })
  async show(@Param('import_id', NumberPipe) id: string): Promise<Report> {
    const rows = await this.#dataSource.query<(ReconciliationRow & { imports: string[]; sample: SampleRow[] })[]>(ONE, [
      id,
    ]);
    const row = rows[0];
    if (!row) throw notFound(`reconciliation of import ${id}`);
    const lines = await this.#lines([row]);
    return {
      ...show(row, lines),
      imports: row.imports,
      by_country: grouped(lines, ({ day, currency, country, feed }) => ({ day, currency, country, feed })),
      by_tariff: grouped(lines, ({ day, currency, country, tariff }) => ({ day, currency, country, tariff })),
      sample: row.sample.map(({ near_micros, nightly_micros, started_at, feed, tariff, ...record }) => ({
        ...record,
        tariff: tariff ?? '',
        started_at,
        feed: feed ?? '',
        near_real_time: showAmount(near_micros),
        nightly: showAmount(nightly_micros),
      })),
    };
  }

  async #lines(rows: readonly ReconciliationRow[]): Promise<LineRow[]> {
    return this.#dataSource.query<LineRow[]>(LINES, [rows.map((row) => row.import_id)]);
  }
}

function show({ import_id, feed, at, days, outcome }: ReconciliationRow, lines: readonly LineRow[]): Reconciliation {
  const totals = grouped(lines, ({ currency }) => ({ currency }));
  return { import_id, feed, at: showInstant(at), days, outcome, totals };
}

type Compared = { [Name in keyof typeof comparison]: z.output<(typeof comparison)[Name]> };

/** Sums lines up that have the same `key`, in the order in which they come. */
function grouped<Key extends Record<string, string>>(
  lines: readonly LineRow[],
  keyOf: (line: LineRow) => Key,
): (Key & Compared)[] {
  const groups = new Map<string, LineRow[]>();
  for (const line of lines) {
    const key = JSON.stringify(keyOf(line));
    const same = groups.get(key);
    if (same) same.push(line);
    else groups.set(key, [line]);
  }
  return [...groups.values()].map((same) => ({ ...keyOf(same[0]!), ...compared(same) }));
}

function compared(lines: readonly LineRow[]): Compared {
  const of = (kind: LineRow['comparison']) => {
    const same = lines.filter((line) => line.comparison === kind);
    return {
      records: same.reduce((sum, line) => sum + Number(line.records), 0),
      near: same.reduce((sum, line) => sum + BigInt(line.near_micros), 0n),
      nightly: same.reduce((sum, line) => sum + BigInt(line.nightly_micros), 0n),
    };
  };
  const [equal, different, near, nightly] = [of('equal'), of('different'), of('only-near'), of('only-nightly')];
  return {
    matched_equal: { records: equal.records, amount: formatAmount(equal.nightly) },
    matched_different: {
      records: different.records,
      near_real_time: formatAmount(different.near),
      nightly: formatAmount(different.nightly),
      difference: formatAmount(different.nightly - different.near),
    },
    only_near_real_time: { records: near.records, amount: formatAmount(near.near) },
    only_nightly: { records: nightly.records, amount: formatAmount(nightly.nightly) },
  };
}

function showAmount(micros: string | null): string | null {
  return micros === null ? null : formatAmount(BigInt(micros));
}
