/** What a transaction that counts learns only in its course, so that it has to begin again. */

/**
 * What a batch learns too late: shards of accounts whose versions it meets, records that stand on days far off, and
 * accounts that have to be held against their caps first. */
export interface Learnt {
  shards: readonly number[];
  records: readonly string[];
  accounts: readonly string[];
}

export const NOTHING_LEARNT: Learnt = { shards: [], records: [], accounts: [] };

/** Nothing of the batch holds; it has to begin again with what it has learnt. */
export class BeginsAgain extends Error {
  readonly learnt: Learnt;
  constructor(learnt: Learnt) {
    super('there is more to know, or to do first, than the batch was begun with');
    this.learnt = learnt;
  }
}

export function sizeOf({ shards, records, accounts }: Learnt): number {
  return shards.length + records.length + accounts.length;
}
