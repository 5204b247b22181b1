/** Evidence is kept for EVIDENCE_DAYS and then removed, month by month; why so long, and how the rest stays provable: evidence/README.md. */
import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CONFIG, type Config } from '../../config.ts';
import { inTransaction } from '../../database/transaction.ts';
import { accountsBeginningBefore, removeOldEvidence } from '../../evidence/remove.ts';
import { Clock, toDate, type Instant } from '../../kernel/clock.ts';
import { refuseWrongClock } from './refuse-wrong-clock.ts';

const DAY_MS = 86_400_000;
const ACCOUNTS_AT_ONCE = 500;

@Injectable()
export class RemoveOldEvidence {
  readonly #log = new Logger('retention');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Removes what is old now, account by account. Safe to run anywhere at the same time, and to be cut off anywhere. */
  async run(): Promise<void> {
    await refuseWrongClock(this.dataSource);
    const { evidenceDays } = this.config;
    const before = monthOf(this.clock.now() - evidenceDays * DAY_MS);
    let removed = 0;
    for (let after = ''; ;) {
      const accounts = await inTransaction(this.dataSource, ({ client }) =>
        accountsBeginningBefore(client, before, after, ACCOUNTS_AT_ONCE),
      );
      for (const account of accounts) {
        removed += await inTransaction(this.dataSource, ({ client }) =>
          removeOldEvidence(client, account, before, evidenceDays, this.clock.now()),
        );
      }
      if (accounts.length < ACCOUNTS_AT_ONCE) break;
      after = accounts.at(-1)!;
    }
    if (removed > 0) this.#log.log(`removed evidence older than ${evidenceDays} days, ${removed} in all`);
  }
}

/** The beginning of the month, in UTC: were it any moment, each chain would get an entry a night for the one that it loses. */
function monthOf(instant: Instant): Instant {
  const date = toDate(instant);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}
