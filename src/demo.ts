/**
 * `npm run demo`: the court case, seen from the desk of a billing team that has Plafond. Starts it embedded, loads the
 * sample data (made up from the published figures), replays the month with a clock of its own and shows what happens.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import cliProgress from 'cli-progress';
import PostalMime from 'postal-mime';
import { BadEnvironment, readConfig, type Config } from './config.ts';
import { readRows } from './feeds/formats/rows.ts';
import { openFile } from './feeds/sources/drop-folder.ts';
import type { UsageRecord } from './feeds/usage-record.ts';
import { DrivenClock, formatInstant, parseInstant } from './kernel/clock.ts';
import { formatAmount } from './kernel/money.ts';
import { PlafondLogger } from './logging.ts';
import { CannotStart, startPlafond } from './start.ts';

const SAMPLES = fileURLToPath(new URL('../../test/samples/court-case/', import.meta.url));
const ZONE = 'Europe/Amsterdam';
const MONTH_BEGINS = parseInstant('2010-03-01T00:00:00+01:00')!;
const MONTH_ENDS = parseInstant('2010-04-01T00:00:00+02:00')!;
const ACCOUNT = '1002';
const BARRED = `${ACCOUNT}:international`;
const WAIT_MS_MAX = 20_000;
const MARKER = 'made-by-the-demo';

const bold = (text: string) => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text);
const dim = (text: string) => (process.stdout.isTTY ? `\u001b[2m${text}\u001b[0m` : text);
const say = (text = '') => process.stdout.write(`${text}\n`);

interface SampleRow {
  record: UsageRecord;
  line: string;
}

interface Deed {
  at: string;
  type: string;
  explanation: string;
}

/** A person's requests to the running Plafond. */
class Desk {
  constructor(
    readonly url: string,
    readonly key: string,
  ) {}

