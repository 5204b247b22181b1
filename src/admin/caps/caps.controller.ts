import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { BARRING_CLASSES } from '../../caps/barring.ts';
import { capDefinition, type CapDefinition } from '../../caps/cap.ts';
import type { CapRow } from '../../caps/store.ts';
import { formatInstant } from '../../kernel/clock.ts';
import { formatAmount } from '../../kernel/money.ts';
import { ChangeCaps, storedCap, type StoredCap } from '../../pipeline/limits/change-caps.ts';
import { notFound, UuidPipe } from '../http/identifiers.ts';
import { pageOf, pageQuery, textCursor, toPage, numberCursor, type Page } from '../http/paging.ts';
import { etag, ifMatch } from '../http/precondition.ts';
import { HttpProblem } from '../http/problem.ts';
import { Caller, Route } from '../http/route.ts';
import { asShown, instant, refuseOther } from '../http/wire.ts';
import { personOf } from '../keys/person.ts';
import type { Principal } from '../keys/role.ts';

const capResponse = capDefinition
  .extend({ id: z.uuid(), version: z.int(), created_at: instant, updated_at: instant })
  .meta({ id: 'Cap' });
type CapResponse = z.output<typeof capResponse>;

const capForm = asShown(capDefinition, ['id', 'version', 'created_at', 'updated_at']);

const capVersion = z
  .object({
    version: z.int(),
    changed_at: instant,
    changed_by: z.string(),
    // Under a name of its own: as an answer nothing is left out of it.
    definition: capDefinition.meta({ id: 'KeptCapDefinition' }),
  })
  .meta({ id: 'CapVersion' });
type CapVersion = z.output<typeof capVersion>;

const previewForm = capDefinition
  .extend({ replaces: z.uuid().optional().meta({ description: 'the cap that would have this definition instead' }) })
  .meta({ id: 'CapPreviewForm' });

const preview = z
  .object({
    affected: z.int().meta({ description: 'accounts for which it would decide something now' }),
    warned: z.int(),
    suspended: z.int(),
    accounts: z.array(
      z.object({
        account: z.string(),
        spend: z.string(),
        limit: z.string(),
        currency: z.string(),
        percent: z.number().meta({ description: 'spend in percent of the limit' }),
        thresholds: z.array(z.number()).meta({ description: 'those that would be crossed now' }),
        warn: z.boolean(),
        suspend: z.array(z.enum(BARRING_CLASSES)),
      }),
    ),
    lifted: z.int().meta({ description: 'accounts of which a suspension would be lifted' }),
    lifts: z.array(z.string()).meta({ description: 'these accounts' }),
    truncated: z.boolean().meta({ description: 'whether more accounts are concerned than are listed' }),
  })
  .meta({ id: 'CapPreview' });
type Preview = z.output<typeof preview>;

/** Caps are few; by the primary key. */
const PAGE = `SELECT * FROM caps WHERE ($1::uuid IS NULL OR cap_id > $1) ORDER BY cap_id LIMIT $2`;

const ONE = `SELECT * FROM caps WHERE cap_id = $1`;

const VERSIONS = `
  SELECT version, definition, changed_at, changed_by FROM cap_versions
   WHERE cap_id = $1 AND ($2::int IS NULL OR version < $2) ORDER BY version DESC LIMIT $3`;

@ApiTags('caps')
@Controller('v1/caps')
export class CapsController {
  readonly #dataSource: DataSource;
  readonly #change: ChangeCaps;

  constructor(dataSource: DataSource, change: ChangeCaps) {
    this.#dataSource = dataSource;
    this.#change = change;
  }

