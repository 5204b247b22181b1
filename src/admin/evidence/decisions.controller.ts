import { Controller, Get, Headers, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { toJSONSchema, z } from 'zod';
import { MODES } from '../../caps/cap.ts';
import { decisionResponse } from '../../decisions/decision.ts';
import { decisionOf, type DecisionRow } from '../../decisions/store.ts';
import { textUpTo } from '../../kernel/characters.ts';
import { parseInstant, toDate } from '../../kernel/clock.ts';
import { wordsFor } from '../http/masking.ts';
import { limitUpTo, numberCursor, pageOf, pageQuery, toPage, type Page } from '../http/paging.ts';
import { Caller, Route, textAs } from '../http/route.ts';
import { amount, instant, queryInstant } from '../http/wire.ts';
import type { Principal } from '../keys/role.ts';

const NDJSON = 'application/x-ndjson';
const JSON_LIMIT = 100;
const NDJSON_LIMIT = 10_000;

const decisionsQuery = z.object({
  account: textUpTo(64).optional(),
  since: queryInstant.optional().meta({ description: 'those whose `at` is this instant or later' }),
  cursor: pageQuery.shape.cursor,
  limit: limitUpTo(NDJSON_LIMIT).optional().meta({ description: 'how many at most' }),
});

/** A decision as it travels; what does not apply is left out. */
const decision = z.object({
  id: z.string(),
  at: instant,
  account: z.string(),
  type: z.enum(['warn', 'hold', 'suspend', 'restore', 'notify-operator']),
  trigger: z.enum(['cap', 'deviation', 'manual', 'period-end', 'correction', 'guard']),
  cap: z.string().optional(),
  period: z.string().optional(),
  threshold: z.number().optional(),
  traffic: z.string().optional(),
  spend: amount.optional(),
  limit: amount.optional(),
  currency: z.string(),
  record_id: z.string().optional(),
  mode: z.enum(MODES),
  explanation: z.string(),
  action: z.string().optional(),
  service: z.string().optional(),
  score: z.number().optional().meta({ description: 'of a deviation; it acts from `threshold` on' }),
  evidence: z.record(z.string(), z.unknown()).optional().meta({ description: 'of a deviation: what raised the score' }),
});

/** The last decision of a day before `$2`: all made since have a higher number, for no transaction takes a day. By `decisions_by_time`. */
const DAY_BEFORE = `
  SELECT d.decision_no FROM decisions d WHERE d.at < $2::timestamptz - interval '1 day' ORDER BY d.at DESC LIMIT 1`;

/** In the order they were made: by decision_no, or by (account_id, decision_no). */
const PAGE = `
  SELECT decisions.*, accounts.time_zone FROM decisions LEFT JOIN accounts USING (account_id)
   WHERE ($1::text IS NULL OR account_id = $1)
     AND ($2::timestamptz IS NULL OR (decisions.at >= $2 AND decision_no > coalesce((${DAY_BEFORE}), 0)))
     AND ($3::bigint IS NULL OR decision_no > $3)
   ORDER BY decision_no LIMIT $4`;

@ApiTags('decisions')
@Controller('v1/decisions')
export class DecisionsController {
  readonly #dataSource: DataSource;

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  @Get()
  @Route({
    needs: 'viewer',
    summary: 'Lists what was decided, and why',
    description: 'NDJSON; where `Accept` asks for `application/json` alone, a page like those of the other lists.',
    answers: 'In the order they were made',
    content: {
      ...textAs(NDJSON, 'one decision a line; a `Link` header leads to the next page'),
      'application/json': { schema: toJSONSchema(pageOf(decision), { target: 'openapi-3.0' }) as object },
    },
  })
  async list(
    @Query({ schema: decisionsQuery }) query: z.output<typeof decisionsQuery>,
    @Headers('accept') accept: string | undefined,
    @Caller() { role }: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string | Page<unknown>> {
    const asPage = wantsPage(accept);
    const limit = asPage ? Math.min(query.limit ?? JSON_LIMIT, 1_000) : (query.limit ?? NDJSON_LIMIT);
    const { account, since, cursor } = query;
    const from = since === undefined ? undefined : toDate(parseInstant(since)!);
    const rows = await this.#dataSource.query<(DecisionRow & { time_zone: string | null })[]>(PAGE, [
      account,
      from,
      numberCursor(cursor),
      limit + 1,
    ]);
    const page = toPage(
      rows,
      limit,
      (row) => row.decision_no,
      (row) => ({
        ...decisionResponse(decisionOf(row), row.time_zone ?? 'UTC'),
        explanation: wordsFor(row.explanation, role),
      }),
    );
    void reply.header('vary', 'accept');
    if (asPage) return page;
    if (page.next !== null) void reply.header('link', `<${nextPage(query, page.next)}>; rel="next"`);
    void reply.type(NDJSON);
    return page.items.map((item) => `${JSON.stringify(item)}\n`).join('');
  }
}

function nextPage({ account, since, limit }: z.output<typeof decisionsQuery>, cursor: string): string {
  const query = new URLSearchParams({ cursor });
  for (const [name, value] of Object.entries({ account, since, limit })) {
    if (value !== undefined) query.set(name, String(value));
  }
  return `/v1/decisions?${query}`;
}

/** Only who asks for JSON and would take nothing else gets a page. */
function wantsPage(accept = '*/*'): boolean {
  const types = accept.split(',').map((part) => part.split(';', 1)[0]!.trim().toLowerCase());
  return types.includes('application/json') && !types.includes(NDJSON) && !types.includes('*/*');
}
