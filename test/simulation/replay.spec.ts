import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAccounts } from '../../src/accounts/account-file.ts';
import { capDefinition, type CapDefinition } from '../../src/caps/cap.ts';
import type { Decision } from '../../src/decisions/decision.ts';
import { formatInstant, parseInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import { replay, type ReplayOptions } from '../../src/simulation/replay.ts';
import { TestPlafond } from '../harness/plafond.ts';

const CASE = join(import.meta.dirname, '../samples/court-case');
const file = (name: string) => join(CASE, name);

let folder: string;
let header: string;
/** The case's usage, line by line. */
let lines: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plafond-replay-'));
  [header, ...lines] = (await readFile(file('usage.csv'), 'utf8')).trimEnd().split('\n') as [string, ...string[]];
});
afterAll(() => rm(folder, { recursive: true }));

interface Decided {
  at: string;
  type: string;
  trigger: string;
  threshold: number;
  period: string;
  spend?: string;
  record_id?: string;
  mode: string;
}

let runs = 0;
async function run(options: Partial<ReplayOptions> & { rows?: readonly string[]; capText?: string } = {}) {
  const { rows, capText, ...rest } = options;
  const out = join(folder, `decisions-${++runs}.ndjson`);
  const usage = rows ? join(folder, `usage-${runs}.csv`) : file('usage.csv');
  if (rows) await writeFile(usage, `${[header, ...rows].join('\n')}\n`);
  const caps = capText === undefined ? file('caps.json') : join(folder, `caps-${runs}.json`);
  if (capText !== undefined) await writeFile(caps, capText);
  const summary = await replay({ accounts: file('accounts.csv'), caps, usage, out, budget: 'off', ...rest });
  const text = await readFile(out, 'utf8');
  const decided = text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Decided);
  return { summary, text, decided };
}
const inShort = (decided: readonly Decided[]) =>
  decided.map(({ type, trigger, threshold, period, record_id }) =>
    [type, trigger, threshold, period, record_id].filter((part) => part !== undefined).join(' '),
  );

/** A row of the case's account, with the values given in place of the last one's. */
function row(values: Record<string, string>): string {
  const columns = header.split(',');
  const last = lines.at(-1)!.split(',');
  const given: Record<string, string> = { state: 'provisional', revision: '0', cost: '', received_at: '', ...values };
  return columns.map((column, index) => given[column] ?? last[index]).join(',');
}
const valuesOf = (line: string): Record<string, string> => {
  const cells = line.split(',');
  return Object.fromEntries(header.split(',').map((column, index) => [column, cells[index]!]));
};

const EXPECTED = [
  'warn cap 50 2010-03 m21afb88d',
  'warn cap 80 2010-03 ma1ca7556',
  'warn cap 100 2010-03 m35d576de',
  'suspend cap 100 2010-03 m35d576de',
];

describe('the court case, by what is usual', () => {
  it.each(['shadow', 'enforce'] as const)(
    'is held within four hours and €25 of its first call, in %s',
    async (mode) => {
      const { decided } = await run({ mode, budget: '1' });
      const held = decided.find(({ type, trigger }) => type === 'hold' && trigger === 'deviation')!;
      const first = lines.map(valuesOf).find(({ origin_country }) => origin_country === 'RO')!;
      expect(parseInstant(held.at)! - parseInstant(first.started_at!)!).toBeLessThan(4 * 3_600_000);
      expect(Number(held.spend)).toBeLessThan(25);
      expect(decided.filter(({ type }) => type === 'hold')).toHaveLength(1);
    },
  );

  it('is held as early where the calls are spread over three weeks of nights', async () => {
    const fraud = lines.map(valuesOf).filter(({ origin_country }) => origin_country === 'RO');
    const home = lines.filter((line) => valuesOf(line).origin_country !== 'RO');
    const from = parseInstant('2010-03-08T23:00:00+01:00')!;
    const spread = fraud.map((values, index) => {
      const start = from + Math.floor(index / 7) * 86_400_000 + (index % 7) * 55 * 60_000;
      const end = start + Number(values.duration_s) * 1_000 + 60_000;
      return row({ ...values, started_at: formatInstant(start), received_at: formatInstant(end) });
    });
    const { decided } = await run({ budget: '1', rows: [...home, ...spread] });
    const held = decided.find(({ type, at }) => type === 'hold' && parseInstant(at)! >= from)!;
    expect(parseInstant(held.at)! - from).toBeLessThanOrEqual(4 * 3_600_000);
    expect(Number(held.spend)).toBeLessThanOrEqual(25);
  });

  it('is for the billing team to decide where the contract has no clause', async () => {
    const accounts = join(folder, 'no-terms.csv');
    await writeFile(accounts, (await readFile(file('accounts.csv'), 'utf8')).replace('GTC 7.3', ''));
    const { decided } = await run({ accounts, mode: 'enforce', budget: '1' });
    const byDeviation = decided.filter(({ trigger }) => trigger === 'deviation').map(({ type }) => type);
    expect(new Set(byDeviation)).toEqual(new Set(['warn', 'notify-operator']));
  });

  it('leaves out what a hold bars, and comes out the same to the byte', async () => {
    const enforced = await run({ mode: 'enforce', budget: '1' });
    expect(enforced.summary.barred).toBeGreaterThan(140);
    expect((await run({ mode: 'enforce', budget: '1' })).text).toBe(enforced.text);
    expect((await run({ mode: 'enforce', budget: '1', rows: lines.toSorted((a, b) => hash(a) - hash(b)) })).text).toBe(
      enforced.text,
    );
  });
});

