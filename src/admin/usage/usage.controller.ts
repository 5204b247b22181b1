import { Controller, HttpCode, Post, Query, Req } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { NAME, NAME_FORM } from '../../kernel/name.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { RecordUsage, RefusedInPart } from '../../pipeline/usage/record-usage.ts';
import { bodyBytes, mediaType } from '../http/bodies.ts';
import { importResult, showResult, type ImportResultResponse } from './import-result.ts';
import { Actor, Route } from '../http/route.ts';

/** NDJSON has no registered type; these are the ones that it is sent with. */
const FORMAT_OF = {
  'text/csv': 'csv',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'application/json': 'json',
} as const;

/** Usage is counted as it comes in, so a large file takes time, not memory. */
const UNPACKED_BYTES_MAX = 512 * 1024 ** 2;

const feedQuery = z.object({
  feed: z.string().regex(NAME, { error: NAME_FORM }).default('default').meta({ description: 'made on first use' }),
});

@ApiTags('usage')
@Controller('v1/usage')
export class UsageController {
  readonly #record: RecordUsage;

  constructor(record: RecordUsage) {
    this.#record = record;
  }

  @Post()
  @HttpCode(200)
  @ApiConsumes(...Object.keys(FORMAT_OF))
  @ApiBody({ schema: { type: 'string', format: 'binary' }, description: 'Canonical usage, gzipped or not' })
  @Route({
    needs: 'billing',
    alsoFor: 'feed',
    streams: Object.keys(FORMAT_OF),
    summary: 'Takes usage',
    description:
      'Canonical usage as CSV with a header, NDJSON or a JSON array; up to 64 MB as sent, 512 MB unpacked. ' +
      'Where a large body turns out unreadable only behind rows that counted, the problem says so, and which import has them.',
    answers: 'It is durable; what became of its rows',
    schema: importResult,
  })
  async receive(
    @Query({ schema: feedQuery }) { feed }: z.output<typeof feedQuery>,
    @Req() request: FastifyRequest,
    @Actor() actor: string,
  ): Promise<ImportResultResponse> {
    // A type that is not one of these never comes this far.
    const format = FORMAT_OF[mediaType(request) as keyof typeof FORMAT_OF] ?? 'csv';
    const bytes = bodyBytes(request, UNPACKED_BYTES_MAX);
    try {
      return showResult(await this.#record.record({ feed, source: 'http', format, bytes, requestedBy: actor }));
    } catch (error) {
      throw error instanceof RefusedInPart ? told(error) : error;
    }
  }
}

function told({ kind, code, message, faults, counted }: RefusedInPart): Refusal {
  const rows = `the ${counted.received} rows before that are settled, as import ${counted.importId} shows`;
  const detail = `${message}; ${rows}, and what counted of them counts once where it is sent again`;
  return new Refusal(kind, code, detail, faults, { import: showResult(counted) });
}
