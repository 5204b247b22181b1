/**
 * Makes every node in service do what is wanted: at once for the accounts that an event is about, and all the time by
 * looking at each node for what has drifted. Nodes don't wait for each other: one that is away is left to the looks that
 * come, and everything else goes on.
 */
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import { appendEvidence } from '../../evidence/append.ts';
import { settleAlarm } from '../../feeds/alarms.ts';
import { Clock } from '../../kernel/clock.ts';
import { Turns } from '../../kernel/turns.ts';
import {
  healthAfter,
  healthOf,
  isAlarming,
  nodeRows,
  saveHealth,
  type NodeHealth,
  type NodeOutcome,
  type NodeRow,
} from '../../suspensions/node-health.ts';
import {
  barsWithCalls,
  expectedBars,
  liveOn,
  nextBarredAccounts,
  recordWaiting,
  unsettledAccounts,
} from '../../suspensions/read-backs.ts';
import type { LiveSuspension } from '../../suspensions/reconcile.ts';
import { suspensionIdsAmong } from '../../suspensions/store.ts';
import { NodesInService } from '../../suspensions/switches/nodes-in-service.ts';
import {
  SwitchFailure,
  type Bar,
  type BarKey,
  type NodeLook,
  type SwitchNode,
} from '../../suspensions/switches/switch.ts';
import { numbersAside, reconcileAllowed } from './reconcile-allowed.ts';
import { MergedRounds } from './merged-rounds.ts';
import {
  asFailure,
  driftKey,
  endCalls,
  recordDrifts,
  recordEndings,
  reconcileRound,
  suspects,
  type RoundResult,
  type RoundTools,
} from './reconcile-round.ts';

/** What a look, or rounds after an event, came to; over all nodes. */
export type ReconcileResult = Omit<RoundResult, 'calls' | 'unreachable'> & { unreachable: string | undefined };

const NOTHING: RoundResult = {
  applied: 0,
  lifted: 0,
  drifted: 0,
  open: 0,
  unreachable: undefined,
  calls: Promise.resolve(),
};

/** Processes take turns at a node; in two rounds at once, one could take away what the other had just barred. */
const TAKE_TURN = `SELECT pg_advisory_lock(hashtextextended('plafond switch ' || $1, 0))`;
const END_TURN = `SELECT pg_advisory_unlock(hashtextextended('plafond switch ' || $1, 0))`;
/** A session that nothing is heard of ends within a minute, and its turn with it: a process that stands still keeps no node. */
const HEARD_OF_MS = 20_000;
// Each holds a connection of the pool for its turn, and needs another for what it writes: few enough that one comes free.
const TURNS_AT_ONCE = 5;

/** So that an event is never behind a long replay. */
const ACCOUNTS_A_ROUND = 500;
/** Of a table that is too large to be listed, so many accounts' bars are read at each look, in turn. */
const ACCOUNTS_A_LOOK = 2_000;
const CALLS_A_LOOK = 1_000;

