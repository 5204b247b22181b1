import { SignaturesAnew } from './signatures-anew.ts';

/**
 * A busy line at home that is tried again, and a talk at its end, are no machine that runs away: signatures are made anew, as if they
 * never had been.
 */
export class KnowABusyLine1700000000031 extends SignaturesAnew {
  readonly name = 'KnowABusyLine1700000000031';
}
