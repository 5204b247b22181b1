/**
 * What a verdict on a case changes, in one transaction with the verdict itself:
 *
 * - `legitimate`: the usage is learnt at once, so that its destinations are known; the score begins anew; what deviations
 *   had barred is lifted. A cap's bar stays: its limit was reached all the same.
 * - `confirmed-fraud`: the usage of the case is not learnt, nor ever was, and the score begins anew; its number blocks are
 *   hot for everyone at once; what waited for a person is approved, and what another verdict had lifted is barred again.
 * - `rating-error`: the usage is not learnt, and the score begins anew; the tariff brake holds account actions on its number
 *   ranges, and what rules had barred is lifted.
 * - `closed`: nothing, but a tariff brake lets go.
 *
 * Where a brake lets go, what waited for it alone is carried out, past the guard, unless prices were wrong meanwhile or nothing asks for
 * it any more; warnings that it withheld are given where their threshold is reached still. What a cap had barred and was lifted since prices
 * were wrong is barred again where that is put right, or its threshold is reached by what was corrected.
 */
import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { accountsById } from '../../accounts/store.ts';
import {
  lockBarsOfBrake,
  lockBarsOfCase,
  lockBarsOfWrongPrices,
  lockBarsThatWait,
  putBarsBack,
  type BarOfCase,
  type BarThatWaits,
} from '../../cases/bars.ts';
import { keepsBrake, refuseVerdict, type Said, type Verdict } from '../../cases/case.ts';
import { accountsByCap } from '../../cases/withheld.ts';
import { keepToHold } from '../../caps/to-hold.ts';
import {
  addCaseEvent,
  caseOfDecision,
  caseVersion,
  lockBrakeOfCase,
  lockCase,
  setCaseState,
  type CaseRow,
} from '../../cases/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { takeIn } from '../../deviations/learning.ts';
import { takeAllTurns } from '../../deviations/movement-log.ts';
import { settled } from '../../deviations/same-signature.ts';
import {
  keepSignatureEvent,
  removeHotRanges,
  removeSignatureEvent,
  saveSignatures,
  signaturesOf,
} from '../../deviations/signature-store.ts';
import { brakeAgain, keepBraked, releaseBrakes } from '../../deviations/tariff-store.ts';
import { appendEvidence, type NewEvidence } from '../../evidence/append.ts';
import { settleAlarm } from '../../feeds/alarms.ts';
import { Clock, type Instant } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { lockShards, shardOf } from '../../ledger/usage-store.ts';
import { lockGuard } from '../../suspensions/guard-store.ts';
import { approveSuspensions, endSuspensions } from '../../suspensions/store.ts';
import { ObservationContexts } from '../deviations/observation-context.ts';
import { RebuildSignatures } from '../deviations/rebuild-signatures.ts';
import { endOutlived } from './outlived-bars.ts';
import { brakeByHand, makeHot, recountPrices } from './ranges-of-case.ts';
import { letGoThroughGuard } from './through-guard.ts';
import { comeToHoldBehind } from '../limits/come-to-hold.ts';
import { tellOfSuspensions } from '../suspending/tell-of-suspensions.ts';

/** What a verdict changed, for its event and for evidence, and the decisions of which it ended bars. */
interface Changed {
  evidence: NewEvidence[];
  facts: Record<string, unknown>;
  unbarred: readonly string[];
}

const SETTLED = { code: 'case_settled', detail: 'it is settled already' };

