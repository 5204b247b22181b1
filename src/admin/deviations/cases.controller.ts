import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { CASE_STATES, VERDICTS } from '../../cases/case.ts';
import { CASE_VERSION, type CaseRow } from '../../cases/store.ts';
import { textUpTo } from '../../kernel/characters.ts';
import { SecondPerson } from '../../pipeline/deciding/second-person.ts';
import { notFound, NumberPipe } from '../http/identifiers.ts';
import { wordsFor } from '../http/masking.ts';
import { numberCursor, pageOf, pageQuery, toPage, type Page } from '../http/paging.ts';
import { etag, ifMatch } from '../http/precondition.ts';
import { Caller, Route } from '../http/route.ts';
import { instant, showInstant } from '../http/wire.ts';
import { personOf } from '../keys/person.ts';
import type { Principal } from '../keys/role.ts';

const casesQuery = pageQuery.extend({
  state: z.enum(CASE_STATES).optional(),
  account: textUpTo(64).optional(),
  kind: z.enum(['account', 'tariff']).optional(),
});

const verdictForm = z.strictObject({
  verdict: z.enum(VERDICTS, { error: `must be one of ${VERDICTS.join(', ')}` }).meta({
    description:
      '`legitimate`: it is learnt, and what deviations barred is lifted; `confirmed-fraud`: it is never learnt, and its number ' +
      'blocks are hot for everyone; `rating-error`: account actions on its number ranges wait, and what rules barred is lifted; ' +
      '`closed`: says nothing of what it was, and lets a tariff brake go',
  }),
  reason: z.string().trim().min(1, { error: 'must say why' }).max(1_000),
});

const caseSummary = z
  .object({
    id: z.string(),
    kind: z.enum(['account', 'tariff']).meta({ description: '`tariff`: of number ranges, for everyone' }),
    account: z.string().nullable(),
    state: z.enum(CASE_STATES),
    opened_at: instant,
    from: instant.meta({ description: 'when what it is about began' }),
    last_at: instant,
    ranges: z.array(z.string()),
    countries: z.array(z.string()),
    summary: z.string(),
    settled_at: instant.nullable(),
    settled_by: z.string().nullable(),
    reason: z.string().nullable(),
    version: z.int().meta({ description: 'counts what was said of it' }),
  })
  .meta({ id: 'CaseSummary' });
type CaseSummary = z.output<typeof caseSummary>;

const fullCase = caseSummary
  .extend({
    decisions: z.array(
      z.object({
        id: z.string(),
        at: instant,
        account: z.string(),
        type: z.string(),
        trigger: z.string(),
        mode: z.string(),
        explanation: z.string(),
      }),
    ),
    warnings: z.array(z.object({ id: z.string(), account: z.string(), channel: z.string(), state: z.string() })),
    suspensions: z.array(z.object({ id: z.string(), account: z.string(), class: z.string(), state: z.string() })),
    events: z.array(
      z.object({
        at: instant,
        by: z.string(),
        what: z.string(),
        why: z.string(),
        changed: z.record(z.string(), z.unknown()),
      }),
    ),
    brakes: z.array(z.object({ range: z.string(), braked_at: instant, released_at: instant.nullable() })),
  })
  .meta({ id: 'Case' });
type FullCase = z.output<typeof fullCase>;

type Shown<T> = T & { time_zone: string | null; version: number };

const CASES = `SELECT cases.*, accounts.time_zone, ${CASE_VERSION} AS version FROM cases LEFT JOIN accounts USING (account_id)`;

/** By the primary key backwards, by `cases_of_account`, or by `cases_open`. */
const PAGE = `${CASES}
   WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR account_id = $2) AND ($3::text IS NULL OR kind = $3)
     AND ($4::bigint IS NULL OR case_no < $4)
   ORDER BY case_no DESC LIMIT $5`;

/** Decisions of the case, and those that wait for it. */
const OF_CASE = `
  (SELECT decision_id FROM case_decisions WHERE case_no = $1 UNION SELECT decision_id FROM braked_decisions WHERE case_no = $1)`;

@ApiTags('deviations')
@Controller('v1/cases')
export class CasesController {
  readonly #dataSource: DataSource;
  readonly #second: SecondPerson;

  constructor(dataSource: DataSource, second: SecondPerson) {
    this.#dataSource = dataSource;
    this.#second = second;
  }

