/** What each job has the pipeline do. */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { UsagePartitions } from '../ledger/partitions.ts';
import { AnswerGuard } from './deciding/answer-guard.ts';
import { DropOldPartitions } from './retention/drop-old-partitions.ts';
import { EvaluateExposure } from './limits/evaluate-exposure.ts';
import { FollowCalls } from './limits/follow-calls.ts';
import { ForgetPersonalData } from './retention/forget-personal-data.ts';
import { RemoveOldEvidence } from './retention/remove-old-evidence.ts';
import { ChangeCaps } from './limits/change-caps.ts';
import { GrantUplift } from './limits/grant-uplift.ts';
import { ImportDroppedFile } from './usage/import-dropped-file.ts';
import { ReconcileImports } from './usage/reconcile-imports.ts';
import { CountPrices } from './deviations/count-prices.ts';
import { FitNorms } from './deviations/fit-norms.ts';
import { ObserveUsage } from './deviations/observe-usage.ts';
import { PullSftp } from './usage/pull-sftp.ts';
import { RebuildSignatures } from './deviations/rebuild-signatures.ts';
import { ReinstateDue } from './suspending/reinstate-due.ts';
import { SettleDelivery } from './telling/settle-delivery.ts';
import { SettleMovedRecords } from './usage/settle-moved-records.ts';
import { ReconcileSwitches } from './suspending/reconcile-switches.ts';
import { ForecastCaps } from './limits/forecast-caps.ts';
import { SummarizeDay } from './telling/summarize-day.ts';
import { TellOperators } from './telling/tell-operators.ts';
import { WatchFeeds } from './usage/watch-feeds.ts';
import type { JobHandlers } from '../queues/job-map.ts';
import { Queues } from '../queues/queues.ts';

@Injectable()
export class PipelineHandlers {
  constructor(
    private readonly deliveries: SettleDelivery,
    private readonly switches: ReconcileSwitches,
    private readonly reinstatements: ReinstateDue,
    private readonly guard: AnswerGuard,
    private readonly uplifts: GrantUplift,
    private readonly caps: ChangeCaps,
    private readonly calls: FollowCalls,
    private readonly exposure: EvaluateExposure,
    private readonly droppedFiles: ImportDroppedFile,
    private readonly servers: PullSftp,
    private readonly partitions: UsagePartitions,
    private readonly feeds: WatchFeeds,
    private readonly reconciliations: ReconcileImports,
    private readonly retention: DropOldPartitions,
    private readonly personalData: ForgetPersonalData,
    private readonly oldEvidence: RemoveOldEvidence,
    private readonly movedRecords: SettleMovedRecords,
    private readonly observations: ObserveUsage,
    private readonly prices: CountPrices,
    private readonly norms: FitNorms,
    private readonly operators: TellOperators,
    private readonly summaries: SummarizeDay,
    private readonly signatures: RebuildSignatures,
    private readonly forecasts: ForecastCaps,
    private readonly queues: Queues,
  ) {}

  readonly handlers: JobHandlers = {
    'deliver-warnings': ({ warnings }) => this.deliveries.deliver(warnings),
    'reconcile-suspensions': ({ accounts }) => this.switches.run(accounts),
    'observe-usage': ({ shards }) => this.observations.observe(shards),
    'sweep-observations': () => this.observations.sweep(),
    'count-prices': () => this.prices.run(),
    'fit-norms': () => this.norms.run(),
    'rebuild-signatures': ({ from_shard }) => this.signatures.mend(from_shard),
    'mend-signatures': () => this.signatures.mendCorrected(),
    'evaluate-exposure': () => this.#evaluateExposure(),
    'reinstate-due': () => this.#endWhatIsOver(),
    'import-file': (file) => this.droppedFiles.import(file),
    'scan-inbox': () => this.#scanInbox(),
    'pull-feeds': () => this.#pullFeeds(),
    'pull-sftp': ({ feed }) => this.servers.run(feed),
    'sweep-deliveries': () => this.deliveries.sweep(),
    'watch-feeds': () => this.feeds.run(),
    'reconcile-imports': () => this.reconciliations.run(),
    'drop-old-partitions': () => this.retention.run(),
    'forget-personal-data': () => this.personalData.run(),
    'remove-old-evidence': () => this.oldEvidence.run(),
    'settle-moved-records': () => this.movedRecords.run(),
    'settle-moved-soon': () => this.movedRecords.runIfAsked(),
    'tell-operators': () => this.#tellOperators(),
    'send-to-receiver': ({ receiver }) => this.operators.send(receiver),
    'forecast-caps': () => this.forecasts.run(),
    'summarize-day': () => this.summaries.run(),
    'prepare-partitions': () => this.partitions.prepare(),
  };

  async #evaluateExposure(): Promise<void> {
    await this.calls.run();
    await this.exposure.run();
  }

  async #endWhatIsOver(): Promise<void> {
    await this.uplifts.endDue();
    await this.reinstatements.endCoveredHolds();
    await this.reinstatements.run();
    await this.guard.settle();
    // It may take long.
    await this.caps.takeUpAbandoned();
  }

  /** A server that is still being looked at is not looked at again. */
  async #pullFeeds(): Promise<void> {
    const feeds = await this.servers.feeds();
    await this.queues.add(
      feeds.map((feed) => ({
        job: 'pull-sftp',
        payload: { feed },
        options: { deduplication: { id: `pull ${feed}` } },
      })),
    );
  }

  /** To one receiver one job sends at a time: what comes meanwhile, it sends as well. */
  async #tellOperators(): Promise<void> {
    await this.operators.group();
    const receivers = await this.operators.due();
    await this.queues.add(
      receivers.map((receiver) => ({
        job: 'send-to-receiver',
        payload: { receiver },
        options: { deduplication: { id: `send ${receiver}` } },
      })),
    );
  }

  /** A file that is waiting or being read is not added again; one of the same name that comes later is. */
  async #scanInbox(): Promise<void> {
    const files = await this.droppedFiles.scan();
    await this.queues.add(
      files.map(({ feed, path }) => ({
        job: 'import-file',
        payload: { feed, path },
        options: { deduplication: { id: createHash('sha256').update(`${feed}\n${path}`).digest('hex') } },
      })),
    );
  }
}
