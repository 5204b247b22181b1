import { SignaturesAnew } from './signatures-anew.ts';

/** What is told of use from abroad begins with its journey: signatures are made anew, as if it always had. */
export class KnowWhereJourneysBegan1700000000053 extends SignaturesAnew {
  readonly name = 'KnowWhereJourneysBegan1700000000053';
}
