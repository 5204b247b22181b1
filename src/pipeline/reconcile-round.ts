/** One round between what is wanted and the switch: read both, compare, tell the switch, read it back, record. */
import type { LoggerService } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { accountsById } from '../accounts/store.ts';
import { inTransaction } from '../database/transaction.ts';
import { appendEvidence, type NewEvidence } from '../evidence/append.ts';
import type { Clock } from '../kernel/clock.ts';
import {
  reconcile,
  type Drift,
  type LiveSuspension,
  type Reconciliation,
  type SwitchCommand,
} from '../suspensions/reconcile.ts';
import { liveSuspensions, recordReadBack, suspensionIdsAmong, type SuspensionRow } from '../suspensions/store.ts';
import { parseBarKey, type Switch } from '../suspensions/switches/switch.ts';

export interface RoundResult {
  /** suspensions that were read back as applied, as lifted */
  applied: number;
  lifted: number;
  /** differences that nobody had asked for */
  drifted: number;
  /** what the switch still has to do; the next round tries again */
  open: number;
  /** why the switch, or a part of what it was told, could not be reached */
  unreachable: string | undefined;
}

// A switch that is away would otherwise be waited for once a command; one that refuses a single bar is not away.
const FAILURES_IN_A_ROW_MAX = 3;