  @Post()
  @Route({ needs: 'billing', summary: 'Creates a cap', status: 201, answers: 'The cap', schema: capResponse })
  async create(
    @Body({ schema: capForm }) definition: CapDefinition,
    @Caller() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CapResponse> {
    const { actor, alone } = personOf(caller);
    const cap = await this.#change.create(definition, actor, alone);
    void reply.headers({ location: `/v1/caps/${cap.id}`, etag: etag(cap.version) });
    return showCap(cap);
  }

  @Get()
  @Route({ needs: 'viewer', summary: 'Lists caps', answers: 'A page, by id', schema: pageOf(capResponse) })
  async list(@Query({ schema: pageQuery }) { cursor, limit }: z.output<typeof pageQuery>): Promise<Page<CapResponse>> {
    const after = textCursor(cursor);
    const rows = await this.#dataSource.query<CapRow[]>(PAGE, [after && new UuidPipe().transform(after), limit + 1]);
    return toPage(
      rows,
      limit,
      (row) => row.cap_id,
      (row) => showCap(storedCap(row)),
    );
  }

  @Get(':id')
  @Route({ needs: 'viewer', summary: 'Shows a cap', answers: 'The cap', schema: capResponse })
  async show(@Param('id', UuidPipe) id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<CapResponse> {
    const [row] = await this.#dataSource.query<CapRow[]>(ONE, [id]);
    if (!row) throw notFound(`cap ${id}`);
    void reply.header('etag', etag(row.version));
    return showCap(storedCap(row));
  }

  @Put(':id')
  @Route({
    needs: 'billing',
    summary: 'Changes a cap',
    description:
      'Needs `If-Match` with the ETag that was read. What `GET` shows may be sent back, changed. A limit below what is spent acts at once, and so does the mode `enforce` on what waits for a person since that was `approve`. 409 where a second person has to agree to protection so much weaker.',
    answers: 'The cap as it is now',
    schema: capResponse,
  })
  async change(
    @Param('id', UuidPipe) id: string,
    @Body({ schema: capForm }) definition: CapDefinition,
    @Headers('if-match') match: string | undefined,
    @Req() { body }: FastifyRequest,
    @Caller() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CapResponse> {
    refuseOther(body, 'cap', 'id', id);
    if (match === undefined) {
      throw new HttpProblem(428, 'if_match_needed', 'say with If-Match which version you have read, by its ETag');
    }
    const cap = await this.#change.change(id, ifMatch(match), definition, personOf(caller));
    void reply.header('etag', etag(cap.version));
    return showCap(cap);
  }

  @Delete(':id')
  @HttpCode(204)
  @Route({
    needs: 'billing',
    summary: 'Deletes a cap',
    status: 204,
    answers: 'It is gone; its versions stay on record',
  })
  async remove(
    @Param('id', UuidPipe) id: string,
    @Headers('if-match') match: string | undefined,
    @Caller() caller: Principal,
  ): Promise<void> {
    const { actor, alone } = personOf(caller);
    await this.#change.remove(id, ifMatch(match), actor, alone);
  }

  @Post('preview')
  @HttpCode(200)
  @Route({
    needs: 'billing',
    summary: 'Says whom a cap would warn or suspend now',
    description: 'Changes nothing.',
    answers: 'The accounts that would be warned or suspended at once',
    schema: preview,
  })
  async preview(@Body({ schema: previewForm }) form: z.output<typeof previewForm>): Promise<Preview> {
    const { replaces, ...definition } = form;
    const found = await this.#change.preview(definition, replaces);
    return {
      affected: found.affected,
      warned: found.warned,
      suspended: found.suspended,
      accounts: found.accounts.map((each) => ({
        account: each.account,
        spend: formatAmount(each.spend),
        limit: formatAmount(each.limit),
        currency: definition.currency,
        percent: each.percent,
        thresholds: each.thresholds,
        warn: each.warn,
        suspend: each.suspend,
      })),
      lifted: found.lifted,
      lifts: found.lifts,
      truncated: found.truncated,
    };
  }

  @Get(':id/versions')
  @Route({
    needs: 'viewer',
    summary: 'Lists every definition a cap has had',
    answers: 'A page, newest first; those of a deleted cap as well',
    schema: pageOf(capVersion),
  })
  async versions(
    @Param('id', UuidPipe) id: string,
    @Query({ schema: pageQuery }) { cursor, limit }: z.output<typeof pageQuery>,
  ): Promise<Page<CapVersion>> {
    const rows = await this.#dataSource.query<
      { version: number; definition: CapDefinition; changed_at: Date; changed_by: string }[]
    >(VERSIONS, [id, numberCursor(cursor), limit + 1]);
    if (rows.length === 0 && cursor === undefined) throw notFound(`cap ${id}`);
    return toPage(
      rows,
      limit,
      (row) => String(row.version),
      (row) => ({ ...row, changed_at: formatInstant(row.changed_at.getTime()) }),
    );
  }
}

function showCap(cap: StoredCap): CapResponse {
  return {
    id: cap.id,
    version: cap.version,
    ...cap.definition,
    created_at: formatInstant(cap.createdAt),
    updated_at: formatInstant(cap.updatedAt),
  };
}
