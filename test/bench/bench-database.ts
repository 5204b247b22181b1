/** Databases of a bench on one embedded PostgreSQL with its default durability: migrated, with 100,000 accounts (or `BENCH_ACCOUNTS`) and caps. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { makeAccounts } from '../../src/accounts/store.ts';
import { capDefinition } from '../../src/caps/cap.ts';
import { createDataSource } from '../../src/database/data-source.ts';
import { EmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { migrate } from '../../src/database/migrate.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { SystemClock, toDate } from '../../src/kernel/clock.ts';
import { UsagePartitions } from '../../src/ledger/partitions.ts';
import { ChangeCaps } from '../../src/pipeline/limits/change-caps.ts';
import { ACCOUNTS, DAYS, madeUpAccount } from './made-up-usage.ts';

const silent = {
  info: () => undefined,
  warn: () => undefined,
  error: (text: string) => process.stderr.write(`${text}\n`),
};
const clock = new SystemClock();
const PUT_TOGETHER = 50_000;

export interface BenchDatabase {
  url: string;
  dataSource: DataSource;
}

export class BenchServer {
  readonly #databases: BenchDatabase[] = [];

  private constructor(
    readonly dataDir: string,
    private readonly postgres: EmbeddedPostgres,
    private readonly url: string,
  ) {}

  static async start(): Promise<BenchServer> {
    const dataDir = await mkdtemp(join(tmpdir(), 'plafond-bench-'));
    // PostgreSQL's own account, where root starts it, may pass through: else its data would outlive the folder.
    await chmod(dataDir, 0o711);
    const postgres = new EmbeddedPostgres({ dataDir, log: silent });
    return new BenchServer(dataDir, postgres, (await postgres.start()).url);
  }

  /** A database of its own, migrated for whoever may serve it, with made-up accounts and `caps`. */
  async database(name: string, caps: readonly object[], accounts = ACCOUNTS): Promise<BenchDatabase> {
    const admin = createDataSource(this.url, { poolSize: 1, applicationName: 'bench' });
    await admin.initialize();
    await admin.query(`CREATE DATABASE ${name}`);
    await admin.destroy();
    const at = new URL(this.url);
    at.pathname = `/${name}`;
    await migrate(at.href, silent, { queue: true });
    const dataSource = createDataSource(at.href, { poolSize: 4, applicationName: 'bench' });
    await dataSource.initialize();
    this.#databases.push({ url: at.href, dataSource });
    for (let from = 0; from < accounts; from += PUT_TOGETHER) {
      const count = Math.min(PUT_TOGETHER, accounts - from);
      const made = Array.from({ length: count }, (_, index) => madeUpAccount(from + index));
      await inTransaction(dataSource, async ({ client }) => {
        await makeAccounts(client, made, toDate(clock.now()));
      });
    }
    await new UsagePartitions(dataSource, clock).prepareDays(DAYS);
    const changes = new ChangeCaps(dataSource, clock);
    for (const cap of caps) await changes.create(capDefinition.parse(cap), 'bench');
    return { url: at.href, dataSource };
  }

  async stop(): Promise<void> {
    for (const { dataSource } of this.#databases) await dataSource.destroy();
    await this.postgres.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

const CAP = { limit: '100.00', currency: 'EUR', thresholds: [{ percent: 80, actions: ['warn'] }] };

/** International calls of everybody, in a month. */
export const ONE_CAP = [{ ...CAP, name: 'International', traffic: 'international', period: 'month' }];

/**
 * The same cap, and 999 others as a provider gathers them: for single accounts and services, a quarter of them rolling, and
 * for everybody towards countries and prefixes. A record counts under hardly more of them than under the one.
 */
export function thousandCaps(): object[] {
  const periods = ['day', 'week', 'month', 'rolling:24h'];
  const of = (index: number, scope: object, traffic: string) => ({
    ...CAP,
    name: `Cap ${index}`,
    scope,
    traffic,
    period: periods[index % periods.length]!,
  });
  return [
    ...ONE_CAP,
    ...Array.from({ length: 450 }, (_, i) => of(i, { account: `a${i * 200}` }, i % 3 === 0 ? 'international' : 'all')),
    ...Array.from({ length: 350 }, (_, i) => of(i, { service: `a${i * 200 + 100}-t1` }, 'all')),
    ...['SO', 'ZW', 'CU', 'LV', 'MV', 'GM', 'SL', 'GN', 'TN'].map((country, i) =>
      of(i % 3, i === 0 ? { segment: 'enterprise' } : {}, `country:${country}`),
    ),
    ...Array.from({ length: 190 }, (_, i) => of(i % 3, {}, `prefix:+8816${String(i).padStart(3, '0')}`)),
  ];
}
