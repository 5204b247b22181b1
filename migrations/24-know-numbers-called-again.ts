import { SignaturesAnew } from './signatures-anew.ts';

/**
 * A number that was called before weighs less, however lately, and numbers of one block weigh more from abroad as well: signatures are made
 * anew, as if they always had.
 */
export class KnowNumbersCalledAgain1700000000024 extends SignaturesAnew {
  readonly name = 'KnowNumbersCalledAgain1700000000024';
}
