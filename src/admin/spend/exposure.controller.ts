import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { Clock, formatInstant, type Instant } from '../../kernel/clock.ts';
import { formatAmount } from '../../kernel/money.ts';
import { eachCallOnce, exposureOf, PRICE_FROM } from '../../spend/exposure.ts';
import { runningCalls } from '../../spend/running-calls.ts';
import { readAccount } from '../accounts/account-row.ts';
import { onConnection } from '../http/connection.ts';
import type { Principal } from '../keys/role.ts';
import { maskNumbers } from '../http/masking.ts';
import { Caller, Route } from '../http/route.ts';
import { amount, instant } from '../http/wire.ts';

const exposure = z
  .object({
    exposure: amount.meta({ description: 'what calls in progress come to, beside what is spent' }),
    currency: z.string(),
    unpriced: z.int().meta({
      description:
        'how many of the calls count nothing, since nobody was charged for a call to that country within the last month',
    }),
    calls: z.array(
      z.object({
        call_id: z.string(),
        seen_by: z.string().meta({ description: 'the switch or the feed that tells of it' }),
        service: z.string(),
        number: z.string(),
        country: z.string(),
        started_at: instant,
        counted_until: instant
          .nullable()
          .meta({ description: 'up to where an interim record has counted it as spent' }),
        ended_at: instant.nullable().meta({ description: 'it has ended, and its record has not come yet' }),
        exposure: amount,
        price: z.object({
          amount,
          seconds: z.int(),
          from: z.enum(PRICE_FROM),
        }),
      }),
    ),
  })
  .meta({ id: 'Exposure' });
type Exposure = z.output<typeof exposure>;

@ApiTags('accounts')
@Controller('v1/accounts')
export class ExposureController {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;

  constructor(dataSource: DataSource, clock: Clock) {
    this.#dataSource = dataSource;
    this.#clock = clock;
  }

  @Get(':account_id/exposure')
  @Route({
    needs: 'viewer',
    summary: 'Tells what an account’s calls in progress come to',
    description:
      'Priced by what the account last paid towards each destination, else by what its segment or all customers paid there within a month. Those that have ended wait for their record.',
    answers: 'The sum, and each call',
    schema: exposure,
  })
  async exposure(@Param('account_id') id: string, @Caller() caller: Principal): Promise<Exposure> {
    const { currency, time_zone: zone } = await readAccount(this.#dataSource, id);
    const calls = eachCallOnce(await onConnection(this.#dataSource, (client) => runningCalls(client, [id])));
    const now = this.#clock.now();
    const at = (moment: Instant | undefined) => (moment === undefined ? null : formatInstant(moment, zone));
    return {
      exposure: formatAmount(calls.reduce((sum, call) => sum + exposureOf(call, now), 0n)),
      currency,
      unpriced: calls.filter(({ price }) => price.from === 'unknown').length,
      calls: calls.map((call) => ({
        call_id: call.callId,
        seen_by: call.source,
        service: call.serviceId,
        number: maskNumbers(call.number, caller.role),
        country: call.country,
        started_at: at(call.startedAt)!,
        counted_until: at(call.countedUntil),
        ended_at: at(call.endedAt),
        exposure: formatAmount(exposureOf(call, now)),
        price: { ...call.price, amount: formatAmount(call.price.amount) },
      })),
    };
  }
}
