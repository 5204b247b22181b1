import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { textUpTo } from '../../kernel/characters.ts';
import { formatInstant } from '../../kernel/clock.ts';
import type { KeyRole, Principal } from '../keys/role.ts';
import { addressFor, answerFor } from '../http/masking.ts';
import { numberCursor, pageOf, pageQuery, toPage, type Page } from '../http/paging.ts';
import { Caller, Route } from '../http/route.ts';
import { instant, showInstant } from '../http/wire.ts';

const warningsQuery = pageQuery.extend({ account: textUpTo(64).optional() });

const warning = z
  .object({
    id: z.string(),
    account: z.string(),
    decision: z.string().meta({ description: 'the gravest that it tells of' }),
    covers: z.array(z.string()).meta({ description: 'every decision that it tells of' }),
    channel: z.enum(['email', 'sms']),
    address: z.string().meta({ description: 'shortened for a viewer' }),
    subject: z.string(),
    text: z
      .string()
      .meta({ description: 'empty until it is written, just before it leaves; the link without its signature' }),
    html: z.string().meta({ description: 'of a mail' }),
    state: z.enum(['queued', 'sending', 'sent', 'delivered', 'failed', 'bounced']),
    created_at: instant,
    not_before: instant.nullable().meta({ description: 'null: it may leave at once' }),
    settled_at: instant.nullable(),
    attempts: z.array(z.object({ at: instant, outcome: z.enum(['sent', 'retry', 'refused']), answer: z.string() })),
    receipts: z.array(
      z.object({
        at: instant,
        said: z.enum(['accepted', 'delayed', 'delivered', 'failed']),
        part: z.string().meta({ description: "the gateway's name of it, of a message in parts" }),
        answer: z.string(),
      }),
    ),
  })
  .meta({ id: 'Warning' });
type Warning = z.output<typeof warning>;

interface WarningRow {
  warning_no: string;
  warning_id: string;
  decision_id: string;
  account_id: string;
  channel: Warning['channel'];
  address: string;
  subject: string;
  text: string;
  html: string;
  covers: string[];
  state: Warning['state'];
  created_at: Date;
  /** null where it is not after the creation */
  not_before: Date | null;
  settled_at: Date | null;
  time_zone: string | null;
  /** epoch milliseconds, outcome, answer */
  tried: { at: number; outcome: Warning['attempts'][number]['outcome']; answer: string }[];
  came: { at: number; said: Warning['receipts'][number]['said']; part: string; answer: string }[];
}

/** By warning_no backwards, or by (account_id, warning_no). */
const PAGE = `
  SELECT w.warning_no, w.warning_id, w.decision_id, account_id, w.channel, w.address, w.subject, w.text, w.html, w.covers,
         w.state, w.created_at, w.settled_at, accounts.time_zone, ARRAY(
           SELECT json_build_object('at', round(extract(epoch FROM a.at) * 1000), 'outcome', a.outcome, 'answer', a.answer)
             FROM warning_attempts a WHERE a.warning_id = w.warning_id ORDER BY a.attempt) AS tried, ARRAY(
           SELECT json_build_object('at', round(extract(epoch FROM r.at) * 1000), 'said', r.said, 'part', r.part,
                                    'answer', r.answer)
             FROM warning_receipts r WHERE r.warning_id = w.warning_id ORDER BY r.receipt_no) AS came,
         CASE WHEN w.due_at > w.created_at THEN w.due_at END AS not_before
    FROM warnings w LEFT JOIN accounts USING (account_id)
   WHERE ($1::text IS NULL OR account_id = $1) AND ($2::bigint IS NULL OR warning_no < $2)
   ORDER BY warning_no DESC LIMIT $3`;

@ApiTags('decisions')
@Controller('v1/warnings')
export class WarningsController {
  readonly #dataSource: DataSource;

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  @Get()
  @Route({
    needs: 'viewer',
    summary: 'Lists what customers were told',
    answers: 'A page, newest first, with what gateways answered and what came back',
    schema: pageOf(warning),
  })
  async list(
    @Query({ schema: warningsQuery }) { cursor, limit, account }: z.output<typeof warningsQuery>,
    @Caller() caller: Principal,
  ): Promise<Page<Warning>> {
    const rows = await this.#dataSource.query<WarningRow[]>(PAGE, [account, numberCursor(cursor), limit + 1]);
    return toPage(
      rows,
      limit,
      (row) => row.warning_no,
      (row) => showWarning(row, caller.role),
    );
  }
}

function showWarning(row: WarningRow, role: KeyRole): Warning {
  const zone = row.time_zone ?? 'UTC';
  // Gateways repeat whom they sent to.
  const masked = (answer: string) => answerFor(answer, row.address, role);
  return {
    id: row.warning_id,
    account: row.account_id,
    decision: row.decision_id,
    covers: row.covers,
    channel: row.channel,
    address: addressFor(row.address, role),
    subject: row.subject,
    text: row.text,
    html: row.html,
    state: row.state,
    created_at: showInstant(row.created_at, row.time_zone),
    not_before: showInstant(row.not_before, row.time_zone),
    settled_at: showInstant(row.settled_at, row.time_zone),
    attempts: row.tried.map(({ at, outcome, answer }) => ({
      at: formatInstant(at, zone),
      outcome,
      answer: masked(answer),
    })),
    receipts: row.came.map(({ at, said, part, answer }) => ({
      at: formatInstant(at, zone),
      said,
      part,
      answer: masked(answer),
    })),
  };
}
