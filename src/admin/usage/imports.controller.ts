import { Readable } from 'node:stream';
import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { headOf, lineOf, mendedRejects } from '../../feeds/reject-file.ts';
import { ResendRejects } from '../../pipeline/usage/resend-rejects.ts';
import { bodyBytes } from '../http/bodies.ts';
import { notFound, NumberPipe } from '../http/identifiers.ts';
import { importResult, showResult, type ImportResultResponse } from './import-result.ts';
import { actorOf, type Principal } from '../keys/role.ts';
import { maskNumbers } from '../http/masking.ts';
import { numberCursor, pageOf, pageQuery, toPage, type Page } from '../http/paging.ts';
import { Actor, Caller, Route, textAs } from '../http/route.ts';
import { instant, showInstant } from '../http/wire.ts';

const importsQuery = pageQuery.extend({ feed: z.string().max(64).optional() });

const importResponse = importResult
  .extend({
    feed: z.string(),
    source: z.enum(['http', 'drop-folder', 'resend']),
    file_name: z.string(),
    state: z.enum(['running', 'done', 'failed', 'same-file']),
    error: z.string().nullable(),
    requested_by: z.string(),
    started_at: instant,
    finished_at: instant.nullable(),
  })
  .meta({ id: 'Import' });
type ImportResponse = z.output<typeof importResponse>;

const rejectResponse = z
  .object({
    line: z.int(),
    text: z.string().meta({ description: 'the row as it stood in the file' }),
    field: z.string(),
    reason: z.string().meta({ description: 'such as `unknown_account`' }),
    detail: z.string(),
    resent_in: z.string().nullable().meta({
      description:
        'null while it is open; the import in which it was sent again and used, or this one where it had been sent again and is open where it came from',
    }),
  })
  .meta({ id: 'Reject' });
type RejectResponse = z.output<typeof rejectResponse>;

const line = z.int().min(1);

const resendForm = z
  .strictObject({
    lines: z.array(line).min(1).max(100_000).optional().meta({ description: 'send these again as they are' }),
    rows: z
      .array(z.strictObject({ line, text: z.string().min(1).max(100_000) }))
      .min(1)
      .max(10_000)
      .refine((rows) => new Set(rows.map((row) => row.line)).size === rows.length, {
        error: 'must name each line once',
      })
      .optional()
      .meta({ description: 'send these again, mended' }),
  })
  .optional();

interface ImportRow {
  import_id: string;
  feed: string;
  source: ImportResponse['source'];
  file_name: string;
  state: ImportResponse['state'];
  started_at: Date;
  finished_at: Date | null;
  error: string | null;
  requested_by: string;
  format: string;
  header: string;
  received: string;
  counted: string;
  duplicate: string;
  stale: string;
  superseded: string;
  rejected: string;
  skipped: string;
}

interface RejectRow {
  line: string;
  text: string;
  field: string;
  reason: string;
  detail: string;
  resent_in: string | null;
}

/** By the primary key backwards. $2: the only one whose imports may be seen. */
const PAGE = `
  SELECT * FROM imports
   WHERE ($1::text IS NULL OR feed = $1) AND ($2::text IS NULL OR requested_by = $2)
     AND ($3::bigint IS NULL OR import_id < $3)
   ORDER BY import_id DESC LIMIT $4`;

const ONE = `SELECT * FROM imports WHERE import_id = $1 AND ($2::text IS NULL OR requested_by = $2)`;

/** By the primary key. */
const REJECTS = `
  SELECT line, text, field, reason, detail, resent_in FROM rejects
   WHERE import_id = $1 AND ($2::bigint IS NULL OR line > $2) ORDER BY line LIMIT $3`;

const DOWNLOAD_ROWS = 1_000;
const MENDED_BYTES_MAX = 64 * 1024 ** 2;

/** By the primary key. */
const OPEN_REJECTS = `
  SELECT line, text, field, reason, detail, resent_in FROM rejects
   WHERE import_id = $1 AND line > $2 AND resent_in IS NULL ORDER BY line LIMIT $3`;

@ApiTags('usage')
@Controller('v1/imports')
export class ImportsController {
  readonly #dataSource: DataSource;
  readonly #rejects: ResendRejects;

  constructor(dataSource: DataSource, rejects: ResendRejects) {
    this.#dataSource = dataSource;
    this.#rejects = rejects;
  }

  @Get()
  @Route({
    needs: 'viewer',
    alsoFor: 'feed',
    summary: 'Lists what came in',
    description: 'A feed sees its own.',
    answers: 'A page, newest first',
    schema: pageOf(importResponse),
  })
  async list(
    @Query({ schema: importsQuery }) { cursor, limit, feed }: z.output<typeof importsQuery>,
    @Caller() caller: Principal,
  ): Promise<Page<ImportResponse>> {
    const parameters = [feed, onlyOf(caller), numberCursor(cursor), limit + 1];
    return toPage(
      await this.#dataSource.query<ImportRow[]>(PAGE, parameters),
      limit,
      (row) => row.import_id,
      showImport,
    );
  }

