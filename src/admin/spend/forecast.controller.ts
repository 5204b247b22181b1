import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { accountOf } from '../../accounts/store.ts';
import { formatInstant } from '../../kernel/clock.ts';
import { formatAmount } from '../../kernel/money.ts';
import { calendarPeriod } from '../../kernel/period.ts';
import { dayOf, ForecastCaps, type ForecastOfCap } from '../../pipeline/limits/forecast-caps.ts';
import { readAccount } from '../accounts/account-row.ts';
import { Route } from '../http/route.ts';
import { amount, instant } from '../http/wire.ts';

const day = z.string().nullable().meta({ format: 'date', description: 'null: not within the period' });

export const forecastShape = z
  .object({
    cap: z.string(),
    name: z.string(),
    service: z.string(),
    traffic: z.string(),
    period: z.string(),
    from: instant,
    to: instant,
    spend: amount,
    limit: amount,
    currency: z.string(),
    outcome: z.enum(['foreseen', 'reached', 'too-few-days']),
    probability: z.number().nullable().meta({ description: 'that the limit is reached in the period' }),
    likely: day,
    earliest: day.meta({ description: 'with `latest`: the range that holds eight of ten' }),
    latest: day,
    spend_at_end: z
      .object({ low: amount, middle: amount, high: amount })
      .nullable()
      .meta({ description: 'the middle, and the range that holds eight of ten' }),
    days_known: z.int().nullable().meta({ description: 'where these are too few: how many there are' }),
    days_needed: z.int().nullable(),
  })
  .meta({ id: 'CapForecast' });
type ForecastResponse = z.output<typeof forecastShape>;

@ApiTags('accounts')
@Controller('v1/accounts')
export class ForecastController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly forecasts: ForecastCaps,
  ) {}

  @Get(':account_id/forecast')
  @Route({
    needs: 'viewer',
    summary: 'Tells on which day each limit of an account will be reached',
    description:
      'For caps that run in weeks or months, from the account’s own days; a range, and honest where too few are known.',
    answers: 'One for each cap that holds for the account or its services',
    schema: z.array(forecastShape),
  })
  async forecast(@Param('account_id') id: string): Promise<ForecastResponse[]> {
    const account = accountOf(await readAccount(this.dataSource, id));
    return (await this.forecasts.of(account)).map(showForecast);
  }
}

export function showForecast(each: ForecastOfCap): ForecastResponse {
  const { account, cap, serviceId, period, spend, forecast: made } = each;
  const date = (days: number | undefined) =>
    days === undefined ? null : calendarPeriod('day', dayOf(each, days), account).name;
  const foreseen = made.outcome === 'foreseen' ? made : undefined;
  return {
    cap: cap.id,
    name: cap.name,
    service: serviceId,
    traffic: cap.traffic,
    period: period.name,
    from: formatInstant(period.from, account.timeZone),
    to: formatInstant(period.to, account.timeZone),
    spend: formatAmount(spend),
    limit: formatAmount(cap.limit),
    currency: cap.currency,
    outcome: made.outcome,
    probability: foreseen ? Number(foreseen.probability.toFixed(2)) : null,
    likely: date(foreseen?.likely),
    earliest: date(foreseen?.earliest),
    latest: date(foreseen?.latest),
    spend_at_end: foreseen
      ? {
          low: formatAmount(foreseen.atEnd.low),
          middle: formatAmount(foreseen.atEnd.middle),
          high: formatAmount(foreseen.atEnd.high),
        }
      : null,
    days_known: made.outcome === 'too-few-days' ? made.days : null,
    days_needed: made.outcome === 'too-few-days' ? made.needed : null,
  };
}
