import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { parseInstant, toDate } from '../kernel/clock.ts';
import { FollowCalls } from '../pipeline/limits/follow-calls.ts';
import { runningCalls } from '../spend/running-calls.ts';
import { onConnection } from './connection.ts';
import type { Principal } from './keys/role.ts';
import { maskNumbers } from './masking.ts';
import { pageOf, type Page } from './paging.ts';
import { Caller, Route } from './route.ts';
import { instant, showInstant } from './wire.ts';

const CALLS_MAX = 20_000;

const liveCall = z.strictObject({
  call_id: z.string().min(1).max(256).meta({ description: 'as the switch tells it apart' }),
  account: z.string().min(1).max(64),
  number: z.string().min(1).max(64).meta({ description: 'the called number' }),
  started_at: z
    .string()
    .refine((text) => parseInstant(text) !== undefined, { error: 'must be RFC 3339 with an offset' })
    .meta({ format: 'date-time', description: 'when it was answered' }),
});

const liveCallsForm = z
  .strictObject({ calls: z.array(liveCall).max(CALLS_MAX, { error: `must be ${CALLS_MAX} at most` }) })
  .meta({ id: 'LiveCallsForm', description: 'every answered call that runs now: what is left out has ended' });

const switchQuery = z.object({
  switch: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
      error: 'must be 1 to 64 letters, digits, dots, dashes or underscores',
    })
    .meta({ description: 'whose calls these are; one name a source' }),
});

const taken = z.object({ running: z.int().meta({ description: 'how many of known accounts run now' }) });

const running = z
  .object({
    call_id: z.string(),
    switch: z.string().meta({ description: '`switch:…`, or the feed whose interim record told of it' }),
    number: z.string(),
    country: z.string(),
    started_at: instant,
  })
  .meta({ id: 'LiveCall' });
type Running = z.output<typeof running>;

@ApiTags('switches')
@Controller('v1')
export class LiveCallsController {
  readonly #dataSource: DataSource;
  readonly #calls: FollowCalls;

  constructor(dataSource: DataSource, calls: FollowCalls) {
    this.#dataSource = dataSource;
    this.#calls = calls;
  }

  @Post('live-calls')
  @HttpCode(200)
  @Route({
    needs: 'billing',
    alsoFor: 'feed',
    summary: 'Tells which calls run on a switch',
    description:
      'The whole each time, every few seconds: what is told of no more has ended. Kamailio and FreeSWITCH are asked instead.',
    answers: 'It is kept',
    schema: taken,
  })
  async tell(
    @Query({ schema: switchQuery }) query: z.output<typeof switchQuery>,
    @Body({ schema: liveCallsForm }) { calls }: z.output<typeof liveCallsForm>,
  ): Promise<{ running: number }> {
    const told = calls.map((call) => ({
      callId: call.call_id,
      accountId: call.account,
      number: call.number,
      startedAt: parseInstant(call.started_at)!,
      answered: true,
    }));
    return { running: await this.#calls.keep(query.switch, told) };
  }

  @Get('accounts/:account_id/live-calls')
  @Route({
    needs: 'viewer',
    summary: 'Shows the calls of an account that run now',
    answers: 'All of them, on one page, the longest first',
    schema: pageOf(running),
  })
  async show(@Param('account_id') id: string, @Caller() caller: Principal): Promise<Page<Running>> {
    const calls = await onConnection(this.#dataSource, (client) => runningCalls(client, [id]));
    const items = calls
      .filter(({ endedAt }) => endedAt === undefined)
      .map(({ callId, source, number, country, startedAt }) => ({
        call_id: callId,
        switch: source,
        number: maskNumbers(number, caller.role),
        country,
        started_at: showInstant(toDate(startedAt)),
      }));
    return { items, next: null };
  }
}
