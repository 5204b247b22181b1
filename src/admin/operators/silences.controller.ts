import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { Clock, toDate } from '../../kernel/clock.ts';
import { silenceForm, type SilenceForm } from '../../operators/silence.ts';
import type { DailyFigures } from '../../operators/summary.ts';
import { ChangeOperators } from '../../pipeline/telling/change-operators.ts';
import { notFound, UuidPipe } from '../http/identifiers.ts';
import { pageOf, pageQuery, textCursor, toPage, type Page } from '../http/paging.ts';
import { Actor, Route } from '../http/route.ts';
import { instant, showInstant } from '../http/wire.ts';

const silencesQuery = pageQuery.extend({
  in_force: z.enum(['true', 'false']).optional().meta({ description: 'only those that hold now, or only the others' }),
});

const silence = z
  .object({
    id: z.string(),
    kind: z.string().nullable(),
    subject: z.string().nullable(),
    reason: z.string(),
    author: z.string(),
    created_at: instant,
    starts_at: instant,
    ends_at: instant,
    ended_by: z.string().nullable().meta({ description: 'who ended it before its time' }),
    withheld: z.int().meta({ description: 'events that nobody was told of because of it' }),
    latest: z.array(z.string()).meta({ description: 'the newest of those, ten at most' }),
  })
  .meta({ id: 'Silence' });
type Silence = z.output<typeof silence>;

interface SilenceRow extends Omit<Silence, 'id' | 'created_at' | 'starts_at' | 'ends_at'> {
  silence_id: string;
  created_at: Date;
  starts_at: Date;
  ends_at: Date;
}

/** Silences are few; what they withheld by operator_events_silenced. */
const SILENCES = `
  SELECT s.*, (SELECT count(*) FROM operator_events e WHERE e.silence_id = s.silence_id)::int AS withheld,
         ARRAY(SELECT e.text FROM operator_events e WHERE e.silence_id = s.silence_id ORDER BY e.event_id DESC LIMIT 10) AS latest
    FROM silences s`;

const PAGE = `${SILENCES}
   WHERE ($1::boolean IS NULL OR (starts_at <= $2 AND ends_at > $2) = $1)
     AND ($3::uuid IS NULL OR (created_at, silence_id) < (SELECT created_at, silence_id FROM silences WHERE silence_id = $3))
   ORDER BY created_at DESC, silence_id DESC LIMIT $4`;

const ONE = `${SILENCES} WHERE silence_id = $1`;

const summary = z.object({ day: z.string(), at: instant, figures: z.record(z.string(), z.unknown()) }).meta({
  id: 'DailySummary',
});
type Summary = z.output<typeof summary>;

const SUMMARIES = `
  SELECT day::text, at, figures FROM daily_summaries WHERE ($1::date IS NULL OR day < $1) ORDER BY day DESC LIMIT $2`;

@ApiTags('operation')
@Controller('v1')
export class SilencesController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly change: ChangeOperators,
  ) {}

  @Get('silences')
  @Route({
    needs: 'billing',
    summary: 'Lists silences, with what they withheld',
    answers: 'A page, newest first',
    schema: pageOf(silence),
  })
  async list(
    @Query({ schema: silencesQuery }) { cursor, limit, in_force }: z.output<typeof silencesQuery>,
  ): Promise<Page<Silence>> {
    const after = textCursor(cursor);
    const now = toDate(this.clock.now());
    const parameters = [in_force, now, after && new UuidPipe().transform(after), limit + 1];
    const rows = await this.dataSource.query<SilenceRow[]>(PAGE, parameters);
    return toPage(rows, limit, (row) => row.silence_id, showSilence);
  }

  @Post('silences')
  @Route({
    needs: 'billing',
    summary: 'Withholds messages to operators for a while',
    description: 'Nothing else stops: what is decided, warned of, barred and kept in evidence stays the same.',
    status: 201,
    answers: 'The silence',
    schema: silence,
  })
  async create(
    @Body({ schema: silenceForm }) form: SilenceForm,
    @Actor() actor: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Silence> {
    const id = await this.change.silence(form, actor);
    void reply.header('location', `/v1/silences/${id}`);
    return this.show(id);
  }

  @Get('silences/:id')
  @Route({ needs: 'billing', summary: 'Shows a silence', answers: 'The silence', schema: silence })
  async show(@Param('id', UuidPipe) id: string): Promise<Silence> {
    const [row] = await this.dataSource.query<SilenceRow[]>(ONE, [id]);
    if (!row) throw notFound(`silence ${id}`);
    return showSilence(row);
  }

  @Delete('silences/:id')
  @HttpCode(200)
  @Route({
    needs: 'billing',
    summary: 'Ends a silence now',
    answers: 'The silence; one that is over stays as it was',
    schema: silence,
  })
  async end(@Param('id', UuidPipe) id: string, @Actor() actor: string): Promise<Silence> {
    await this.change.endSilence(id, actor);
    return this.show(id);
  }

  @Get('daily-summaries')
  @Route({
    needs: 'billing',
    summary: 'Lists how each day was',
    answers: 'A page, newest first',
    schema: pageOf(summary),
  })
  async summaries(@Query({ schema: pageQuery }) { cursor, limit }: z.output<typeof pageQuery>): Promise<Page<Summary>> {
    const before = textCursor(cursor);
    if (before !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(before)) throw notFound(`a page after ${before}`);
    const rows = await this.dataSource.query<{ day: string; at: Date; figures: DailyFigures }[]>(SUMMARIES, [
      before,
      limit + 1,
    ]);
    return toPage(
      rows,
      limit,
      (row) => row.day,
      (row) => ({ day: row.day, at: showInstant(row.at), figures: { ...row.figures } }),
    );
  }
}

function showSilence({ silence_id, created_at, starts_at, ends_at, ...row }: SilenceRow): Silence {
  return {
    id: silence_id,
    ...row,
    created_at: showInstant(created_at),
    starts_at: showInstant(starts_at),
    ends_at: showInstant(ends_at),
  };
}
