import type { DataSource } from 'typeorm';
import { SystemClock } from '../../kernel/clock.ts';

const AHEAD_MS_MAX = 5 * 60_000;

/** What is dropped does not come back when a clock is put right: throws where this machine's is ahead of the database's. */
export async function refuseWrongClock(dataSource: DataSource): Promise<void> {
  const [said] = await dataSource.query<{ now_ms: string }[]>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms',
  );
  const ahead_ms = new SystemClock().now() - Number(said!.now_ms);
  if (ahead_ms <= AHEAD_MS_MAX) return;
  const minutes = Math.round(ahead_ms / 60_000);
  throw new Error(`the clock here is ${minutes} minutes ahead of the database's: nothing is dropped until they agree`);
}
