/** Offices with eight weeks of history, norms that were fitted to it, and a policy: what deviations are tried on. */
import { inTransaction } from '../../src/database/transaction.ts';
import { verifyAccount } from '../../src/evidence/read.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { SHARDS } from '../../src/ledger/usage-store.ts';
import { SettleCase } from '../../src/pipeline/deciding/settle-case.ts';
import { ChangePolicies } from '../../src/pipeline/deviations/change-policies.ts';
import { CountPrices } from '../../src/pipeline/deviations/count-prices.ts';
import { FitNorms } from '../../src/pipeline/deviations/fit-norms.ts';
import { ObserveUsage } from '../../src/pipeline/deviations/observe-usage.ts';
import { RebuildSignatures } from '../../src/pipeline/deviations/rebuild-signatures.ts';
import type { DeviationMode } from '../../src/deviations/policy.ts';
import type { Decision } from '../../src/decisions/decision.ts';
import { TestPlafond, type UsageRow } from '../harness/plafond.ts';
import { call, inBatches, officeDays, type Call } from './deviating.ts';

const START = parseInstant('2026-01-05T00:00:00+01:00')!;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const HISTORY_DAYS = 56;
/** Ten at night, after eight weeks. */
export const NIGHT = START + HISTORY_DAYS * DAY_MS + 22 * HOUR_MS;

export class Offices {
  readonly observe: ObserveUsage;
  readonly signatures: RebuildSignatures;
  readonly cases: SettleCase;

  private constructor(readonly plafond: TestPlafond) {
    const { dataSource } = plafond.database;
    this.observe = new ObserveUsage(dataSource, plafond.clock);
    this.signatures = new RebuildSignatures(dataSource, plafond.clock, this.observe);
    this.cases = new SettleCase(dataSource, plafond.clock, this.signatures);
  }

  static async watched(mode: DeviationMode): Promise<Offices> {
    const offices = new Offices(await TestPlafond.at(START));
    const accounts = Array.from({ length: 8 }, (_, i) => `b${i}`);
    for (const accountId of accounts) await offices.plafond.addAccount({ accountId });
    const calls = accounts.flatMap((account, i) => officeDays(account, START, HISTORY_DAYS, i + 1));
    await offices.live(
      calls.toSorted((a, b) => a.at - b.at),
      400,
    );
    await new FitNorms(offices.plafond.database.dataSource, offices.plafond.clock).run();
    await offices.signatures.mend();
    await offices.policy(mode);
    return offices;
  }

  async policy(mode: DeviationMode): Promise<void> {
    const policies = new ChangePolicies(this.plafond.database.dataSource, this.plafond.clock);
    await policies.put({ kind: 'everyone', value: '' }, mode, 1, 'test');
  }

  /** Sends calls in their order, each batch when its last call has ended, and looks at them. */
  async live(calls: readonly Call[], size = 1): Promise<void> {
    for (const batch of inBatches(calls, size)) {
      this.plafond.clock.advanceTo(batch.at(-1)!.at + 60_000);
      await this.send(batch.map(({ row }) => row));
    }
  }

  async send(rows: Partial<UsageRow>[]): Promise<void> {
    await this.plafond.send(rows);
    await this.observe.observe(Array.from({ length: SHARDS }, (_, shard) => shard));
  }

  /** What deviations decided about an account, as `mode action`. */
  async decided(account = 'b1'): Promise<string[]> {
    return (await this.deviations(account)).map(({ mode, action }) => `${mode} ${action}`);
  }

  async deviations(account = 'b1'): Promise<Decision[]> {
    return (await this.plafond.decisions()).filter(
      ({ score, accountId }) => score !== undefined && accountId === account,
    );
  }

  /** An account's bars, as `class state`, in their order. */
  async bars(account = 'b1'): Promise<string[]> {
    const rows = await this.plafond.query<{ bar: string }>(
      `SELECT class || ' ' || state AS bar FROM suspensions WHERE account_id = $1 ORDER BY suspension_no`,
      [account],
    );
    return rows.map(({ bar }) => bar);
  }

  /** The latest case of an account, or of number ranges where it is ''. */
  async caseOf(account: string): Promise<{ case_no: string; state: string }> {
    const rows = await this.plafond.query<{ case_no: string; state: string }>(
      'SELECT case_no, state FROM cases WHERE account_id = $1 ORDER BY case_no DESC LIMIT 1',
      [account],
    );
    return rows[0]!;
  }

  async settle(account: string, verdict: Parameters<SettleCase['settle']>[1], why = 'looked into'): Promise<void> {
    await this.cases.settle((await this.caseOf(account)).case_no, verdict, 'anna', why);
  }

  async countPrices(): Promise<void> {
    const { database, clock } = this.plafond;
    await new CountPrices(database.dataSource, clock).run();
  }

  /**
   * Three accounts pay three hundred times what calls cost before, which brakes the range; a cap had barred them for it before
   * that.
   */
  async payDear(): Promise<void> {
    const calls = (name: string, from: number, price: number, times: number) =>
      Array.from({ length: times }, (_, nth) =>
        call(`${name}${nth}`, `b${1 + (nth % 3)}`, from + nth * 60_000, 120, '+4930155501', 2 * price),
      );
    await this.live(calls('before', NIGHT + DAY_MS, 0.1, 90), 45);
    const noon = NIGHT + 2 * DAY_MS + 14 * HOUR_MS;
    this.plafond.clock.advanceTo(noon);
    await this.countPrices();
    await this.plafond.addCap({
      limit: '50.00',
      reinstate: 'manual',
      thresholds: [{ percent: 100, actions: ['suspend:international'] }],
    });
    await this.live(calls('dear', noon, 30, 3));
  }

  async isVerified(account = 'b1'): Promise<boolean> {
    return (await inTransaction(this.plafond.database.dataSource, ({ client }) => verifyAccount(client, account))).ok;
  }
}

/** A series of calls of four minutes to Somali numbers, one every five minutes. */
export function series(name: string, account: string, from: number, calls: number, perMinute = 0.68): Call[] {
  return Array.from({ length: calls }, (_, nth) =>
    call(`${name}${nth}`, account, from + nth * 300_000, 240, `+25261234${100 + ((nth * 37) % 900)}`, 4 * perMinute),
  );
}
