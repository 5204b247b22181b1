import { afterEach, expect, it, jest } from '@jest/globals';
import type { QueuedJob, Queues } from './queues.ts';
import { Schedules } from './schedules.ts';

afterEach(() => void jest.restoreAllMocks());

/** What `@nestjs/schedule` remembers of a method that comes by the clock. */
const CRON = 'SCHEDULE_CRON_OPTIONS';

interface Scheduled {
  job: string;
  cronTime: string;
  slot_ms: number;
}

async function scheduled(): Promise<Scheduled[]> {
  const found: Scheduled[] = [];
  for (const name of Object.getOwnPropertyNames(Schedules.prototype)) {
    const method = Object.getOwnPropertyDescriptor(Schedules.prototype, name)!.value as () => Promise<void>;
    const cron = Reflect.getMetadata(CRON, method) as { cronTime: string } | undefined;
    if (!cron) continue;
    const schedules = new Schedules({} as Queues);
    schedules.add = async (job, slot_ms) => void found.push({ job, cronTime: cron.cronTime, slot_ms });
    await method.call(schedules);
  }
  return found;
}

it('jobs have slots in whose middle their times lie, in zones of any quarter of an hour', async () => {
  const all = await scheduled();
  expect(all.length).toBeGreaterThan(15);
  const QUARTER_MS = 15 * 60_000;
  const astray = all.filter(({ cronTime, slot_ms }) => {
    const [seconds, minutes] = cronTime.split(' ') as [string, string];
    const every = (field: string, unit_ms: number) =>
      field === '*' ? unit_ms : Number(field.replace('*/', '')) * unit_ms;
    const times = [every(seconds, 1_000), every(minutes, 60_000), QUARTER_MS];
    return times.some((time) => time % slot_ms !== 0);
  });
  expect(astray).toEqual([]);
});

/** Queues in which all that is added is done at once, and remembered by its id; what was added, by then. */
function doneAtOnce(): { queues: Queues; done: string[] } {
  const done: string[] = [];
  const queues = {
    isUnfinished: async () => false,
    add: async ([job]: readonly QueuedJob[]) => {
      const id = job!.options!.jobId!;
      if (!done.includes(id)) done.push(id);
    },
  } as unknown as Queues;
  return { queues, done };
}

it.each([
  ['some seconds', 7_000],
  ['minutes', 5 * 60_000],
  ['a day', 86_400_000],
])(
  'jobs go on where the clock is put back by %s, and schedulers of one clock still add each once',
  async (_, back_ms) => {
    const { queues, done } = doneAtOnce();
    const schedulers = [new Schedules(queues), new Schedules(queues)];
    const now = jest.spyOn(Date, 'now');
    const start = 1_800_000_000_000;
    const tick = async (at: number) => {
      now.mockReturnValue(at);
      for (const each of schedulers) await each.add('reinstate-due', 5_000);
    };
    for (let at = 0; at <= 600_000; at += 5_000) await tick(start + at);
    const before = done.length;
    for (let at = 0; at < 600_000; at += 5_000) await tick(start + 600_000 - back_ms + at);
    expect(before).toBe(121);
    expect(done.length - before).toBe(120);
  },
);
