/** Whether an account's evidence is whole and as it was written. Pure. */
import { GENESIS_HASH, hashEntry, type ChainedContent } from './chain.ts';

/** An entry as it is stored. */
export interface EvidenceEntry extends ChainedContent {
  prevHash: string;
  hash: string;
}

/** A place in a chain: an entry's number and its hash, or `seq` 0 and the genesis hash before the first. */
export interface ChainEnd {
  seq: number;
  hash: string;
}

/** How far a chain was followed. */
export interface Followed extends ChainEnd {
  /** Where entries are missing: `after` is the last before them, `upTo` the last of them as the next entry remembers it. */
  gap?: { after: number; upTo: ChainEnd };
  /** Up to where entries were removed by their age, as the chain's latest word on that says. */
  removed?: ChainEnd;
}

export const CHAIN_START: Followed = { seq: 0, hash: GENESIS_HASH };

/** The kind of the entry that says which older ones are removed in its transaction; its body is a {@link Removal}. */
export const REMOVED = 'evidence-removed';

/** `through` is the number of the last entry that went and so how many are gone in all; `hash` is its hash. */
export interface Removal {
  through: number;
  hash: string;
}

export type ChainFault =
  /** its content does not give its hash */
  | 'altered'
  /** one or more entries before it are gone */
  | 'missing'
  /** entries after it are gone: the chain's head knows of more */
  | 'missing-last'
  /** it stands where another one should */
  | 'out-of-order'
  /** it does not hang on the entry before it: that one was replaced, or this one was */
  | 'unlinked'
  /** it comes after what the chain's head knows of: written past Plafond */
  | 'beyond-head'
  /** the chain's head names another last entry, or is gone */
  | 'head-differs';

export interface BrokenChain {
  ok: false;
  /** the entry at which it shows */
  seq: number;
  fault: ChainFault;
  detail: string;
}

/** Follows `entries` on from where it stands; gives how far it came, or the first fault. For chains too long to hold at once. */
export function followChain(
  accountId: string,
  entries: Iterable<EvidenceEntry>,
  from: Followed = CHAIN_START,
): { ok: true; end: Followed } | BrokenChain {
  let last = from;
  for (const entry of entries) {
    const { seq, prevHash, hash } = entry;
    const broken = checkEntry(accountId, entry, last);
    if (broken) return broken;
    const gap = seq > last.seq + 1 ? { after: last.seq, upTo: { seq: seq - 1, hash: prevHash } } : last.gap;
    const removed = entry.kind === REMOVED ? removalIn(entry) : last.removed;
    last = { seq, hash, ...(gap ? { gap } : {}), ...(removed ? { removed } : {}) };
  }
  return { ok: true, end: last };
}

/**
 * Whether entries that are missing were removed by their age: a later entry of the chain says up to where, and the next
 * entry that stands remembers the same hash. To be asked when the whole chain was followed.
 */
export function checkGap({ gap, removed }: Followed): { ok: true; removed: number } | BrokenChain {
  if (!gap) return { ok: true, removed: 0 };
  const { after, upTo } = gap;
  if (removed && removed.seq === upTo.seq && removed.hash === upTo.hash) return { ok: true, removed: upTo.seq };
  const told = removed && removed.seq > after && removed.seq < upTo.seq ? removed.seq : after;
  return missing(told + 1, upTo.seq);
}

/** Whether `end`, to which all entries led, is the end that the chain's head remembers. `undefined`: there is no head. */
export function checkHead(end: ChainEnd, head: ChainEnd | undefined): { ok: true; entries: number } | BrokenChain {
  if (!head) {
    if (end.seq === 0) return { ok: true, entries: 0 };
    return fault(end.seq, 'head-differs', 'the head of the chain is gone, so nobody knows whether entries followed');
  }
  if (head.seq > end.seq) {
    const gone = head.seq - end.seq === 1 ? 'it is' : `the entries up to ${head.seq} are`;
    return fault(end.seq + 1, 'missing-last', `the head of the chain knows of entry ${head.seq}; ${gone} gone`);
  }
  if (head.seq < end.seq) {
    return fault(
      head.seq + 1,
      'beyond-head',
      `the head of the chain ends at entry ${head.seq}; this one was not appended by Plafond`,
    );
  }
  if (head.hash !== end.hash) return fault(end.seq, 'head-differs', 'the head of the chain bears another hash');
  return { ok: true, entries: end.seq };
}

function checkEntry(accountId: string, entry: EvidenceEntry, last: Followed): BrokenChain | undefined {
  const { seq } = entry;
  if (seq <= last.seq) return fault(seq, 'out-of-order', `entry ${seq} stands after entry ${last.seq}`);
  const gap = seq > last.seq + 1;
  // What is removed by its age is the beginning of a chain, so there is one gap at most.
  if (gap && last.gap) return missing(last.seq + 1, seq - 1);
  if (entry.accountId !== accountId) return fault(seq, 'altered', `it bears the account ${entry.accountId}`);
  if (hashEntry(entry.prevHash, entry) !== entry.hash) {
    return fault(seq, 'altered', 'its content does not give its hash');
  }
  if (!gap && entry.prevHash !== last.hash) {
    return fault(
      seq,
      'unlinked',
      last.seq === 0
        ? 'it is not the first that was written'
        : `it was not written after entry ${last.seq} as that stands now`,
    );
  }
  return undefined;
}

/** The entry is as it was written, and so is what it says. */
function removalIn({ bodyText }: EvidenceEntry): ChainEnd {
  const { through, hash } = JSON.parse(bodyText) as Removal;
  return { seq: through, hash };
}

function missing(first: number, last: number): BrokenChain {
  return fault(first, 'missing', first === last ? `entry ${first} is gone` : `entries ${first} to ${last} are gone`);
}

function fault(seq: number, fault: ChainFault, detail: string): BrokenChain {
  return { ok: false, seq, fault, detail };
}
