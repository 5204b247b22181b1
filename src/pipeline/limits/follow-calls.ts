/**
 * Which calls run on the switches: asked for where a cap counts them or a switch has told of any; and as switches tell of
 * them by themselves. What was asked for is the whole, so it makes good whatever a switch could not tell.
 */
import { Inject, Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { accountsById } from '../../accounts/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { classify } from '../../destinations/classify.ts';
import { isEmergency } from '../../destinations/emergency.ts';
import { Clock, type Instant } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { priceNewCalls } from '../../spend/call-prices.ts';
import {
  anyRunsOn,
  followEvents,
  followSwitch,
  startsOf,
  switchSource,
  type SwitchCall,
} from '../../spend/running-calls.ts';
import { NodesInService } from '../../suspensions/switches/nodes-in-service.ts';
import type { LiveCall, SwitchNode } from '../../suspensions/switches/switch.ts';
import { faultsOfTimes, mayRun, type CallMoment } from './call-times.ts';

const ANY_CAP = `SELECT FROM caps WHERE definition->>'count' = 'with-exposure' LIMIT 1`;

/** What a switch tells of a call, in the order in which it happened. */
export type CallEvent = CallMoment & ({ event: 'ended' } | { event: 'answered'; accountId: string; number: string });

@Injectable()
export class FollowCalls {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(NodesInService) private readonly nodes: NodesInService,
  ) {}

  async run(): Promise<void> {
    const nodes = await this.nodes.all();
    const sources = nodes.map(({ name }) => switchSource(name));
    const wanted = await inTransaction(
      this.dataSource,
      async ({ client }) => (await client.query(ANY_CAP)).rows.length > 0 || anyRunsOn(client, sources),
    );
    if (wanted) await Promise.all(nodes.map((node) => this.#follow(node)));
  }

  async #follow(node: SwitchNode): Promise<void> {
    const at = this.clock.now();
    // Of a node that is away nothing is known: its calls go on as far as anybody knows, and the looks at it tell of it.
    const calls = await node.liveCalls().catch(() => undefined);
    if (calls)
      await this.keep(
        node.name,
        calls.filter(({ answered }) => answered),
        at,
      );
  }

  /**
   * Keeps all calls that run on a switch; how many of them are of accounts that are known, and count. One that would run for
   * more than a day got stuck there: it is left out, as if it had ended, and hides no other.
   */
  async keep(node: string, calls: readonly LiveCall[], at = this.clock.now()): Promise<number> {
    return inTransaction(this.dataSource, async ({ client }) => {
      const known = await knownCalls(
        client,
        calls.filter(({ startedAt }) => mayRun(startedAt, at)),
      );
      await followSwitch(client, switchSource(node), known, at);
      return known.length;
    });
  }

  /**
   * Takes what a switch tells of calls; how many of those that were answered are of accounts that are known, and count. Twice
   * told is told once. `node` is the host and port of one that Plafond asks too, so that no call is counted twice. Refuses
   * with `unknown_node`, and with `bad_times` (rules: call-times.ts); then none of it is kept.
   */
  async hear(name: string, node: string | undefined, events: readonly CallEvent[]): Promise<number> {
    const source = switchSource(await this.#nameOf(name, node));
    const answered = new Map<string, Omit<LiveCall, 'answered'>>();
    const ended = new Map<string, Instant>();
    for (const each of events) {
      if (each.event === 'ended') ended.set(each.callId, each.at);
      else {
        answered.set(each.callId, { ...each, startedAt: each.at });
        ended.delete(each.callId);
      }
    }
    return inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      const faults = faultsOfTimes(events, await startsOf(client, source, [...ended.keys()]), at);
      if (faults.length > 0) {
        throw new Refusal('invalid', 'bad_times', 'calls can not have begun or ended then; is a clock wrong?', faults);
      }
      const known = await knownCalls(client, [...answered.values()]);
      await followEvents(client, source, known, ended, at);
      await priceNewCalls(client, at);
      return known.length;
    });
  }

  async #nameOf(name: string, node: string | undefined): Promise<string> {
    const found = (await this.nodes.switches()).find((each) => each.name === name);
    if (!found && node === undefined) return name;
    const names = (found?.nodes ?? []).map((each) => each.name);
    const asked =
      node === undefined ? names.length === 1 && names[0] : names.find((each) => each === `${name} ${node}`);
    if (asked) return asked;
    const there = names.map((each) => each.slice(name.length + 1)).join(', ');
    throw new Refusal('invalid', 'unknown_node', 'calls of a switch that Plafond asks are told of by node', [
      { field: 'node', detail: found ? `must be one of ${there}` : `there is no switch ${name}; leave it out` },
    ]);
  }
}

/** Those of known accounts to numbers that cost something, classified. */
async function knownCalls(client: ClientBase, calls: readonly Omit<LiveCall, 'answered'>[]): Promise<SwitchCall[]> {
  const ids = [...new Set(calls.map(({ accountId }) => accountId))];
  const accounts = new Map((await accountsById(client, ids)).map((account) => [account.accountId, account]));
  return calls.flatMap(({ callId, accountId, number, startedAt }) => {
    const home = accounts.get(accountId)?.homeCountry;
    const destination = home === undefined || isEmergency(number, home) ? undefined : classify(number, home);
    return destination ? [{ callId, accountId, destination, startedAt }] : [];
  });
}
