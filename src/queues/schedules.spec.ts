import { expect, it } from '@jest/globals';
import type { Queues } from './queues.ts';
import { Schedules } from './schedules.ts';

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
