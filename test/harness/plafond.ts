import { DrivenClock, formatInstant, type Instant } from '../../src/kernel/clock.ts';
import type { Account } from '../../src/accounts/account.ts';
import { capDefinition, type CapDefinition } from '../../src/caps/cap.ts';
import { decisionOf, type DecisionRow } from '../../src/decisions/store.ts';
import type { Decision } from '../../src/decisions/decision.ts';
import { UsagePartitions } from '../../src/ledger/partitions.ts';
import { ChangeAccounts } from '../../src/pipeline/limits/change-accounts.ts';
import { ChangeCaps } from '../../src/pipeline/limits/change-caps.ts';
import { RecordUsage, type ImportResult } from '../../src/pipeline/usage/record-usage.ts';
import { ResendRejects } from '../../src/pipeline/usage/resend-rejects.ts';
import type { CounterDifference } from '../../src/spend/counters.ts';
import { SAMPLE_ACCOUNT } from '../samples/account.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { differencesIn } from './differences.ts';

/** Usage, caps and accounts on a database of their own, with a clock that the test drives; nothing is carried out. */
export class TestPlafond {
  readonly usage: RecordUsage;
  readonly rejects: ResendRejects;
  readonly caps: ChangeCaps;
  readonly accounts: ChangeAccounts;

  private constructor(
    readonly database: TestDatabase,
    readonly clock: DrivenClock,
  ) {
    const { dataSource } = database;
    const partitions = new UsagePartitions(dataSource, clock);
    this.usage = new RecordUsage(dataSource, clock, partitions);
    this.rejects = new ResendRejects(dataSource, clock, partitions);
    this.caps = new ChangeCaps(dataSource, clock);
    this.accounts = new ChangeAccounts(dataSource, clock);
  }

  static async at(now: Instant): Promise<TestPlafond> {
    return new TestPlafond(await createTestDatabase(), new DrivenClock(now));
  }

  /** Sends rows as NDJSON, as one delivery. */
  async send(rows: readonly Partial<UsageRow>[], feed = 'test'): Promise<ImportResult> {
    const text = rows.map((row) => JSON.stringify(usageRow(row))).join('\n');
    return this.sendText(text, 'ndjson', feed);
  }

  async sendText(text: string, format: 'csv' | 'ndjson' | 'json', feed = 'test'): Promise<ImportResult> {
    const bytes = (async function* () {
      yield Buffer.from(text);
    })();
    return this.usage.record({ feed, source: 'http', format, bytes, requestedBy: 'test' });
  }

  async addAccount(account: Partial<Account> & { accountId: string }): Promise<void> {
    await this.accounts.put({ ...ACCOUNT, ...account }, undefined, 'test');
  }

  async addCap(definition: Partial<CapDefinition>): Promise<string> {
    return (await this.caps.create(capDefinition.parse({ ...CAP, ...definition }), 'test')).id;
  }

  async decisions(): Promise<Decision[]> {
    const rows = await this.query<DecisionRow>('SELECT * FROM decisions ORDER BY decision_no');
    return rows.map(decisionOf);
  }

  /** Where counters and ledger differ; nothing, if all is right. */
  async differences(): Promise<CounterDifference[]> {
    return differencesIn(this.database.dataSource);
  }

  async query<T>(sql: string, parameters: unknown[] = []): Promise<T[]> {
    return (await this.database.dataSource.query(sql, parameters)) as T[];
  }

  async close(): Promise<void> {
    await this.database.drop();
  }
}

export interface UsageRow {
  record_id: string;
  account_id: string;
  service_id: string;
  started_at: string;
  duration_s: number;
  kind: string;
  b_number: string;
  amount: string;
  currency: string;
  state: string;
  revision: number;
  tariff: string;
}

export const ACCOUNT: Account = { ...SAMPLE_ACCOUNT, email: 'a1001@example.net', msisdn: '+31685570221' };

export const CAP: CapDefinition = {
  name: 'International, small business',
  scope: {},
  traffic: 'international',
  period: 'month',
  limit: '100.00',
  currency: 'EUR',
  thresholds: [
    { percent: 50, actions: ['warn'] },
    { percent: 80, actions: ['warn'] },
    { percent: 100, actions: ['warn', 'suspend:international'] },
  ],
  mode: 'enforce',
  reinstate: 'period-end',
};

function usageRow(row: Partial<UsageRow>): UsageRow {
  return {
    record_id: 'r1',
    account_id: '1001',
    service_id: '',
    started_at: '2026-03-10T10:00:00+01:00',
    duration_s: 60,
    kind: 'voice',
    b_number: '+252612345678',
    amount: '1.00',
    currency: 'EUR',
    state: 'provisional',
    revision: 0,
    tariff: '',
    ...row,
  };
}

export function instantText(instant: Instant): string {
  return formatInstant(instant, 'Europe/Amsterdam');
}
