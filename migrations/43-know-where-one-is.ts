import { SignaturesAnew } from './signatures-anew.ts';

/**
 * Where a subscription is used from is known also where a call to a third country begins a run: signatures are made anew, as if they
 * never had been.
 */
export class KnowWhereOneIs1700000000043 extends SignaturesAnew {
  readonly name = 'KnowWhereOneIs1700000000043';
}
