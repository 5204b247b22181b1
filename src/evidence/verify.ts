/** Whether an account's evidence is whole and as it was written. Pure. */
import { GENESIS_HASH, hashEntry, type ChainedContent } from './chain.ts';

/** An entry as it is stored. */
export interface EvidenceEntry extends ChainedContent {
  prevHash: string;
  hash: string;
}

/** Where a chain stands: its last entry, or `seq` 0 and the genesis hash before the first. */
export interface ChainEnd {
  seq: number;
  hash: string;
}

export const CHAIN_START: ChainEnd = { seq: 0, hash: GENESIS_HASH };

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

/** Follows `entries` on from `end`; gives the new end, or the first fault. For chains too long to hold at once. */
export function followChain(
  accountId: string,
  entries: Iterable<EvidenceEntry>,
  end: ChainEnd = CHAIN_START,
): { ok: true; end: ChainEnd } | BrokenChain {
  let last = end;
  for (const entry of entries) {
    const broken = checkEntry(accountId, entry, last);
    if (broken) return broken;
    last = { seq: entry.seq, hash: entry.hash };
  }
  return { ok: true, end: last };
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

/** Checks all entries of an account, in order, and its head. */
export function verifyChain(
  accountId: string,
  entries: Iterable<EvidenceEntry>,
  head: ChainEnd | undefined,
): { ok: true; entries: number } | BrokenChain {
  const followed = followChain(accountId, entries);
  return followed.ok ? checkHead(followed.end, head) : followed;
}

function checkEntry(accountId: string, entry: EvidenceEntry, last: ChainEnd): BrokenChain | undefined {
  const { seq } = entry;
  if (seq <= last.seq) return fault(seq, 'out-of-order', `entry ${seq} stands after entry ${last.seq}`);
  if (seq > last.seq + 1) {
    const gone = seq === last.seq + 2 ? `entry ${seq - 1} is` : `entries ${last.seq + 1} to ${seq - 1} are`;
    return fault(last.seq + 1, 'missing', `${gone} gone`);
  }
  if (entry.accountId !== accountId) return fault(seq, 'altered', `it bears the account ${entry.accountId}`);
  if (hashEntry(entry.prevHash, entry) !== entry.hash) {
    return fault(seq, 'altered', 'its content does not give its hash');
  }
  if (entry.prevHash !== last.hash) {
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

function fault(seq: number, fault: ChainFault, detail: string): BrokenChain {
  return { ok: false, seq, fault, detail };
}
