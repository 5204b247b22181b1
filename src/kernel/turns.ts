/** Lets so many do their work at once; the others wait, and go in the order in which they came. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The turn is handed on, so that nobody who comes meanwhile is first.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
