/**
 * A switch that is a file: where no switch is configured, `barred.json` says what would be barred. A person can read it,
 * and what a person writes into it is what is: Plafond finds the drift like on any switch.
 *
 * ```json
 * { "1002:international": { "suspension": "…", "account": "1002", "class": "international", "since": "…" } }
 * ```
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { formatInstant, SystemClock, type Clock } from '../../kernel/clock.ts';
import { codeOf, holdingLock } from './lock-file.ts';
import { keyOf, SwitchFailure, type BarKey, type NodeLook, type SwitchNode, type TableEntry } from './switch.ts';

/** What a person has added to a bar is kept. */
const barFile = z.record(z.string(), z.looseObject({ suspension: z.string() }));
type BarFile = z.output<typeof barFile>;

/** The file stands there and can't be understood. What is barred is unknown then, so nothing is told to the switch. */
export class UnreadableBars extends SwitchFailure {
  constructor(message: string, options: ErrorOptions) {
    super('wrong', message, options);
  }
}

export class LocalSwitch implements SwitchNode {
  readonly name = 'local';
  readonly #folder: string;
  readonly #file: string;
  readonly #clock: Clock;
  // Within the process changes queue up here; among processes they wait for the lock file.
  #lastChange: Promise<unknown> = Promise.resolve();

  /** `folder` is made at the first bar. */
  constructor(folder: string, clock: Clock = new SystemClock()) {
    this.#folder = folder;
    this.#file = join(folder, 'barred.json');
    this.#clock = clock;
  }

  /** Throws {@link UnreadableBars} where the file can't be understood; where there is none, nothing is barred. */
  async look(): Promise<NodeLook> {
    const bars = await this.#bars();
    return { filled: true, count: bars.size, bars };
  }

  async read(bars: readonly TableEntry[]): Promise<Map<BarKey, string>> {
    const asked = new Set(bars.map(keyOf));
    return new Map([...(await this.#bars())].filter(([key]) => asked.has(key)));
  }

  /** A file that is removed is a switch that was emptied, and shows by itself. */
  async markFilled(): Promise<void> {}

  /** It carries no calls. */
  async endCalls(): Promise<number> {
    return 0;
  }

  async liveCalls(): Promise<undefined> {}

  async close(): Promise<void> {}

  async #bars(): Promise<Map<BarKey, string>> {
    // Each change comes by a rename, so a reader sees the whole of one state or of the next.
    const bars = await this.#read();
    return new Map(Object.entries(bars).map(([key, { suspension }]) => [key, suspension]));
  }

  bar(bar: TableEntry, suspensionId: string): Promise<void> {
    return this.#change((bars) => {
      const key = keyOf(bar);
      if (bars[key]?.suspension === suspensionId) return undefined;
      const since = bars[key]?.since ?? formatInstant(this.#clock.now());
      const { accountId: account, scope } = bar;
      return { ...bars, [key]: { ...bars[key], suspension: suspensionId, account, class: scope, since } };
    });
  }

  unbar(bar: TableEntry): Promise<void> {
    return this.#change((bars) => {
      const { [keyOf(bar)]: found, ...others } = bars;
      return found ? others : undefined;
    });
  }

  /** `change` gives the new state, or `undefined` where nothing is to be changed. */
  #change(change: (bars: BarFile) => BarFile | undefined): Promise<void> {
    const changed = this.#lastChange.then(() => this.#changeAlone(change));
    this.#lastChange = changed.catch(() => undefined);
    return changed;
  }

  async #changeAlone(change: (bars: BarFile) => BarFile | undefined): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await holdingLock(`${this.#file}.lock`, async (assertHeld) => {
      const bars = change(await this.#read());
      if (bars) await this.#write(bars, assertHeld);
    });
  }

  async #read(): Promise<BarFile> {
    let text: string;
    try {
      text = await readFile(this.#file, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return {};
      throw new UnreadableBars(`${this.#file} can't be read: ${String(error)}`, { cause: error });
    }
    try {
      return barFile.parse(JSON.parse(text));
    } catch (error) {
      const why =
        error instanceof z.ZodError
          ? error.issues.map(({ path, message }) => `${path.join(' → ') || 'the whole'}: ${message}`).join('; ')
          : String(error);
      throw new UnreadableBars(
        `${this.#file} is not a list of bars (${why}): mend it, or remove it to have nothing barred`,
        {
          cause: error,
        },
      );
    }
  }

  async #write(bars: BarFile, assertHeld: () => Promise<void>): Promise<void> {
    const sorted = Object.fromEntries(Object.entries(bars).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const part = `${this.#file}.${process.pid}.part`;
    await writeFile(part, `${JSON.stringify(sorted, null, 2)}\n`);
    await assertHeld();
    await rename(part, this.#file);
  }
}
