import { Body, Controller, Get, Headers, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { accountId } from '../../accounts/account-form.ts';
import { Clock } from '../../kernel/clock.ts';
import { formatAmount } from '../../kernel/money.ts';
import { AnswerGuard } from '../../pipeline/deciding/answer-guard.ts';
import { readGuardState } from '../../pipeline/deciding/through-guard.ts';
import { onConnection } from '../http/connection.ts';
import { notFound, UuidPipe } from '../http/identifiers.ts';
import { numberCursor, pageOf, pageQuery, toPage, type Page } from '../http/paging.ts';
import { etag, ifMatch } from '../http/precondition.ts';
import { Actor, Route } from '../http/route.ts';
import { reason } from './suspensions.controller.ts';
import { amount, asShown, instant, showInstant } from '../http/wire.ts';

const whole = z.int({ error: 'must be a whole number' }).min(0).max(1_000_000, { error: 'must be at most 1000000' });

const guardForm = z
  .strictObject({
    per_hour: whole.meta({ description: 'suspensions and holds that rules may make in any 60 minutes' }),
    percent: z
      .number()
      .min(0)
      .max(100)
      .multipleOf(0.01, { error: 'may have two decimals at most' })
      .meta({ description: 'the same as a share of the accounts with usage in the last month; the smaller holds' }),
    at_least: whole.meta({ description: 'what the share never falls below' }),
  })
  .meta({ id: 'GuardForm' });

const guardState = guardForm
  .extend({
    version: z.int(),
    active_accounts: z.int(),
    allowed: z.int().meta({ description: 'how many an hour that is now' }),
    made: z.int().meta({ description: 'how many rules have made within the last 60 minutes' }),
    question: z.string().nullable().meta({ description: 'the one that waits for an answer' }),
  })
  .meta({ id: 'Guard' });
type GuardState = z.output<typeof guardState>;

const putForm = asShown(guardForm, ['version', 'active_accounts', 'allowed', 'made', 'question']);

const question = z
  .object({
    id: z.string(),
    state: z.enum(['open', 'answered', 'settled']).meta({
      description: 'settled: nothing waits any more, by corrections, the end of periods or single answers',
    }),
    asked_at: instant,
    held: z.int().meta({ description: 'how many have been held for it' }),
    waiting: z.int().meta({ description: 'how many of them wait still' }),
    reason: z.string(),
    answer: z.enum(['all', 'some', 'none']).nullable(),
    approved: z.int().nullable(),
    declined: z.int().nullable(),
    answer_reason: z.string().nullable(),
    closed_at: instant.nullable(),
    closed_by: z.string().nullable(),
  })
  .meta({ id: 'GuardQuestion' });
type Question = z.output<typeof question>;

const heldSuspension = z
  .object({
    suspension: z.string(),
    account: z.string(),
    class: z.string(),
    state: z.string(),
    cap: z.string().nullable(),
    period: z.string(),
    spend: amount.nullable(),
    limit: amount.nullable(),
    currency: z.string(),
    reason: z.string(),
  })
  .meta({ id: 'HeldSuspension' });
type HeldSuspension = z.output<typeof heldSuspension>;

const named = <T extends z.ZodType>(item: T) => z.array(item).max(10_000, { error: 'names more than 10000' });

const answerForm = z
  .strictObject({
    answer: z.enum(['all', 'some', 'none'], { error: 'must be all, some or none' }),
    suspensions: named(z.uuid()).optional().meta({ description: 'of some: those that are approved' }),
    accounts: named(accountId).optional().meta({ description: 'of some: accounts whose suspensions are approved' }),
    reason,
    held: z
      .int()
      .min(0)
      .optional()
      .meta({ description: 'how many were held when you looked; refused where it is more' }),
  })
  .refine(({ answer, suspensions, accounts }) => (answer === 'some') === ((suspensions ?? accounts) !== undefined), {
    path: ['suspensions'],
    error: 'name suspensions or accounts where the answer is some, and only there',
  })
  .meta({ id: 'GuardAnswer' });

const QUESTIONS = `
  SELECT q.*, (SELECT count(*)::int FROM suspensions s
                WHERE s.guard_question = q.question_id AND s.state = 'awaiting-approval') AS waiting
    FROM guard_questions q`;
const PAGE = `${QUESTIONS} WHERE $1::bigint IS NULL OR question_no < $1 ORDER BY question_no DESC LIMIT $2`;
const ONE = `${QUESTIONS} WHERE question_id = $1`;

/** By the index `suspensions_in_question`. */
const HELD = `
  SELECT s.suspension_no, s.suspension_id, s.account_id, s.class, s.state, s.cap_id, s.period, s.reason, d.spend_micros,
         d.limit_micros, d.currency
    FROM suspensions s JOIN decisions d USING (decision_id)
   WHERE s.guard_question = $1 AND ($2::bigint IS NULL OR s.suspension_no > $2) ORDER BY s.suspension_no LIMIT $3`;

type QuestionRow = Omit<Question, 'id' | 'asked_at' | 'closed_at'> & {
  question_no: string;
  question_id: string;
  asked_at: Date;
  closed_at: Date | null;
};
interface HeldRow {
  suspension_no: string;
  suspension_id: string;
  account_id: string;
  class: string;
  state: string;
  cap_id: string | null;
  period: string;
  reason: string;
  spend_micros: string | null;
  limit_micros: string | null;
  currency: string;
}

@ApiTags('suspensions')
@Controller('v1/guard')
export class GuardController {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #guard: AnswerGuard;

  constructor(dataSource: DataSource, clock: Clock, guard: AnswerGuard) {
    this.#dataSource = dataSource;
    this.#clock = clock;
    this.#guard = guard;
  }

  @Get()
  @Route({
    needs: 'viewer',
    summary: 'Shows how many suspensions rules may make, and have made',
    answers: 'The guard',
    schema: guardState,
  })
  async show(@Res({ passthrough: true }) reply: FastifyReply): Promise<GuardState> {
    const state = await onConnection(this.#dataSource, (client) => readGuardState(client, this.#clock.now()));
    void reply.header('etag', etag(state.version));
    const { perHour, percent, atLeast } = state.settings;
    return {
      per_hour: perHour,
      percent,
      at_least: atLeast,
      version: state.version,
      active_accounts: state.activeAccounts,
      allowed: state.allowed,
      made: state.made,
      question: state.question ?? null,
    };
  }

  @Put()
  @Route({
    needs: 'admin',
    summary: 'Changes how many suspensions rules may make',
    description: 'Acts from the next decision on; what is held already stays a question. `If-Match` is optional.',
    answers: 'The guard as it is now',
    schema: guardState,
  })
  async change(
    @Body({ schema: putForm }) form: z.output<typeof putForm>,
    @Headers('if-match') match: string | undefined,
    @Actor() actor: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<GuardState> {
    const settings = { perHour: form.per_hour, percent: form.percent, atLeast: form.at_least };
    await this.#guard.change(settings, ifMatch(match), actor);
    return this.show(reply);
  }

  @Get('questions')
  @Route({
    needs: 'viewer',
    summary: 'Lists what the guard has asked',
    answers: 'A page, newest first',
    schema: pageOf(question),
  })
  async questions(
    @Query({ schema: pageQuery }) { cursor, limit }: z.output<typeof pageQuery>,
  ): Promise<Page<Question>> {
    const rows = await this.#dataSource.query<QuestionRow[]>(PAGE, [numberCursor(cursor), limit + 1]);
    return toPage(rows, limit, (row) => row.question_no, showQuestion);
  }

  @Get('questions/:id')
  @Route({ needs: 'viewer', summary: 'Shows a question of the guard', answers: 'The question', schema: question })
  async question(@Param('id', UuidPipe) id: string): Promise<Question> {
    const [row] = await this.#dataSource.query<QuestionRow[]>(ONE, [id]);
    if (!row) throw notFound(`guard question ${id}`);
    return showQuestion(row);
  }

  @Get('questions/:id/suspensions')
  @Route({
    needs: 'viewer',
    summary: 'Lists what was held for a question',
    answers: 'A page, in the order in which it was held',
    schema: pageOf(heldSuspension),
  })
  async held(
    @Param('id', UuidPipe) id: string,
    @Query({ schema: pageQuery }) { cursor, limit }: z.output<typeof pageQuery>,
  ): Promise<Page<HeldSuspension>> {
    const rows = await this.#dataSource.query<HeldRow[]>(HELD, [id, numberCursor(cursor), limit + 1]);
    if (rows.length === 0) await this.question(id);
    return toPage(rows, limit, (row) => row.suspension_no, showHeld);
  }

  @Post('questions/:id/answer')
  @HttpCode(200)
  @Route({
    needs: 'billing',
    summary: 'Answers a question of the guard',
    description: 'Those that are approved are barred; all others are declined. A question is answered once.',
    answers: 'The question, closed; the switch follows',
    schema: question,
  })
  async answer(
    @Param('id', UuidPipe) id: string,
    @Body({ schema: answerForm }) form: z.output<typeof answerForm>,
    @Actor() actor: string,
  ): Promise<Question> {
    const { answer, suspensions = [], accounts = [] } = form;
    const said = answer === 'some' ? { answer, suspensions, accounts } : { answer };
    await this.#guard.answer(id, said, form.reason, form.held, actor);
    return this.question(id);
  }
}

function showQuestion(row: QuestionRow): Question {
  const { state, held, waiting, reason: why, answer, approved, declined, answer_reason, closed_by } = row;
  return {
    id: row.question_id,
    state,
    asked_at: showInstant(row.asked_at),
    held,
    waiting,
    reason: why,
    answer,
    approved,
    declined,
    answer_reason,
    closed_at: showInstant(row.closed_at),
    closed_by,
  };
}

function showHeld(row: HeldRow): HeldSuspension {
  const shown = (micros: string | null) => (micros === null ? null : formatAmount(BigInt(micros)));
  return {
    suspension: row.suspension_id,
    account: row.account_id,
    class: row.class,
    state: row.state,
    cap: row.cap_id,
    period: row.period,
    spend: shown(row.spend_micros),
    limit: shown(row.limit_micros),
    currency: row.currency,
    reason: row.reason,
  };
}
