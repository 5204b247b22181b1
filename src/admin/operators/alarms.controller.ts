import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { ALARM_KINDS } from '../../feeds/alarms.ts';
import { SEEN_FEEDS } from '../../feeds/feed-store.ts';
import { Clock, toDate } from '../../kernel/clock.ts';
import { WatchFeeds } from '../../pipeline/usage/watch-feeds.ts';
import { notFound, NumberPipe } from '../http/identifiers.ts';
import { numberCursor, pageOf, pageQuery, toPage, type Page } from '../http/paging.ts';
import { Actor, Route } from '../http/route.ts';
import { instant, showInstant } from '../http/wire.ts';

const alarmsQuery = pageQuery.extend({
  open: z
    .enum(['true', 'false'])
    .optional()
    .meta({ description: 'only those that are open, or only those that are not' }),
  kind: z.string().max(64).optional().meta({ description: 'such as `feed-behind`' }),
  subject: z.string().max(200).optional().meta({ description: 'what it is about, such as a feed' }),
});

const alarm = z
  .object({
    id: z.string(),
    kind: z.string().meta({
      description: `${ALARM_KINDS.map((kind) => `\`${kind}\``).join(', ')}; more may come`,
    }),
    subject: z.string(),
    raised_at: instant,
    text: z.string(),
    facts: z.record(z.string(), z.unknown()),
    cleared_at: instant.nullable(),
    cleared_text: z.string().nullable(),
    cleared_by: z.string().nullable().meta({ description: 'null: nobody had to, the trouble ended' }),
  })
  .meta({ id: 'Alarm' });
type Alarm = z.output<typeof alarm>;

const feedFreshness = z
  .object({
    feed: z.string(),
    state: z.enum(['fresh', 'late', 'silent', 'unknown']),
    words: z.string(),
    last_import_at: instant.nullable(),
    watermark: instant.nullable().meta({ description: 'the latest start among the usage that came' }),
  })
  .meta({ id: 'FeedFreshness' });
type FeedFreshness = z.output<typeof feedFreshness>;

interface AlarmRow {
  alarm_id: string;
  kind: string;
  subject: string;
  raised_at: Date;
  text: string;
  facts: Record<string, unknown>;
  cleared_at: Date | null;
  cleared_text: string | null;
  cleared_by: string | null;
}

/** By the primary key backwards, or by `alarms_open`. */
const PAGE = `
  SELECT * FROM alarms
   WHERE ($1::boolean IS NULL OR (cleared_at IS NULL) = $1) AND ($2::text IS NULL OR kind = $2)
     AND ($3::text IS NULL OR subject = $3) AND ($4::bigint IS NULL OR alarm_id < $4)
   ORDER BY alarm_id DESC LIMIT $5`;

const CLEAR = `
  UPDATE alarms SET cleared_at = $2, cleared_text = 'seen, and cleared by hand', cleared_by = $3
   WHERE alarm_id = $1 AND cleared_at IS NULL`;

@ApiTags('operation')
@Controller('v1')
export class AlarmsController {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #feeds: WatchFeeds;

  constructor(dataSource: DataSource, clock: Clock, feeds: WatchFeeds) {
    this.#dataSource = dataSource;
    this.#clock = clock;
    this.#feeds = feeds;
  }

  @Get('alarms')
  @Route({
    needs: 'billing',
    summary: 'Lists what operators have to look at',
    answers: 'A page, newest first',
    schema: pageOf(alarm),
  })
  async list(
    @Query({ schema: alarmsQuery }) { cursor, limit, open, kind, subject }: z.output<typeof alarmsQuery>,
  ): Promise<Page<Alarm>> {
    const parameters = [open, kind, subject, numberCursor(cursor), limit + 1];
    const rows = await this.#dataSource.query<AlarmRow[]>(PAGE, parameters);
    return toPage(rows, limit, (row) => row.alarm_id, showAlarm);
  }

  @Post('alarms/:alarm_id/clear')
  @HttpCode(200)
  @Route({
    needs: 'billing',
    summary: 'Clears an alarm by hand',
    description:
      'Where its trouble lasts, it is raised again when it is looked for next. A cleared one stays as it is.',
    answers: 'The alarm, cleared',
    schema: alarm,
  })
  async clear(@Param('alarm_id', NumberPipe) id: string, @Actor() actor: string): Promise<Alarm> {
    await this.#dataSource.query(CLEAR, [id, toDate(this.#clock.now()), actor]);
    const [row] = await this.#dataSource.query<AlarmRow[]>('SELECT * FROM alarms WHERE alarm_id = $1', [id]);
    if (!row) throw notFound(`alarm ${id}`);
    return showAlarm(row);
  }

  @Get('feeds/:feed/freshness')
  @Route({
    needs: 'viewer',
    summary: 'Tells how fresh a feed is',
    description: '`unknown` where no rhythm is expected of it.',
    answers: 'Its state, in a word and in a sentence',
    schema: feedFreshness,
  })
  async freshness(@Param('feed') feed: string): Promise<FeedFreshness> {
    const [row] = await this.#dataSource.query<{ last_import_at: Date | null; watermark: Date | null }[]>(
      `SELECT last_import_at, watermark FROM ${SEEN_FEEDS} WHERE feed = $1`,
      [feed],
    );
    if (!row) throw notFound(`feed ${feed}`);
    const { state, words } = await this.#feeds.freshness(feed);
    return {
      feed,
      state,
      words,
      last_import_at: showInstant(row.last_import_at),
      watermark: showInstant(row.watermark),
    };
  }
}

function showAlarm({ alarm_id, raised_at, cleared_at, ...row }: AlarmRow): Alarm {
  return { id: alarm_id, ...row, raised_at: showInstant(raised_at), cleared_at: showInstant(cleared_at) };
}
