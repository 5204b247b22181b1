import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { formatInstant } from '../../kernel/clock.ts';
import { numberCursor, pageOf, pageQuery, toPage, type Page } from '../http/paging.ts';
import { Route } from '../http/route.ts';
import { instant } from '../http/wire.ts';

const changesQuery = pageQuery.extend({
  subject: z.string().max(64).optional().meta({ description: 'such as `cap` or `account`' }),
  id: z.string().max(128).optional().meta({ description: 'of the subject' }),
});

const change = z
  .object({
    at: instant,
    actor: z.string(),
    subject: z.string(),
    id: z.string(),
    change: z.string(),
    before: z.unknown(),
    after: z.unknown(),
  })
  .meta({ id: 'Change' });
type Change = z.output<typeof change>;

interface ChangeRow {
  change_id: string;
  at: Date;
  actor: string;
  subject: string;
  subject_id: string;
  change: string;
  before: unknown;
  after: unknown;
}

/** By the primary key backwards, or by (subject, subject_id, change_id). */
const PAGE = `
  SELECT * FROM changes
   WHERE ($1::text IS NULL OR subject = $1) AND ($2::text IS NULL OR subject_id = $2)
     AND ($3::bigint IS NULL OR change_id < $3)
   ORDER BY change_id DESC LIMIT $4`;

@ApiTags('changes')
@Controller('v1/changes')
export class ChangesController {
  readonly #dataSource: DataSource;

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  @Get()
  @Route({
    needs: 'billing',
    summary: 'Lists who changed what, and when',
    answers: 'A page, newest first',
    schema: pageOf(change),
  })
  async list(
    @Query({ schema: changesQuery }) { cursor, limit, subject, id }: z.output<typeof changesQuery>,
  ): Promise<Page<Change>> {
    const rows = await this.#dataSource.query<ChangeRow[]>(PAGE, [subject, id, numberCursor(cursor), limit + 1]);
    return toPage(rows, limit, (row) => row.change_id, showChange);
  }
}

function showChange(row: ChangeRow): Change {
  return {
    at: formatInstant(row.at.getTime()),
    actor: row.actor,
    subject: row.subject,
    id: row.subject_id,
    change: row.change,
    before: row.before,
    after: row.after,
  };
}
