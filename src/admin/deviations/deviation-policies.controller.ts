import { Body, Controller, Delete, Get, HttpCode, Param, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { segmentName } from '../../accounts/account-form.ts';
import { thresholdsOf } from '../../deviations/calibration.ts';
import {
  DEVIATION_MODES,
  FIRST_POLICY,
  policyForm,
  type DeviationPolicy,
  type PolicyScope,
} from '../../deviations/policy.ts';
import { policyBook } from '../../deviations/policy-store.ts';
import { Clock } from '../../kernel/clock.ts';
import { ChangePolicies } from '../../pipeline/deviations/change-policies.ts';
import { realisedFalse, type Realised } from '../../pipeline/deviations/realised-false.ts';
import { onConnection } from '../http/connection.ts';
import { Actor, Route } from '../http/route.ts';

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
  })
  .meta({ id: 'DeviationPolicy' });
type PolicyResponse = z.output<typeof policyResponse>;

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
      const realised = await realisedFalse(client, policies, this.#clock.now());
      return policies.map((policy, index) => showPolicy(policy, realised[index]!));
    });
  }

  @Put('everyone')
  @Route({ needs: 'billing', summary: `${SUMMARY}, for everyone`, answers: 'The policy', schema: policyResponse })
  async putEveryone(
    @Body({ schema: policyForm }) form: z.output<typeof policyForm>,
    @Actor() actor: string,
  ): Promise<PolicyResponse> {
    return this.#put(EVERYONE, form, actor);
  }

  @Put('segments/:segment')
  @Route({ needs: 'billing', summary: `${SUMMARY} of a segment`, answers: 'The policy', schema: policyResponse })
  async putSegment(
    @Param('segment', { schema: segmentName }) segment: string,
    @Body({ schema: policyForm }) form: z.output<typeof policyForm>,
    @Actor() actor: string,
  ): Promise<PolicyResponse> {
    return this.#put({ kind: 'segment', value: segment }, form, actor);
  }

  @Put('accounts/:account_id')
  @Route({ needs: 'billing', summary: `${SUMMARY} of an account`, answers: 'The policy', schema: policyResponse })
  async putAccount(
    @Param('account_id') account: string,
    @Body({ schema: policyForm }) form: z.output<typeof policyForm>,
    @Actor() actor: string,
  ): Promise<PolicyResponse> {
    return this.#put({ kind: 'account', value: account }, form, actor);
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

  async #put(scope: PolicyScope, form: z.output<typeof policyForm>, actor: string): Promise<PolicyResponse> {
    const policy = await this.#change.put(scope, form.mode, form.false_actions_per_1000_customers_a_month, actor);
    const [realised] = await onConnection(this.#dataSource, (client) =>
      realisedFalse(client, [policy], this.#clock.now()),
    );
    return showPolicy(policy, realised!);
  }
}

function showPolicy({ scope, version, mode, falseBudget }: DeviationPolicy, realised: Realised): PolicyResponse {
  const round = (value: number) => Number(value.toPrecision(3));
  const { warn, hold, suspend } = thresholdsOf(falseBudget);
  return {
    scope: scope.kind === 'everyone' ? {} : { [scope.kind]: scope.value },
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
  };
}
