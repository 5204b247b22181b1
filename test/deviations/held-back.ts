/** Accounts under caps whose bars a tariff brake or the guard holds back, on a database of their own; nothing is watched. */
import { randomUUID } from 'node:crypto';
import type { Account } from '../../src/accounts/account.ts';
import { accountsById } from '../../src/accounts/store.ts';
import { openTariffCase } from '../../src/cases/store.ts';
import type { Verdict } from '../../src/cases/case.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { decisionId, type Decision } from '../../src/decisions/decision.ts';
import type { DeviationMode } from '../../src/deviations/policy.ts';
import { insertBrake } from '../../src/deviations/tariff-store.ts';
import { verifyAccount } from '../../src/evidence/read.ts';
import { parseInstant, type Instant } from '../../src/kernel/clock.ts';
import { AnswerGuard } from '../../src/pipeline/deciding/answer-guard.ts';
import { carryOutEach } from '../../src/pipeline/deciding/carry-out.ts';
import type { Matter } from '../../src/pipeline/deciding/matter.ts';
import { SettleCase } from '../../src/pipeline/deciding/settle-case.ts';
import { ChangePolicies } from '../../src/pipeline/deviations/change-policies.ts';
import { ObserveUsage } from '../../src/pipeline/deviations/observe-usage.ts';
import { RebuildSignatures } from '../../src/pipeline/deviations/rebuild-signatures.ts';
import { GrantUplift } from '../../src/pipeline/limits/grant-uplift.ts';
import { AnswerWarning } from '../../src/pipeline/telling/answer-warning.ts';
import { NO_BRAND } from '../harness/messages.ts';
import { TestPlafond, type UsageRow } from '../harness/plafond.ts';

export const NOON = parseInstant('2026-03-20T12:00:00+01:00')!;
const DAY_MS = 86_400_000;
/** Where the calls of the harness go. */
const RANGE = '+25261';

export class HeldBack {
  readonly cases: SettleCase;
  readonly guard: AnswerGuard;
  #records = 0;

  private constructor(readonly plafond: TestPlafond) {
    const { database, clock } = plafond;
    const observe = new ObserveUsage(database.dataSource, clock);
    const signatures = new RebuildSignatures(database.dataSource, clock, observe);
    this.cases = new SettleCase(database.dataSource, clock, signatures);
    this.guard = new AnswerGuard(database.dataSource, clock);
  }

  static async at(now = NOON): Promise<HeldBack> {
    return new HeldBack(await TestPlafond.at(now));
  }

  /** Counts as one record more, or as a correction of one; answers its id. */
  async spend(account: string, amount: string, row: Partial<UsageRow> = {}): Promise<string> {
    const record_id = row.record_id ?? `r${++this.#records}`;
    await this.plafond.send([{ ...row, record_id, account_id: account, amount }]);
    return record_id;
  }

  /** Prices are in doubt where calls go; answers the case. */
  async brake(): Promise<string> {
    const { database, clock } = this.plafond;
    return inTransaction(database.dataSource, async ({ client }) => {
      const at = clock.now();
      const fault = { ranges: [RANGE], from: at, summary: 'prices are in doubt' };
      const caseNo = await openTariffCase(client, fault, at);
      await insertBrake(client, { range: RANGE, caseNo, kind: 'by-hand' }, at);
      return caseNo;
    });
  }

  /** Says what a case was, an instant later than all before. */
  async settle(caseNo: string, verdict: Verdict): Promise<void> {
    this.pass(1_000);
    await this.cases.settle(caseNo, verdict, 'anna', 'looked into');
  }

  /** The latest case of an account, or of number ranges where it is ''. */
  async caseOf(account: string): Promise<string | undefined> {
    const [row] = await this.plafond.query<{ case_no: string }>(
      'SELECT case_no FROM cases WHERE account_id = $1 ORDER BY case_no DESC LIMIT 1',
      [account],
    );
    return row?.case_no;
  }

  /** What is done about deviations; customers may say that they were theirs. */
  async watch(mode: DeviationMode): Promise<void> {
    const { database, clock } = this.plafond;
    await this.plafond.query(`INSERT INTO consent_policies VALUES ('everyone', '', 'EUR', 500000000, now())`);
    await new ChangePolicies(database.dataSource, clock).put({ kind: 'everyone', value: '' }, mode, 1, 'anna');
  }

