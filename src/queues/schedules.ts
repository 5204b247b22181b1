/**
 * What happens by the clock. Schedules only put jobs into queues, where any worker does them. Any number of schedulers
 * may run: a job is named after its slot of time, so the second one to add it adds nothing; and while the one before is
 * waiting or at work, none is added, so nothing piles up where workers are away.
 *
 * BullMQ's deduplication would do the latter too, but on PostgreSQL not together with a job's own id: an id that is known
 * already takes the key, and keeps it.
 */
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { SystemClock } from '../kernel/clock.ts';
import type { JobName, Payload } from './job-map.ts';
import { Queues } from './queues.ts';

/** The jobs that say nothing but their name. */
type ScheduledJob = { [Name in JobName]: Record<string, never> extends Payload<Name> ? Name : never }[JobName];

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** Of what comes by the hour or the day: it divides all their times of day, in every zone. */
const IN_HOURS_MS = 5 * MINUTE_MS;
const EVERY_5_SECONDS = '*/5 * * * * *';

// These come again by themselves, so few are kept: as long as two machines' clocks may differ, and the last failures.
const KEPT = { removeOnComplete: { age: 600 }, removeOnFail: { age: 24 * 3_600, count: 100 } };
const ONE_AT_A_TIME = { waitForCompletion: true };

@Injectable()
export class Schedules implements OnApplicationBootstrap {
  // The machine's time, whatever clock the rules live by: a rule's clock may stand still, as in a demonstration.
  readonly #clock = new SystemClock();
  readonly #last = new Map<ScheduledJob, { slot: number; until: number; jobId: string }>();

  constructor(private readonly queues: Queues) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.add('prepare-partitions', MINUTE_MS);
  }

  @Cron(EVERY_5_SECONDS, ONE_AT_A_TIME)
  scanInbox(): Promise<void> {
    return this.add('scan-inbox', 5 * SECOND_MS);
  }

  // What drifts on a switch is to be mended within five seconds.
  @Cron('*/2 * * * * *', ONE_AT_A_TIME)
  reconcileSuspensions(): Promise<void> {
    return this.add('reconcile-suspensions', 2 * SECOND_MS);
  }

  @Cron(EVERY_5_SECONDS, ONE_AT_A_TIME)
  reinstateDue(): Promise<void> {
    return this.add('reinstate-due', 5 * SECOND_MS);
  }

  @Cron(EVERY_5_SECONDS, ONE_AT_A_TIME)
  evaluateExposure(): Promise<void> {
    return this.add('evaluate-exposure', 5 * SECOND_MS);
  }

  @Cron('*/10 * * * * *', ONE_AT_A_TIME)
  sweepDeliveries(): Promise<void> {
    return this.add('sweep-deliveries', 10 * SECOND_MS);
  }

  @Cron('*/10 * * * * *', ONE_AT_A_TIME)
  reconcileImports(): Promise<void> {
    return this.add('reconcile-imports', 10 * SECOND_MS);
  }

  @Cron('*/10 * * * * *', ONE_AT_A_TIME)
  sweepObservations(): Promise<void> {
    return this.add('sweep-observations', 10 * SECOND_MS);
  }

  @Cron('*/10 * * * * *', ONE_AT_A_TIME)
  countPrices(): Promise<void> {
    return this.add('count-prices', 10 * SECOND_MS);
  }

  @Cron('0 20 * * * *', ONE_AT_A_TIME)
  fitNorms(): Promise<void> {
    return this.add('fit-norms', IN_HOURS_MS);
  }

  @Cron('0 40 * * * *', ONE_AT_A_TIME)
  mendSignatures(): Promise<void> {
    return this.add('mend-signatures', IN_HOURS_MS);
  }

  @Cron('0 * * * * *', ONE_AT_A_TIME)
  watchFeeds(): Promise<void> {
    return this.add('watch-feeds', MINUTE_MS);
  }

  @Cron(EVERY_5_SECONDS, ONE_AT_A_TIME)
  tellOperators(): Promise<void> {
    return this.add('tell-operators', 5 * SECOND_MS);
  }

  @Cron('0 * * * * *', ONE_AT_A_TIME)
  summarizeDay(): Promise<void> {
    return this.add('summarize-day', MINUTE_MS);
  }

  @Cron('0 15 * * * *', ONE_AT_A_TIME)
  forecastCaps(): Promise<void> {
    return this.add('forecast-caps', IN_HOURS_MS);
  }

  @Cron('0 30 3 * * *', ONE_AT_A_TIME)
  dropOldPartitions(): Promise<void> {
    return this.add('drop-old-partitions', IN_HOURS_MS);
  }

  @Cron('0 0 4 * * *', ONE_AT_A_TIME)
  forgetPersonalData(): Promise<void> {
    return this.add('forget-personal-data', IN_HOURS_MS);
  }

  @Cron('0 30 4 * * *', ONE_AT_A_TIME)
  removeOldEvidence(): Promise<void> {
    return this.add('remove-old-evidence', IN_HOURS_MS);
  }

  @Cron('0 * * * * *', ONE_AT_A_TIME)
  pullFeeds(): Promise<void> {
    return this.add('pull-feeds', MINUTE_MS);
  }

  @Cron('0 45 2 * * *', ONE_AT_A_TIME)
  settleMovedRecords(): Promise<void> {
    return this.add('settle-moved-records', IN_HOURS_MS);
  }

  @Cron('0 * * * * *', ONE_AT_A_TIME)
  settleMovedSoon(): Promise<void> {
    return this.add('settle-moved-soon', MINUTE_MS);
  }

  @Cron('0 0 * * * *', ONE_AT_A_TIME)
  preparePartitions(): Promise<void> {
    return this.add('prepare-partitions', IN_HOURS_MS);
  }

  /**
   * Adds the job of the current slot, where nobody has yet. A queue that is away is left to the next slot. A job's time lies in
   * the middle of a slot, `slot_ms` long: timers that fire within half of it, before or after, mean the same time. Where the
   * clock was put back, it comes to slots whose jobs are done and still known: until it is past those, jobs have other names.
   */
  async add(job: ScheduledJob, slot_ms: number): Promise<void> {
    const slot = Math.round(this.#clock.now() / slot_ms);
    const last = this.#last.get(job);
    const until = last === undefined ? -Infinity : slot < last.slot ? Math.max(last.slot, last.until + 1) : last.until;
    const jobId = `${job}-${slot_ms}-${slot}${slot <= until ? `-until-${until}` : ''}`;
    try {
      if (last === undefined || !(await this.queues.isUnfinished(job, last.jobId))) {
        await this.queues.add([{ job, payload: {}, options: { jobId, ...KEPT } }]);
        this.#last.set(job, { slot, until, jobId });
      }
    } catch {
      // The queues have said so already, and the next slot comes soon.
    }
  }
}
