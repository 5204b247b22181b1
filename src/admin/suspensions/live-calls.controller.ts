import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { textUpTo } from '../../kernel/characters.ts';
import { INSTANT_WANTED, parseInstant, toDate } from '../../kernel/clock.ts';
import { NAME, NAME_FORM } from '../../kernel/name.ts';
import { FollowCalls, type CallEvent } from '../../pipeline/limits/follow-calls.ts';
import { runningCalls } from '../../spend/running-calls.ts';
import { onConnection } from '../http/connection.ts';
import type { Principal } from '../keys/role.ts';
import { maskNumbers } from '../http/masking.ts';
import { pageOf, type Page } from '../http/paging.ts';
import { Caller, Route } from '../http/route.ts';
import { instant, showInstant } from '../http/wire.ts';

const CALLS_MAX = 20_000;
const EVENTS_MAX = 1_000;

const callId = z.string().min(1).max(256).meta({ description: 'as the switch tells it apart' });
const account = textUpTo(64).min(1);
const number = z.string().min(1).max(64).meta({ description: 'the called number' });
const moment = z.string().refine((text) => parseInstant(text) !== undefined, { error: INSTANT_WANTED });

const liveCall = z.strictObject({
  call_id: callId,
  account,
  number,
  started_at: moment.meta({ format: 'date-time', description: 'when it was answered' }),
});

const liveCallsForm = z
  .strictObject({ calls: z.array(liveCall).max(CALLS_MAX, { error: `must be ${CALLS_MAX} at most` }) })
  .meta({ id: 'LiveCallsForm', description: 'every answered call that runs now: what is left out has ended' });

const callEvents = z
  .strictObject({
    events: z
      .array(
        z.discriminatedUnion('event', [
          z.strictObject({ event: z.literal('answered'), call_id: callId, account, number, at: moment }),
          z.strictObject({ event: z.literal('ended'), call_id: callId, at: moment }),
        ]),
      )
      .max(EVENTS_MAX, { error: `must be ${EVENTS_MAX} at most` })
      .meta({ description: 'in the order in which they happened' }),
  })
  .meta({ id: 'CallEvents' });

const switchQuery = z.object({
  switch: z
    .string()
    .regex(NAME, { error: NAME_FORM })
    .meta({ description: 'whose calls these are; one name a source' }),
});

const nodeQuery = switchQuery.extend({
  node: z
    .string()
    .regex(/^[A-Za-z0-9.:[\]-]{1,255}$/, { error: 'must be a host and port' })
    .optional()
    .meta({ description: 'host and port of one of its nodes, as `GET /v1/switches` names it after the switch' }),
});

const kept = z.object({ running: z.int().meta({ description: 'how many of known accounts run now' }) });
const heard = z.object({ answered: z.int().meta({ description: 'how many calls of known accounts were answered' }) });

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
      'The whole each time, every few seconds: what is told of no more has ended. A call that began more than 24 hours ago is taken for one that got stuck, and left out. Kamailio and FreeSWITCH are asked instead.',
    answers: 'It is kept',
    schema: kept,
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

  @Post('live-calls/events')
  @HttpCode(200)
  @Route({
    needs: 'billing',
    alsoFor: 'feed',
    summary: 'Tells of calls as they are answered and as they end',
    description:
      'What an event could not tell, the switch is asked for. An event that is told again changes nothing; one that comes late counts, as long as its call began within 24 hours. Refused with `bad_times`, and nothing of the request kept, where a call would have been answered more than 24 hours ago, or anything lies in the future or a call ends before it was answered, by more than the 5 minutes that clocks differ. Such events are not to be sent again. Kamailio: `docker/kamailio/call-events.cfg`.',
    answers: 'They are kept',
    schema: heard,
  })
  async hear(
    @Query({ schema: nodeQuery }) query: z.output<typeof nodeQuery>,
    @Body({ schema: callEvents }) { events }: z.output<typeof callEvents>,
  ): Promise<{ answered: number }> {
    const told = events.map((each): CallEvent => {
      const moment = { callId: each.call_id, at: parseInstant(each.at)! };
      return each.event === 'ended'
        ? { ...moment, event: 'ended' }
        : { ...moment, event: 'answered', accountId: each.account, number: each.number };
    });
    return { answered: await this.#calls.hear(query.switch, query.node, told) };
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
