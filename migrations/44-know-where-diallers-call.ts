import { SignaturesAnew } from './signatures-anew.ts';

/**
 * Up to three number blocks at home are followed in place of one: signatures are made anew, as if they always had been.
 */
export class KnowWhereDiallersCall1700000000044 extends SignaturesAnew {
  readonly name = 'KnowWhereDiallersCall1700000000044';
}
