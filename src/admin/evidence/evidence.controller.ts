import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { entriesOf, evidenceResponse } from '../../evidence/read.ts';
import { onConnection } from '../http/connection.ts';
import { numberCursor, pageOf, pageQuery, textCursor, toPage, type Page } from '../http/paging.ts';
import { Route } from '../http/route.ts';
import { instant } from '../http/wire.ts';

const entry = z
  .object({
    account: z.string(),
    seq: z.int(),
    at: instant,
    kind: z.string(),
    body: z.record(z.string(), z.unknown()),
    prev_hash: z.string(),
    hash: z.string(),
  })
  .meta({ id: 'EvidenceEntry' });

const head = z.object({ account: z.string(), seq: z.int(), hash: z.string() }).meta({ id: 'EvidenceHead' });
type Head = z.output<typeof head>;

/** Accounts that have entries or the head of a chain, so that an entry without a head and a head without one both show. */
const HEADS = `
  SELECT account_id, coalesce(h.seq, 0) AS seq, coalesce(h.hash, '') AS hash
    FROM ((SELECT account_id FROM evidence_heads WHERE account_id > $1 ORDER BY account_id LIMIT $2)
          UNION
          (SELECT DISTINCT account_id FROM evidence WHERE account_id > $1 ORDER BY account_id LIMIT $2)) chained
    LEFT JOIN evidence_heads h USING (account_id)
   ORDER BY account_id LIMIT $2`;

@ApiTags('evidence')
@Controller('v1')
export class EvidenceController {
  readonly #dataSource: DataSource;

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  @Get('accounts/:account_id/evidence')
  @Route({
    needs: 'billing',
    summary: 'Shows what was known, decided, sent and done',
    description:
      'Each entry carries the hash of the one before it; in full, since a shortened one could not be checked.',
    answers: 'A page, in the order it was written',
    schema: pageOf(entry),
  })
  async entries(
    @Param('account_id') id: string,
    @Query({ schema: pageQuery }) { cursor, limit }: z.output<typeof pageQuery>,
  ): Promise<Page<unknown>> {
    const after = Number(numberCursor(cursor) ?? 0);
    const entries = await onConnection(this.#dataSource, (client) => entriesOf(client, id, after, limit + 1));
    return toPage(entries, limit, (each) => String(each.seq), evidenceResponse);
  }

  @Get('evidence/heads')
  @Route({
    needs: 'billing',
    summary: 'Lists where each account’s evidence ends',
    answers: 'A page, by account',
    schema: pageOf(head),
  })
  async heads(@Query({ schema: pageQuery }) { cursor, limit }: z.output<typeof pageQuery>): Promise<Page<Head>> {
    const rows = await this.#dataSource.query<{ account_id: string; seq: string; hash: string }[]>(HEADS, [
      textCursor(cursor) ?? '',
      limit + 1,
    ]);
    return toPage(
      rows,
      limit,
      (row) => row.account_id,
      (row) => ({ account: row.account_id, seq: Number(row.seq), hash: row.hash }),
    );
  }
}
