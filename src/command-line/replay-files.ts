/** `replay`: runs files through the rules, without a server. Decisions go where `out` says, everything else to `err`. */
import cliProgress from 'cli-progress';
import { SystemClock } from '../kernel/clock.ts';
import { Refusal } from '../kernel/refusal.ts';
import { replay, type ReplayOptions, type ReplaySummary } from '../simulation/replay.ts';
import { showRejects } from './import-files.ts';
import { CommandFailure, codeOf } from './server.ts';
import { count, counted, type Out } from './terminal.ts';

const FAULTS_SHOWN = 5;

/** Replays, with a line of progress where standard error is a terminal. Throws {@link CommandFailure} for unusable input. */
export async function replayFiles(options: ReplayOptions, err: Out): Promise<void> {
  const progress = new cliProgress.SingleBar({
    format: 'replaying: {value} records, {duration} s',
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    fps: 5,
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

/** What a person needs to know of unusable input, in one line; what is no fault of the input comes back as it is. */
export function inWords(error: unknown): unknown {
  if (error instanceof Refusal) {
    const faults = error.faults.map((fault) => {
      const line = 'line' in fault ? `line ${String(fault.line)}: ` : '';
      return `${line}${fault.field} ${fault.detail}`;
    });
    const more = faults.length > FAULTS_SHOWN ? [`and ${count(faults.length - FAULTS_SHOWN)} more`] : [];
    return new CommandFailure(
      [error.message, [...faults.slice(0, FAULTS_SHOWN), ...more].join('; ')].filter(Boolean).join(': '),
      { cause: error },
    );
  }
  // A system error's text names its code, what was done, and the file.
  return codeOf(error) !== undefined && Object(error).syscall !== undefined
    ? new CommandFailure(String(Object(error).message), { cause: error })
    : error;
}
