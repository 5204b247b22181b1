import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseInstant } from '../../src/kernel/clock.ts';
import { replay } from '../../src/simulation/replay.ts';
import { simulate } from '../../src/simulation/simulate.ts';
import { SHAPES } from '../../src/simulation/world/attacks.ts';
import { WORLD_DEFAULTS, type WorldOptions } from '../../src/simulation/world/world.ts';

const SMALL: WorldOptions = { ...WORLD_DEFAULTS, accounts: 120, warmDays: 20, testDays: 45, attacksPerShape: 2 };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plafond-simulate-'));
});
afterAll(() => rm(folder, { recursive: true }));

const text = (name: string, file: string) => readFile(join(folder, name, file), 'utf8');

describe('a made-up provider', () => {
  it('is the same each time, and another with another seed', async () => {
    await simulate(join(folder, 'one'), SMALL);
    await simulate(join(folder, 'two'), SMALL);
    await simulate(join(folder, 'three'), { ...SMALL, seed: 2 });
    for (const file of ['accounts.csv', 'usage.csv', 'truth.ndjson'])
      expect(await text('one', file)).toBe(await text('two', file));
    expect(await text('one', 'usage.csv')).not.toBe(await text('three', 'usage.csv'));
  });

  it.each<[string, Partial<WorldOptions>]>([
    ['near real time', {}],
    ['nightly, in bursts', { latency: 'nightly', traffic: 'bursty' }],
    ['with interim records', { interim: true }],
  ])(
    'replays without a reject, and more than six in ten attacks are held, or suspended at once: %s',
    async (name, options) => {
      const made = await simulate(join(folder, name), { ...SMALL, ...options });
      const file = (part: string) => join(folder, name, part);
      const run = async (mode: 'shadow' | 'enforce') => {
        const out = file(`${mode}.ndjson`);
        const summary = await replay({
          accounts: file('accounts.csv'),
          caps: file('caps.json'),
          usage: file('usage.csv'),
          out,
          mode,
          warmUntil: parseInstant(made.warmUntil)!,
        });
        return {
          summary,
          decided: (await readFile(out, 'utf8'))
            .split('\n')
            .filter(Boolean)
            .map((line) => JSON.parse(line) as Decided),
        };
      };
      const { summary, decided } = await run('shadow');
      expect(summary).toMatchObject({ records: made.records, counted: made.records, rejected: 0 });
      const attacks = (await text(name, 'truth.ndjson'))
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => JSON.parse(line) as Truth);
      expect(new Set(attacks.map(({ shape }) => shape))).toEqual(new Set(SHAPES));
      // What is unusual enough is suspended at once, with no hold before it: either stops the money, and the first of them counts.
      const held = attacks.filter(({ account, from }) =>
        decided.some(
          ({ account: whose, type, at }) =>
            whose === account && (type === 'hold' || type === 'suspend') && parseInstant(at)! >= parseInstant(from)!,
        ),
      );
      expect(held.length).toBeGreaterThan(attacks.length * 0.6);
      // One hold an episode: within a week no account is held twice.
      for (const each of decided.filter(({ type }) => type === 'hold')) {
        const again = decided.filter(
          (other) => other !== each && other.type === 'hold' && other.account === each.account,
        );
        expect(again.every(({ at }) => Math.abs(parseInstant(at)! - parseInstant(each.at)!) > 7 * 86_400_000)).toBe(
          true,
        );
      }
      expect((await run('enforce')).summary.barred).toBeGreaterThan(0);
    },
  );
});

interface Decided {
  at: string;
  account: string;
  type: string;
}
interface Truth {
  account: string;
  shape: string;
  from: string;
}
