/** What fails again within so long has not been back: a database that is read-only answers some and refuses others. */
const QUIET_MS_MIN = 10_000;

/** Where it is told. Nest's logger is one. */
type OutageLog = Record<'log' | 'error', (text: string) => void>;

/** Says once that something is away, and once that it is back, however often it is tried in between. */
export class Outage {
  readonly #what: string;
  readonly #log: OutageLog;
  #away = false;
  #told = false;
  #soonBack: NodeJS.Timeout | undefined;

  constructor(what: string, log: OutageLog) {
    this.#what = what;
    this.#log = log;
  }

  get lasts(): boolean {
    return this.#away;
  }

  failed(error: unknown): void {
    this.#away = true;
    clearTimeout(this.#soonBack);
    this.#soonBack = undefined;
    if (this.#told) return;
    this.#told = true;
    this.#log.error(`${this.#what} is away and is tried again until it is back: ${reasonOf(error)}`);
  }

  over(): void {
    this.#away = false;
    if (this.#told) this.#soonBack ??= setTimeout(() => this.#back(), QUIET_MS_MIN).unref();
  }

  #back(): void {
    this.#soonBack = undefined;
    this.#told = false;
    this.#log.log(`${this.#what} is back`);
  }
}

/** What went wrong in a few words; a refused connection often has a code and no message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return error.message === '' ? code : error.message;
}
