import { SignaturesAnew } from './signatures-anew.ts';

/** Calls to premium numbers weigh more at the scales of hours and less at that of days: signatures are made anew, as if they always had. */
export class WeighPremiumByTheHour1700000000018 extends SignaturesAnew {
  readonly name = 'WeighPremiumByTheHour1700000000018';
}
