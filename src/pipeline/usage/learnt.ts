/** What a transaction that counts learns only in its course, so that it has to begin again. */

/** What a batch learns too late: shards of accounts whose versions it meets, and records that stand on days far off. */
export interface Learnt {
  shards: readonly number[];
  records: readonly string[];
}

export const NOTHING_LEARNT: Learnt = { shards: [], records: [] };

/** Nothing of the batch holds; it has to begin again with what it has learnt. */
export class BeginsAgain extends Error {
  readonly learnt: Learnt;
  constructor(learnt: Learnt) {
    super('held versions belong to accounts of other shards, or stand on days far off');
    this.learnt = learnt;
  }
}

export function sizeOf({ shards, records }: Learnt): number {
  return shards.length + records.length;
}
