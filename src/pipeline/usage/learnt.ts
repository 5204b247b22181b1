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
  /** the accounts that have to be held against their caps before it does */
  readonly toHold: readonly string[];
  constructor(learnt: Learnt, toHold: readonly string[] = []) {
    super('there is more to know, or to do first, than the batch was begun with');
    this.learnt = learnt;
    this.toHold = toHold;
  }
}

export function sizeOf({ shards, records }: Learnt): number {
  return shards.length + records.length;
}
