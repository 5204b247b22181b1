import { Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { accountsById } from '../../accounts/store.ts';
import { decisionResponse } from '../../decisions/decision.ts';
import { decisionOf, type DecisionRow } from '../../decisions/store.ts';
import { HotList, Model } from '../../deviations/model.ts';
import { normalInWords, normalOf, WEEK_PART_NAMES } from '../../deviations/normal.ts';
import { policyBook } from '../../deviations/policy-store.ts';
import { DEVIATION_MODES } from '../../deviations/policy.ts';
import { latestFit, signaturesOf } from '../../deviations/signature-store.ts';
import { textUpTo } from '../../kernel/characters.ts';
import { Clock, parseInstant, toDate } from '../../kernel/clock.ts';
import { formatAmount } from '../../kernel/money.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { reportDeviations, type DeviationReport } from '../../pipeline/deviations/deviation-report.ts';
import { RebuildSignatures } from '../../pipeline/deviations/rebuild-signatures.ts';
import { onConnection } from '../http/connection.ts';
import { notFound } from '../http/identifiers.ts';
import { limitUpTo, numberCursor, pageOf, pageQuery, textCursor, toPage, type Page } from '../http/paging.ts';
import { Route } from '../http/route.ts';
import { amount, queryInstant, showInstant } from '../http/wire.ts';

const SHOWN_MAX = 1_000;
const WEEK_MS = 7 * 86_400_000;

const deviationsQuery = pageQuery.extend({ account: textUpTo(64).optional() });

/** An array, as it was before there were pages of it: so they are as long as any can be. */
const hotNumbersQuery = pageQuery.extend({
  limit: limitUpTo(1000).default(1000).meta({ description: 'how many at most; 1000 where it is not said' }),
});

const deviation = z.looseObject({ case: z.string().nullable(), case_state: z.string().nullable() }).meta({
  id: 'Deviation',
  description: 'a decision with its score, its evidence, and the case it belongs to',
});

const normal = z
  .object({
    account: z.string(),
    words: z.string(),
    mode: z.enum(DEVIATION_MODES),
    days: z.int().meta({ description: 'days behind it, as they count after forgetting' }),
    currency: z.string(),
    usual_a_day: amount,
    usual_a_day_abroad: amount.meta({ description: 'calls abroad and premium numbers' }),
    calls_a_day: z.number(),
    destinations: z.array(z.object({ kind: z.string(), country: z.string(), calls: z.int() })),
    hours: z.array(z.object({ part: z.enum(WEEK_PART_NAMES), share: z.number() })),
  })
  .meta({ id: 'Normal' });

const reportQuery = z.object({
  from: queryInstant.optional().meta({ description: 'unset: a week before `to`' }),
  to: queryInstant.optional().meta({ description: 'unset: now' }),
});

const rebuildQuery = z.object({
  check: z.enum(['true', 'false']).default('false').meta({ description: 'only look, and change nothing' }),
});

const rebuilt = z
  .object({
    rebuilt: z.boolean(),
    accounts: z.int(),
    count: z.int().meta({ description: 'accounts whose signature was not what the ledger makes of it' }),
    differing: z.array(z.string()).meta({ description: `the first ${SHOWN_MAX}` }),
    corrected: z.int().meta({ description: 'accounts that differ for what was corrected: made anew hour by hour' }),
    waiting: z.int().meta({ description: 'accounts of which usage waits to be looked at: ask again' }),
  })
  .meta({ id: 'SignaturesRebuilt' });

/** By decision_no, or by (account_id, decision_no). */
const PAGE = `
  SELECT d.*, a.time_zone, c.case_no, c.state AS case_state
    FROM decisions d LEFT JOIN accounts a USING (account_id)
    LEFT JOIN case_decisions cd USING (decision_id) LEFT JOIN cases c USING (case_no)
   WHERE d.score IS NOT NULL AND ($1::text IS NULL OR d.account_id = $1) AND ($2::bigint IS NULL OR d.decision_no < $2)
   ORDER BY d.decision_no DESC LIMIT $3`;

/** By the primary key. */
const HOT_PAGE = `
  SELECT range, case_no, added_by, expires_at FROM hot_numbers
   WHERE expires_at > $1 AND ($2::text IS NULL OR range > $2) ORDER BY range LIMIT $3`;

interface HotRow {
  range: string;
  case_no: string | null;
  added_by: string;
  expires_at: Date;
}

interface DeviationRow extends DecisionRow {
  time_zone: string | null;
  case_no: string | null;
  case_state: string | null;
}

@ApiTags('deviations')
@Controller('v1')
export class DeviationsController {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #signatures: RebuildSignatures;

  constructor(dataSource: DataSource, clock: Clock, signatures: RebuildSignatures) {
    this.#dataSource = dataSource;
    this.#clock = clock;
    this.#signatures = signatures;
  }

  @Get('deviations')
  @Route({
    needs: 'viewer',
    summary: 'Lists what broke an account’s normal, recorded or acted on',
    answers: 'A page, newest first',
    schema: pageOf(deviation),
  })
  async list(
    @Query({ schema: deviationsQuery }) { account, cursor, limit }: z.output<typeof deviationsQuery>,
  ): Promise<Page<unknown>> {
    const rows = await this.#dataSource.query<DeviationRow[]>(PAGE, [account, numberCursor(cursor), limit + 1]);
    return toPage(
      rows,
      limit,
      (row) => row.decision_no,
      (row) => ({
        ...decisionResponse(decisionOf(row), row.time_zone ?? 'UTC'),
        case: row.case_no,
        case_state: row.case_state,
      }),
    );
  }

  @Get('accounts/:account_id/normal')
  @Route({
    needs: 'viewer',
    summary: 'Tells what is usual for an account',
    answers: 'In words, and as data',
    schema: normal,
  })
  async normal(@Param('account_id') id: string): Promise<z.output<typeof normal>> {
    return onConnection(this.#dataSource, async (client) => {
      const [account] = await accountsById(client, [id]);
      if (!account) throw notFound(`account ${id}`);
      const { norms, calibration } = await latestFit(client);
      const model = new Model(norms, calibration, new HotList([]));
      const signature = (await signaturesOf(client, [id])).get(id);
      const known = signature && normalOf(signature, account, model);
      const policy = (await policyBook(client)).of(account);
      return {
        account: id,
        words: known ? normalInWords(known, account) : 'Nothing is known of this account yet.',
        mode: policy.mode,
        days: known?.days ?? 0,
        currency: account.currency,
        usual_a_day: formatAmount(known?.perDay ?? 0n),
        usual_a_day_abroad: formatAmount(known?.perDayAbroad ?? 0n),
        calls_a_day: known?.callsPerDay ?? 0,
        destinations: known?.places ?? [],
        hours: (known?.hours ?? []).map(({ part, share }) => ({ part, share: Number(share.toFixed(3)) })),
      };
    });
  }

  @Get('deviation-report')
  @Route({
    needs: 'billing',
    summary: 'Tells what deviations did, or in shadow mode would have done',
    description:
      'Whom they warned, held and suspended, whether that was right, the money that would have been kept, and what was spent past bars all the same.',
    answers: 'Account by account, and summed up',
    schema: z.looseObject({}).meta({ id: 'DeviationReport' }),
  })
  async report(@Query({ schema: reportQuery }) query: z.output<typeof reportQuery>): Promise<DeviationReport> {
    const to = query.to === undefined ? this.#clock.now() : parseInstant(query.to)!;
    const from = query.from === undefined ? to - WEEK_MS : parseInstant(query.from)!;
    if (from > to) {
      const fault = { field: 'from', detail: 'must not be after `to`' };
      throw new Refusal('invalid', 'invalid', 'wrong: from', [fault]);
    }
    return onConnection(this.#dataSource, (client) => reportDeviations(client, from, to));
  }

  @Get('hot-numbers')
  @Route({
    needs: 'viewer',
    summary: 'Lists number ranges that were confirmed as fraud',
    description:
      'A call to one of them counts for more, whoever makes it. A verdict puts them here, and takes them back.',
    answers: 'Those that count now, by range; a `Link` header leads to the next page',
    schema: z.array(
      z.object({ range: z.string(), case: z.string().nullable(), added_by: z.string(), until: z.string() }),
    ),
  })
  async hotNumbers(
    @Query({ schema: hotNumbersQuery }) { cursor, limit }: z.output<typeof hotNumbersQuery>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const now = toDate(this.#clock.now());
    const rows = await this.#dataSource.query<HotRow[]>(HOT_PAGE, [now, textCursor(cursor), limit + 1]);
    const page = toPage(
      rows,
      limit,
      (row) => row.range,
      (row) => ({
        range: row.range,
        case: row.case_no,
        added_by: row.added_by,
        until: showInstant(row.expires_at),
      }),
    );
    if (page.next !== null) {
      const next = new URLSearchParams({ cursor: page.next, limit: String(limit) });
      void reply.header('link', `</v1/hot-numbers?${next}>; rel="next"`);
    }
    return page.items;
  }

  @Post('deviations/rebuild')
  @HttpCode(200)
  @Route({
    needs: 'admin',
    summary: 'Makes every signature anew from the ledger',
    description:
      'With `check=true` nothing is changed and nobody is held up. Without, importers wait for the few accounts that somebody is ' +
      'at work on meanwhile. What was done about an account stays as it was.',
    answers: 'What differs, or was made anew',
    schema: rebuilt,
  })
  async rebuild(
    @Query({ schema: rebuildQuery }) { check }: z.output<typeof rebuildQuery>,
  ): Promise<z.output<typeof rebuilt>> {
    const mends = check === 'false';
    const found = mends ? await this.#signatures.mend() : await this.#signatures.check();
    const { differing, ...counts } = found;
    return { rebuilt: mends, ...counts, count: differing.length, differing: differing.slice(0, SHOWN_MAX) };
  }
}