describe('the court case', () => {
  it('warns at 50 and 80 %, and suspends at 100 %', async () => {
    const { decided, summary } = await run();
    expect(inShort(decided)).toEqual(EXPECTED);
    expect(summary).toMatchObject({
      records: lines.length,
      counted: lines.length,
      rejected: 0,
      barred: 0,
      decisions: 4,
    });
    expect(decided.map(({ at }) => at)).toEqual(
      decided.map(({ record_id }) => valuesOf(lines.find((line) => line.startsWith(`${record_id},`))!).received_at),
    );
  });

  it('is left 141 records the poorer where the suspension bars what would have come after', async () => {
    const { decided, summary } = await run({ mode: 'enforce' });
    expect(inShort(decided)).toEqual(EXPECTED);
    expect(summary).toMatchObject({ records: lines.length, counted: lines.length - 141, barred: 141 });
    const suspendedAt = parseInstant(decided[3]!.at)!;
    const abroad = lines
      .map(valuesOf)
      .filter((values) => values.origin_country === 'RO' && parseInstant(values.started_at!)! >= suspendedAt);
    // All that was set up from Romania afterwards went to Zimbabwe and Somalia, and none of it counted.
    expect(abroad.every(({ b_number }) => /^\+(263|252)/.test(b_number!))).toBe(true);
    expect(abroad.length).toBeLessThanOrEqual(141);
    const kept = await run({
      mode: 'enforce',
      rows: lines.filter((line) => !abroad.some(({ record_id }) => line.startsWith(`${record_id},`))),
    });
    expect(kept.summary.barred).toBe(141 - abroad.length);
    expect(kept.text).toBe((await run({ mode: 'enforce' })).text);
  });

  it('lets pass, while it is suspended, the calls to numbers that the account may always call', async () => {
    const suspendedAt = parseInstant((await run()).decided[3]!.at)!;
    const after = lines.map(valuesOf).filter((values) => parseInstant(values.started_at!)! >= suspendedAt);
    const number = after.find(({ b_number }) => /^\+(263|252)/.test(b_number!))!.b_number!;
    const calls = after.filter(({ b_number }) => b_number === number).length;
    const allowedNumbers = join(folder, 'allowed.json');
    await writeFile(allowedNumbers, JSON.stringify({ '1002': [number] }));
    const { summary } = await run({ mode: 'enforce', allowedNumbers });
    expect(summary.barred).toBe(141 - calls);
    await writeFile(allowedNumbers, '{"1002": ["020"]}');
    await expect(run({ mode: 'enforce', allowedNumbers })).rejects.toMatchObject({ code: 'bad_numbers' });
  });

  it('comes out the same to the byte, each time', async () => {
    expect((await run()).text).toBe((await run()).text);
    expect((await run({ mode: 'enforce' })).text).toBe((await run({ mode: 'enforce' })).text);
  });

  it('comes out the same, in whatever order its lines stand and however often', async () => {
    const shuffled = lines.toSorted((a, b) => hash(a) - hash(b));
    expect((await run({ rows: shuffled })).text).toBe((await run()).text);
    const twice = await run({ rows: [...shuffled, ...lines] });
    expect(twice.text).toBe((await run()).text);
    expect(twice.summary).toMatchObject({ counted: lines.length, duplicate: lines.length });
  });

  it.each([
    ['before all of it, changes nothing', '2009-01-01T00:00:00Z', EXPECTED],
    ['after all of it, says nothing', '2010-05-01T00:00:00Z', []],
  ])('warm until %s', async (_, until, expected) => {
    expect(inShort((await run({ warmUntil: parseInstant(until)! })).decided)).toEqual(expected);
  });

  it('warm until between two crossings, counts what came before and says the rest', async () => {
    const all = (await run()).decided;
    const { decided } = await run({ warmUntil: parseInstant(all[1]!.at)! });
    expect(decided).toEqual(all.slice(1));
  });

  it('leaves calls at home and to 112 alone while international routes are suspended, and lifts at the period’s end', async () => {
    const more = [
      row({ record_id: 'home', started_at: '2010-03-31T20:00:00+02:00', b_number: '+31201234567', amount: '0.10' }),
      row({ record_id: 'emergency', started_at: '2010-03-31T20:10:00+02:00', b_number: '112', amount: '0' }),
      row({ record_id: 'abroad', started_at: '2010-03-31T20:20:00+02:00', b_number: '+4930123456', amount: '0.50' }),
      row({ record_id: 'april', started_at: '2010-04-01T09:00:00+02:00', b_number: '+4930123456', amount: '51.00' }),
    ];
    const { summary, decided } = await run({ mode: 'enforce', rows: [...lines, ...more] });
    expect(summary).toMatchObject({ records: lines.length + 4, barred: 142 });
    expect(inShort(decided)).toEqual([...EXPECTED, 'restore period-end 100 2010-03', 'warn cap 50 2010-04 april']);
    expect(decided[4]!.at).toBe('2010-04-01T00:00:00+02:00');
    // Emergency numbers pass even where everything outgoing is suspended.
    const [cap] = JSON.parse(await readFile(file('caps.json'), 'utf8')) as [CapDefinition];
    const outgoing = JSON.stringify([{ ...cap, thresholds: [{ percent: 100, actions: ['suspend:outgoing'] }] }]);
    const before = await run({ mode: 'enforce', rows: lines, capText: outgoing });
    const after = await run({ mode: 'enforce', rows: [...lines, ...more.slice(0, 2)], capText: outgoing });
    expect([after.summary.barred, after.summary.counted]).toEqual([
      before.summary.barred + 1,
      before.summary.counted + 1,
    ]);
  });

  it('counts a call that began before the suspension, though it became known after it', async () => {
    const suspendedAt = (await run()).decided[3]!.at;
    const began = new Date(parseInstant(suspendedAt)! - 60_000).toISOString();
    const late = row({
      record_id: 'late',
      started_at: began,
      received_at: '2010-03-30T12:00:00+02:00',
      b_number: '+4930123456',
    });
    const { summary } = await run({ mode: 'enforce', rows: [...lines, late] });
    expect(summary).toMatchObject({ barred: 141, counted: lines.length + 1 - 141 });
  });

  it('counts a credit while it is suspended, unless it is for a call that the suspension stopped', async () => {
    const times = { started_at: '2010-03-30T11:00:00+02:00', received_at: '2010-03-30T12:00:00+02:00' };
    const credit = { ...times, b_number: '+4930123456', amount: '-100.00', state: 'final' };
    const barred = lines.findLast((line) => /,\+(263|252)/.test(line))!;
    const of = async (id: string) =>
      run({ mode: 'enforce', rows: [...lines, row({ ...credit, record_id: id, revision: '1' })] });
    const own = await of('credit');
    expect(own.summary).toMatchObject({ barred: 141, counted: lines.length + 1 - 141 });
    expect(inShort(own.decided).slice(EXPECTED.length)[0]).toBe('restore correction 100 2010-03 credit');
    const stopped = await of(valuesOf(barred).record_id!);
    expect(stopped.summary).toMatchObject({ barred: 142, counted: lines.length - 141 });
    expect(inShort(stopped.decided)).toEqual(EXPECTED);
  });

  it('is not lifted at the period’s end where only a person lifts', async () => {
    const [cap] = JSON.parse(await readFile(file('caps.json'), 'utf8')) as [CapDefinition];
    const april = row({
      record_id: 'april',
      started_at: '2010-04-01T09:00:00+02:00',
      b_number: '+4930123456',
      amount: '51.00',
    });
    const { summary, decided } = await run({
      mode: 'enforce',
      rows: [...lines, april],
      capText: JSON.stringify({ ...cap, reinstate: 'manual' }),
    });
    expect(inShort(decided)).toEqual(EXPECTED);
    expect(summary.barred).toBe(142);
  });

  it('sets rows aside that can not be used, and says which', async () => {
    const nobody = row({ record_id: 'x', account_id: 'nobody', amount: '900.00' });
    const { summary, decided } = await run({ rows: [...lines, 'not,a,row', nobody] });
    expect(inShort(decided)).toEqual(EXPECTED);
    expect(summary.rejected).toBe(2);
    expect(summary.rejects.map(({ line, reason }) => [line, reason])).toEqual([
      [lines.length + 2, 'unreadable_row'],
      [lines.length + 3, 'unknown_account'],
    ]);
  });

  it('refuses caps that are wrong, each field named', async () => {
    await expect(run({ capText: '[{"name": "x"}, 7]' })).rejects.toMatchObject({ code: 'bad_caps' });
    await expect(run({ capText: '{' })).rejects.toMatchObject({ code: 'not_json' });
  });
});

