/** One FreeSWITCH, by its event socket. Bars stand in mod_db, where the dialplan looks them up (docker/freeswitch/plafond.xml). */
import { endUntilNone } from '../end-until-none.ts';
import {
  keyOf,
  SwitchFailure,
  type Bar,
  type BarKey,
  type LiveCall,
  type NodeLook,
  type SwitchNode,
  type TableEntry,
} from '../switch.ts';
import * as freeswitch from './commands.ts';
import { EventSocket } from './event-socket.ts';

export class FreeSwitchNode implements SwitchNode {
  readonly name: string;
  readonly #socket: EventSocket;

  constructor(name: string, url: URL, password: string) {
    this.name = name;
    this.#socket = new EventSocket(url, password);
  }

  /** mod_db counts and tells of a single key; it lists none, so bars are read one by one. */
  async look(): Promise<NodeLook> {
    const [sentinel, count] = [freeswitch.selectSentinel(), freeswitch.countBars()];
    const filled = freeswitch.readValue(await this.#socket.api(sentinel), sentinel) !== undefined;
    const keys = freeswitch.readCount(await this.#socket.api(count), count);
    return { filled, count: filled ? keys - 1 : keys, bars: undefined };
  }

  async read(bars: readonly TableEntry[]): Promise<Map<BarKey, string>> {
    const found = new Map<BarKey, string>();
    for (const bar of bars) {
      const command = freeswitch.selectBar(bar);
      const id = freeswitch.readValue(await this.#socket.api(command), command);
      if (id !== undefined) found.set(keyOf(bar), id);
    }
    return found;
  }

  bar(bar: TableEntry, suspensionId: string): Promise<void> {
    return this.#do(freeswitch.insertBar(bar, suspensionId));
  }

  unbar(bar: TableEntry): Promise<void> {
    return this.#do(freeswitch.deleteBar(bar));
  }

  markFilled(): Promise<void> {
    return this.#do(freeswitch.insertSentinel());
  }

  endCalls(bar: Bar, spared: ReadonlySet<string> = new Set()): Promise<number> {
    return endUntilNone(
      async () => freeswitch.channelsToEnd(await this.#channels(), bar, spared),
      async ({ callId }) => {
        const answer = await this.#socket.api(freeswitch.killChannel(callId));
        if (!freeswitch.isKilled(answer)) throw new SwitchFailure('wrong', `uuid_kill: ${answer.trim().slice(0, 120)}`);
      },
    );
  }

  async liveCalls(): Promise<LiveCall[]> {
    return (await this.#channels()).filter(({ accountId }) => accountId !== '');
  }

  close(): Promise<void> {
    return this.#socket.close();
  }

  async #channels(): Promise<freeswitch.Channel[]> {
    const command = freeswitch.showChannels();
    return freeswitch.readChannels(await this.#socket.api(command), command);
  }

  async #do(command: string): Promise<void> {
    freeswitch.expectOk(await this.#socket.api(command), command);
  }
}
