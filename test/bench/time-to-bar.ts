/**
 * From the durable answer to `POST /v1/usage` until the bar is read back on a real Kamailio; 1,000 accounts at once; and
 * calls in progress, from the answer until Kamailio lists none. Plafond is a process of its own, embedded PostgreSQL with
 * default durability; the bench asks Kamailio for a bar every few milliseconds. Accounts and usage are made up.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PlafondProcess, until } from '../harness/process.ts';
import { JsonRpc } from '../../src/suspensions/switches/kamailio/json-rpc.ts';
import { Kamailio, kamailioPorts } from '../interop/kamailio.ts';
import { findProgram } from '../interop/find-program.ts';
import { SAMPLE_CAP, SAMPLE_FORM } from '../interop/samples.ts';
import { Carrier, Pbx } from '../interop/sipp.ts';

const A_SECOND = 20;
const SECONDS = 15;
const WARM = 40;
const AT_ONCE = 1_000;
const WITH_CALLS = 20;
const CALLS_EACH = 10;
const SOMALIA = '+252612345678';

export async function timeToBar(): Promise<void> {
  const missing = ['kamailio', 'sipp'].filter((program) => findProgram(program) === undefined);
  if (missing.length > 0) {
    process.stdout.write(`time-to-bar: SKIPPED, not installed: ${missing.join(', ')}\n`);
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'plafond-bench-'));
  const carrier = await Carrier.start();
  const kamailio = new Kamailio(await kamailioPorts(carrier.port));
  await kamailio.start();
  const rpc = new JsonRpc(new URL(kamailio.url));
  const plafond = await PlafondProcess.start({ DATA_DIR: folder, SWITCH_URL: `kamailio+${kamailio.url}` });
  try {
    await accounts(plafond, [
      ...names('w', WARM),
      ...names('t', A_SECOND * SECONDS),
      ...names('m', AT_ONCE),
      ...names('c', WITH_CALLS),
    ]);
    await plafond.json('POST', '/v1/caps', SAMPLE_CAP);
    // The guard would hold so many for a person.
    await plafond.json('PUT', '/v1/guard', { per_hour: 1_000_000, percent: 100, at_least: 1_000_000 });
    for (const account of names('w', WARM)) await send(plafond, [account]).then(() => barred(rpc, account));
    process.stdout.write(`time-to-bar: one process, ${cpus().length} cores\n`);

    const times: number[] = [];
    const open: Promise<void>[] = [];
    const began = performance.now();
    for (const [index, account] of names('t', A_SECOND * SECONDS).entries()) {
      await sleep(Math.max(0, began + (index * 1_000) / A_SECOND - performance.now()));
      open.push(
        send(plafond, [account]).then(async (answered) => void times.push((await barred(rpc, account)) - answered)),
      );
    }
    await Promise.all(open);
    show(`${A_SECOND} suspensions a second, ${SECONDS} s`, times, 'p50 <= 50 ms, p99 <= 250 ms');

    const answered = await send(plafond, names('m', AT_ONCE));
    let last = answered;
    for (const account of names('m', AT_ONCE)) last = Math.max(last, await barred(rpc, account));
    process.stdout.write(
      `  ${AT_ONCE} accounts at once: the last after ${((last - answered) / 1_000).toFixed(2)} s (goal: 20 s)\n`,
    );

    const pbxs: Pbx[] = [];
    for (const account of names('c', WITH_CALLS)) {
      pbxs.push(await Pbx.call(kamailio.ports.sip, { scenario: 'talk', account, number: SOMALIA, calls: CALLS_EACH }));
    }
    const listed = async (account: string) => {
      const answer = await rpc.ask('dlg.profile_list', ['international', account]);
      return 'result' in answer ? (answer.result as { state: number }[]).filter(({ state }) => state < 5).length : 0;
    };
    for (const account of names('c', WITH_CALLS)) {
      await until('its calls run', async () => (await listed(account)) === CALLS_EACH);
    }
    const endings: number[] = [];
    const before = (await carrier.seen()).ended.length;
    for (const account of names('c', WITH_CALLS)) {
      const at = await send(plafond, [account]);
      while ((await listed(account)) > 0) await sleep(2);
      endings.push(performance.now() - at);
    }
    show(`${CALLS_EACH} calls in progress of an account ended, ${WITH_CALLS} accounts`, endings, 'p99 <= 1 s');
    await until('the carrier was told of each', async () => {
      return (await carrier.seen()).ended.length - before === WITH_CALLS * CALLS_EACH;
    });
    process.stdout.write(`  the carrier saw the end of each of ${WITH_CALLS * CALLS_EACH} calls\n`);
    for (const pbx of pbxs) await pbx.stop();
  } finally {
    rpc.close();
    await plafond.stop();
    await kamailio.stop();
    await carrier.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

async function accounts(plafond: PlafondProcess, ids: readonly string[]): Promise<void> {
  const { name, segment, currency, time_zone, cycle_day, locale, email, home_country, suspension_terms } = SAMPLE_FORM;
  const header =
    'account_id,name,segment,currency,time_zone,cycle_day,locale,email,msisdn,home_country,suspension_terms,parent_id';
  const rows = ids.map((id) =>
    [id, name, segment, currency, time_zone, cycle_day, locale, email, '', home_country, suspension_terms, ''].join(
      ',',
    ),
  );
  await plafond.json('POST', '/v1/accounts/import', [header, ...rows].join('\n'), 'text/csv');
}

let sent = 0;

/** Usage by which each of these crosses its limit; when its durable answer came. */
async function send(plafond: PlafondProcess, ids: readonly string[]): Promise<number> {
  const started_at = new Date(Date.now() - 120_000).toISOString();
  const rows = ids.map((account_id) => ({
    record_id: `r${sent++}`,
    account_id,
    started_at,
    duration_s: 60,
    kind: 'voice',
    a_number: '+31201234567',
    b_number: SOMALIA,
    amount: '101.00',
    currency: 'EUR',
    state: 'provisional',
  }));
  await plafond.json('POST', '/v1/usage?feed=bench', rows);
  return performance.now();
}

/** When the bar was read on Kamailio. Looked for ever more seldom, for many who wait would keep Kamailio busy by asking. */
async function barred(rpc: JsonRpc, account: string): Promise<number> {
  for (let pause_ms = 2; ; pause_ms = Math.min(pause_ms * 1.2, 50)) {
    const answer = await rpc.ask('htable.get', ['barred', `${account}:international`]);
    if ('result' in answer) return performance.now();
    await sleep(pause_ms);
  }
}

function show(what: string, times: readonly number[], goal: string): void {
  const sorted = [...times].toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!.toFixed(0);
  process.stdout.write(`  ${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms (goal: ${goal})\n`);
}
