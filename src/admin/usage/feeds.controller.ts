import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { definitionFor, feedDefinition, feedFields, feedForm } from '../../feeds/feed.ts';
import { SEEN_FEEDS, storedFeed, type FeedRow, type StoredFeed } from '../../feeds/feed-store.ts';
import { formatInstant } from '../../kernel/clock.ts';
import { formatAmount } from '../../kernel/money.ts';
import { NAME, NAME_FORM } from '../../kernel/name.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { ChangeFeeds } from '../../pipeline/usage/change-feeds.ts';
import { TryFeed, type TriedFeed, type TriedRow } from '../../pipeline/usage/try-feed.ts';
import { bodyBytes, mediaType } from '../http/bodies.ts';
import { notFound } from '../http/identifiers.ts';
import { pageOf, pageQuery, textCursor, toPage, type Page } from '../http/paging.ts';
import { etag, ifMatch } from '../http/precondition.ts';
import { HttpProblem } from '../http/problem.ts';
import { Actor, Route } from '../http/route.ts';
import { amount, asShown, instant } from '../http/wire.ts';

const feedResponse = z
  .object({
    name: z.string(),
    version: z.int(),
    ...feedFields.shape,
    created_at: instant,
    updated_at: instant.nullable(),
    last_import_at: instant.nullable(),
    watermark: instant.nullable().meta({ description: 'the latest start among its usage' }),
  })
  .meta({ id: 'Feed' });
type FeedResponse = z.output<typeof feedResponse>;

const triedRow = z.object({
  line: z.int(),
  outcome: z.enum(['counts', 'rejected', 'skipped']),
  record: z
    .object({
      record_id: z.string(),
      account_id: z.string(),
      service_id: z.string(),
      started_at: instant,
      duration_s: z.int(),
      kind: z.string(),
      units: z.string().nullable(),
      a_number: z.string(),
      b_number: z.string(),
      amount,
      currency: z.string(),
      state: z.string(),
      revision: z.int(),
      cost: amount.nullable(),
      origin_country: z.string(),
      tariff: z.string(),
      received_at: instant,
    })
    .optional()
    .meta({ description: 'what would count' }),
  to: z.string().optional().meta({ description: 'the called number as E.164' }),
  country: z.string().optional(),
  traffic: z.array(z.string()).optional().meta({ description: 'the classes that it would count for, beside `all`' }),
  field: z.string().optional(),
  reason: z.string().optional(),
  detail: z.string().optional(),
  text: z.string().optional(),
});

const tried = z
  .object({
    refused: z
      .object({
        code: z.string(),
        detail: z.string(),
        errors: z.array(z.object({ field: z.string(), detail: z.string() })),
      })
      .nullable()
      .meta({ description: 'why the sample as a whole can not be read; nothing of such a file would count' }),
    received: z.int(),
    counts: z.int(),
    rejected: z.int(),
    skipped: z.int(),
    totals: z.array(z.object({ currency: z.string(), rows: z.int(), amount })),
    columns: z.object({ found: z.array(z.string()), used: z.array(z.string()), missing: z.array(z.string()) }),
    hints: z.array(z.string()).meta({ description: 'what looks wrong in the mapping' }),
    rows: z.array(triedRow).meta({ description: 'the first 200' }),
  })
  .meta({ id: 'TriedFeed' });
type Tried = z.output<typeof tried>;

const SEEN = ['version', 'created_at', 'updated_at', 'last_import_at', 'watermark'];
const putForm = asShown(feedForm, SEEN);
const tryForm = z
  .strictObject({ definition: asShown(feedDefinition, ['name', ...SEEN]), sample: z.string() })
  .meta({ id: 'TryFeedForm' });

const SAMPLE_BYTES_MAX = 1024 ** 2;
const SAMPLE_TYPES = ['text/csv', 'text/plain', 'application/x-ndjson', 'application/json', 'application/octet-stream'];

