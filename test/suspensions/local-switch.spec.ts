import { fork, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DrivenClock } from '../../src/kernel/clock.ts';
import { LocalSwitch, UnreadableBars } from '../../src/suspensions/switches/local-switch.ts';

let folder: string;
let file: string;
const clock = new DrivenClock(Date.UTC(2010, 2, 14, 2, 0, 0));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plafond-switch-'));
  file = join(folder, 'barred.json');
});
afterEach(() => rm(folder, { recursive: true }));

const barsOf = async (local: LocalSwitch) => (await local.look()).bars!;

describe('the local switch', () => {
  it('keeps its bars in a file that a person can read, sorted', async () => {
    const local = new LocalSwitch(folder, clock);
    await local.bar({ accountId: '1003', scope: 'premium' }, 'p');
    await local.bar({ accountId: '1002', scope: 'international' }, 'i');
    expect(await readFile(file, 'utf8')).toBe(`{
  "1002:international": {
    "suspension": "i",
    "account": "1002",
    "class": "international",
    "since": "2010-03-14T02:00:00Z"
  },
  "1003:premium": {
    "suspension": "p",
    "account": "1003",
    "class": "premium",
    "since": "2010-03-14T02:00:00Z"
  }
}
`);
    await local.unbar({ accountId: '1003', scope: 'premium' });
    await local.unbar({ accountId: '1003', scope: 'premium' });
    expect(await barsOf(new LocalSwitch(folder, clock))).toEqual(new Map([['1002:international', 'i']]));
  });

  it('has no bars where there is no file yet', async () => {
    expect(await barsOf(new LocalSwitch(join(folder, 'new'), clock))).toEqual(new Map());
  });

  it('takes what a person writes for what is, and keeps their remarks', async () => {
    const local = new LocalSwitch(folder, clock);
    await writeFile(file, '{"1009:outgoing": {"suspension": "noc-17", "note": "asked by phone"}}');
    await local.bar({ accountId: '1002', scope: 'international' }, 'i');
    expect(await barsOf(local)).toEqual(
      new Map([
        ['1002:international', 'i'],
        ['1009:outgoing', 'noc-17'],
      ]),
    );
    expect(await readFile(file, 'utf8')).toContain('"note": "asked by phone"');
  });

  it.each([
    ['an empty file', ''],
    ['half a file', '{"1002:international": {"susp'],
    ['another kind of file', '["1002:international"]'],
    ['a bar without an id', '{"1002:international": {}}'],
  ])('never takes %s for no bars', async (_, content) => {
    const local = new LocalSwitch(folder, clock);
    await writeFile(file, content);
    await expect(local.look()).rejects.toThrow(UnreadableBars);
    await expect(local.bar({ accountId: '1003', scope: 'premium' }, 'p')).rejects.toThrow('barred.json');
    expect(await readFile(file, 'utf8')).toBe(content);
    await rm(file);
    await local.bar({ accountId: '1003', scope: 'premium' }, 'p');
    expect((await barsOf(local)).size).toBe(1);
  });

  it('loses no change of many at once, through several hands', async () => {
    const hands = [1, 2, 3].map(() => new LocalSwitch(folder, clock));
    await Promise.all(
      Array.from({ length: 60 }, (_, i) => hands[i % 3]!.bar({ accountId: `${i}`, scope: 'international' }, `${i}`)),
    );
    expect((await barsOf(hands[0]!)).size).toBe(60);
    expect(await readdir(folder)).toEqual(['barred.json']);
  });

  it.each([
    ['a process that was killed', () => `${hostname()} ${spawnSync('true').pid} x`],
    ['an earlier process with this pid', () => `${hostname()} ${process.pid} x`],
  ])('recovers the lock of %s at once', async (_, holder) => {
    await writeFile(`${file}.lock`, holder());
    await new LocalSwitch(folder, clock).bar({ accountId: '1002', scope: 'international' }, 'i');
    expect(await readdir(folder)).toEqual(['barred.json']);
  });

  it('waits for a living holder', async () => {
    const script = join(folder, 'holder.cjs');
    await writeFile(script, 'setTimeout(() => undefined, 60_000);');
    const child = fork(script);
    await writeFile(`${file}.lock`, `${hostname()} ${child.pid} x`);
    let done = false;
    const barred = new LocalSwitch(folder, clock)
      .bar({ accountId: '1002', scope: 'international' }, 'i')
      .then(() => (done = true));
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(done).toBe(false);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    await barred;
    expect(done).toBe(true);
  });
});
