import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { accountOf } from '../../accounts/store.ts';
import { matchesTraffic, parseTraffic, type Traffic } from '../../destinations/traffic.ts';
import { Clock, formatInstant, parseInstant, type Instant } from '../../kernel/clock.ts';
import { formatAmount, type Micros } from '../../kernel/money.ts';
import { parsePeriod, PERIOD_WANTED, type Period } from '../../kernel/period.ts';
import { destinationOf, eachCallOnce, exposureOf } from '../../spend/exposure.ts';
import { ForecastCaps, type ForecastOfCap } from '../../pipeline/limits/forecast-caps.ts';
import { runningCalls } from '../../spend/running-calls.ts';
import { spendOf } from '../../spend/spend-of-account.ts';
import { readAccount } from '../accounts/account-row.ts';
import { onConnection } from '../http/connection.ts';
import { forecastShape, showForecast } from './forecast.controller.ts';
import { Route } from '../http/route.ts';
import { amount, instant, queryInstant } from '../http/wire.ts';

const spendQuery = z.object({
  traffic: z
    .string()
    // A `+` that was not escaped arrives as a space.
    .transform((text) => text.replace(/^prefix: /, 'prefix:+'))
    .refine((text): text is Traffic => parseTraffic(text) !== undefined, {
      error: 'must be all, national, international, premium, satellite, high-risk, country:SO or prefix:+25261',
    })
    .default('all'),
  period: z
    .string()
    .refine((text): text is Period => parsePeriod(text) !== undefined, {
      error: PERIOD_WANTED,
    })
    .default('month'),
  from: queryInstant.optional().meta({ description: 'only periods that end after this instant' }),
  to: queryInstant.optional().meta({ description: 'only periods that begin before this instant' }),
});

const spend = z
  .object({
    traffic: z.string(),
    period: z.string(),
    from: instant,
    to: instant,
    spend: amount,
    currency: z.string(),
    exposure: amount.optional().meta({ description: 'what calls in progress come to beside it, where there are any' }),
    forecasts: z.array(forecastShape).optional().meta({
      description: 'of the running period: when the limits on this traffic will be reached, where there are any',
    }),
  })
  .meta({ id: 'PeriodSpend' });
type Spend = z.output<typeof spend>;

@ApiTags('accounts')
@Controller('v1/accounts')
export class SpendController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly forecasts: ForecastCaps,
  ) {}

  @Get(':account_id/spend')
  @Route({
    needs: 'viewer',
    summary: 'Tells what an account has spent',
    answers: 'Every period that holds usage, newest first',
    schema: z.array(spend),
  })
  async spend(
    @Param('account_id') id: string,
    @Query({ schema: spendQuery }) { traffic, period, from, to }: z.output<typeof spendQuery>,
  ): Promise<Spend[]> {
    const account = accountOf(await readAccount(this.dataSource, id));
    const query = { traffic, period, from: instantOf(from), to: instantOf(to) };
    const { periods, calls } = await onConnection(this.dataSource, async (client) => ({
      periods: await spendOf(client, account, query),
      calls: eachCallOnce(await runningCalls(client, [id])),
    }));
    const now = this.clock.now();
    const running = periods.some((each) => each.from <= now && now < each.to);
    const foreseen = running
      ? (await this.forecasts.of(account)).filter(({ cap }) => cap.traffic === traffic && cap.period === period)
      : [];
    const exposureIn = (from: Instant, to: Instant) =>
      calls
        .filter((call) => call.startedAt >= from && call.startedAt < to && matchesTraffic(traffic, destinationOf(call)))
        .reduce((sum, call) => sum + exposureOf(call, now), 0n);
    const shown = (exposure: Micros) => (exposure === 0n ? {} : { exposure: formatAmount(exposure) });
    return periods.map((each) => ({
      traffic: each.traffic,
      period: each.period,
      from: formatInstant(each.from, account.timeZone),
      to: formatInstant(each.to, account.timeZone),
      spend: formatAmount(each.spend),
      currency: each.currency,
      ...shown(exposureIn(each.from, each.to)),
      ...forecastsIn(each.from, foreseen),
    }));
  }
}

function forecastsIn(from: Instant, foreseen: readonly ForecastOfCap[]): Pick<Spend, 'forecasts'> {
  const within = foreseen.filter((each) => each.period.from === from);
  return within.length === 0 ? {} : { forecasts: within.map(showForecast) };
}

const instantOf = (text: string | undefined): Instant | undefined =>
  text === undefined ? undefined : parseInstant(text);