export class ReconcileRound {
  // What evidence tells of already, so that a lasting drift or outage is told once a process and not once a round.
  readonly #toldDrifts = new Set<string>();
  readonly #toldToWait = new Set<string>();
  #outage: string | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly theSwitch: Switch,
    private readonly log: Pick<LoggerService, 'log' | 'warn' | 'error'>,
  ) {}

  /** Rounds must not run at the same time; the caller sees to it. */
  async run(accounts: readonly string[] | undefined): Promise<RoundResult> {
    let live = await inTransaction(this.dataSource, ({ client }) => liveSuspensions(client, accounts));
    const result: RoundResult = { applied: 0, lifted: 0, drifted: 0, open: 0, unreachable: undefined };
    try {
      const plan = await this.#compare(live, accounts);
      if (accounts === undefined) this.#forgetDriftsBut(plan.drifts);
      result.drifted = await this.#recordDrifts(plan.drifts);
      const missing = new Set(plan.drifts.map((each) => each.drift === 'bar-missing' && each.suspensionId));
      live = live.map((each) => (missing.has(each.id) ? { ...each, state: 'wanted' } : each));
      result.unreachable = await this.#carryOut(plan.commands);
      const found = plan.commands.length === 0 ? plan : await this.#compare(live, accounts);
      Object.assign(result, await this.#recordSettled(found));
      const settled = new Set([...found.applied, ...found.gone]);
      live = live.filter((each) => !settled.has(each));
      result.open = found.commands.length;
    } catch (error) {
      if (!(error instanceof SwitchUnreachable)) throw error;
      result.unreachable = error.message;
      result.open = live.filter(unsettled).length;
    }
    if (result.unreachable === undefined) this.#endOutage();
    else await this.#recordOutage(live.filter(unsettled), result.unreachable);
    return result;
  }

  async #compare(live: readonly LiveSuspension[], accounts: readonly string[] | undefined): Promise<Reconciliation> {
    const bars = await this.theSwitch.bars().catch((error: unknown) => {
      throw new SwitchUnreachable(messageOf(error));
    });
    const looked = accounts && new Set(accounts);
    const actual = looked ? new Map([...bars].filter(([key]) => looked.has(parseBarKey(key)?.account ?? ''))) : bars;
    const known = new Set(live.map((each) => each.id));
    const others = [...actual.values()].filter((id) => !known.has(id));
    const ours = await inTransaction(this.dataSource, ({ client }) => suspensionIdsAmong(client, others));
    return reconcile(live, actual, (id) => ours.has(id));
  }

  /** Answers why a command failed, of several the last. */
  async #carryOut(commands: readonly SwitchCommand[]): Promise<string | undefined> {
    let failure: string | undefined;
    let inARow = 0;
    for (const command of commands) {
      try {
        if (command.do === 'bar') await this.theSwitch.bar(command.accountId, command.class, command.suspensionId);
        else await this.theSwitch.unbar(command.accountId, command.class);
        inARow = 0;
      } catch (error) {
        failure = messageOf(error);
        if (++inARow === FAILURES_IN_A_ROW_MAX) break;
      }
    }
    return failure;
  }

  /** Before it is set right, so that a drift is on record even where setting it right fails. */
  async #recordDrifts(drifts: readonly Drift[]): Promise<number> {
    // A missing bar is told by its state: once told, the suspension is `wanted` and missing no more.
    const news = drifts.filter((each) => each.drift === 'bar-missing' || !this.#toldDrifts.has(driftKey(each)));
    if (news.length === 0) return 0;
    await inTransaction(this.dataSource, async ({ client }) => {
      const missing = news.flatMap((each) => (each.drift === 'bar-missing' ? [each.suspensionId] : []));
      const changed = await recordReadBack(client, 'missing', missing, this.clock.now());
      const ids = new Set(changed.map((row) => row.suspension_id));
      const named = [...new Set(news.flatMap((each) => each.accountId ?? []))];
      const existing = new Set((await accountsById(client, named)).map((account) => account.accountId));
      const told = news.filter((each) => each.drift !== 'bar-missing' || ids.has(each.suspensionId));
      await appendEvidence(
        client,
        told.flatMap((each) => (existing.has(each.accountId ?? '') ? [this.#driftEvidence(each)] : [])),
      );
    });
    for (const each of news) {
      if (each.drift !== 'bar-missing') this.#toldDrifts.add(driftKey(each));
      this.log.warn(`switch ${this.theSwitch.name}: ${driftStory(each)}`);
    }
    return news.length;
  }

  #driftEvidence(each: Drift): NewEvidence {
    const { accountId, drift, ...what } = each;
    const suspension =
      'suspensionId' in what ? { suspension: what.suspensionId } : { key: what.key, found: what.found };
    return {
      accountId: accountId!,
      at: this.clock.now(),
      kind: 'suspension-drift',
      body: { drift, class: each.class, ...suspension, switch: this.theSwitch.name },
    };
  }

  async #recordSettled({ applied, gone }: Reconciliation): Promise<{ applied: number; lifted: number }> {
    if (applied.length + gone.length === 0) return { applied: 0, lifted: 0 };
    return inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      const idsOf = (list: readonly LiveSuspension[]) => list.map((each) => each.id);
      const nowApplied = await recordReadBack(client, 'applied', idsOf(applied), at);
      const nowLifted = await recordReadBack(client, 'gone', idsOf(gone), at);
      const settled =
        (kind: string) =>
        (row: SuspensionRow): NewEvidence => ({
          accountId: row.account_id,
          at,
          kind,
          body: {
            suspension: row.suspension_id,
            class: row.class,
            state: row.state,
            switch: this.theSwitch.name,
            reason: row.lift_reason ?? undefined,
          },
        });
      await appendEvidence(client, [
        ...nowApplied.map(settled('suspension-applied')),
        ...nowLifted.map(settled('suspension-lifted')),
      ]);
      return { applied: nowApplied.length, lifted: nowLifted.length };
    });
  }

  #forgetDriftsBut(drifts: readonly Drift[]): void {
    const standing = new Set(drifts.map(driftKey));
    for (const told of this.#toldDrifts) if (!standing.has(told)) this.#toldDrifts.delete(told);
  }

  async #recordOutage(waiting: readonly LiveSuspension[], why: string): Promise<void> {
    if (this.#outage !== why) {
      this.log.error(`switch ${this.theSwitch.name}: ${why}; ${waiting.length} suspensions wait and are tried again`);
    }
    this.#outage = why;
    const news = waiting.filter((each) => !this.#toldToWait.has(each.id));
    const entries = news.map((each) => ({
      accountId: each.accountId,
      at: this.clock.now(),
      kind: 'switch-unreachable',
      body: { suspension: each.id, class: each.class, state: each.state, switch: this.theSwitch.name, answer: why },
    }));
    await inTransaction(this.dataSource, ({ client }) => appendEvidence(client, entries));
    for (const each of news) this.#toldToWait.add(each.id);
  }

  #endOutage(): void {
    if (this.#outage !== undefined) this.log.log(`switch ${this.theSwitch.name} does as it is told again`);
    this.#outage = undefined;
    this.#toldToWait.clear();
  }
}

class SwitchUnreachable extends Error {}

/** Whether it waits for the switch. */
function unsettled(each: LiveSuspension): boolean {
  return each.state !== 'applied';
}

function driftKey(each: Drift): string {
  return each.drift === 'bar-foreign'
    ? `${each.drift} ${each.key} ${each.found}`
    : `${each.drift} ${each.accountId}:${each.class} ${each.suspensionId}`;
}

function driftStory(each: Drift): string {
  switch (each.drift) {
    case 'bar-missing':
      return `the bar of suspension ${each.suspensionId} on ${each.accountId}:${each.class} had gone; it is asserted again`;
    case 'bar-unwanted':
      return `a bar of suspension ${each.suspensionId} on ${each.accountId}:${each.class}, which is over, is taken away`;
    case 'bar-foreign':
      return `${each.key} is barred by "${each.found}", which is none of Plafond's; it is left alone`;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
