import { SignaturesAnew } from './signatures-anew.ts';

/**
 * What is told of use from abroad begins with its journey, and of an attack with the attack; calls that nobody answers endanger nothing:
 * signatures are made anew, as if it always had been so.
 */
export class KnowWhereJourneysBegan1700000000053 extends SignaturesAnew {
  readonly name = 'KnowWhereJourneysBegan1700000000053';
}
