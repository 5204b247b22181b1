/**
 * One Kamailio. Bars stand in an htable, calls in progress in dialog profiles (docker/kamailio has a configuration).
 *
 * What was measured on 5.6 decides how the table is read: listing it takes 5 ms for 1,000 keys and 0.2 s for 10,000, and
 * fails at 100,000 (the answer has to fit into one process's memory), while counting it takes 0.5 ms whatever its size, and
 * a single key 0.1 to 0.3 ms. So a small table is listed, a large one is counted and read key by key.
 */
import { endUntilNone } from '../end-until-none.ts';
import {
  keyOf,
  type Bar,
  type BarKey,
  type LiveCall,
  type NodeLook,
  type SwitchNode,
  type TableEntry,
} from '../switch.ts';
import { inParallel } from '../in-parallel.ts';
import * as kamailio from './commands.ts';
import { JsonRpc, type Answer } from './json-rpc.ts';

const LISTED_MAX = 5_000;
const AT_ONCE = 8;
/** A large list is some 0.2 s of one process's work; on a busy machine longer. */
const LIST_MS_MAX = 10_000;

export class KamailioNode implements SwitchNode {
  readonly name: string;
  readonly #rpc: JsonRpc;
  readonly #names: kamailio.Names;
  #lastEnding: Promise<unknown> = Promise.resolve();

  /** `login`: `user:password`, for a proxy before it. */
  constructor(name: string, url: URL, login?: string, names: kamailio.Names = kamailio.DEFAULT_NAMES) {
    this.name = name;
    this.#rpc = new JsonRpc(url, login);
    this.#names = names;
  }

  async look(): Promise<NodeLook> {
    const sentinel = kamailio.getSentinel(this.#names);
    const filled = kamailio.readItem(await this.#ask(sentinel), sentinel) !== undefined;
    const counting = kamailio.countTables();
    const keys = kamailio.readCount(await this.#ask(counting), counting, this.#names);
    const count = filled ? keys - 1 : keys;
    if (keys > LISTED_MAX) return { filled, count, bars: undefined };
    const dump = kamailio.dumpTable(this.#names);
    const bars = kamailio.readDump(await this.#ask(dump, LIST_MS_MAX), dump);
    bars.delete(kamailio.SENTINEL);
    return { filled, count: bars.size, bars };
  }

  async read(bars: readonly TableEntry[]): Promise<Map<BarKey, string>> {
    const found = new Map<BarKey, string>();
    await inParallel(bars, AT_ONCE, async (bar) => {
      const command = kamailio.getBar(this.#names, bar);
      const id = kamailio.readItem(await this.#ask(command), command);
      if (id !== undefined) found.set(keyOf(bar), id);
    });
    return found;
  }

  bar(bar: TableEntry, suspensionId: string): Promise<void> {
    return this.#do(kamailio.setBar(this.#names, bar, suspensionId));
  }

  unbar(bar: TableEntry): Promise<void> {
    return this.#do(kamailio.deleteBar(this.#names, bar));
  }

  markFilled(): Promise<void> {
    return this.#do(kamailio.setSentinel(this.#names));
  }

  endCalls(bar: Bar, spared: ReadonlySet<string> = new Set()): Promise<number> {
    return endUntilNone(
      async () => kamailio.callsToEnd(await this.#callsOf(bar), bar, spared),
      (call) => (call.answered ? this.#endAlone(call) : this.#cancel(call)),
    );
  }

  async liveCalls(): Promise<LiveCall[]> {
    const command = kamailio.listAllCalls(this.#names.profiles.outgoing);
    const answer = await this.#ask(command, LIST_MS_MAX);
    // A site without the profile has only said less of its calls.
    if (kamailio.isUnknownProfile(answer)) return [];
    return kamailio.readDialogs(answer, command).filter((call) => !call.over && call.accountId !== '');
  }

  async close(): Promise<void> {
    this.#rpc.close();
  }

  /** Whether it still rang, or was gone, shows when calls are listed again. */
  async #cancel(call: kamailio.Dialog): Promise<void> {
    await this.#ask(kamailio.cancelCall(call));
  }

  /**
   * `dlg.end_dlg` sends a BYE to the caller, then one to the callee. Where the caller's answer to the first comes before the
   * second is sent (44 of 100 calls on a busy machine), the dialog is over and the carrier is never told: its leg goes on, and
   * costs. So calls are ended one after the other, and where Kamailio has sent one request instead of two, the other is sent.
   */
  #endAlone(call: kamailio.Dialog): Promise<void> {
    const ended = this.#lastEnding.then(() => this.#endBothSides(call));
    this.#lastEnding = ended.catch(() => undefined);
    return ended;
  }

  async #endBothSides(call: kamailio.Dialog): Promise<void> {
    const before = kamailio.readRequests(await this.#ask(kamailio.countRequests()));
    const answer = await this.#ask(kamailio.endDialog(call));
    if ('error' in answer || before === undefined) return;
    const after = kamailio.readRequests(await this.#ask(kamailio.countRequests()));
    const bye = after === before + 1 ? kamailio.byeToCallee(call) : undefined;
    if (bye) await this.#ask(bye);
  }

  async #callsOf(bar: Bar): Promise<kamailio.Dialog[]> {
    const profiles = kamailio.profilesOf(this.#names, bar.scope);
    for (const [index, profile] of profiles.entries()) {
      const command = kamailio.listCalls(profile, bar.accountId);
      const answer = await this.#ask(command, LIST_MS_MAX);
      if (kamailio.isUnknownProfile(answer) && index < profiles.length - 1) continue;
      return kamailio.readDialogs(answer, command);
    }
    return [];
  }

  async #do(command: kamailio.Command): Promise<void> {
    kamailio.expectDone(await this.#ask(command), command);
  }

  #ask({ method, params }: kamailio.Command, ms_max?: number): Promise<Answer> {
    return this.#rpc.ask(method, params, ms_max);
  }
}
