import { setTimeout as sleep } from 'node:timers/promises';
import { inParallel } from './in-parallel.ts';
import { SwitchFailure } from './switch.ts';

const AT_ONCE = 8;
// An answer that a call was ended is none that it is over: it is looked at again until it is.
const LOOK_AGAIN_MS = [20, 40, 80, 160, 300, 500, 1_000, 1_500, 2_000, 2_000];

/** Lists calls and ends them until none is left; how many it ended. Throws {@link SwitchFailure} where some stay for seconds. */
export async function endUntilNone<Call extends { callId: string }>(
  list: () => Promise<readonly Call[]>,
  end: (call: Call) => Promise<void>,
): Promise<number> {
  const ended = new Set<string>();
  for (const pause_ms of [...LOOK_AGAIN_MS, undefined]) {
    const left = await list();
    if (left.length === 0) break;
    if (pause_ms === undefined) {
      throw new SwitchFailure('wrong', `${left.length} of its calls can't be ended, such as ${left[0]!.callId}`);
    }
    await inParallel(left, AT_ONCE, async (call) => {
      await end(call);
      ended.add(call.callId);
    });
    await sleep(pause_ms);
  }
  return ended.size;
}
