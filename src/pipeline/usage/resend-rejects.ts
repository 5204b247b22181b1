import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { PoolClient } from 'pg';
import { peerReading } from '../../feeds/feed.ts';
import { definitionOfFeed } from '../../feeds/feed-store.ts';
import { isPeerFormat } from '../../feeds/formats/peer-formats.ts';
import { readPeerLines } from '../../feeds/formats/peer-rows.ts';
import { readRows } from '../../feeds/formats/rows.ts';
import { beginImport, openRejects, type ImportFormat } from '../../feeds/imports.ts';
import type { FeedRow, ParsedRow } from '../../feeds/usage-record.ts';
import { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { UsagePartitions } from '../../ledger/partitions.ts';
import { Counting } from './counting.ts';
import { daysOf } from './days-of-rows.ts';
import { NOTHING_SETTLED, type LaneBatch } from './lanes.ts';
import type { ImportResult } from './record-usage.ts';

/** Takes rejected rows in again, as they stood or mended. */
@Injectable()
export class ResendRejects {
  readonly #clock: Clock;
  readonly #partitions: UsagePartitions;
  readonly #counting: Counting;

  constructor(dataSource: DataSource, clock: Clock, partitions: UsagePartitions) {
    this.#clock = clock;
    this.#partitions = partitions;
    this.#counting = new Counting(dataSource, clock);
  }

  /**
   * Sends rejects of an import again, as they stood or mended. Those that can be used now are no longer open.
   * @throws Refusal not-found
   */
  async resend(
    importId: string,
    rows: readonly { line: number; text?: string }[] | undefined,
    requestedBy: string,
  ): Promise<ImportResult> {
    return this.#counting.inTransaction(async (transaction, shards) => {
      const { client } = transaction;
      const { rows: imports } = await client.query<{ feed: string; format: ImportFormat; header: string }>(
        'SELECT feed, format, header FROM imports WHERE import_id = $1',
        [importId],
      );
      const from = imports[0];
      if (!from) throw new Refusal('not-found', 'unknown_import', `there is no import ${importId}`);
      const open = await openRejects(
        client,
        importId,
        rows?.map((row) => row.line),
      );
      const mended = new Map(rows?.map((row) => [row.line, row.text]));
      const missing = rows?.find((row) => !open.some((reject) => reject.line === row.line));
      if (missing) {
        throw new Refusal(
          'not-found',
          'unknown_reject',
          `line ${missing.line} of import ${importId} is no open reject`,
        );
      }
      const texts = open.map((reject) => mended.get(reject.line) ?? reject.text);
      const parsed = await parseAgain(client, texts, from);
      const running = await beginImport(
        client,
        {
          feed: from.feed,
          source: 'resend',
          fileName: `rejects of import ${importId}`,
          contentHash: undefined,
          format: from.format,
          requestedBy,
        },
        NOTHING_SETTLED,
        this.#clock.now(),
      );
      await this.#partitions.prepareDays(daysOf(parsed));
      const last = { header: from.header, latestStart: undefined };
      const outcome = await this.#counting.settleLane(transaction, whole(parsed), running, shards, last);
      const again = new Set(outcome.rejects.map((reject) => reject.line));
      // Lines of the new import are counted from 1, in the order of the rejects that were sent.
      const used = open.filter((_, index) => !again.has(index + 1)).map((reject) => reject.line);
      await client.query('UPDATE rejects SET resent_in = $2 WHERE import_id = $1 AND line = ANY ($3)', [
        importId,
        running.importId,
        used,
      ]);
      return { importId: running.importId, ...outcome.counts };
    });
  }
}

/** A batch that one transaction settles. */
function whole(rows: readonly FeedRow[]): LaneBatch {
  return { rows, before: NOTHING_SETTLED, after: NOTHING_SETTLED.map(() => rows.length) };
}

/** Reads rejects' texts once more, under the header they came with; those of a peer as its feed is read now. */
async function parseAgain(
  client: PoolClient,
  texts: readonly string[],
  { feed, format, header }: { feed: string; format: ImportFormat; header: string },
): Promise<FeedRow[]> {
  if (texts.length === 0) return [];
  if (isPeerFormat(format)) {
    const definition = await definitionOfFeed(client, feed);
    const peer = definition.format === format && peerReading(definition);
    if (!peer) {
      const changed = `the feed ${feed} is read as ${definition.format} now, but these rows came as ${format}`;
      throw new Refusal('conflict', 'format_changed', changed);
    }
    if (texts.some((text) => text.includes('\n'))) throw notOneRow();
    return readPeerLines(texts, peer, header);
  }
  const lines = format === 'csv' ? [header, ...texts] : texts;
  const bytes = (async function* () {
    yield Buffer.from(lines.join('\n'));
  })();
  const rows: ParsedRow[] = [];
  for await (const batch of readRows(bytes, format === 'csv' ? 'csv' : 'ndjson', texts.length)) rows.push(...batch);
  if (rows.length !== texts.length) throw notOneRow();
  return rows.map((row, index) =>
    'record' in row
      ? { ...row, record: { ...row.record, line: index + 1 } }
      : { reject: { ...row.reject, line: index + 1 } },
  );
}

function notOneRow(): Refusal {
  return new Refusal('invalid', 'not_one_row', 'each mended text must be one row, on one line');
}