  @Get()
  @Route({
    needs: 'viewer',
    summary: 'Lists cases: what belongs together and wants a word from the billing team',
    answers: 'A page, newest first',
    schema: pageOf(caseSummary),
  })
  async list(
    @Query({ schema: casesQuery }) { state, account, kind, cursor, limit }: z.output<typeof casesQuery>,
  ): Promise<Page<CaseSummary>> {
    const rows = await this.#dataSource.query<Shown<CaseRow>[]>(PAGE, [
      state,
      account,
      kind,
      numberCursor(cursor),
      limit + 1,
    ]);
    return toPage(rows, limit, (row) => row.case_no, showCase);
  }

  @Get(':case_no')
  @Route({
    needs: 'viewer',
    summary: 'Shows a case with all that belongs to it',
    answers: 'The case',
    schema: fullCase,
  })
  async show(
    @Param('case_no', NumberPipe) id: string,
    @Caller() { role }: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FullCase> {
    const query = <T>(sql: string) => this.#dataSource.query<T[]>(sql, [id]);
    const [row] = await query<Shown<CaseRow>>(`${CASES} WHERE case_no = $1`);
    if (!row) throw notFound(`case ${id}`);
    void reply.header('etag', etag(row.version));
    const zone = row.time_zone;
    const decisions = await query<{ at: Date } & Omit<FullCase['decisions'][number], 'at'>>(
      `SELECT decision_id AS id, at, account_id AS account, type, trigger, mode, explanation FROM decisions
        WHERE decision_id IN ${OF_CASE} ORDER BY decision_no LIMIT 1000`,
    );
    const events = await query<{ at: Date } & Omit<FullCase['events'][number], 'at'>>(
      'SELECT at, by, what, why, facts AS changed FROM case_events WHERE case_no = $1 ORDER BY event_no',
    );
    const brakes = await query<{ range: string; braked_at: Date; released_at: Date | null }>(
      'SELECT range, braked_at, released_at FROM tariff_brakes WHERE case_no = $1 ORDER BY range',
    );
    return {
      ...showCase(row),
      decisions: decisions.map((each) => ({
        ...each,
        at: showInstant(each.at, zone),
        explanation: wordsFor(each.explanation, role),
      })),
      warnings: await query(
        `SELECT warning_id AS id, account_id AS account, channel, state FROM warnings
          WHERE decision_id IN ${OF_CASE} ORDER BY warning_no LIMIT 1000`,
      ),
      suspensions: await query(
        `SELECT suspension_id AS id, account_id AS account, class, state FROM suspensions
          WHERE decision_id IN ${OF_CASE} ORDER BY suspension_no LIMIT 1000`,
      ),
      events: events.map((each) => ({ ...each, at: showInstant(each.at, zone) })),
      brakes: brakes.map(({ range, braked_at, released_at }) => ({
        range,
        braked_at: showInstant(braked_at, zone),
        released_at: showInstant(released_at, zone),
      })),
    };
  }

  @Post(':case_no/verdict')
  @HttpCode(200)
  @Route({
    needs: 'billing',
    summary: 'Says what a case was',
    description:
      'A verdict can be put right by another one until the case is closed. What it changed stands among the events. With `If-Match` ' +
      '(the ETag that was read) only where nobody has said anything of it since, else 412. 202 where a second person has to agree ' +
      'first to what it lifts: `Location` names the approval that waits.',
    answers: 'The case as it stands since',
    schema: fullCase,
  })
  async verdict(
    @Param('case_no', NumberPipe) id: string,
    @Body({ schema: verdictForm }) { verdict, reason }: z.output<typeof verdictForm>,
    @Headers('if-match') match: string | undefined,
    @Caller() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FullCase> {
    const approval = await this.#second.settle(id, verdict, reason, ifMatch(match), personOf(caller));
    if (approval !== undefined) void reply.code(202).header('location', `/v1/approvals/${approval}`);
    return this.show(id, caller, reply);
  }
}

function showCase(row: Shown<CaseRow>): CaseSummary {
  const at = (date: Date) => showInstant(date, row.time_zone);
  return {
    id: row.case_no,
    kind: row.kind,
    account: row.account_id === '' ? null : row.account_id,
    state: row.state,
    opened_at: at(row.opened_at),
    from: at(row.from_at),
    last_at: at(row.last_at),
    ranges: row.ranges,
    countries: row.countries,
    summary: row.summary,
    settled_at: showInstant(row.state_at, row.time_zone),
    settled_by: row.state_by,
    reason: row.state_why,
    version: row.version,
  };
}
