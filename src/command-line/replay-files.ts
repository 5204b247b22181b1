/** `replay`: runs files through the rules, without a server. Decisions go where `out` says, everything else to `err`. */
import cliProgress from 'cli-progress';
import { SystemClock } from '../kernel/clock.ts';
import { replay, type ReplayOptions, type ReplaySummary } from '../simulation/replay.ts';
import { showRejects } from './import-files.ts';
import { inWords } from './in-words.ts';
import { count, counted, type Out } from './terminal.ts';

const LOG_EVERY_MS = 30_000;

/**
 * Replays, with a line of progress: a running one where standard error is a terminal, else one every half minute. Throws
 * CommandFailure for unusable input.
 */
export async function replayFiles(options: ReplayOptions, err: Out): Promise<void> {
  const progress = new cliProgress.SingleBar({
    format: 'replaying: {value} records, {duration} s',
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    fps: 5,
    noTTYOutput: true,
    notTTYSchedule: LOG_EVERY_MS,
  });
  const clock = new SystemClock();
  const begun = clock.now();
  progress.start(0, 0);
  try {
    const summary = await replay({ ...options, onProgress: ({ records }) => progress.update(records) });
    progress.stop();
    describeReplay(summary, (clock.now() - begun) / 1_000, err);
  } catch (error) {
    progress.stop();
    throw inWords(error);
  }
}

function describeReplay(summary: ReplaySummary, seconds: number, err: Out): void {
  const became = (['counted', 'duplicate', 'barred', 'rejected'] as const).map(
    (way) => `${count(summary[way])} ${way}`,
  );
  const decided = counted(summary.decisions, 'decision');
  err(`${counted(summary.records, 'record')} in ${seconds.toFixed(1)} s: ${became.join(', ')}; ${decided}`);
  showRejects(summary.rejects, summary.rejected, err);
}
