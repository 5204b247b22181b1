import { Module } from '@nestjs/common';
import { UsagePartitions } from '../ledger/partitions.ts';
import { AllowNumbers } from './allow-numbers.ts';
import { AnswerGuard } from './answer-guard.ts';
import { AnswerPages } from './answer-pages.ts';
import { AnswerWarning } from './answer-warning.ts';
import { ChangeAccounts } from './change-accounts.ts';
import { ChangeCaps } from './change-caps.ts';
import { ChangeFeeds } from './change-feeds.ts';
import { FeedBook } from './feed-book.ts';
import { ChangeOperators } from './change-operators.ts';
import { DropOldPartitions } from './drop-old-partitions.ts';
import { EvaluateExposure } from './evaluate-exposure.ts';
import { FollowCalls } from './follow-calls.ts';
import { ForgetPersonalData } from './forget-personal-data.ts';
import { GrantUplift } from './grant-uplift.ts';
import { ImportDroppedFile } from './import-dropped-file.ts';
import { LinkKey } from './link-key.ts';
import { ObserveUsage } from './observe-usage.ts';
import { FitNorms } from './fit-norms.ts';
import { PullSftp } from './pull-sftp.ts';
import { ChangePolicies } from './change-policies.ts';
import { RebuildSignatures } from './rebuild-signatures.ts';
import { SettleCase } from './settle-case.ts';
import { RebuildSpend } from './rebuild-spend.ts';
import { ReconcileImports } from './reconcile-imports.ts';
import { RecordUsage } from './record-usage.ts';
import { ChangeSwitches } from './change-switches.ts';
import { ReconcileSwitches } from './reconcile-switches.ts';
import { ReinstateDue } from './reinstate-due.ts';
import { SecondPerson } from './second-person.ts';
import { EscalateFailures } from './escalate-failures.ts';
import { ReceiveReceipts } from './receive-receipts.ts';
import { WriteMessages } from './write-messages.ts';
import { SettleDelivery } from './settle-delivery.ts';
import { SettleMovedRecords } from './settle-moved-records.ts';
import { SettleSuspensions } from './settle-suspension.ts';
import { ForecastCaps } from './forecast-caps.ts';
import { SummarizeDay } from './summarize-day.ts';
import { TellOperators } from './tell-operators.ts';
import { WatchFeeds } from './watch-feeds.ts';
import { TryFeed } from './try-feed.ts';

const USE_CASES = [
  RecordUsage,
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
];

/** What Plafond does: each use case composes the stages that it needs. */
@Module({ providers: USE_CASES, exports: USE_CASES })
export class PipelineModule {}