@Injectable()
export class ReconcileSwitches {
  readonly #tools: RoundTools;
  readonly #rounds = new Map<string, MergedRounds<RoundResult>>();
  /** up to which account the bars of a large table have been read, in this turn */
  readonly #readUpTo = new Map<string, string>();
  /** by how many bars a table that can't be listed held more than wanted, when all were read last */
  readonly #surplus = new Map<string, number>();
  readonly #turns = new Turns(TURNS_AT_ONCE);

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(NodesInService) private readonly nodesInService: NodesInService,
  ) {
    this.#tools = { dataSource, clock, log: new Logger('suspensions'), toldDrifts: new Set() };
  }

  /**
   * For some accounts, what has changed, on every node that is up; without accounts, a look at every node that is due. Never
   * throws because of a switch: what is still open, the next look takes up. Resolves when calls in progress have ended too.
   */
  async run(accounts?: readonly string[]): Promise<ReconcileResult> {
    const nodes = await this.nodesInService.all();
    const names = nodes.map(({ name }) => name);
    const rows = await inTransaction(this.dataSource, ({ client }) => nodeRows(client, names));
    const results = await Promise.all(
      nodes.map((node) => {
        const row = rows.get(node.name);
        if (accounts === undefined) return row?.due === false ? stillAway(row) : this.#look(node, names, row);
        return row && row.state !== 'up' ? stillAway(row) : this.#onEvent(node, names, accounts);
      }),
    );
    await Promise.all(results.map(({ calls }) => calls));
    return {
      applied: sum(results.map(({ applied }) => applied)),
      lifted: sum(results.map(({ lifted }) => lifted)),
      drifted: sum(results.map(({ drifted }) => drifted)),
      open: Math.max(0, ...results.map(({ open }) => open)),
      unreachable: results.find((each) => each.unreachable)?.unreachable?.message,
    };
  }

  async #onEvent(node: SwitchNode, names: readonly string[], accounts: readonly string[]): Promise<RoundResult> {
    const failure = await this.#allow(node, accounts, undefined).catch(failureOf);
    const result = failure ? { ...NOTHING, unreachable: failure } : await this.#round(node, names, accounts);
    if (result.unreachable) await this.#failed(node, result.unreachable);
    return result;
  }

  #allow(
    node: SwitchNode,
    accounts: readonly string[] | undefined,
    seen: ReadonlyMap<BarKey, string> | undefined,
  ): Promise<void> {
    return reconcileAllowed(this.#tools, node, accounts, seen);
  }

  /** Looks at a node for what differs from what is wanted, and mends it. */
  async #look(node: SwitchNode, names: readonly string[], row: NodeRow | undefined): Promise<RoundResult> {
    const seen = await node.look().then(numbersAside, asFailure);
    if (seen instanceof SwitchFailure) return this.#unseen(node, seen);
    const { look, numbers } = seen;
    // Before any bar is set: a number that is allowed is so from the first moment on.
    const refused = await this.#allow(node, undefined, numbers).catch(failureOf);
    if (refused) return this.#unseen(node, refused);
    const found = await this.#suspects(node, look);
    let result = { ...NOTHING, drifted: found.foreign };
    const all = [...new Set([...found.accounts, ...found.further.map(({ accountId }) => accountId)])];
    for (let from = 0; from < all.length && !result.unreachable; from += ACCOUNTS_A_ROUND) {
      const accounts = all.slice(from, from + ACCOUNTS_A_ROUND);
      const among = new Set(accounts);
      const further = found.further.filter(({ accountId }) => among.has(accountId));
      result = joined(result, await this.#round(node, names, accounts, further));
    }
    if (result.unreachable) {
      await this.#failed(node, result.unreachable);
      return result;
    }
    // Last: whatever breaks off before, the next look starts anew.
    const emptied = !look.filled;
    if (emptied) {
      const failure = await node.markFilled().catch(asFailure);
      if (failure) {
        await this.#failed(node, failure);
        return { ...result, unreachable: failure };
      }
      if (row) this.#tools.log.warn(`${node.name} had lost its bars; ${all.length} accounts were looked after again`);
    }
    await this.#settleHealth(node, { state: 'up' }, { bars: look.count, filled: emptied });
    const left = await inTransaction(this.dataSource, ({ client }) => barsWithCalls(client, node.name, CALLS_A_LOOK));
    const calls = recordEndings(this.#tools, node, endCalls(this.#tools, node, left));
    return { ...result, calls: Promise.all([result.calls, calls]).then(() => undefined) };
  }

  async #unseen(node: SwitchNode, failure: SwitchFailure): Promise<RoundResult> {
    return { ...NOTHING, open: await this.#failed(node, failure), unreachable: failure };
  }

  /** What a look has to be followed up by: accounts to be seen to, bars beside theirs, and how many foreign bars are new. */
  async #suspects(node: SwitchNode, look: NodeLook): Promise<{ accounts: string[]; further: Bar[]; foreign: number }> {
    if (look.bars === undefined) return { ...(await this.#suspectsOfMany(node, look)), further: [], foreign: 0 };
    const bars = look.bars;
    const { live, ours } = await inTransaction(this.dataSource, async ({ client }) => {
      const all: LiveSuspension[] = await liveOn(client, node.name, undefined);
      const known = new Set(all.map(({ id }) => id));
      const others = [...bars.values()].filter((id) => !known.has(id));
      return { live: all, ours: await suspensionIdsAmong(client, others) };
    });
    const { accounts, further, foreign } = suspects(live, bars, (id) => ours.has(id));
    const standing = new Set(foreign.map((drift) => driftKey(node.name, drift)));
    for (const told of this.#tools.toldDrifts) {
      if (told.startsWith(`${node.name} bar-foreign `) && !standing.has(told)) this.#tools.toldDrifts.delete(told);
    }
    return { accounts, further, foreign: await recordDrifts(this.#tools, node, foreign, this.clock.now()) };
  }

  /**
   * Of a table that can't be listed: everybody, where it was emptied or where a bar more or less stands in it than should;
   * else what is not settled yet, and the next of all others.
   */
  async #suspectsOfMany(node: SwitchNode, look: NodeLook): Promise<{ accounts: string[] }> {
    return inTransaction(this.dataSource, async ({ client }) => {
      const expected = await expectedBars(client);
      const surplus = look.count - expected.bars - expected.allowed;
      if (!look.filled || (expected.moving === 0 && surplus !== (this.#surplus.get(node.name) ?? 0))) {
        // What stays too many when all are read is somebody else's, and told once. What was missing is set, and counts then.
        if (surplus > 0) this.#tools.log.warn(`${node.name} holds ${surplus} bars more than are wanted`);
        this.#surplus.set(node.name, surplus);
        const live = await liveOn(client, node.name, undefined);
        return { accounts: [...new Set(live.map(({ accountId }) => accountId))] };
      }
      const after = this.#readUpTo.get(node.name) ?? '';
      const next = await nextBarredAccounts(client, after, ACCOUNTS_A_LOOK);
      this.#readUpTo.set(node.name, next.length < ACCOUNTS_A_LOOK ? '' : next.at(-1)!);
      return { accounts: [...(await unsettledAccounts(client, node.name)), ...next] };
    });
  }

  /** A round, in this node's turn; never throws because of the node. */
  async #round(
    node: SwitchNode,
    names: readonly string[],
    accounts: readonly string[],
    further: readonly Bar[] = [],
  ): Promise<RoundResult> {
    const round = (merged: readonly string[]): Promise<RoundResult> =>
      this.#inTurn(node.name, () =>
        reconcileRound(this.#tools, node, names, merged, further).catch((error: unknown) => ({
          ...NOTHING,
          open: merged.length,
          unreachable: failureOf(error),
        })),
      );
    // One that looks at further bars is its own.
    if (further.length > 0) return round(accounts);
    const rounds = this.#rounds.get(node.name) ?? new MergedRounds<RoundResult>();
    this.#rounds.set(node.name, rounds);
    return rounds.run(accounts, round);
  }

  #inTurn<T>(node: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(async () => {
      const turn = this.dataSource.createQueryRunner();
      try {
        await turn.query(TAKE_TURN, [node]);
        const heard = setInterval(() => void turn.query('SELECT').catch(() => undefined), HEARD_OF_MS);
        try {
          return await work();
        } finally {
          clearInterval(heard);
          await turn.query(END_TURN, [node]);
        }
      } finally {
        await turn.release();
      }
    });
  }

  /** Remembers that a node failed, and tells of each suspension once that it waits; how many do. */
  async #failed(node: SwitchNode, failure: SwitchFailure): Promise<number> {
    await this.#settleHealth(node, { state: failure.kind, answer: failure.message }, {});
    return inTransaction(this.dataSource, async ({ client }) => {
      const live = await liveOn(client, node.name, undefined);
      const waiting = live.filter((each) => each.state === 'lifting' || !each.here);
      const at = this.clock.now();
      const ids = waiting.map(({ id }) => id);
      const news = await recordWaiting(client, node.name, ids, failure.message, at);
      await appendEvidence(
        client,
        waiting
          .filter(({ id }) => news.has(id))
          .map((each) => ({
            accountId: each.accountId,
            at,
            kind: 'switch-unreachable',
            body: {
              suspension: each.id,
              class: each.class,
              state: each.state,
              switch: node.name,
              answer: failure.message,
            },
          })),
      );
      return waiting.length;
    });
  }

  async #settleHealth(
    node: SwitchNode,
    outcome: NodeOutcome,
    seen: { bars?: number; filled?: boolean },
  ): Promise<void> {
    const said = await inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      const before = healthOf((await nodeRows(client, [node.name])).get(node.name));
      const health = healthAfter(before, outcome, at);
      await saveHealth(client, node.name, health, seen, at);
      return [...changeOf(node.name, before, health), ...(await this.#settleAlarm(client, node.name, health))];
    });
    for (const each of said) this.#tools.log.warn(each);
  }

  #settleAlarm(client: ClientBase, node: string, health: NodeHealth): Promise<string[]> {
    const at = this.clock.now();
    const alarming = isAlarming(health, at);
    if (!alarming && health.state !== 'up') return Promise.resolve([]);
    const words =
      health.state === 'wrong' ? 'answers as no switch of Plafond’s does' : 'has not answered for a minute and more';
    const trouble = {
      text: `the switch ${node} ${words}: ${health.answer}. What is wanted there waits, and is tried again all the time.`,
      facts: { node, state: health.state, answer: health.answer },
    };
    const allClear = `the switch ${node} does as it is told again`;
    return settleAlarm(client, 'switch-away', node, alarming ? trouble : undefined, allClear, at);
  }
}

function changeOf(node: string, before: NodeHealth | undefined, now: NodeHealth): string[] {
  if ((before?.state ?? 'up') === now.state && before?.answer === now.answer) return [];
  if (now.state !== 'up') return before?.state === now.state ? [] : [`${node} is ${now.state}: ${now.answer}`];
  return before === undefined || before.state === 'up' ? [] : [`${node} is up again`];
}

/** A node that is left to its next look. */
function stillAway({ state, answer }: NodeRow): RoundResult {
  return { ...NOTHING, unreachable: state === 'up' ? undefined : new SwitchFailure(state, answer) };
}

/** Only what the switch did is a switch's failure; anything else is ours, and thrown on. */
function failureOf(error: unknown): SwitchFailure {
  const failure = asFailure(error);
  if (failure !== error) throw error;
  return failure;
}

function joined(a: RoundResult, b: RoundResult): RoundResult {
  return {
    applied: a.applied + b.applied,
    lifted: a.lifted + b.lifted,
    drifted: a.drifted + b.drifted,
    open: a.open + b.open,
    unreachable: a.unreachable ?? b.unreachable,
    calls: Promise.all([a.calls, b.calls]).then(() => undefined),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}
