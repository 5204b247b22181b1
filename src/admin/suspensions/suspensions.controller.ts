import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { isHoldScope, parseBarScope, type BarScope } from '../../caps/barring.ts';
import { textUpTo } from '../../kernel/characters.ts';
import { INSTANT_WANTED, parseInstant } from '../../kernel/clock.ts';
import { SecondPerson } from '../../pipeline/deciding/second-person.ts';
import { SettleSuspensions } from '../../pipeline/suspending/settle-suspension.ts';
import { accountId } from '../../accounts/account-form.ts';
import { notFound, UuidPipe } from '../http/identifiers.ts';
import { numberCursor, pageOf, pageQuery, toPage, type Page } from '../http/paging.ts';
import { actorOf, type Principal } from '../keys/role.ts';
import { personOf } from '../keys/person.ts';
import { Actor, Caller, Route } from '../http/route.ts';
import { instant, showInstant } from '../http/wire.ts';

const suspensionsQuery = pageQuery.extend({ account: textUpTo(64).optional() });

export const reason = z
  .string()
  .min(1, { error: 'must say why' })
  .max(1000)
  .refine((text) => !text.includes('\0'), { error: 'must be text' });

const barScope = z
  .string()
  .refine((text): text is BarScope => parseBarScope(text) !== undefined, {
    error: 'must be international, premium, outgoing, or for a hold country:SO (ISO 3166-1) or prefix:+25261',
  })
  .meta({ description: 'international, premium, outgoing, country:SO or prefix:+25261' });

const suspensionForm = z
  .strictObject({
    account: accountId,
    class: barScope,
    reason,
    until: z
      .string()
      .refine((text) => parseInstant(text) !== undefined, { error: INSTANT_WANTED })
      .optional()
      .meta({ format: 'date-time', description: 'without it, until it is lifted by hand' }),
  })
  .meta({ id: 'SuspensionForm' });

/** Who lifts in a hurry may leave the reason for later. */
export const reasonForm = z
  .strictObject({ reason: reason.default('no reason given') })
  .default({ reason: 'no reason given' });

const STATES = ['awaiting-approval', 'wanted', 'applied', 'lifting', 'lifted', 'declined'] as const;

const suspension = z
  .object({
    id: z.string(),
    account: z.string(),
    class: barScope,
    kind: z.enum(['suspension', 'hold']).meta({ description: 'a hold bars one country or prefix' }),
    state: z.enum(STATES),
    decision: z.string().nullable(),
    cap: z.string().nullable(),
    period: z.string(),
    reason: z.string(),
    terms: z.string().meta({ description: 'the contract clause it rests on' }),
    requested_by: z.string(),
    requested_at: instant,
    approved_by: z.string().nullable(),
    approved_at: instant.nullable(),
    guard_question: z.string().nullable().meta({ description: 'the question of the guard for which it was held' }),
    ends_at: instant.nullable(),
    ends: z.string().meta({ description: 'when and how it ends, in words' }),
    applied_at: instant.nullable().meta({ description: 'when the switch was seen to bar it' }),
    lift_trigger: z.string().nullable(),
    lift_reason: z.string().nullable(),
    lift_by: z.string().nullable(),
    lift_wanted_at: instant.nullable(),
    lifted_at: instant.nullable(),
  })
  .meta({ id: 'Suspension' });
type Suspension = z.output<typeof suspension>;

type Instants = 'approved_at' | 'ends_at' | 'applied_at' | 'lift_wanted_at' | 'lifted_at';
type SuspensionRow = Omit<
  Suspension,
  'id' | 'kind' | 'ends' | 'account' | 'decision' | 'cap' | 'requested_at' | Instants
> &
  Record<Instants, Date | null> & {
    suspension_no: string;
    suspension_id: string;
    account_id: string;
    decision_id: string | null;
    cap_id: string | null;
    requested_at: Date;
    time_zone: string | null;
  };

const SUSPENSIONS = 'SELECT s.*, accounts.time_zone FROM suspensions s LEFT JOIN accounts USING (account_id)';

/** By suspension_no backwards, or by (account_id, suspension_no). */
const PAGE = `${SUSPENSIONS}
   WHERE ($1::text IS NULL OR account_id = $1) AND ($2::bigint IS NULL OR suspension_no < $2)
   ORDER BY suspension_no DESC LIMIT $3`;

const ONE = `${SUSPENSIONS} WHERE suspension_id = $1`;

@ApiTags('suspensions')
@Controller('v1/suspensions')
export class SuspensionsController {
  readonly #dataSource: DataSource;
  readonly #settle: SettleSuspensions;
  readonly #second: SecondPerson;

  constructor(dataSource: DataSource, settle: SettleSuspensions, second: SecondPerson) {
    this.#dataSource = dataSource;
    this.#settle = settle;
    this.#second = second;
  }

