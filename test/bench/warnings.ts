/**
 * 10,000 accounts cross a threshold in one delivery: how long until every mail has left, and how long a suspension takes
 * meanwhile, from its usage to the bar that was read back, beside how long it takes when nothing else happens. Everything in
 * one process, the mail server in another. Accounts and usage are made up.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, chmod } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readConfig } from '../../src/config.ts';
import { formatInstant, SystemClock } from '../../src/kernel/clock.ts';

const ACCOUNTS = Number(process.env.BENCH_WARNINGS ?? 10_000);
const SUSPENSIONS = 30;
const KEY = 'bench-key-for-loopback';
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const SINK = fileURLToPath(new URL('smtp-sink.js', import.meta.url));
const PORT = 20_000 + (process.pid % 20_000);

const say = (text: string) => process.stdout.write(`${text}\n`);

async function ask<T>(
  method: string,
  path: string,
  body?: unknown,
  type = 'application/json',
  more: Record<string, string> = {},
): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${PORT}${path}`, {
    method,
    headers: { authorization: `Bearer ${KEY}`, accept: 'application/json', 'content-type': type, ...more },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text) as T;
}

function usageOf(accounts: readonly string[], amount: string, name: string): string {
  const startedAt = formatInstant(new SystemClock().now() - 60_000);
  return [
    'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state',
    ...accounts.map((id) => `${name}-${id},${id},${startedAt},60,voice,+252612345678,${amount},EUR,provisional`),
    '',
  ].join('\n');
}

async function prepare(): Promise<void> {
  // As many suspensions an hour as the bench makes are no sign of trouble here.
  const guard = { per_hour: 1_000, percent: 100, at_least: 1_000 };
  await ask('PUT', '/v1/guard', guard, undefined, { 'if-match': '"1"' });
  const account = (id: string, segment: string, email: string) =>
    `${id},Account ${id},${segment},EUR,Europe/Amsterdam,1,${['nl', 'en', 'de', 'fr'][id.length % 4]},${email},,NL,GTC 7.3,`;
  const header =
    'account_id,name,segment,currency,time_zone,cycle_day,locale,email,msisdn,home_country,suspension_terms,parent_id';
  const many = Array.from({ length: ACCOUNTS }, (_, i) => account(`w${i}`, 'many', `w${i}@example.net`));
  const barred = Array.from({ length: 2 * SUSPENSIONS }, (_, i) => account(`s${i}`, 'barred', ''));
  const cap = { traffic: 'international', period: 'month', limit: '100.00', currency: 'EUR', mode: 'enforce' };
  const warn = [{ percent: 50, actions: ['warn'] }];
  const suspend = [{ percent: 50, actions: ['suspend:international'] }];
  await ask('POST', '/v1/caps', { ...cap, name: 'Many', scope: { segment: 'many' }, thresholds: warn });
  await ask('POST', '/v1/caps', { ...cap, name: 'Barred', scope: { segment: 'barred' }, thresholds: suspend });
  await ask('POST', '/v1/accounts/import', [header, ...many, ...barred, ''].join('\n'), 'text/csv');
}

/** How long it takes, in milliseconds, until a bar is read back for usage that was just sent. */
async function suspensionMs(account: string): Promise<number> {
  const clock = new SystemClock();
  const from = clock.now();
  await ask('POST', '/v1/usage?feed=rating', usageOf([account], '60.00', 's'), 'text/csv');
  for (;;) {
    const { items } = await ask<{ items: { state: string }[] }>('GET', `/v1/suspensions?account=${account}`);
    if (items[0]?.state === 'awaiting-approval') throw new Error(`${account} waits for approval`);
    if (items[0]?.state === 'applied') return clock.now() - from;
    await sleep(10);
  }
}

const median = (all: readonly number[]) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)]!;

export async function warnings(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'plafond-bench-'));
  await chmod(dataDir, 0o711);
  const sink = spawn(process.execPath, [SINK], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: sink.stdout })[Symbol.asyncIterator]();
  const smtpPort = String((await lines.next()).value);
  const taken = async () => {
    sink.stdin.write('?\n');
    return Number((await lines.next()).value);
  };
  const config = readConfig({ DATA_DIR: dataDir });
  const plafond = spawn(process.execPath, ['--enable-source-maps', MAIN], {
    env: {
      PATH: process.env.PATH,
      PORT: String(PORT),
      DATA_DIR: config.dataDir,
      PLAFOND_ADMIN_KEY: KEY,
      SMTP_URL: `smtp://127.0.0.1:${smtpPort}`,
      LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  try {
    while (
      !(await fetch(`http://127.0.0.1:${PORT}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (plafond.exitCode !== null) throw new Error('Plafond ended');
      await sleep(100);
    }
    await prepare();
    const alone: number[] = [];
    for (let i = 0; i < SUSPENSIONS; i++) alone.push(await suspensionMs(`s${i}`));

    const clock = new SystemClock();
    const all = Array.from({ length: ACCOUNTS }, (_, i) => `w${i}`);
    const from = clock.now();
    await ask('POST', '/v1/usage?feed=rating', usageOf(all, '60.00', 'w'), 'text/csv');
    const decided_ms = clock.now() - from;
    const beside: number[] = [];
    let left_ms = 0;
    for (let count = await taken(); count < ACCOUNTS; count = await taken()) {
      if (beside.length < SUSPENSIONS) beside.push(await suspensionMs(`s${SUSPENSIONS + beside.length}`));
      await sleep(500);
      left_ms = clock.now() - from;
    }
    const perSecond = Math.round(ACCOUNTS / (left_ms / 1_000));
    say(
      `${ACCOUNTS} warnings at once, ${cpus().length} cores, PostgreSQL and everything else in it, the mail server beside:`,
    );
    say(`  decided and durable                 ${(decided_ms / 1_000).toFixed(1)} s`);
    say(`  every mail taken by the mail server ${(left_ms / 1_000).toFixed(1)} s (${perSecond} a second)`);
    say(
      `  suspension, usage to bar read back  median ${median(beside)} ms, at most ${Math.max(...beside)} ms (${beside.length} of them)`,
    );
    say(`  the same with nothing beside it     median ${median(alone)} ms, at most ${Math.max(...alone)} ms`);
    if ((await taken()) !== ACCOUNTS) throw new Error(`the mail server has ${await taken()} mails`);
  } finally {
    const ended = plafond.exitCode === null ? once(plafond, 'exit') : undefined;
    plafond.kill('SIGTERM');
    await ended;
    sink.stdin.end();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