@Injectable()
export class SettleCase {
  readonly #contexts = new ObservationContexts();

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly signatures: RebuildSignatures,
  ) {}

  /**
   * Settles a case by hand; `seen`: the version of it that was read. Refuses with `unknown_case`, `case_closed`,
   * `case_settled`, `same_verdict`, and `changed_meanwhile` where somebody has said something of it since.
   */
  async settle(caseNo: string, verdict: Verdict, by: string, why: string, seen?: number): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      await this.settleWithin(client, caseNo, { verdict, by, why, at: this.clock.now() }, seen);
    });
    await this.decideBehind();
  }

  /** Decides, behind a verdict that has committed, what it has left to caps; else that is done within a minute. */
  async decideBehind(): Promise<void> {
    await comeToHoldBehind(this.dataSource, this.clock);
  }

  /** The same as a part of a transaction, behind which comes {@link decideBehind}; answers the decisions of which it ended bars. */
  async settleWithin(
    client: PoolClient,
    caseNo: string,
    said: Said,
    seen: number | undefined,
  ): Promise<readonly string[]> {
    const { evidence, unbarred } = await this.#settle(client, caseNo, said, true, seen);
    await appendEvidence(client, evidence);
    return unbarred;
  }

  /**
   * What a customer answers to a warning, as a verdict on the case that its decision belongs to; within the transaction of
   * the answer. What it was them for is left to the caller, who knows what the customer wants lifted. Answers the evidence for the caller
   * to append; nothing where there is no case, or it is not open any more.
   */
  async byCustomer(
    client: PoolClient,
    decision: string,
    answer: 'us' | 'not-us',
    said: Omit<Said, 'verdict'>,
  ): Promise<NewEvidence[]> {
    const caseNo = await caseOfDecision(client, decision);
    if (caseNo === undefined) return [];
    const verdict = answer === 'us' ? 'legitimate' : 'confirmed-fraud';
    try {
      return (await this.#settle(client, caseNo, { ...said, verdict }, false)).evidence;
    } catch (error) {
      if (error instanceof Refusal && error.kind === 'conflict') return [];
      throw error;
    }
  }

  async #settle(
    client: PoolClient,
    caseNo: string,
    said: Said,
    withBars: boolean,
    seenVersion?: number,
  ): Promise<Changed> {
    const { rows } = await client.query<CaseRow>('SELECT * FROM cases WHERE case_no = $1', [caseNo]);
    const seen = rows[0];
    if (!seen) throw new Refusal('not-found', 'unknown_case', `there is no case ${caseNo}`);
    // What is hot changes for the usage that comes from then on: nobody looks at any meanwhile.
    const changesHot = said.verdict === 'confirmed-fraud' || (withBars && seen.state === 'confirmed-fraud');
    // Importers lock the shard before they come to cases, and whoever looks at usage has its turn by then; so does this.
    const shard = seen.kind === 'account' ? shardOf(seen.account_id) : undefined;
    if (shard !== undefined && changesHot) await lockShards(client, [shard]);
    if (changesHot) await takeAllTurns(client);
    if (shard !== undefined) await this.signatures.catchUp(client, shard);
    const row = (await lockCase(client, caseNo))!;
    if (seenVersion !== undefined) await refuseOtherVersion(client, row, seenVersion);
    // Whoever reads the customer's mail may answer for them: what a person has settled, an answer does not undo.
    const refused = !withBars && row.state !== 'open' ? SETTLED : refuseVerdict(row.state, said.verdict, row.kind);
    if (refused) throw new Refusal('conflict', refused.code, `case ${caseNo}: ${refused.detail}`);
    if (row.state === 'confirmed-fraud' && !changesHot) {
      const detail = `case ${caseNo} was found to be fraud while this was said; read it again`;
      throw new Refusal('changed-meanwhile', 'changed_meanwhile', detail);
    }
    const { verdict, by, why, at } = said;
    await setCaseState(client, caseNo, { state: verdict, by, why, at });
    const changed =
      row.kind === 'account'
        ? await this.#settleAccount(client, row, said, withBars)
        : await this.#settleTariff(client, row, said);
    await addCaseEvent(client, { caseNo, at, by, what: verdict, why, facts: changed.facts });
    if (row.kind === 'tariff') return changed;
    const body = { case: caseNo, verdict, by, reason: why, ...changed.facts };
    const told = { accountId: row.account_id, at, kind: 'case-verdict', body };
    return { ...changed, evidence: [...changed.evidence, told] };
  }

  async #settleAccount(client: PoolClient, row: CaseRow, said: Said, withBars: boolean): Promise<Changed> {
    const { verdict, by, why, at } = said;
    const { case_no: caseNo, account_id: accountId } = row;
    const facts: Record<string, unknown> = {};
    const cooled = row.state === 'confirmed-fraud' ? await removeHotRanges(client, caseNo, at) : [];
    if (cooled.length > 0) facts.no_longer_hot = cooled;
    if (row.state !== 'open') await removeSignatureEvent(client, accountId, row.state_at!.getTime());
    // What is not to be learnt follows from the state of cases, so a changed verdict is a rebuild as well.
    const unlearns = verdict === 'confirmed-fraud' || verdict === 'rating-error';
    if (unlearns) await keepSignatureEvent(client, accountId, 'dropped', at);
    if (unlearns || row.state !== 'open') await this.signatures.rebuild(client, [accountId]);
    const signature = (await signaturesOf(client, [accountId])).get(accountId);
    if (signature && verdict !== 'closed') {
      if (verdict === 'legitimate') {
        const [account] = await accountsById(client, [accountId]);
        const { fits } = await this.#contexts.at(client, at);
        takeIn(signature, fits.at().model.segment(account?.segment ?? ''));
        await keepSignatureEvent(client, accountId, 'taken-in', at);
      }
      settled(signature, verdict === 'legitimate', at);
      await saveSignatures(client, new Map([[accountId, signature]]));
    }
    if (verdict === 'confirmed-fraud') {
      facts.hot = await makeHot(client, row, said);
    }
    if (verdict === 'rating-error') facts.braked = await brakeByHand(client, row, said);
    // Locked before any bars, as by who settles the brake's case itself.
    const brake = row.state === 'rating-error' ? await lockBrakeOfCase(client, row) : undefined;
    if (brake !== undefined) await lockGuard(client);
    const evidence: NewEvidence[] = [];
    const unbarred: string[] = [];
    const isFraud = verdict === 'confirmed-fraud';
    if (isFraud || (withBars && verdict !== 'closed')) {
      if (isFraud && row.state !== 'open') await putBarsBack(client, caseNo, at);
      const ofCaps = verdict !== 'legitimate';
      const bars = await lockBarsOfCase(client, caseNo, { ofCaps, notOverAt: isFraud ? at : undefined });
      const asked = isFraud ? await endOutlived(client, bars, at) : { left: bars, evidence: [] };
      evidence.push(...asked.evidence);
      const { told, approved, ended } = await settleBars(client, asked.left, said, isFraud);
      evidence.push(...told);
      unbarred.push(...ended);
      Object.assign(facts, { approved, ended: ended.length });
    }
    if (row.state === 'rating-error') await holdAnew(client, caseNo);
    // That prices were wrong is taken back, and the brake with it.
    if (brake !== undefined) {
      const right: Said = { verdict: 'legitimate', by, why: `case ${caseNo} was found to be ${verdict}: ${why}`, at };
      evidence.push(...(await this.#settle(client, brake, right, true)).evidence);
      facts.brake_released = brake;
    }
    return { evidence, facts, unbarred };
  }

  async #settleTariff(client: PoolClient, row: CaseRow, said: Said): Promise<Changed> {
    const { case_no: caseNo } = row;
    const { verdict, at } = said;
    const facts: Record<string, unknown> = {};
    const cooled = row.state === 'confirmed-fraud' ? await removeHotRanges(client, caseNo, at) : [];
    if (cooled.length > 0) facts.no_longer_hot = cooled;
    if (verdict === 'confirmed-fraud') facts.hot = await makeHot(client, row, said);
    if (!keepsBrake(verdict)) facts.released = await this.#release(client, row, said);
    else if (!keepsBrake(row.state)) facts.braked = await this.#brakeAgain(client, row, at);
    // The guard's before those of suspensions, as by everyone; what takes its time is done by now.
    await lockGuard(client);
    if (verdict === 'rating-error') {
      const held = await lockBarsOfBrake(client, caseNo);
      const wrong = await lockBarsOfWrongPrices(client, row);
      const chosen = [...new Map([...held, ...wrong].map((bar) => [bar.suspension_id, bar])).values()];
      // Where it is put right, these are found by it.
      await keepBraked(
        client,
        wrong.map(({ decision_id: decisionId }) => ({ decisionId, caseNo })),
      );
      const { told, ended } = await settleBars(client, chosen, said, false);
      return { evidence: told, facts: { ...facts, approved: 0, ended: ended.length }, unbarred: ended };
    }
    await holdAnew(client, caseNo);
    const waiting = await lockBarsThatWait(client, caseNo, at);
    // What waits since prices were found wrong stands on those, but for what was asked for as corrected: of what is loud still, the next
    // record decides anew.
    const isDoubtful = verdict === 'closed' && row.state === 'rating-error';
    const doubtful = isDoubtful ? waiting.filter((bar) => !bar.is_corrected) : [];
    const doubted = await settleBars(client, doubtful, said, false);
    const believed = waiting.filter((bar) => !doubtful.includes(bar));
    const { left, evidence: outlived } = await endOutlived(client, believed, at);
    const wanted = verdict === 'confirmed-fraud' ? left : await this.#waitingForBrakeAlone(client, left, at);
    const { passing, held, question, evidence } = await letGoThroughGuard(client, wanted, at);
    const { told, approved } = await settleBars(client, passing, said, true);
    const asked = question === undefined ? {} : { held_by_guard: held, guard_question: question };
    return {
      evidence: [...doubted.told, ...outlived, ...evidence, ...told],
      facts: { ...facts, approved, ended: waiting.length - left.length, ...asked },
      unbarred: doubted.ended,
    };
  }

  /** Has the brakes of a case let go; answers their ranges. */
  async #release(client: PoolClient, row: CaseRow, { verdict, by, why, at }: Said): Promise<string[]> {
    const { case_no: caseNo, ranges } = row;
    const released = await releaseBrakes(client, caseNo, by, at);
    for (const range of ranges) {
      await settleAlarm(client, 'tariff-brake', range, undefined, `settled by ${by}: ${verdict}, ${why}`, at);
    }
    // A price that was found right is a usual one from now on.
    if (verdict !== 'closed') await recountPrices(client, row, at);
    return released;
  }

  /** Has the brakes of a case hold that had let go, since its prices were not right; answers their ranges. */
  async #brakeAgain(client: PoolClient, row: CaseRow, at: Instant): Promise<string[]> {
    const brakes = await brakeAgain(client, row.case_no);
    const ranges = brakes.map(({ range }) => range);
    const facts = { ranges, case: row.case_no };
    // Who brakes by hand knows.
    if (brakes.some(({ kind }) => kind !== 'by-hand'))
      await settleAlarm(client, 'tariff-brake', row.ranges[0]!, { text: row.summary, facts }, '', at);
    await recountPrices(client, row, at);
    return ranges;
  }

  /** Of bars that a brake holds those that nobody else has to approve, as modes and contracts are now. */
  async #waitingForBrakeAlone(
    client: PoolClient,
    waiting: readonly BarThatWaits[],
    at: Instant,
  ): Promise<BarThatWaits[]> {
    if (waiting.length === 0) return [];
    const { policies } = await this.#contexts.at(client, at);
    const ids = [...new Set(waiting.map(({ account_id }) => account_id))];
    const accounts = new Map((await accountsById(client, ids)).map((each) => [each.accountId, each]));
    return waiting.filter(({ account_id, cap_id, cap_mode }) => {
      const account = accounts.get(account_id)!;
      const mode = cap_id === null ? policies.of(account).mode : cap_mode;
      return mode === 'enforce' && account.suspensionTerms !== '';
    });
  }
}

