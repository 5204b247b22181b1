import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { ClientBase } from 'pg';
import { inTransaction } from '../../database/transaction.ts';
import { peerReading } from '../../feeds/feed.ts';
import { definitionOfFeed } from '../../feeds/feed-store.ts';
import { isPeerFormat } from '../../feeds/formats/peer-formats.ts';
import { readPeerLines } from '../../feeds/formats/peer-rows.ts';
import { readLines } from '../../feeds/formats/rows.ts';
import { beginImport, endImport, type ImportFormat, type NewImport, type RunningImport } from '../../feeds/imports.ts';
import { lockOpenLines, openRejects, type OpenReject } from '../../feeds/rejects.ts';
import type { FeedRow } from '../../feeds/usage-record.ts';
import { Clock, type Instant } from '../../kernel/clock.ts';
import { messageOf, Refusal } from '../../kernel/refusal.ts';
import { Turns } from '../../kernel/turns.ts';
import { UsagePartitions } from '../../ledger/partitions.ts';
import { Counting, later, type Ending, type SettledBatch } from './counting.ts';
import { prepareDaysOf } from './days-of-rows.ts';
import { lineOf, NOTHING_SETTLED } from './lanes.ts';
import { BATCH_ROWS, type ImportResult } from './record-usage.ts';

/** The import whose rejects are sent again. */
interface Sent {
  importId: string;
  feed: string;
  format: ImportFormat;
  header: string;
}

/** Rejects that are counted together, and beside each the row that it is now. */
interface Again {
  open: readonly OpenReject[];
  rows: readonly FeedRow[];
}

/** Takes rejected rows in again, as they stood or mended. */
@Injectable()
export class ResendRejects {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #partitions: UsagePartitions;
  readonly #counting: Counting;
  /** However many are sent at once, they leave the connections to usage that comes. */
  readonly #turns = new Turns(1);

  constructor(dataSource: DataSource, clock: Clock, partitions: UsagePartitions) {
    this.#dataSource = dataSource;
    this.#clock = clock;
    this.#partitions = partitions;
    this.#counting = new Counting(dataSource, clock);
  }

  /**
   * Sends rejects of an import again, as they stood or mended, batch by batch and as one import. Those that can be used now
   * are no longer open. One that is bad again is open still where it came from, as it stood, so that what was mended badly
   * is mended anew under the same line; the new import lists it as it was sent, and why. Where it breaks off, the batches
   * before hold, and what is left is open still.
   * @throws Refusal unknown_import, unknown_reject, not_one_row, format_changed
   */
  async resend(
    importId: string,
    rows: readonly { line: number; text?: string }[] | undefined,
    requestedBy: string,
  ): Promise<ImportResult> {
    const mended = new Map(rows?.map(({ line, text }) => [line, text === undefined ? undefined : oneRow(text)]));
    const lines = rows && [...mended.keys()];
    const sent = await inTransaction(this.#dataSource, async ({ client }) => {
      const found = await importSent(client, importId);
      if (lines) refuseMissing(importId, lines, await lockOpenLines(client, importId, lines));
      return found;
    });
    const begun: NewImport = {
      feed: sent.feed,
      source: 'resend',
      fileName: `rejects of import ${importId}`,
      contentHash: undefined,
      format: sent.format,
      requestedBy,
    };
    let running: RunningImport | undefined;
    let latestStart: Instant | undefined;
    try {
      for (let after = 0, firstLine = 1; ;) {
        const again = await inTransaction(this.#dataSource, async ({ client }): Promise<Again> => {
          const open = await openRejects(client, importId, lines, after, BATCH_ROWS);
          const texts = open.map(({ line, text }) => mended.get(line) ?? text);
          return { open, rows: await readAgain(client, texts, sent, firstLine) };
        });
        // Not within the transaction that counts: that would hold its connection while it waits for another.
        await prepareDaysOf(again.rows, this.#dataSource, this.#partitions);
        const last = again.open.length < BATCH_ROWS ? { header: sent.header, latestStart } : undefined;
        const counted = await this.#turns.take(() =>
          this.#count(importId, again, lines !== undefined, running ?? begun, last),
        );
        running = counted.running;
        if (last) return { importId: running.importId, ...counted.outcome.counts };
        latestStart = later(latestStart, counted.outcome.latestStart);
        after = again.open.at(-1)!.line;
        firstLine += again.open.length;
      }
    } catch (error) {
      if (running) {
        const { importId: broken } = running;
        const end = { state: 'failed' as const, error: messageOf(error), header: sent.header, latestStart };
        await inTransaction(this.#dataSource, ({ client }) => endImport(client, broken, end, this.#clock.now())).catch(
          () => undefined,
        );
      }
      throw error;
    }
  }

  /** Counts those that are still open; where they were asked for one by one, all must be. */
  async #count(
    importId: string,
    { open, rows }: Again,
    all: boolean,
    into: RunningImport | NewImport,
    last: Ending | undefined,
  ): Promise<{ running: RunningImport; outcome: SettledBatch }> {
    return this.#counting.inTransaction(async (transaction, learnt) => {
      const { client } = transaction;
      const lines = open.map(({ line }) => line);
      const still = await lockOpenLines(client, importId, lines);
      if (all) refuseMissing(importId, lines, still);
      const before = 'importId' in into ? into : await beginImport(client, into, NOTHING_SETTLED, this.#clock.now());
      const kept = rows.filter((_, index) => still.has(lines[index]!));
      const settled = kept.length === 0 ? before.settledLines : before.settledLines.map(() => lineOf(kept.at(-1)!));
      const batch = { rows: kept, before: before.settledLines, after: settled };
      const outcome = await this.#counting.settleLane(transaction, batch, before, learnt, last);
      const again = new Set(outcome.rejects.map(({ line }) => line));
      const used = lines.filter((line, index) => still.has(line) && !again.has(lineOf(rows[index]!)));
      await client.query(RESENT, [importId, before.importId, used, [...again]]);
      return { running: { ...before, settledLines: settled }, outcome };
    });
  }
}

