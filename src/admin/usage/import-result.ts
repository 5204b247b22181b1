import { z } from 'zod';
import type { ImportResult } from '../../pipeline/usage/record-usage.ts';

/** What became of an import's rows. */
export const importResult = z
  .object({
    import_id: z.string(),
    received: z.int(),
    counted: z.int(),
    duplicate: z.int(),
    stale: z.int(),
    superseded: z.int(),
    rejected: z.int(),
    skipped: z
      .int()
      .optional()
      .meta({ description: 'rows that are no usage of a customer, by what the peer itself says; where there are any' }),
  })
  .meta({ id: 'ImportResult' });
export type ImportResultResponse = z.output<typeof importResult>;

export function showResult(result: ImportResult): ImportResultResponse {
  return {
    import_id: result.importId,
    received: result.received,
    counted: result.counted,
    duplicate: result.duplicate,
    stale: result.stale,
    superseded: result.superseded,
    rejected: result.rejected,
    ...(result.skipped > 0 ? { skipped: result.skipped } : {}),
  };
}
