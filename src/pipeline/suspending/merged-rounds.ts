/** Rounds of one node, one at a time: whoever asks while one runs is served by the next, together with all others who did. */
export class MergedRounds<T> {
  #last: Promise<unknown> = Promise.resolve();
  #next: { accounts: Set<string>; result: Promise<T> } | undefined;

  run(accounts: readonly string[], round: (accounts: string[]) => Promise<T>): Promise<T> {
    if (!this.#next) {
      const joined = new Set<string>();
      const result = this.#last.then(() => {
        this.#next = undefined;
        return round([...joined]);
      });
      this.#last = result.catch(() => undefined);
      this.#next = { accounts: joined, result };
    }
    for (const account of accounts) this.#next.accounts.add(account);
    return this.#next.result;
  }
}
