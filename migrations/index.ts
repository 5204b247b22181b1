import { LayTheTables1700000000001 } from './1-lay-the-tables.ts';
import { ConfigureFeeds1700000000002 } from './2-configure-feeds.ts';
import { RaiseAlarms1700000000003 } from './3-raise-alarms.ts';
import { WatchDeviations1700000000005 } from './5-watch-deviations.ts';
import { KeepSwitches1700000000006 } from './6-keep-switches.ts';
import { GuardSuspensions1700000000007 } from './7-guard-suspensions.ts';
import { DeliverMessages1700000000008 } from './8-deliver-messages.ts';
import { AnswerAndTell1700000000009 } from './9-answer-and-tell.ts';
import { FollowCorrections1700000000010 } from './10-follow-corrections.ts';
import { BarDestinations1700000000011 } from './11-bar-destinations.ts';
import { PriceCallsByCountry1700000000012 } from './12-price-calls-by-country.ts';
import { ExpireEvidenceAndAttempts1700000000013 } from './13-expire-evidence-and-attempts.ts';
import { MarkFeedsSideBySide1700000000015 } from './15-mark-feeds-side-by-side.ts';
import { CountWrongKeys1700000000016 } from './16-count-wrong-keys.ts';
import { RememberWhoIsRedialled1700000000017 } from './17-remember-who-is-redialled.ts';
import { WeighPremiumByTheHour1700000000018 } from './18-weigh-premium-by-the-hour.ts';
import { OrderUsageAsItCame1700000000019 } from './19-order-usage-as-it-came.ts';
import { CalibrateEveryFourWeeks1700000000020 } from './20-calibrate-every-four-weeks.ts';
import { FindByTimeAndCause1700000000021 } from './21-find-by-time-and-cause.ts';
import { MaskWhatGatewaysSaid1700000000022 } from './22-mask-what-gateways-said.ts';
import { ForgetWhatWasFraud1700000000023 } from './23-forget-what-was-fraud.ts';
import { KnowNumbersCalledAgain1700000000024 } from './24-know-numbers-called-again.ts';
import { CountAheadOfCaps1700000000027 } from './27-count-ahead-of-caps.ts';
import { LetCapsComeToHold1700000000029 } from './29-let-caps-come-to-hold.ts';
import { KnowWhenNumbersWereHot1700000000030 } from './30-know-when-numbers-were-hot.ts';
import { KnowABusyLine1700000000031 } from './31-know-a-busy-line.ts';
import { ForgetCooledNumbers1700000000034 } from './34-forget-cooled-numbers.ts';
import { KnowWhatCrossingsDid1700000000035 } from './35-know-what-crossings-did.ts';
import { BoundRollingWindows1700000000038 } from './38-bound-rolling-windows.ts';
import { KnowAFloorOfWindows1700000000042 } from './42-know-a-floor-of-windows.ts';
import { KnowWhereOneIs1700000000043 } from './43-know-where-one-is.ts';
import { KnowWhereDiallersCall1700000000044 } from './44-know-where-diallers-call.ts';
import { ActOnceALength1700000000048 } from './48-act-once-a-length.ts';
import { KeepSeenSigns1700000000049 } from './49-keep-seen-signs.ts';
import { SettleWhatMovedSoon1700000000051 } from './51-settle-what-moved-soon.ts';
import { KnowWhereJourneysBegan1700000000053 } from './53-know-where-journeys-began.ts';
import { KnowTheHighestNearRealTime1700000000056 } from './56-know-the-highest-near-real-time.ts';

/** In the order in which they run. By name, not by glob: what ships is what is listed. */
export const migrations = [
  LayTheTables1700000000001,
  ConfigureFeeds1700000000002,
  RaiseAlarms1700000000003,
  WatchDeviations1700000000005,
  KeepSwitches1700000000006,
  GuardSuspensions1700000000007,
  DeliverMessages1700000000008,
  AnswerAndTell1700000000009,
  FollowCorrections1700000000010,
  BarDestinations1700000000011,
  PriceCallsByCountry1700000000012,
  ExpireEvidenceAndAttempts1700000000013,
  MarkFeedsSideBySide1700000000015,
  CountWrongKeys1700000000016,
  RememberWhoIsRedialled1700000000017,
  WeighPremiumByTheHour1700000000018,
  OrderUsageAsItCame1700000000019,
  CalibrateEveryFourWeeks1700000000020,
  FindByTimeAndCause1700000000021,
  MaskWhatGatewaysSaid1700000000022,
  ForgetWhatWasFraud1700000000023,
  KnowNumbersCalledAgain1700000000024,
  CountAheadOfCaps1700000000027,
  LetCapsComeToHold1700000000029,
  KnowWhenNumbersWereHot1700000000030,
  KnowABusyLine1700000000031,
  ForgetCooledNumbers1700000000034,
  KnowWhatCrossingsDid1700000000035,
  BoundRollingWindows1700000000038,
  KnowAFloorOfWindows1700000000042,
  KnowWhereOneIs1700000000043,
  KnowWhereDiallersCall1700000000044,
  ActOnceALength1700000000048,
  KeepSeenSigns1700000000049,
  SettleWhatMovedSoon1700000000051,
  KnowWhereJourneysBegan1700000000053,
  KnowTheHighestNearRealTime1700000000056,
];
