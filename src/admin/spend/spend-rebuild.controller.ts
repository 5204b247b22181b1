import { Controller, HttpCode, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { formatAmount } from '../../kernel/money.ts';
import { RebuildSpend } from '../../pipeline/usage/rebuild-spend.ts';
import { Actor, Route } from '../http/route.ts';
import { amount, instant, showInstant } from '../http/wire.ts';

const SHOWN_MAX = 1_000;

const rebuildQuery = z.object({
  check: z.enum(['true', 'false']).default('false').meta({ description: 'only look, and change nothing' }),
});

const rebuilt = z
  .object({
    mended: z.boolean(),
    count: z.int().meta({ description: 'how many counters differ from the ledger, or did' }),
    differences: z
      .array(
        z.object({
          account: z.string(),
          service_id: z.string(),
          traffic: z.string(),
          period: z.string(),
          from: instant,
          counted: amount,
          ledger: amount,
        }),
      )
      .meta({ description: `the first ${SHOWN_MAX}` }),
  })
  .meta({ id: 'SpendRebuilt' });
type Rebuilt = z.output<typeof rebuilt>;

@ApiTags('operation')
@Controller('v1/spend')
export class SpendRebuildController {
  readonly #rebuild: RebuildSpend;

  constructor(rebuild: RebuildSpend) {
    this.#rebuild = rebuild;
  }

  @Post('rebuild')
  @HttpCode(200)
  @Route({
    needs: 'admin',
    summary: 'Counts every counter anew from the ledger',
    description:
      'With `check=true` nothing is changed and nobody is held up. Without, importers wait while what differs is mended; each ' +
      'difference is recorded among the changes, and thresholds that a wrong counter had hidden act. Periods of which ' +
      'retention has dropped a day are left as they are.',
    answers: 'What differs, or what was mended',
    schema: rebuilt,
  })
  async rebuild(
    @Query({ schema: rebuildQuery }) { check }: z.output<typeof rebuildQuery>,
    @Actor() actor: string,
  ): Promise<Rebuilt> {
    const mends = check === 'false';
    const found = mends ? await this.#rebuild.mend(actor) : await this.#rebuild.check();
    return {
      mended: mends,
      count: found.length,
      differences: found.slice(0, SHOWN_MAX).map((each) => ({
        account: each.account_id,
        service_id: each.service_id,
        traffic: each.traffic,
        period: each.period,
        from: showInstant(each.period_start),
        counted: formatAmount(BigInt(each.counted ?? 0)),
        ledger: formatAmount(BigInt(each.ledger ?? 0)),
      })),
    };
  }
}
