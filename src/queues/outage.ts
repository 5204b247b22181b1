import type { LoggerService } from '@nestjs/common';

/** Says once that something is away, and once that it is back, however often it is tried in between. */
export class Outage {
  readonly #what: string;
  readonly #log: Pick<LoggerService, 'log' | 'error'>;
  #away = false;

  constructor(what: string, log: Pick<LoggerService, 'log' | 'error'>) {
    this.#what = what;
    this.#log = log;
  }

  get lasts(): boolean {
    return this.#away;
  }

  failed(error: unknown): void {
    if (this.#away) return;
    this.#away = true;
    this.#log.error(`${this.#what} is away and is tried again until it is back: ${reasonOf(error)}`);
  }

  over(): void {
    if (!this.#away) return;
    this.#away = false;
    this.#log.log(`${this.#what} is back`);
  }
}

/** What went wrong in a few words; a refused connection often has a code and no message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return error.message === '' ? code : error.message;
}