  /** Has a deviation call for a hold of Somalia, as if it had been seen in what was spent within the day. */
  async deviate(account: string, nth: number): Promise<void> {
    const { database, clock } = this.plafond;
    await inTransaction(database.dataSource, async ({ client }) => {
      const [known] = await accountsById(client, [account]);
      const at = clock.now();
      await carryOutEach(client, [{ wanted: [holdOf(known!, nth, at)], freshness: undefined }], at);
    });
  }

  /** Whether a hold of an account is in force, or asked about. */
  async hasHold(account: string): Promise<boolean> {
    const live = `account_id = $1 AND cap_id IS NULL AND requested_by = 'plafond' AND state IN ('awaiting-approval', 'wanted', 'applied')`;
    return (await this.plafond.query(`SELECT FROM suspensions WHERE ${live}`, [account])).length > 0;
  }

  /** The customer answers the latest hold that they could have been told of, if there is one. */
  async answerWarning(account: string, answer: 'us' | 'not-us'): Promise<void> {
    const [row] = await this.plafond.query<{ decision_id: string }>(
      `SELECT decision_id FROM decisions WHERE account_id = $1 AND action = 'hold' ORDER BY decision_no DESC LIMIT 1`,
      [account],
    );
    if (!row) return;
    const { database, clock } = this.plafond;
    const uplifts = new GrantUplift(database.dataSource, clock);
    const answering = new AnswerWarning(database.dataSource, clock, uplifts, this.cases);
    const link = { decisionId: row.decision_id, expiresAt: clock.now() + DAY_MS };
    const said = { link, formId: randomUUID(), address: '192.0.2.7', userAgent: 'the browser of the tests' };
    if (answer === 'us') await answering.us(said, '', 'That was us.', NO_BRAND);
    else await answering.notUs(said, 'This was not us.');
  }

  async openBrakes(): Promise<number> {
    return (await this.plafond.query('SELECT FROM tariff_brakes WHERE released_at IS NULL')).length;
  }

  async allow(perHour: number): Promise<void> {
    await this.guard.change({ perHour, percent: 100, atLeast: 1_000 }, undefined, 'anna');
  }

  async answer(answer: 'all' | 'none'): Promise<void> {
    const [question] = await this.plafond.query<{ question_id: string }>(
      "SELECT question_id FROM guard_questions WHERE state = 'open'",
    );
    if (question) await this.guard.answer(question.question_id, { answer }, 'looked into', undefined, 'anna');
  }

  async isVerified(account = 'a1'): Promise<boolean> {
    return (await inTransaction(this.plafond.database.dataSource, ({ client }) => verifyAccount(client, account))).ok;
  }

  pass(ms: number): void {
    this.plafond.clock.advanceTo(this.plafond.clock.now() + ms);
  }

  /** Whom rules bar, in their order, as `account state`. */
  async bars(): Promise<string[]> {
    const rows = await this.plafond.query<{ bar: string }>(
      `SELECT account_id || ' ' || state AS bar FROM suspensions ORDER BY suspension_no`,
    );
    return rows.map(({ bar }) => bar);
  }

  /** What customers were told, as `account kind percent`. */
  async told(): Promise<string[]> {
    const rows = await this.plafond.query<{ told: string }>(
      `SELECT concat_ws(' ', account_id, f -> 'facts' ->> 'kind', f -> 'facts' ->> 'percent') AS told
         FROM warnings, jsonb_array_elements(facts) AS f WHERE channel = 'email' ORDER BY warning_no, 1`,
    );
    return rows.map(({ told }) => told);
  }
}

function holdOf(account: Account, nth: number, at: Instant): Matter {
  const { accountId, currency } = account;
  const places = [{ kind: 'country', country: 'SO', calls: 3, new: true }];
  const evidence = { family: 'unusual', places, block: 'prefix:+252612345', bars: ['country:SO'] };
  const decision: Decision = {
    id: decisionId('sample deviation', accountId, nth),
    at,
    accountId,
    type: 'hold',
    trigger: 'deviation',
    action: 'hold',
    capId: '',
    capVersion: 0,
    period: '',
    threshold: 1_110,
    traffic: 'international',
    spend: 20_000_000n,
    limit: undefined,
    currency,
    recordId: '',
    serviceId: '',
    mode: 'enforce',
    explanation: 'A sample.',
    score: 2_000,
    evidence,
  };
  const stretch = { accountId, serviceId: '', traffic: 'all' as const, from: at - DAY_MS, to: at + 1 };
  const bars = [{ scope: 'country:SO' as const, endsAt: undefined }];
  return { decision, account, cause: decision.id, known: {}, stretch, bars, words: undefined };
}
