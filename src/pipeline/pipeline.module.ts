import { Module } from '@nestjs/common';
import { UsagePartitions } from '../ledger/partitions.ts';
import { AllowNumbers } from './suspending/allow-numbers.ts';
import { AnswerGuard } from './deciding/answer-guard.ts';
import { AnswerPages } from './telling/answer-pages.ts';
import { AnswerWarning } from './telling/answer-warning.ts';
import { ChangeAccounts } from './limits/change-accounts.ts';
import { ChangeCaps } from './limits/change-caps.ts';
import { ChangeFeeds } from './usage/change-feeds.ts';
import { FeedBook } from './usage/feed-book.ts';
import { ChangeOperators } from './telling/change-operators.ts';
import { DropOldPartitions } from './retention/drop-old-partitions.ts';
import { EvaluateExposure } from './limits/evaluate-exposure.ts';
import { FollowCalls } from './limits/follow-calls.ts';
import { ForgetPersonalData } from './retention/forget-personal-data.ts';
import { RemoveOldEvidence } from './retention/remove-old-evidence.ts';
import { GrantUplift } from './limits/grant-uplift.ts';
import { ImportDroppedFile } from './usage/import-dropped-file.ts';
import { LinkKey } from './telling/link-key.ts';
import { ObserveUsage } from './deviations/observe-usage.ts';
import { CountPrices } from './deviations/count-prices.ts';
import { FitNorms } from './deviations/fit-norms.ts';
import { PullSftp } from './usage/pull-sftp.ts';
import { ChangePolicies } from './deviations/change-policies.ts';
import { RebuildSignatures } from './deviations/rebuild-signatures.ts';
import { SettleCase } from './deciding/settle-case.ts';
import { RebuildSpend } from './usage/rebuild-spend.ts';
import { ReconcileImports } from './usage/reconcile-imports.ts';
import { RecordUsage } from './usage/record-usage.ts';
import { ResendRejects } from './usage/resend-rejects.ts';
import { ChangeSwitches } from './suspending/change-switches.ts';
import { ReconcileSwitches } from './suspending/reconcile-switches.ts';
import { ReinstateDue } from './suspending/reinstate-due.ts';
import { SecondPerson } from './deciding/second-person.ts';
import { EscalateFailures } from './telling/escalate-failures.ts';
import { ReceiveReceipts } from './telling/receive-receipts.ts';
import { WriteMessages } from './telling/write-messages.ts';
import { SettleDelivery } from './telling/settle-delivery.ts';
import { SettleMovedRecords } from './usage/settle-moved-records.ts';
import { SettleSuspensions } from './suspending/settle-suspension.ts';
import { ForecastCaps } from './limits/forecast-caps.ts';
import { SummarizeDay } from './telling/summarize-day.ts';
import { TellOperators } from './telling/tell-operators.ts';
import { WatchFeeds } from './usage/watch-feeds.ts';
import { TryFeed } from './usage/try-feed.ts';

const USE_CASES = [
  RecordUsage,
  ResendRejects,
  ImportDroppedFile,
  FeedBook,
  LinkKey,
  AnswerWarning,
  AnswerPages,
  ChangeOperators,
  TellOperators,
  SummarizeDay,
  ForecastCaps,
  ChangeFeeds,
  TryFeed,
  PullSftp,
  ChangeAccounts,
  ChangeCaps,
  SettleMovedRecords,
  ObserveUsage,
  CountPrices,
  FitNorms,
  RebuildSignatures,
  SettleCase,
  ChangePolicies,
  SettleSuspensions,
  WriteMessages,
  ReconcileSwitches,
  ChangeSwitches,
  SettleDelivery,
  EscalateFailures,
  ReceiveReceipts,
  ReinstateDue,
  AnswerGuard,
  AllowNumbers,
  GrantUplift,
  EvaluateExposure,
  FollowCalls,
  SecondPerson,
  UsagePartitions,
  WatchFeeds,
  ReconcileImports,
  RebuildSpend,
  DropOldPartitions,
  ForgetPersonalData,
  RemoveOldEvidence,
];

/** What Plafond does: each use case composes the stages that it needs. */
@Module({ providers: USE_CASES, exports: USE_CASES })
export class PipelineModule {}
