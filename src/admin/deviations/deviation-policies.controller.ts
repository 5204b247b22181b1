import { Body, Controller, Delete, Get, HttpCode, Param, Put, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { segmentName } from '../../accounts/account-form.ts';
import { accountsById } from '../../accounts/store.ts';
import { backingOf, type Backing } from '../../deviations/backing.ts';
import { thresholdsOf } from '../../deviations/calibration.ts';
import {
  DEVIATION_MODES,
  FIRST_POLICY,
  policyForm,
  type DeviationPolicy,
  type PolicyScope,
} from '../../deviations/policy.ts';
import { policyBook } from '../../deviations/policy-store.ts';
import { latestFit } from '../../deviations/signature-store.ts';
import { Clock, formatInstant, type Instant } from '../../kernel/clock.ts';
import { ChangePolicies } from '../../pipeline/deviations/change-policies.ts';
import { realisedFalse, type Realised } from '../../pipeline/deviations/realised-false.ts';
import { onConnection } from '../http/connection.ts';
import { Actor, Route } from '../http/route.ts';
import { asShown, instant, refuseOther } from '../http/wire.ts';

const policyResponse = policyForm
  .extend({
    scope: z
      .object({ segment: z.string().optional(), account: z.string().optional() })
      .meta({ description: '{} is everyone' }),
    version: z.int().meta({ description: '0: nobody has set it yet' }),
    mode: z.enum(DEVIATION_MODES),
    acts_at_score: z
      .object({ warn: z.number(), hold: z.number(), suspend: z.number() })
      .meta({ description: 'a score is in how many customer-months a harmless customer shows the like once' }),
    realised: z
      .object({
        false_actions: z.int(),
        unjudged_actions: z.int().meta({ description: 'of which nobody has said yet whether they were right' }),
        customer_months: z.number(),
        false_actions_per_1000_customers_a_month: z.number().nullable(),
      })
      .meta({ description: 'within the last 90 days, recorded ones of shadow mode included, by verdicts' }),
    history: z
      .object({
        state: z.enum(['none', 'few', 'enough']),
        customer_months: z.number().meta({ description: 'that the latest calibration saw of whom this is about' }),
        customer_months_of_everyone: z
          .number()
          .meta({ description: 'what a segment is held against that is too small for itself' }),
        enough_customer_months: z.number().meta({ description: 'with so many, a hold is no rarer than what was seen' }),
        calibrated_at: instant.nullable(),
        words: z.string().meta({ description: 'whether the promise is backed by that, and what is done meanwhile' }),
      })
      .meta({ description: 'how much of the provider’s own history is behind the promise' }),
  })
  .meta({ id: 'DeviationPolicy' });
type PolicyResponse = z.output<typeof policyResponse>;

const putForm = asShown(policyForm, ['scope', 'version', 'acts_at_score', 'realised', 'history']);

const EVERYONE: PolicyScope = { kind: 'everyone', value: '' };
const SUMMARY = 'Says what is done about deviations';

@ApiTags('deviations')
@Controller('v1/deviation-policies')
export class DeviationPoliciesController {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #change: ChangePolicies;

  constructor(dataSource: DataSource, clock: Clock, change: ChangePolicies) {
    this.#dataSource = dataSource;
    this.#clock = clock;
    this.#change = change;
  }

  @Get()
  @Route({
    needs: 'viewer',
    summary: 'Lists what is done about deviations, for everyone, segments and accounts',
    description:
      'The most specific one holds. Until somebody sets one for everyone, that is `shadow`: it only records.',
    answers: 'All of them, with what each promise came to',
    schema: z.array(policyResponse),
  })
  async list(): Promise<PolicyResponse[]> {
    return onConnection(this.#dataSource, async (client) => {
      const { all } = await policyBook(client);
      const policies = all.some(({ scope }) => scope.kind === 'everyone') ? all : [FIRST_POLICY, ...all];
      return showPolicies(client, policies, this.#clock.now());
    });
  }

  @Put('everyone')
  @Route({ needs: 'billing', summary: `${SUMMARY}, for everyone`, answers: 'The policy', schema: policyResponse })
  async putEveryone(
    @Body({ schema: putForm }) form: z.output<typeof putForm>,
    @Req() { body }: FastifyRequest,
    @Actor() actor: string,
  ): Promise<PolicyResponse> {
    return this.#put(EVERYONE, form, body, actor);
  }

  @Put('segments/:segment')
  @Route({ needs: 'billing', summary: `${SUMMARY} of a segment`, answers: 'The policy', schema: policyResponse })
  async putSegment(
    @Param('segment', { schema: segmentName }) segment: string,
    @Body({ schema: putForm }) form: z.output<typeof putForm>,
    @Req() { body }: FastifyRequest,
    @Actor() actor: string,
  ): Promise<PolicyResponse> {
    return this.#put({ kind: 'segment', value: segment }, form, body, actor);
  }

  @Put('accounts/:account_id')
  @Route({ needs: 'billing', summary: `${SUMMARY} of an account`, answers: 'The policy', schema: policyResponse })
  async putAccount(
    @Param('account_id') account: string,
    @Body({ schema: putForm }) form: z.output<typeof putForm>,
    @Req() { body }: FastifyRequest,
    @Actor() actor: string,
  ): Promise<PolicyResponse> {
    return this.#put({ kind: 'account', value: account }, form, body, actor);
  }

  @Delete('segments/:segment')
  @HttpCode(204)
  @Route({ needs: 'billing', summary: 'Has a segment follow everyone', status: 204, answers: 'Nothing more to say' })
  async removeSegment(@Param('segment') segment: string, @Actor() actor: string): Promise<void> {
    await this.#change.remove({ kind: 'segment', value: segment }, actor);
  }

  @Delete('accounts/:account_id')
  @HttpCode(204)
  @Route({
    needs: 'billing',
    summary: 'Has an account follow its segment',
    status: 204,
    answers: 'Nothing more to say',
  })
  async removeAccount(@Param('account_id') account: string, @Actor() actor: string): Promise<void> {
    await this.#change.remove({ kind: 'account', value: account }, actor);
  }

  async #put(
    scope: PolicyScope,
    form: z.output<typeof putForm>,
    body: unknown,
    actor: string,
  ): Promise<PolicyResponse> {
    refuseOther(body, 'policy', 'scope', showScope(scope));
    const policy = await this.#change.put(scope, form.mode, form.false_actions_per_1000_customers_a_month, actor);
    const [shown] = await onConnection(this.#dataSource, (client) => showPolicies(client, [policy], this.#clock.now()));
    return shown!;
  }
}

async function showPolicies(
  client: ClientBase,
  policies: readonly DeviationPolicy[],
  now: Instant,
): Promise<PolicyResponse[]> {
  const realised = await realisedFalse(client, policies, now);
  const { calibration, calibratedAt } = await latestFit(client);
  const named = policies.flatMap(({ scope }) => (scope.kind === 'account' ? [scope.value] : []));
  const segments = new Map((await accountsById(client, named)).map(({ accountId, segment }) => [accountId, segment]));
  return policies.map((policy, index) => {
    const { kind, value } = policy.scope;
    const segment = kind === 'everyone' ? undefined : kind === 'segment' ? value : segments.get(value);
    const backing = backingOf(calibration, calibratedAt, segment, policy.falseBudget);
    return showPolicy(policy, realised[index]!, backing, calibratedAt);
  });
}

function showScope({ kind, value }: PolicyScope): PolicyResponse['scope'] {
  return kind === 'everyone' ? {} : { [kind]: value };
}

function showPolicy(
  { scope, version, mode, falseBudget }: DeviationPolicy,
  realised: Realised,
  backing: Backing,
  calibratedAt: Instant | undefined,
): PolicyResponse {
  const round = (value: number) => Number(value.toPrecision(3));
  const { warn, hold, suspend } = thresholdsOf(falseBudget);
  return {
    scope: showScope(scope),
    version,
    mode,
    false_actions_per_1000_customers_a_month: falseBudget,
    acts_at_score: { warn: round(warn), hold: round(hold), suspend: round(suspend) },
    realised: {
      false_actions: realised.falseActions,
      unjudged_actions: realised.unjudged,
      customer_months: round(realised.customerMonths),
      false_actions_per_1000_customers_a_month:
        realised.customerMonths < 1 ? null : round((1_000 * realised.falseActions) / realised.customerMonths),
    },
    history: {
      state: backing.state,
      customer_months: Math.round(backing.ownMonths),
      customer_months_of_everyone: Math.round(backing.allMonths),
      enough_customer_months: Math.round(backing.enoughMonths),
      calibrated_at: calibratedAt === undefined ? null : formatInstant(calibratedAt),
      words: backing.words,
    },
  };
}
