/** A map by text that has room for more than the 2^24 entries at which one of V8's maps refuses. */
export class LargeMap<V extends NonNullable<unknown>> {
  readonly #mostEach: number;
  readonly #maps: Map<string, V>[] = [new Map()];

  constructor(mostEach = 2 ** 24) {
    this.#mostEach = mostEach;
  }

  get size(): number {
    return (this.#maps.length - 1) * this.#mostEach + this.#maps.at(-1)!.size;
  }

  get(key: string): V | undefined {
    for (const map of this.#maps) {
      const value = map.get(key);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  has(key: string): boolean {
    return this.#mapOf(key) !== undefined;
  }

  set(key: string, value: V): void {
    const map = this.#mapOf(key) ?? this.#maps.at(-1)!;
    if (map.size < this.#mostEach || map.has(key)) map.set(key, value);
    else this.#maps.push(new Map([[key, value]]));
  }

  #mapOf(key: string): Map<string, V> | undefined {
    return this.#maps.find((map) => map.has(key));
  }
}
