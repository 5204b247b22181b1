import { Body, Controller, Get, Headers, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { capDefinition } from '../../caps/cap.ts';
import { formatAmount, parseAmount } from '../../kernel/money.ts';
import { SecondPerson, type ApprovalRow } from '../../pipeline/deciding/second-person.ts';
import { personOf } from '../keys/person.ts';
import { notFound, UuidPipe } from '../http/identifiers.ts';
import type { Principal } from '../keys/role.ts';
import { numberCursor, pageOf, pageQuery, toPage, type Page } from '../http/paging.ts';
import { etag, ifMatch } from '../http/precondition.ts';
import { Actor, Caller, Route } from '../http/route.ts';
import { reasonForm } from './suspensions.controller.ts';
import { amount, instant, showInstant } from '../http/wire.ts';

const ruleForm = z
  .strictObject({
    above: capDefinition.shape.limit
      .nullable()
      .meta({ description: 'in the currency of each account; null: nobody has to agree to anything' }),
    version: z.int().optional().meta({ description: 'may stay as it was read; passed over' }),
  })
  .meta({ id: 'SecondPersonForm' });
const rule = ruleForm.extend({ version: z.int() }).meta({ id: 'SecondPerson' });
type Rule = z.output<typeof rule>;

const approval = z
  .object({
    id: z.string(),
    state: z.enum(['pending', 'approved', 'declined']),
    account: z.string().nullable().meta({ description: 'null: of a number range, for everyone' }),
    asked: z.record(z.string(), z.unknown()).meta({ description: 'what is done when a second person agrees' }),
    amount,
    currency: z.string(),
    asked_by: z.string(),
    asked_at: instant,
    settled_by: z.string().nullable(),
    settled_at: instant.nullable(),
    settled_reason: z.string().nullable(),
    uplift: z.string().nullable(),
  })
  .meta({ id: 'Approval' });
type Approval = z.output<typeof approval>;

const approvalsQuery = pageQuery.extend({ state: z.enum(['pending', 'approved', 'declined']).optional() });

const PAGE = `
  SELECT * FROM approvals
   WHERE ($1::text IS NULL OR state = $1) AND ($2::bigint IS NULL OR approval_no < $2) ORDER BY approval_no DESC LIMIT $3`;
const ONE = 'SELECT * FROM approvals WHERE approval_id = $1';

@ApiTags('suspensions')
@Controller('v1')
export class ApprovalsController {
  readonly #dataSource: DataSource;
  readonly #second: SecondPerson;

  constructor(dataSource: DataSource, second: SecondPerson) {
    this.#dataSource = dataSource;
    this.#second = second;
  }

  @Get('second-person')
  @Route({
    needs: 'viewer',
    summary: 'Shows from which amount on two people have to agree',
    answers: 'The rule',
    schema: rule,
  })
  async rule(@Res({ passthrough: true }) reply: FastifyReply): Promise<Rule> {
    const { version, above } = await this.#second.rule();
    void reply.header('etag', etag(version));
    return { above: above === undefined ? null : formatAmount(above), version };
  }

  @Put('second-person')
  @Route({
    needs: 'admin',
    summary: 'Changes from which amount on two people have to agree',
    description:
      'Keys with the role `billing` then lift no suspension of more spend, settle no case by a verdict that does, and raise limits of an account for a while by no more in all, by themselves: the call is answered with 202, and another key agrees. ' +
      'Nor do they weaken a cap by more within a month (its limit, thresholds or mode, by removing it, or by another one over it), or put an account under caps so much weaker by its segment (409). Keys with the role `admin` act alone.',
    answers: 'The rule as it is now',
    schema: rule,
  })
  async change(
    @Body({ schema: ruleForm }) { above }: z.output<typeof ruleForm>,
    @Headers('if-match') match: string | undefined,
    @Actor() actor: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Rule> {
    await this.#second.change(above === null ? undefined : parseAmount(above), ifMatch(match), actor);
    return this.rule(reply);
  }

  @Get('approvals')
  @Route({
    needs: 'viewer',
    summary: 'Lists what waits, or has waited, for a second person',
    answers: 'A page, newest first',
    schema: pageOf(approval),
  })
  async list(
    @Query({ schema: approvalsQuery }) { cursor, limit, state }: z.output<typeof approvalsQuery>,
  ): Promise<Page<Approval>> {
    const rows = await this.#dataSource.query<ApprovalRow[]>(PAGE, [state, numberCursor(cursor), limit + 1]);
    return toPage(rows, limit, (row) => row.approval_no, showApproval);
  }

  @Get('approvals/:id')
  @Route({ needs: 'viewer', summary: 'Shows an approval', answers: 'The approval', schema: approval })
  async show(@Param('id', UuidPipe) id: string): Promise<Approval> {
    const [row] = await this.#dataSource.query<ApprovalRow[]>(ONE, [id]);
    if (!row) throw notFound(`approval ${id}`);
    return showApproval(row);
  }

  @Post('approvals/:id/approve')
  @HttpCode(200)
  @Route({
    needs: 'billing',
    summary: 'Agrees as the second person',
    description: 'What was asked for is done at once. Nobody agrees to what they asked for themselves.',
    answers: 'The approval, settled',
    schema: approval,
  })
  async approve(@Param('id', UuidPipe) id: string, @Caller() caller: Principal): Promise<Approval> {
    await this.#second.approve(id, personOf(caller));
    return this.show(id);
  }

  @Post('approvals/:id/decline')
  @ApiBody({ required: false })
  @HttpCode(200)
  @Route({
    needs: 'billing',
    summary: 'Declines as the second person, or takes back what one asked for',
    answers: 'The approval, settled',
    schema: approval,
  })
  async decline(
    @Param('id', UuidPipe) id: string,
    @Body({ schema: reasonForm }) { reason }: z.output<typeof reasonForm>,
    @Caller() caller: Principal,
  ): Promise<Approval> {
    await this.#second.decline(id, reason, personOf(caller));
    return this.show(id);
  }
}

function showApproval(row: ApprovalRow): Approval {
  return {
    id: row.approval_id,
    state: row.state,
    account: row.account_id === '' ? null : row.account_id,
    asked: row.asked,
    amount: formatAmount(BigInt(row.amount_micros)),
    currency: row.currency,
    asked_by: row.asked_by,
    asked_at: showInstant(row.asked_at),
    settled_by: row.settled_by,
    settled_at: showInstant(row.settled_at),
    settled_reason: row.settled_reason,
    uplift: row.uplift_id,
  };
}