  async get<T>(path: string): Promise<T> {
    return (await this.#ask('GET', path)) as T;
  }

  async post<T>(path: string, contentType: string, body: string): Promise<T> {
    return (await this.#ask('POST', path, contentType, body)) as T;
  }

  async #ask(method: string, path: string, contentType?: string, body?: string): Promise<unknown> {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        accept: 'application/json',
        ...(contentType ? { 'content-type': contentType } : {}),
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  }
}

async function main(): Promise<void> {
  const once = process.argv.includes('--once');
  const base = readConfig();
  const config = await demoConfig(base, once);
  const usage = await readSample();
  const history = usage.filter(({ record }) => record.receivedAt < MONTH_BEGINS);
  const month = usage.filter(({ record }) => record.receivedAt >= MONTH_BEGINS);
  const without = month.reduce((sum, { record }) => sum + record.amount, 0n);

  say(bold('Plafond: the court case of March 2010, with a limit'));
  say(`A small business with a hacked VoIP server: 150 calls to Zimbabwe and Somalia in eight nights.`);
  say(dim(`Sample data made up from the published figures (${SAMPLES}README.md); no real customer.`));
  say();
  say('Starting Plafond with its embedded PostgreSQL …');
  const clock = new DrivenClock(history[0]!.record.receivedAt);
  const plafond = await startPlafond(config, { clock, log: new PlafondLogger({ ...config, logLevel: 'error' }) });
  const stop = stopOnSignal();
  try {
    const desk = new Desk(plafond.url!, config.adminKey!);
    const { header } = await prepare(desk);
    say(`It listens on ${plafond.url}. Five months of ordinary usage come first, then March call by call:`);
    say();
    clock.advanceTo(MONTH_BEGINS);
    await send(
      desk,
      header,
      history.map(({ line }) => line),
    );
    const spent = await replayMonth(desk, clock, config, header, month);
    clock.advanceTo(MONTH_ENDS + 60_000);
    const lifted = await until(() => isLifted(desk, config));
    await showOutcome(desk, config, without, spent, lifted);
    if (once) {
      say(
        `${bold('npm run demo')} leaves the server running: the API with its docs, and the evidence, for a look around.`,
      );
      return;
    }
    showWays(desk);
    clock.run();
    say(bold('Plafond goes on running for a look around; its clock stands at 1 April 2010. Stop it with Ctrl-C.'));
    await stop;
  } finally {
    await plafond.close();
  }
}

/** A data folder of the demo's own, emptied each time, so that it never meets real data; a port that is free. */
async function demoConfig(base: Config, once: boolean): Promise<Config> {
  const dataDir = join(base.dataDir, 'demo');
  if (existsSync(dataDir)) {
    if (!existsSync(join(dataDir, MARKER)))
      throw new CannotStart(`${dataDir} was not made by the demo; set DATA_DIR to another folder`);
    await rm(dataDir, { recursive: true, force: true });
  }
  await mkdir(dataDir, { recursive: true });
  await writeFile(join(dataDir, MARKER), 'The demo makes this folder anew each time it runs.\n');
  const own = readConfig({
    DATA_DIR: dataDir,
    HOST: base.host,
    PORT: String(once ? 0 : base.port),
    // Links name where the demo stays up; with --once it is on any port that is free, and gone when one is read.
    PUBLIC_URL: base.publicUrl,
  });
  return { ...own, adminKey: base.adminKey ?? 'plafond-demo-key' };
}

async function readSample(): Promise<SampleRow[]> {
  const { bytes, format } = openFile(join(SAMPLES, 'usage.csv'));
  const rows: SampleRow[] = [];
  for await (const batch of readRows(bytes, format, 1_000)) {
    for (const row of batch) if ('record' in row) rows.push({ record: row.record, line: row.text });
  }
  return rows.toSorted((a, b) => a.record.receivedAt - b.record.receivedAt);
}

async function prepare(desk: Desk): Promise<{ header: string }> {
  await desk.post('/v1/accounts/import', 'text/csv', await readFile(join(SAMPLES, 'accounts.csv'), 'utf8'));
  const caps = JSON.parse(await readFile(join(SAMPLES, 'caps.json'), 'utf8')) as object[];
  for (const cap of caps) await desk.post('/v1/caps', 'application/json', JSON.stringify(cap));
  say(
    `Account ${ACCOUNT} and its limit are in place: €100.00 a month for international calls, a warning at 50 and 80 %,`,
  );
  say('suspension of international routes at 100 % (its contract allows it, GTC 7.3).');
  const usage = await readFile(join(SAMPLES, 'usage.csv'), 'utf8');
  return { header: usage.slice(0, usage.indexOf('\n')) };
}

async function send(desk: Desk, header: string, lines: readonly string[]): Promise<void> {
  await desk.post('/v1/usage?feed=demo', 'text/csv', [header, ...lines].join('\n'));
}

/** Sends March as it became known. What the switch bars is not called, so no record of it arrives. */
async function replayMonth(
  desk: Desk,
  clock: DrivenClock,
  config: Config,
  header: string,
  month: readonly SampleRow[],
): Promise<bigint> {
  const bar = new cliProgress.SingleBar({
    format: `{day}  {bar}  {spent} EUR spent, {barred} calls barred`,
    hideCursor: true,
    noTTYOutput: false,
  });
  if (process.stdout.isTTY) bar.start(month.length, 0, { day: '', spent: '0.00', barred: 0 });
  const tell = (text: string) => {
    if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
    say(text);
  };
  let spent = 0n;
  let barred = 0;
  let seen = 0;
  for (const [index, { record, line }] of month.entries()) {
    clock.advanceTo(record.receivedAt);
    if (isForeign(record) && (await isBarred(config))) barred++;
    else {
      await send(desk, header, [line]);
      spent += record.amount;
      const deeds = await decisionsAfter(desk, seen);
      seen += deeds.length;
      for (const deed of deeds) await show(deed, desk, config, tell);
    }
    bar.update(index + 1, {
      day: formatInstant(record.startedAt, ZONE).slice(0, 10),
      spent: formatAmount(spent),
      barred,
    });
  }
  if (process.stdout.isTTY) bar.stop();
  return spent;
}

function isForeign(record: UsageRecord): boolean {
  return !record.bNumber.startsWith('+31');
}

/** Read from the switch itself: what is in its file is what it bars. */
async function isBarred(config: Config): Promise<boolean> {
  const text = await readFile(join(config.localSwitchDir, 'barred.json'), 'utf8').catch(() => '');
  return text.includes(`"${BARRED}"`);
}

async function decisionsAfter(desk: Desk, seen: number): Promise<Deed[]> {
  const { items } = await desk.get<{ items: Deed[] }>(`/v1/decisions?account=${ACCOUNT}&limit=1000`);
  return items.slice(seen);
}

async function show(deed: Deed, desk: Desk, config: Config, tell: (text: string) => void): Promise<void> {
  const when = deed.at.slice(0, 16).replace('T', ' ');
  if (deed.type === 'warn') {
    const sent = await until(async () => {
      const { items } = await desk.get<{ items: { state: string; channel: string; subject: string }[] }>(
        `/v1/warnings?account=${ACCOUNT}`,
      );
      return items.length > 0 && items.every(({ state }) => state === 'sent') ? items : undefined;
    });
    const subject = sent?.find(({ channel }) => channel === 'email')?.subject ?? 'not sent yet';
    tell(`  ${when}  ${bold('warned')}     by e-mail and SMS: "${subject}"`);
  } else if (deed.type === 'suspend') {
    const barred = await until(async () => ((await isBarred(config)) ? true : undefined));
    tell(
      `  ${when}  ${bold('suspended')}  international routes${barred ? ', read back from the switch' : ' (the switch has not confirmed yet)'}`,
    );
  } else {
    tell(`  ${when}  ${bold(deed.type)}  ${deed.explanation}`);
  }
}

async function isLifted(desk: Desk, config: Config): Promise<true | undefined> {
  const { items } = await desk.get<{ items: { state: string }[] }>(`/v1/suspensions?account=${ACCOUNT}`);
  return items.every(({ state }) => state === 'lifted') && !(await isBarred(config)) ? true : undefined;
}

async function showOutcome(
  desk: Desk,
  config: Config,
  without: bigint,
  spent: bigint,
  lifted: true | undefined,
): Promise<void> {
  const when = formatInstant(MONTH_ENDS, ZONE).slice(0, 10);
  say(
    `  ${when} 00:00  ${bold(lifted ? 'reinstated' : 'not yet reinstated')} international routes, since the month has ended`,
  );
  const counted = await desk.get<{ period: string; spend: string }[]>(
    `/v1/accounts/${ACCOUNT}/spend?traffic=all&period=month`,
  );
  const march = counted.find(({ period }) => period === '2010-03')?.spend ?? '0.00';
  const mails = await readdir(join(config.localInboxDir, 'email')).catch(() => []);
  const first = mails.toSorted()[0];
  say();
  say(bold('  March 2010, account 1002                 EUR'));
  say(`  spent without Plafond            ${formatAmount(without).padStart(11)}`);
  say(
    `  spent with Plafond               ${march.padStart(11)}${march === formatAmount(spent) ? '' : '  (differs from what was sent!)'}`,
  );
  say(`  kept from the bill               ${formatAmount(without - spent).padStart(11)}`);
  say();
  if (first !== undefined) {
    say(bold('The first mail that the customer received:'));
    const file = join(config.localInboxDir, 'email', first);
    say(dim(await readable(await readFile(file))));
    say(`With its layout and its chart, for a mail program: ${file}`);
    say();
  }
  say(`Mails and SMS       ${config.localInboxDir}`);
  say(`What is barred      ${join(config.localSwitchDir, 'barred.json')}`);
  say();
}

/** Where to look while the server runs. */
function showWays(desk: Desk): void {
  say(`API and its docs    ${desk.url}/docs   ${dim('(any user name; the key is the password)')}`);
  say(`Administrator's key ${desk.key}`);
  say(`Evidence            curl -H 'Authorization: Bearer ${desk.key}' ${desk.url}/v1/accounts/${ACCOUNT}/evidence`);
  say(`Is it unaltered?    npm run -s plafond -- evidence verify --url ${desk.url} --key ${desk.key}`);
  say();
}

/** A mail as its reader sees it: subject and text. What comes along with it is in the file. */
async function readable(mail: Buffer): Promise<string> {
  const { subject = '', text = '' } = await PostalMime.parse(mail);
  return indent(`${subject}\n\n${text}`);
}

function indent(text: string): string {
  return text.replaceAll('\r\n', '\n').trim().replaceAll(/^/gm, '  │ ');
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
  for (let waited_ms = 0; waited_ms < WAIT_MS_MAX; waited_ms += 50) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return undefined;
}

function stopOnSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}

main().catch((error: unknown) => {
  const plain = error instanceof CannotStart || error instanceof BadEnvironment;
  process.stderr.write(`${plain ? (error as Error).message : String(error instanceof Error ? error.stack : error)}\n`);
  process.exitCode = 1;
});