/** $1: the import they came with, and its lines that are used; $2: the one in which they were sent, and its lines that are bad again. */
const RESENT = `
  UPDATE rejects SET resent_in = $2
   WHERE (import_id = $1 AND line = ANY ($3)) OR (import_id = $2 AND line = ANY ($4))`;

/** @throws Refusal unknown_import */
async function importSent(client: ClientBase, importId: string): Promise<Sent> {
  const { rows } = await client.query<Sent>(
    'SELECT import_id AS "importId", feed, format, header FROM imports WHERE import_id = $1',
    [importId],
  );
  if (!rows[0]) throw new Refusal('not-found', 'unknown_import', `there is no import ${importId}`);
  return rows[0];
}

/** @throws Refusal unknown_reject */
function refuseMissing(importId: string, lines: readonly number[], open: ReadonlySet<number>): void {
  const missing = lines.find((line) => !open.has(line));
  if (missing === undefined) return;
  throw new Refusal('not-found', 'unknown_reject', `line ${missing} of import ${importId} is no open reject`);
}

/**
 * Reads rejects' texts once more, under the header they came with; those of a peer as its feed is read now. Lines of the
 * new import are counted from 1, in the order of the rejects that are sent.
 * @throws Refusal format_changed
 */
async function readAgain(
  client: ClientBase,
  texts: readonly string[],
  { feed, format, header }: Sent,
  firstLine: number,
): Promise<FeedRow[]> {
  if (texts.length === 0) return [];
  if (!isPeerFormat(format)) return readLines(texts, format, header, firstLine);
  const definition = await definitionOfFeed(client, feed);
  const peer = definition.format === format && peerReading(definition);
  if (!peer) {
    const changed = `the feed ${feed} is read as ${definition.format} now, but these rows came as ${format}`;
    throw new Refusal('conflict', 'format_changed', changed);
  }
  return readPeerLines(texts, peer, header, firstLine);
}

/** A mended text, without the line break that may end it. @throws Refusal not_one_row */
function oneRow(text: string): string {
  const row = text.replaceAll(/^[\r\n]+|[\r\n]+$/g, '');
  if (row === '' || row.includes('\n')) {
    throw new Refusal('invalid', 'not_one_row', 'each mended text must be one row, on one line');
  }
  return row;
}
