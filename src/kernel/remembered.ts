/**
 * What was asked for of late, in two generations: when the younger one is full it becomes the older one, whose other entries
 * are forgotten. So what is in use stays, and at most twice `generation` entries are kept. Cheaper than a list of who was last.
 */
export class Remembered<Key, Value extends object> {
  readonly #generation: number;
  #younger = new Map<Key, Value>();
  #older = new Map<Key, Value>();

  constructor(generation: number) {
    this.#generation = generation;
  }

  get(key: Key): Value | undefined {
    const young = this.#younger.get(key);
    if (young) return young;
    const old = this.#older.get(key);
    if (old) this.set(key, old);
    return old;
  }

  set(key: Key, value: Value): void {
    if (this.#younger.size >= this.#generation && !this.#younger.has(key)) {
      this.#older = this.#younger;
      this.#younger = new Map();
    }
    this.#younger.set(key, value);
  }
}