/** Refuses with `changed_meanwhile` where something was said of a case since it was read. */
export async function refuseOtherVersion(client: PoolClient, row: CaseRow, seen: number): Promise<void> {
  const version = await caseVersion(client, row.case_no);
  if (version === seen) return;
  const since = row.state_by === null ? '' : `: it is ${row.state} since ${row.state_by} said so (${row.state_why})`;
  const detail = `case ${row.case_no} is at version ${version}, not ${seen}${since}; read it again`;
  throw new Refusal('changed-meanwhile', 'changed_meanwhile', detail);
}

interface SettledBars {
  told: NewEvidence[];
  approved: number;
  /** the decisions of those that ended */
  ended: string[];
}

/** What waits is approved (where it was fraud, or the prices were right), or all of it ends. */
async function settleBars(
  client: PoolClient,
  bars: readonly BarOfCase[],
  { verdict, by, why, at }: Said,
  approves: boolean,
): Promise<SettledBars> {
  const ids = (chosen: readonly BarOfCase[]) => chosen.map(({ suspension_id }) => suspension_id);
  const waiting = bars.filter(({ state }) => state === 'awaiting-approval');
  const reason = `the case was ${verdict === 'closed' ? 'closed' : `found to be ${verdict}`}: ${why}`;
  if (approves) {
    const rows = await approveSuspensions(client, ids(waiting), by, at);
    return { told: await tellOfSuspensions(client, rows, { by, reason, at }), approved: rows.length, ended: [] };
  }
  const rows = await endSuspensions(client, ids(bars), { trigger: 'manual', by, reason, at });
  const ended = rows.map((row) => row.decision_id!);
  return { told: await tellOfSuspensions(client, rows, { by, reason, at }), approved: 0, ended };
}

/**
 * Has what a case is about held against caps anew, behind the verdict: what was held back, or was lifted since prices were wrong, is
 * due where its threshold is reached still.
 */
async function holdAnew(client: PoolClient, caseNo: string): Promise<void> {
  for (const { capId, accounts } of await accountsByCap(client, caseNo)) await keepToHold(client, capId, accounts);
}
