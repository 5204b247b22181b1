/**
 * `plafond simulate`: a made-up provider as files in the canonical format: accounts, usage in the order in which it became available, and
 * the truth about its attacks. The same options give the same bytes.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { formatInstant } from '../kernel/clock.ts';
import { formatAmount } from '../kernel/money.ts';
import { SHAPES } from './world/attacks.ts';
import { DAY_S } from './world/call.ts';
import { accountOf } from './world/provider.ts';
import { World, type Delivered, type WorldOptions } from './world/world.ts';

const ACCOUNT_HEADER =
  'account_id,name,segment,currency,time_zone,cycle_day,locale,email,msisdn,home_country,suspension_terms,parent_id';
export const USAGE_HEADER =
  'record_id,account_id,service_id,started_at,duration_s,kind,units,a_number,b_number,amount,currency,state,revision,cost,origin_country,received_at';

export interface Simulated {
  accounts: number;
  records: number;
  attacks: number;
  /** how many of them were asked for; there are fewer where there is nobody left to attack */
  wanted: number;
  /** when the test begins: for `replay --warm-until` */
  warmUntil: string;
}

/** Writes `accounts.csv`, `usage.csv`, `caps.json` (none) and `truth.ndjson` (an attack a line) into `folder`. */
export async function simulate(folder: string, options: WorldOptions): Promise<Simulated> {
  await mkdir(folder, { recursive: true });
  const world = new World(options);
  await writeLines(
    join(folder, 'accounts.csv'),
    [ACCOUNT_HEADER],
    world.customers.map((customer) => Object.values(accountOf(customer)).join(',')),
  );
  await writeLines(join(folder, 'caps.json'), ['[]'], []);
  const usage = createWriteStream(join(folder, 'usage.csv'));
  await write(usage, `${USAGE_HEADER}\n`);
  const ids = world.attacks.map((): Set<string> => new Set());
  let records = 0;
  for (const delivered of world.days()) {
    records += delivered.length;
    for (const { call, id } of delivered) if (call.attack >= 0) ids[call.attack]!.add(id);
    await write(usage, delivered.map((each) => usageLine(each)).join(''));
  }
  usage.end();
  await once(usage, 'finish');
  const truth = world.attacks.map(({ account, shape, calls, index }) =>
    JSON.stringify({
      account: accountOf(world.customers[account]!).accountId,
      shape,
      from: formatInstant(calls[0]!.start * 1_000),
      to: formatInstant(calls.at(-1)!.start * 1_000),
      amount: formatAmount(BigInt(calls.reduce((sum, { micros }) => sum + micros, 0))),
      record_ids: [...ids[index]!],
    }),
  );
  const warmUntil = formatInstant(world.warmUntil * 1_000);
  const about = JSON.stringify({ ...options, warm_until: warmUntil, days: (world.ends - world.warmUntil) / DAY_S });
  await writeLines(join(folder, 'truth.ndjson'), [about], truth);
  const wanted = options.attacksPerShape * SHAPES.length;
  return { accounts: world.customers.length, records, attacks: world.attacks.length, wanted, warmUntil };
}

/** A delivered record as a line of canonical usage. */
export function usageLine({ call, id, received, seconds, micros, interim }: Delivered): string {
  return (
    `${id},${100_001 + call.account},,${formatUtc(call.start)},${seconds},${call.kind},,,${call.number},${formatAmount(BigInt(micros))},EUR,` +
    `${interim ? 'interim' : 'provisional'},${interim ? seconds : 0},,${call.origin || 'NL'},${formatUtc(received)}\n`
  );
}

function formatUtc(seconds: number): string {
  return formatInstant(seconds * 1_000);
}

async function writeLines(path: string, head: readonly string[], lines: readonly string[]): Promise<void> {
  const file = createWriteStream(path);
  await write(file, [...head, ...lines].map((line) => `${line}\n`).join(''));
  file.end();
  await once(file, 'finish');
}

async function write(file: WriteStream, text: string): Promise<void> {
  if (!file.write(text)) await once(file, 'drain');
}