/** Feeds are few; by the primary key. */
const PAGE = `SELECT * FROM ${SEEN_FEEDS} WHERE ($1::text IS NULL OR feed > $1) ORDER BY feed LIMIT $2`;

const ONE = `SELECT * FROM ${SEEN_FEEDS} WHERE feed = $1`;

@ApiTags('feeds')
@Controller('v1/feeds')
export class FeedsController {
  readonly #dataSource: DataSource;
  readonly #change: ChangeFeeds;
  readonly #try: TryFeed;

  constructor(dataSource: DataSource, change: ChangeFeeds, tryFeed: TryFeed) {
    this.#dataSource = dataSource;
    this.#change = change;
    this.#try = tryFeed;
  }

  @Get()
  @Route({ needs: 'viewer', summary: 'Lists feeds', answers: 'A page, by name', schema: pageOf(feedResponse) })
  async list(@Query({ schema: pageQuery }) { cursor, limit }: z.output<typeof pageQuery>): Promise<Page<FeedResponse>> {
    const rows = await this.#dataSource.query<FeedRow[]>(PAGE, [textCursor(cursor), limit + 1]);
    return toPage(
      rows,
      limit,
      (row) => row.feed,
      (row) => showFeed(storedFeed(row)),
    );
  }

  @Get(':name')
  @Route({ needs: 'viewer', summary: 'Shows a feed', answers: 'The feed', schema: feedResponse })
  async show(@Param('name') name: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<FeedResponse> {
    const feed = await this.#find(name);
    if (!feed) throw notFound(`feed ${name}`);
    void reply.header('etag', etag(feed.version));
    return showFeed(feed);
  }

  @Put(':name')
  @Route({
    needs: 'admin',
    summary: 'Makes a feed, or changes it',
    description:
      'A change needs `If-Match` with the ETag that was read; what `GET` shows may be sent back, changed. Secrets are named, never sent: they stand in the environment ' +
      'of the workers, as `PLAFOND_SECRET_…`.',
    answers: 'The feed as it is now; 201 where it was made',
    schema: feedResponse,
  })
  async put(
    @Param('name') name: string,
    @Body({ schema: putForm }) form: z.output<typeof putForm>,
    @Headers('if-match') match: string | undefined,
    @Actor() actor: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FeedResponse> {
    if (!NAME.test(name)) {
      throw new Refusal('invalid', 'bad_feed_name', `the name of a feed ${NAME_FORM}`, [
        { field: 'name', detail: NAME_FORM },
      ]);
    }
    if (match === undefined && (await this.#find(name))) {
      throw new HttpProblem(428, 'if_match_needed', 'say with If-Match which version you have read, by its ETag');
    }
    const definition = definitionFor(name, form);
    const { feed, created } = await this.#change.put(name, definition, matching(match), actor);
    void reply.status(created ? 201 : 200).header('etag', etag(feed.version));
    return showFeed(feed);
  }

  @Delete(':name')
  @HttpCode(204)
  @Route({
    needs: 'admin',
    summary: 'Removes a feed',
    description: 'One by which usage came stays listed, without its definition: as canonical usage of the same origin.',
    status: 204,
    answers: 'It is gone; what it was stays on record',
  })
  async remove(
    @Param('name') name: string,
    @Headers('if-match') match: string | undefined,
    @Actor() actor: string,
  ): Promise<void> {
    await this.#change.remove(name, matching(match) ?? 'any', actor);
  }

  @Post('try')
  @HttpCode(200)
  @Route({
    needs: 'billing',
    summary: 'Shows what a definition would count of a sample',
    description: 'Nothing is kept. JSON may stand as a document or one object a line.',
    answers: 'What would become of its rows',
    schema: tried,
  })
  async tryDefinition(@Body({ schema: tryForm }) { definition, sample }: z.output<typeof tryForm>): Promise<Tried> {
    return showTried(await this.#try.try(definition, Buffer.from(sample), formatOf(sample, undefined)));
  }

  @Post(':name/try')
  @HttpCode(200)
  @ApiConsumes(...SAMPLE_TYPES)
  @ApiBody({ schema: { type: 'string', format: 'binary' }, description: 'The beginning of a file, up to 1 MB' })
  @Route({
    needs: 'billing',
    streams: SAMPLE_TYPES,
    summary: 'Shows what a feed would count of a sample',
    description: 'Nothing is kept. The sample is read as the feed reads it.',
    answers: 'What would become of its rows',
    schema: tried,
  })
  async tryFeed(@Param('name') name: string, @Req() request: FastifyRequest): Promise<Tried> {
    const feed = await this.#find(name);
    if (!feed) throw notFound(`feed ${name}`);
    const chunks: Buffer[] = [];
    for await (const chunk of bodyBytes(request, SAMPLE_BYTES_MAX)) chunks.push(chunk);
    const sample = Buffer.concat(chunks);
    if (sample.length > SAMPLE_BYTES_MAX) throw new Refusal('too-large', 'too_large', 'a sample may have 1 MB at most');
    return showTried(
      await this.#try.try(feed.definition, sample, formatOf(sample.toString('utf8', 0, 4096), mediaType(request))),
    );
  }

  async #find(name: string): Promise<StoredFeed | undefined> {
    const [row] = await this.#dataSource.query<FeedRow[]>(ONE, [name]);
    return row && storedFeed(row);
  }
}

/** `*` takes any version; nothing, none. */
function matching(header: string | undefined): number | 'any' | undefined {
  return header === undefined ? undefined : (ifMatch(header) ?? 'any');
}

/** What a sample is written in: by its type where that says so, else by how it begins. */
function formatOf(begins: string, type: string | undefined): 'csv' | 'ndjson' | 'json' {
  if (type === 'application/x-ndjson') return 'ndjson';
  if (type === 'text/csv') return 'csv';
  const text = begins.replace(/^\ufeff/, '').trim();
  if (text.startsWith('[')) return 'json';
  if (!text.startsWith('{')) return 'csv';
  // One object a line: then the first line is an object by itself, and not all there is.
  const end = text.indexOf('\n');
  if (end < 0) return 'json';
  try {
    JSON.parse(text.slice(0, end));
    return 'ndjson';
  } catch {
    return 'json';
  }
}

function showFeed(feed: StoredFeed): FeedResponse {
  const orNull = (at: number | undefined) => (at === undefined ? null : formatInstant(at));
  return {
    name: feed.name,
    version: feed.version,
    ...feed.definition,
    created_at: formatInstant(feed.createdAt),
    updated_at: orNull(feed.updatedAt),
    last_import_at: orNull(feed.lastImportAt),
    watermark: orNull(feed.watermark),
  };
}

function showTried({ refused, rows, totals, ...rest }: TriedFeed): Tried {
  return {
    refused: refused ? { code: refused.code, detail: refused.detail, errors: [...refused.faults] } : null,
    ...rest,
    totals: totals.map((total) => ({ ...total, amount: formatAmount(total.amount) })),
    rows: rows.map(showRow),
  };
}

function showRow(row: TriedRow): Tried['rows'][number] {
  if (row.outcome !== 'counts') return row.outcome === 'rejected' ? { ...row.reject, outcome: row.outcome } : row;
  const { record } = row;
  return {
    line: row.line,
    outcome: row.outcome,
    record: {
      record_id: record.recordId,
      account_id: record.accountId,
      service_id: record.serviceId,
      started_at: formatInstant(record.startedAt),
      duration_s: record.durationSeconds,
      kind: record.kind,
      units: record.units === undefined ? null : String(record.units),
      a_number: record.aNumber,
      b_number: record.bNumber,
      amount: formatAmount(record.amount),
      currency: record.currency,
      state: record.state,
      revision: record.revision,
      cost: record.cost === undefined ? null : formatAmount(record.cost),
      origin_country: record.originCountry,
      tariff: record.tariff,
      received_at: formatInstant(record.receivedAt),
    },
    to: row.to,
    country: row.country,
    traffic: row.traffic,
  };
}