  @Get(':import_id')
  @Route({
    needs: 'viewer',
    alsoFor: 'feed',
    summary: 'Shows an import',
    answers: 'The import and what became of its rows',
    schema: importResponse,
  })
  async show(@Param('import_id', NumberPipe) id: string, @Caller() caller: Principal): Promise<ImportResponse> {
    return showImport(await this.#find(id, caller));
  }

  @Get(':import_id/rejects')
  @Route({
    needs: 'viewer',
    alsoFor: 'feed',
    summary: 'Lists the rows that could not be used',
    description: 'A viewer sees the numbers in them shortened.',
    answers: 'A page, by line',
    schema: pageOf(rejectResponse),
  })
  async rejects(
    @Param('import_id', NumberPipe) id: string,
    @Query({ schema: pageQuery }) { cursor, limit }: z.output<typeof pageQuery>,
    @Caller() caller: Principal,
  ): Promise<Page<RejectResponse>> {
    await this.#find(id, caller);
    const rows = await this.#dataSource.query<RejectRow[]>(REJECTS, [id, numberCursor(cursor), limit + 1]);
    return toPage(
      rows,
      limit,
      (row) => row.line,
      (row) => ({ ...row, line: Number(row.line), text: maskNumbers(row.text, caller.role) }),
    );
  }

  @Get(':import_id/rejects.csv')
  @Route({
    needs: 'viewer',
    alsoFor: 'feed',
    summary: 'Downloads the rows that could not be used and were not sent again',
    description:
      'What is wrong stands in four columns before each row. Of canonical CSV the rows stand as they came, under their own header; ' +
      'other rows stand as one column, `text`. Mended in place, the file can be sent back to the same address.',
    answers: 'CSV with a header',
    content: textAs('text/csv'),
  })
  async download(
    @Param('import_id', NumberPipe) id: string,
    @Caller() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Readable> {
    const header = headerOf(await this.#find(id, caller));
    void reply.header('content-type', 'text/csv; charset=utf-8');
    void reply.header('content-disposition', `attachment; filename="rejects-of-import-${id}.csv"`);
    return Readable.from(this.#rejectLines(id, header, caller));
  }

  @Post(':import_id/rejects.csv')
  @ApiConsumes('text/csv')
  @ApiBody({ schema: { type: 'string', format: 'binary' }, description: 'The file that was downloaded' })
  @HttpCode(200)
  @Route({
    needs: 'billing',
    streams: ['text/csv'],
    summary: 'Sends rejected rows again, mended in the file that was downloaded',
    description: 'Its first line stays, and the number of each reject; rows that are not to be sent are taken out.',
    answers: 'It is durable; what became of them now',
    schema: importResult,
  })
  async sendBack(
    @Param('import_id', NumberPipe) id: string,
    @Req() request: FastifyRequest,
    @Caller() caller: Principal,
    @Actor() actor: string,
  ): Promise<ImportResultResponse> {
    const header = headerOf(await this.#find(id, caller));
    const rows = await mendedRejects(bodyBytes(request, MENDED_BYTES_MAX), header);
    return showResult(await this.#rejects.resend(id, rows, actor));
  }

  /** A page of the database at a time; `header`: of canonical CSV, whose rows stand as they came. */
  async *#rejectLines(id: string, header: string | undefined, caller: Principal): AsyncGenerator<string> {
    yield `${headOf(header)}\n`;
    for (let after = '0'; ;) {
      const rows = await this.#dataSource.query<RejectRow[]>(OPEN_REJECTS, [id, after, DOWNLOAD_ROWS]);
      for (const row of rows) {
        yield `${lineOf({ ...row, line: Number(row.line), text: maskNumbers(row.text, caller.role) }, header)}\n`;
      }
      if (rows.length < DOWNLOAD_ROWS) return;
      after = rows.at(-1)!.line;
    }
  }

  @Post(':import_id/rejects/resend')
  @ApiBody({ required: false })
  @HttpCode(200)
  @Route({
    needs: 'billing',
    summary: 'Sends rejected rows again',
    description:
      'All that were not used since, or the `lines` named as they are, or `rows` that were mended. ' +
      'One that is bad again is open here still; the new import lists it as it was sent, and why.',
    answers: 'It is durable; what became of them now',
    schema: importResult,
  })
  async resend(
    @Param('import_id', NumberPipe) id: string,
    @Body({ schema: resendForm }) form: z.output<typeof resendForm>,
    @Caller() caller: Principal,
    @Actor() actor: string,
  ): Promise<ImportResultResponse> {
    await this.#find(id, caller);
    const rows = form && [...(form.lines ?? []).map((line) => ({ line })), ...(form.rows ?? [])];
    return showResult(await this.#rejects.resend(id, rows?.length ? rows : undefined, actor));
  }

  async #find(id: string, caller: Principal): Promise<ImportRow> {
    const [row] = await this.#dataSource.query<ImportRow[]>(ONE, [id, onlyOf(caller)]);
    if (!row) throw notFound(`import ${id}`);
    return row;
  }
}

/** Of canonical CSV: what its rejects stand under. */
function headerOf({ format, header }: ImportRow): string | undefined {
  return format === 'csv' ? header : undefined;
}

/** Whose imports a caller may see: a feed its own, everybody else all. */
function onlyOf(caller: Principal): string | undefined {
  return caller.role === 'feed' ? actorOf(caller) : undefined;
}

function showImport(row: ImportRow): ImportResponse {
  return {
    import_id: row.import_id,
    feed: row.feed,
    source: row.source,
    file_name: row.file_name,
    state: row.state,
    error: row.error,
    requested_by: row.requested_by,
    started_at: showInstant(row.started_at),
    finished_at: showInstant(row.finished_at),
    received: Number(row.received),
    counted: Number(row.counted),
    duplicate: Number(row.duplicate),
    stale: Number(row.stale),
    superseded: Number(row.superseded),
    rejected: Number(row.rejected),
    ...(row.skipped === '0' ? {} : { skipped: Number(row.skipped) }),
  };
}
