import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Account } from '../../accounts/account.ts';
import { accountsById } from '../../accounts/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { TRAFFIC_BIT } from '../../destinations/traffic.ts';
import { peerReading, type FeedDefinition } from '../../feeds/feed.ts';
import { headerHints, hintsOf, type Hint } from '../../feeds/formats/hints.ts';
import { readPeerRows } from '../../feeds/formats/peer-rows.ts';
import { readRows, type Format } from '../../feeds/formats/rows.ts';
import type { FeedRow, Reject, SkipReason, UsageRecord } from '../../feeds/usage-record.ts';
import { Clock } from '../../kernel/clock.ts';
import type { Micros } from '../../kernel/money.ts';
import { Refusal, type Fault } from '../../kernel/refusal.ts';
import { admit, isAdmitted } from '../../ledger/admit.ts';

/** What would become of a row. */
export type TriedRow =
  | { line: number; outcome: 'counts'; record: UsageRecord; to: string; country: string; traffic: string[] }
  | { line: number; outcome: 'rejected'; reject: Reject }
  | { line: number; outcome: 'skipped'; reason: SkipReason; text: string };

export interface TriedFeed {
  /** the sample as a whole can't be read */
  refused: { code: string; detail: string; faults: readonly Fault[] } | undefined;
  /** the first of them; at most {@link ROWS_SHOWN_MAX} */
  rows: TriedRow[];
  received: number;
  counts: number;
  rejected: number;
  skipped: number;
  /** what would count, by currency */
  totals: { currency: string; rows: number; amount: Micros }[];
  columns: { found: string[]; used: string[]; missing: string[] };
  hints: Hint[];
}

const ROWS_SHOWN_MAX = 200;
const BATCH_ROWS = 1_000;

/** Shows what a feed would count and reject of a sample; nothing is kept. */
@Injectable()
export class TryFeed {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;

  constructor(dataSource: DataSource, clock: Clock) {
    this.#dataSource = dataSource;
    this.#clock = clock;
  }

  /** `format`: of canonical usage; of a peer's it tells only whether JSON has one object a line. */
  async try(definition: FeedDefinition, sample: Buffer, format: Format): Promise<TriedFeed> {
    const { rows, refused, header } = await readSample(definition, sample, format);
    const accounts = await this.#accountsOf(rows);
    const tried = rows.map((row) => this.#tryRow(row, accounts, definition.origin));
    const { mapping, format: peer } = peerReading(definition) ?? {};
    const fromHeader =
      refused && mapping && !mapping.header ? headerHints(sample.toString('utf8', 0, 65_536), mapping) : undefined;
    const found =
      fromHeader?.found ??
      (header === undefined ? [...(mapping?.header ?? [])] : columnsIn(header, mapping?.separator));
    const asked = mapping
      ? Object.values(mapping.columns)
          .flat()
          .map((name) => peer?.madeOf?.[name] ?? name)
      : [];
    const unknown = tried.filter((row) => row.outcome === 'rejected' && row.reject.reason === 'unknown_account').length;
    return {
      refused,
      rows: tried.slice(0, ROWS_SHOWN_MAX),
      received: tried.length,
      counts: tried.filter(({ outcome }) => outcome === 'counts').length,
      rejected: tried.filter(({ outcome }) => outcome === 'rejected').length,
      skipped: tried.filter(({ outcome }) => outcome === 'skipped').length,
      totals: totalsOf(tried),
      columns: {
        found,
        used: found.filter((name) => asked.includes(name)),
        missing: found.length === 0 ? [] : [...new Set(asked)].filter((name) => !found.includes(name)),
      },
      hints: [
        ...(fromHeader?.hints ?? []),
        ...hintsOf(rows, mapping),
        ...(unknown > 0 && unknown === tried.filter(({ outcome }) => outcome !== 'skipped').length
          ? ['no account is known: does account_id come from the right column?']
          : []),
      ],
    };
  }

  async #accountsOf(rows: readonly FeedRow[]): Promise<Map<string, Account>> {
    const ids = new Set(rows.flatMap((row) => ('record' in row ? [row.record.accountId] : [])));
    const accounts = await inTransaction(this.#dataSource, ({ client }) => accountsById(client, [...ids]));
    return new Map(accounts.map((account) => [account.accountId, account]));
  }

  #tryRow(row: FeedRow, accounts: ReadonlyMap<string, Account>, origin: string): TriedRow {
    if ('skipped' in row) return { outcome: 'skipped', ...row.skipped };
    if ('reject' in row) return { line: row.reject.line, outcome: 'rejected', reject: row.reject };
    const { record, text } = row;
    const admitted = admit(record, accounts.get(record.accountId), origin, this.#clock.now());
    if (!isAdmitted(admitted)) {
      return { line: record.line, outcome: 'rejected', reject: { ...admitted, line: record.line, text } };
    }
    const { number, country, traffic } = admitted.destination;
    const classes = Object.entries(TRAFFIC_BIT).flatMap(([name, bit]) => ((traffic & bit) === bit ? [name] : []));
    return { line: record.line, outcome: 'counts', record, to: number, country, traffic: classes };
  }
}

async function readSample(
  definition: FeedDefinition,
  sample: Buffer,
  format: Format,
): Promise<{ rows: FeedRow[]; refused: TriedFeed['refused']; header: string | undefined }> {
  const peer = peerReading(definition);
  const rows: FeedRow[] = [];
  let header: string | undefined;
  const onHeader = (text: string) => (header = text);
  const bytes = (async function* () {
    yield sample;
  })();
  // A sample is the beginning of a file: of a checksum at its end nothing can be asked.
  const options = { byLine: format === 'ndjson', sealChecked: true, batchRows: BATCH_ROWS, onHeader };
  try {
    const batches: AsyncGenerator<FeedRow[]> = peer
      ? readPeerRows(bytes, peer, options)
      : readRows(bytes, format, BATCH_ROWS, onHeader);
    for await (const batch of batches) rows.push(...batch);
    return { rows, refused: undefined, header };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { rows, refused: { code: error.code, detail: error.message, faults: error.faults }, header };
  }
}

function columnsIn(header: string, separator = ','): string[] {
  return header.split(separator).map((name) => name.trim().replaceAll(/^"|"$/g, ''));
}

function totalsOf(rows: readonly TriedRow[]): TriedFeed['totals'] {
  const totals = new Map<string, TriedFeed['totals'][number]>();
  for (const row of rows) {
    if (row.outcome !== 'counts') continue;
    const { currency, amount } = row.record;
    const total = totals.get(currency) ?? { currency, rows: 0, amount: 0n };
    totals.set(currency, { currency, rows: total.rows + 1, amount: total.amount + amount });
  }
  return [...totals.values()];
}
