import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { formatInstant } from '../kernel/clock.ts';
import type { KeyRole, Principal } from './keys/role.ts';
import { maskAddress } from './masking.ts';
import { numberCursor, pageOf, pageQuery, toPage, type Page } from './paging.ts';
import { Caller, Route } from './route.ts';
import { instant, showInstant } from './wire.ts';

const warningsQuery = pageQuery.extend({ account: z.string().max(64).optional() });

const warning = z
  .object({
    id: z.string(),
    account: z.string(),
    decision: z.string(),
    channel: z.enum(['email', 'sms']),
    address: z.string().meta({ description: 'shortened for a viewer' }),
    subject: z.string(),
    text: z.string(),
    state: z.enum(['queued', 'sending', 'sent', 'failed']),
    created_at: instant,
    settled_at: instant.nullable(),
    attempts: z.array(z.object({ at: instant, outcome: z.enum(['sent', 'retry', 'refused']), answer: z.string() })),
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
  state: Warning['state'];
  created_at: Date;
  settled_at: Date | null;
  time_zone: string | null;
  /** epoch milliseconds, outcome, answer */
  tried: { at: number; outcome: Warning['attempts'][number]['outcome']; answer: string }[];
}

/** By warning_no backwards, or by (account_id, warning_no). */
const PAGE = `
  SELECT w.*, accounts.time_zone, ARRAY(
           SELECT json_build_object('at', round(extract(epoch FROM a.at) * 1000), 'outcome', a.outcome, 'answer', a.answer)
             FROM warning_attempts a WHERE a.warning_id = w.warning_id ORDER BY a.attempt) AS tried
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
    answers: 'A page, newest first, with what the gateways answered',
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
  return {
    id: row.warning_id,
    account: row.account_id,
    decision: row.decision_id,
    channel: row.channel,
    address: maskAddress(row.address, role),
    subject: row.subject,
    text: row.text,
    state: row.state,
    created_at: showInstant(row.created_at, row.time_zone),
    settled_at: showInstant(row.settled_at, row.time_zone),
    attempts: row.tried.map(({ at, outcome, answer }) => ({
      at: formatInstant(at, row.time_zone ?? 'UTC'),
      outcome,
      // Gateways repeat whom they sent to.
      answer: row.address === '' ? answer : answer.replaceAll(row.address, maskAddress(row.address, role)),
    })),
  };
}