  @Get()
  @Route({
    needs: 'viewer',
    summary: 'Lists what was barred, and what became of it',
    answers: 'A page, newest first',
    schema: pageOf(suspension),
  })
  async list(
    @Query({ schema: suspensionsQuery }) { cursor, limit, account }: z.output<typeof suspensionsQuery>,
  ): Promise<Page<Suspension>> {
    const rows = await this.#dataSource.query<SuspensionRow[]>(PAGE, [account, numberCursor(cursor), limit + 1]);
    return toPage(rows, limit, (row) => row.suspension_no, showSuspension);
  }

  @Get(':id')
  @Route({ needs: 'viewer', summary: 'Shows a suspension', answers: 'The suspension', schema: suspension })
  async show(@Param('id', UuidPipe) id: string): Promise<Suspension> {
    const [row] = await this.#dataSource.query<SuspensionRow[]>(ONE, [id]);
    if (!row) throw notFound(`suspension ${id}`);
    return showSuspension(row);
  }

  @Post()
  @Route({
    needs: 'billing',
    summary: 'Suspends by hand',
    status: 201,
    answers: 'The suspension; the switch follows',
    schema: suspension,
  })
  async request(
    @Body({ schema: suspensionForm }) form: z.output<typeof suspensionForm>,
    @Actor() actor: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Suspension> {
    const until = form.until === undefined ? undefined : parseInstant(form.until);
    const asked = { accountId: form.account, class: form.class, reason: form.reason, actor, until };
    const { id } = await this.#settle.request(asked);
    void reply.header('location', `/v1/suspensions/${id}`);
    return this.show(id);
  }

  @Post(':id/approve')
  @HttpCode(200)
  @Route({
    needs: 'billing',
    summary: 'Approves a suspension that waits for a person',
    answers: 'The suspension; the switch follows',
    schema: suspension,
  })
  async approve(@Param('id', UuidPipe) id: string, @Actor() actor: string): Promise<Suspension> {
    await this.#settle.approve(id, actor);
    return this.show(id);
  }

  @Post(':id/decline')
  @ApiBody({ required: false })
  @HttpCode(200)
  @Route({
    needs: 'billing',
    summary: 'Declines a suspension that waits for a person',
    answers: 'The suspension, which will not be',
    schema: suspension,
  })
  async decline(
    @Param('id', UuidPipe) id: string,
    @Body({ schema: reasonForm }) form: z.output<typeof reasonForm>,
    @Actor() actor: string,
  ): Promise<Suspension> {
    await this.#settle.decline(id, actor, form.reason);
    return this.show(id);
  }

  @Post(':id/lift')
  @ApiBody({ required: false })
  @HttpCode(200)
  @Route({
    needs: 'billing',
    summary: 'Lifts a suspension by hand',
    description: '202 where a second person has to agree first: `Location` names the approval that waits.',
    answers: 'The suspension; the switch follows',
    schema: suspension,
  })
  async lift(
    @Param('id', UuidPipe) id: string,
    @Body({ schema: reasonForm }) form: z.output<typeof reasonForm>,
    @Caller() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Suspension> {
    const approval = await this.#second.askToLift(id, form.reason, personOf(caller));
    if (approval === undefined) await this.#settle.lift(id, actorOf(caller), form.reason);
    else void reply.code(202).header('location', `/v1/approvals/${approval}`);
    return this.show(id);
  }
}

function showSuspension(row: SuspensionRow): Suspension {
  const at = (date: Date | null): string | null => showInstant(date, row.time_zone);
  return {
    id: row.suspension_id,
    account: row.account_id,
    class: row.class,
    kind: isHoldScope(row.class) ? 'hold' : 'suspension',
    state: row.state,
    decision: row.decision_id,
    cap: row.cap_id,
    period: row.period,
    reason: row.reason,
    terms: row.terms,
    requested_by: row.requested_by,
    requested_at: showInstant(row.requested_at, row.time_zone),
    approved_by: row.approved_by,
    approved_at: at(row.approved_at),
    guard_question: row.guard_question,
    ends_at: at(row.ends_at),
    ends: endOf(row),
    applied_at: at(row.applied_at),
    lift_trigger: row.lift_trigger,
    lift_reason: row.lift_reason,
    lift_by: row.lift_by,
    lift_wanted_at: at(row.lift_wanted_at),
    lifted_at: at(row.lifted_at),
  };
}

/** How it ends, and what a person can do about it. */
function endOf({ suspension_id: id, state, period, ends_at }: SuspensionRow): string {
  if (state === 'awaiting-approval') return `declined by POST /v1/suspensions/${id}/decline, or with its period`;
  if (state === 'lifting') return 'as soon as the switch is read to bar it no more';
  if (state === 'lifted' || state === 'declined') return 'it has ended';
  const lift = `by POST /v1/suspensions/${id}/lift`;
  if (ends_at === null) return `only ${lift}`;
  return `by itself ${period === '' ? 'at that time' : `with the period ${period}`}, or sooner ${lift}`;
}
