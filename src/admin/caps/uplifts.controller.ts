import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { capDefinition } from '../../caps/cap.ts';
import type { UpliftRow } from '../../caps/uplift-store.ts';
import { INSTANT_WANTED, parseInstant } from '../../kernel/clock.ts';
import { formatAmount, parseAmount } from '../../kernel/money.ts';
import { SecondPerson } from '../../pipeline/deciding/second-person.ts';
import { GrantUplift } from '../../pipeline/limits/grant-uplift.ts';
import { readAccount } from '../accounts/account-row.ts';
import { notFound, UuidPipe } from '../http/identifiers.ts';
import { ApiIdempotencyKey, idempotencyKey } from '../http/idempotency-key.ts';
import { numberCursor, pageOf, pageQuery, toPage, type Page } from '../http/paging.ts';
import type { Principal } from '../keys/role.ts';
import { personOf } from '../keys/person.ts';
import { Actor, Caller, Route } from '../http/route.ts';
import { reason, reasonForm } from '../suspensions/suspensions.controller.ts';
import { amount, instant, showInstant } from '../http/wire.ts';

const upliftForm = z
  .strictObject({
    cap: z.uuid().optional().meta({ description: 'the cap whose limit is raised' }),
    traffic: capDefinition.shape.traffic.optional().meta({ description: 'or the traffic of which every cap is' }),
    amount: capDefinition.shape.limit.meta({ description: 'by how much, in the currency of the account' }),
    until: z
      .string()
      .refine((text) => parseInstant(text) !== undefined, { error: INSTANT_WANTED })
      .meta({ format: 'date-time' }),
    reason,
  })
  .refine(({ cap, traffic }) => (cap === undefined) !== (traffic === undefined), {
    path: ['cap'],
    error: 'name either a cap or a traffic',
  })
  .meta({ id: 'UpliftForm' });

const uplift = z
  .object({
    id: z.string(),
    account: z.string(),
    cap: z.string().nullable(),
    traffic: z.string().nullable(),
    amount,
    currency: z.string(),
    until: instant,
    reason: z.string(),
    granted_by: z.string(),
    granted_at: instant,
    ended_at: instant.nullable(),
    ended_by: z.string().nullable(),
    ended_reason: z.string().nullable(),
  })
  .meta({ id: 'Uplift' });
type Uplift = z.output<typeof uplift>;

const waiting = z.object({ approval: z.string() }).meta({ id: 'WaitingForSecondPerson' });
type Waiting = z.output<typeof waiting>;

const upliftsQuery = pageQuery.extend({
  in_force: z.enum(['true', 'false']).optional().meta({ description: 'only those in force, or only those that ended' }),
});

/** By the index `uplifts_of_account`. */
const PAGE = `
  SELECT * FROM uplifts
   WHERE account_id = $1 AND ($2::bigint IS NULL OR uplift_no < $2) AND ($3::boolean IS NULL OR (ended_at IS NULL) = $3)
   ORDER BY uplift_no DESC LIMIT $4`;
const ONE = 'SELECT * FROM uplifts WHERE uplift_id = $1 AND account_id = $2';

@ApiTags('accounts')
@Controller('v1/accounts/:account_id/uplifts')
export class UpliftsController {
  readonly #dataSource: DataSource;
  readonly #uplifts: GrantUplift;
  readonly #second: SecondPerson;

  constructor(dataSource: DataSource, uplifts: GrantUplift, second: SecondPerson) {
    this.#dataSource = dataSource;
    this.#uplifts = uplifts;
    this.#second = second;
  }

  @Get()
  @Route({
    needs: 'viewer',
    summary: 'Lists how the limits of an account were raised for a while',
    answers: 'A page, newest first',
    schema: pageOf(uplift),
  })
  async list(
    @Param('account_id') id: string,
    @Query({ schema: upliftsQuery }) { cursor, limit, in_force }: z.output<typeof upliftsQuery>,
  ): Promise<Page<Uplift>> {
    const { time_zone: zone } = await readAccount(this.#dataSource, id);
    const rows = await this.#dataSource.query<UpliftRow[]>(PAGE, [id, numberCursor(cursor), in_force, limit + 1]);
    return toPage(
      rows,
      limit,
      (row) => row.uplift_no,
      (row) => showUplift(row, zone),
    );
  }

  @Post()
  @ApiIdempotencyKey()
  @Route({
    needs: 'billing',
    summary: 'Raises a limit of an account for a while',
    description:
      'At once: thresholds that are no longer reached fall, and what they had suspended is lifted. When it ends, what is spent is held against the limit anew. 202 with the approval that waits where a second person has to agree first. ' +
      'With `Idempotency-Key` it may be sent again where its answer was lost: the same by the same name, for the same ' +
      'account, grants nothing more and answers the uplift, or the approval, as it is now; 409 `another_request` where that name asked for something else.',
    status: 201,
    answers: 'The uplift',
    schema: z.union([uplift, waiting]),
  })
  async grant(
    @Param('account_id') accountId: string,
    @Body({ schema: upliftForm }) form: z.output<typeof upliftForm>,
    @Headers('idempotency-key') key: string | undefined,
    @Caller() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Uplift | Waiting> {
    const asked = {
      accountId,
      of: form.cap === undefined ? { traffic: form.traffic! } : { cap: form.cap },
      amount: parseAmount(form.amount)!,
      until: parseInstant(form.until)!,
      reason: form.reason,
    };
    const done = await this.#second.raise(asked, personOf(caller), idempotencyKey(key));
    if ('approval' in done) {
      void reply.code(202).header('location', `/v1/approvals/${done.approval}`);
      return done;
    }
    void reply.header('location', `/v1/accounts/${encodeURIComponent(accountId)}/uplifts/${done.uplift}`);
    return this.show(accountId, done.uplift);
  }

  @Get(':id')
  @Route({ needs: 'viewer', summary: 'Shows an uplift', answers: 'The uplift', schema: uplift })
  async show(@Param('account_id') accountId: string, @Param('id', UuidPipe) id: string): Promise<Uplift> {
    const { time_zone: zone } = await readAccount(this.#dataSource, accountId);
    const [row] = await this.#dataSource.query<UpliftRow[]>(ONE, [id, accountId]);
    if (!row) throw notFound(`uplift ${id}`);
    return showUplift(row, zone);
  }

  @Post(':id/end')
  @ApiBody({ required: false })
  @HttpCode(200)
  @Route({
    needs: 'billing',
    summary: 'Ends an uplift before its time',
    description: 'What is spent is held against the limit anew, at once.',
    answers: 'The uplift, ended',
    schema: uplift,
  })
  async end(
    @Param('account_id') accountId: string,
    @Param('id', UuidPipe) id: string,
    @Body({ schema: reasonForm }) form: z.output<typeof reasonForm>,
    @Actor() actor: string,
  ): Promise<Uplift> {
    await this.#uplifts.end(accountId, id, form.reason, actor);
    return this.show(accountId, id);
  }
}

function showUplift(row: UpliftRow, zone: string): Uplift {
  return {
    id: row.uplift_id,
    account: row.account_id,
    cap: row.cap_id,
    traffic: row.traffic,
    amount: formatAmount(BigInt(row.amount_micros)),
    currency: row.currency,
    until: showInstant(row.until_at, zone),
    reason: row.reason,
    granted_by: row.granted_by,
    granted_at: showInstant(row.granted_at, zone),
    ended_at: showInstant(row.ended_at, zone),
    ended_by: row.ended_by,
    ended_reason: row.ended_reason,
  };
}
