import type { DataSource } from 'typeorm';
import { allCaps } from '../../src/caps/store.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { rollingHours } from '../../src/kernel/period.ts';
import { differences, type CounterDifference } from '../../src/spend/counters.ts';

/** Where counters and ledger differ; nothing, if all is right. */
export async function differencesIn(dataSource: DataSource): Promise<CounterDifference[]> {
  return inTransaction(dataSource, async ({ client }) => {
    const found: CounterDifference[] = [];
    for (const cap of await allCaps(client)) {
      if (rollingHours(cap.period) === undefined) found.push(...(await differences(client, cap.traffic, cap.period)));
    }
    return found;
  });
}
