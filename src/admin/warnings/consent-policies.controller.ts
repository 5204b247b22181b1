import { Body, Controller, Delete, Get, HttpCode, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import type { ConsentPolicy } from '../../answers/consent.ts';
import { policyOf, type AnswerRow, type PolicyRow } from '../../answers/store.ts';
import { textUpTo } from '../../kernel/characters.ts';
import { formatAmount, parseAmount } from '../../kernel/money.ts';
import { ChangeOperators } from '../../pipeline/telling/change-operators.ts';
import { addressFor } from '../http/masking.ts';
import { numberCursor, pageOf, pageQuery, toPage, type Page } from '../http/paging.ts';
import { Actor, Caller, Route } from '../http/route.ts';
import type { Principal } from '../keys/role.ts';
import { amount, asShown, instant, showInstant } from '../http/wire.ts';

const word = textUpTo(64)
  .min(1)
  .regex(/^[^\p{Cc}]*$/u, { error: 'holds a control character' });
const scope = z
  .strictObject({ segment: word.optional(), account: word.optional() })
  .refine(({ segment, account }) => segment === undefined || account === undefined, {
    error: 'must be {} for everyone, or name one of segment, account',
  });
const currency = z.string().regex(/^[A-Z]{3}$/, { error: 'must be an ISO 4217 code such as EUR' });

const policyForm = z
  .strictObject({
    scope: scope.default({}),
    currency,
    maximum: z
      .string({ error: 'must be a decimal string such as "250.00"' })
      .refine((text) => (parseAmount(text) ?? -1n) >= 0n, { error: 'must be a decimal string such as "250.00"' })
      .meta({
        description: 'what may be spent in a period all in all; "0.00": customers may not consent by themselves',
      }),
  })
  .meta({ id: 'ConsentPolicyForm' });

const policyResponse = z
  .object({ scope, currency, maximum: amount, updated_at: instant })
  .meta({ id: 'ConsentPolicy' });
type PolicyResponse = z.output<typeof policyResponse>;

const putForm = asShown(policyForm, ['updated_at']);

const policyQuery = z.object({ segment: word.optional(), account: word.optional(), currency });

const answersQuery = pageQuery.extend({ account: textUpTo(64).optional() });
const answerResponse = z
  .object({
    id: z.string(),
    account: z.string(),
    decision: z.string().meta({ description: 'the warning that was answered' }),
    answer: z.enum(['not-us', 'us', 'call-me']),
    at: instant,
    shown: z.string().meta({ description: 'what the customer had read, in their language' }),
    language: z.string(),
    address: z.string(),
    user_agent: z.string(),
    amount: amount.nullable(),
    currency: z.string(),
    phone: z.string(),
  })
  .meta({ id: 'Answer' });
type AnswerResponse = z.output<typeof answerResponse>;

const ALL = 'SELECT * FROM consent_policies ORDER BY scope_kind, scope_value, currency';

/** By answer_no backwards, or by answers_of_account. */
const ANSWERS = `
  SELECT * FROM answers
   WHERE ($1::text IS NULL OR account_id = $1) AND ($2::bigint IS NULL OR answer_no < $2)
   ORDER BY answer_no DESC LIMIT $3`;

@ApiTags('warnings')
@Controller('v1')
export class ConsentPoliciesController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly change: ChangeOperators,
  ) {}

  @Get('consent-policies')
  @Route({
    needs: 'viewer',
    summary: 'Lists up to which amounts customers may consent to more by themselves',
    description: 'Where none holds for an account, its customer may not.',
    answers: 'All of them; the most specific one holds',
    schema: z.array(policyResponse),
  })
  async list(): Promise<PolicyResponse[]> {
    return (await this.dataSource.query<PolicyRow[]>(ALL)).map(showPolicy);
  }

  @Put('consent-policies')
  @Route({
    needs: 'billing',
    summary: 'Says up to which amount customers may consent to more by themselves',
    answers: 'The policy as it is now',
    schema: policyResponse,
  })
  async put(
    @Body({ schema: putForm }) form: z.output<typeof putForm>,
    @Actor() actor: string,
  ): Promise<PolicyResponse> {
    const policy = { ...scoped(form.scope), currency: form.currency, maximum: parseAmount(form.maximum)! };
    await this.change.putPolicy(policy, actor);
    const all = await this.dataSource.query<PolicyRow[]>(ALL);
    return showPolicy(
      all.find(
        (row) =>
          row.scope_kind === policy.scope && row.scope_value === policy.value && row.currency === policy.currency,
      )!,
    );
  }

  @Delete('consent-policies')
  @HttpCode(204)
  @Route({
    needs: 'billing',
    summary: 'Removes a policy',
    status: 204,
    answers: 'It is gone; what holds for more accounts holds again',
  })
  async remove(
    @Query({ schema: policyQuery }) { currency: of, ...named }: z.output<typeof policyQuery>,
    @Actor() actor: string,
  ): Promise<void> {
    await this.change.removePolicy({ ...scoped(named), currency: of }, actor);
  }

  @Get('answers')
  @Route({
    needs: 'viewer',
    summary: 'Lists what customers answered to warnings',
    answers: 'A page, newest first',
    schema: pageOf(answerResponse),
  })
  async answers(
    @Query({ schema: answersQuery }) { cursor, limit, account }: z.output<typeof answersQuery>,
    @Caller() { role }: Principal,
  ): Promise<Page<AnswerResponse>> {
    const rows = await this.dataSource.query<AnswerRow[]>(ANSWERS, [account, numberCursor(cursor), limit + 1]);
    return toPage(
      rows,
      limit,
      (row) => row.answer_no,
      (row) => ({
        id: row.answer_id,
        account: row.account_id,
        decision: row.decision_id,
        answer: row.answer,
        at: showInstant(row.at),
        shown: row.shown,
        language: row.language,
        address: role === 'viewer' ? '…' : row.address,
        user_agent: row.user_agent,
        amount: row.amount_micros === null ? null : formatAmount(BigInt(row.amount_micros)),
        currency: row.currency,
        phone: addressFor(row.phone, role),
      }),
    );
  }
}

function scoped({ segment, account }: z.output<typeof scope>): Pick<ConsentPolicy, 'scope' | 'value'> {
  if (account !== undefined) return { scope: 'account', value: account };
  return segment === undefined ? { scope: 'everyone', value: '' } : { scope: 'segment', value: segment };
}

function showPolicy(row: PolicyRow): PolicyResponse {
  const { scope: kind, value, currency: of, maximum } = policyOf(row);
  return {
    scope: kind === 'everyone' ? {} : { [kind]: value },
    currency: of,
    maximum: formatAmount(maximum),
    updated_at: showInstant(row.updated_at),
  };
}