describe('live, with the clock at which each record became available', () => {
  /** What identifies a decision, live and in a replay. */
  const facts = (decision: Decision) => ({
    type: decision.type,
    trigger: decision.trigger,
    threshold: decision.threshold,
    period: decision.period,
    spend: decision.spend === undefined ? undefined : formatAmount(decision.spend),
    record_id: decision.recordId,
  });

  it.each([
    ['the court case', []],
    [
      'corrections, late records and rolling windows',
      [
        { period: 'rolling:24h', limit: '30.00' },
        { period: 'day', limit: '25.00', reinstate: 'manual' as const },
        { traffic: 'country:SO', period: 'week', limit: '90.00' },
      ],
    ],
  ] as [string, Partial<CapDefinition>[]][])('decides the same: %s', async (_, more) => {
    const [first] = JSON.parse(await readFile(file('caps.json'), 'utf8')) as [CapDefinition];
    const caps = [first, ...more.map((change) => ({ ...first, ...change }))].map((each) => capDefinition.parse(each));
    const march = lines.filter((line) => valuesOf(line).started_at! >= '2010-03');
    // Every fifth record is corrected some hours later, some to less, and one in eleven comes a day late.
    const rows =
      more.length === 0
        ? march
        : march.flatMap((line, index) => {
            const values = valuesOf(line);
            const later = (hours: number) =>
              new Date(parseInstant(values.received_at!)! + hours * 3_600_000).toISOString();
            const own = index % 11 === 3 ? { ...values, received_at: later(25) } : values;
            const corrected = {
              ...own,
              state: 'final',
              received_at: later(30 + index / 1000),
              amount: index % 2 ? '0.01' : values.amount!,
            };
            return [own, ...(index % 5 === 0 ? [corrected] : [])].map((each) =>
              header
                .split(',')
                .map((column) => each[column as keyof typeof each])
                .join(','),
            );
          });
    const replayed = await run({ rows, capText: JSON.stringify(caps) });
    expect(replayed.decided.length).toBeGreaterThan(3);

    const plafond = await TestPlafond.at(parseInstant('2010-03-01T00:00:00+01:00')!);
    try {
      const accountText = await readFile(file('accounts.csv'));
      const accounts = await readAccounts(
        (async function* () {
          yield accountText;
        })(),
      );
      await plafond.accounts.importAll(accounts, 'test');
      // Caps that hold together act in the order in which they were made; in a replay in that of the file.
      for (const cap of caps) {
        await plafond.caps.create(cap, 'test');
        plafond.clock.advanceTo(plafond.clock.now() + 1);
      }
      const byArrival = rows.toSorted(
        (a, b) => parseInstant(valuesOf(a).received_at!)! - parseInstant(valuesOf(b).received_at!)!,
      );
      for (const line of byArrival) {
        plafond.clock.advanceTo(parseInstant(valuesOf(line).received_at!)!);
        expect(await plafond.sendText(`${header}\n${line}\n`, 'csv')).toMatchObject({ rejected: 0 });
      }
      const live = (await plafond.decisions()).map(facts);
      const inReplay = replayed.decided
        .filter(({ trigger }) => trigger !== 'period-end')
        .map(({ type, trigger, threshold, period, spend, record_id }) => ({
          type,
          trigger,
          threshold,
          period,
          spend,
          record_id: record_id ?? '',
        }));
      expect(live).toEqual(inReplay);
      expect(await plafond.differences()).toEqual([]);
    } finally {
      await plafond.close();
    }
  });
});

/** A fixed order that is not that of time. */
function hash(text: string): number {
  let value = 7;
  for (let i = 0; i < text.length; i++) value = (value * 31 + text.charCodeAt(i)) % 1_000_003;
  return value;
}
