import { SignaturesAnew } from './signatures-anew.ts';

/** Signatures know the number that was weighed last: those of before can't be read any more, and are made anew from the ledger. */
export class RememberWhoIsRedialled1700000000017 extends SignaturesAnew {
  readonly name = 'RememberWhoIsRedialled1700000000017';
}
