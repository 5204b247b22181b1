import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { FeedRow, UsageRecord } from '../../feeds/usage-record.ts';
import { LanesAtWork, lineOf, NOTHING_SETTLED, settledBy, splitIntoLanes, unsettled, wholeBatch } from './lanes.ts';

const ROWS = 4_000;
/** How many lanes an import has is its own. */
const TWO_LANES = [0, 0];

/** Made-up rows from line `first` on, each of a record and an account of its own. */
function rows(first: number, accountOf = (line: number) => `a${line}`): FeedRow[] {
  return Array.from({ length: ROWS }, (_, index) => {
    const line = first + index;
    const record = { recordId: `r${line}`, accountId: accountOf(line), line } as UsageRecord;
    return { record, text: '' };
  });
}

describe('a batch in lanes', () => {
  it('is split by account, and each lane settles its own lines alone', () => {
    const { lanes } = splitIntoLanes(rows(1), NOTHING_SETTLED)!;
    expect(lanes.flatMap((lane) => lane.rows)).toHaveLength(ROWS);
    expect(lanes.map(({ after }) => after)).toEqual([
      [ROWS, 0, 0, 0],
      [0, ROWS, 0, 0],
      [0, 0, ROWS, 0],
      [0, 0, 0, ROWS],
    ]);
    expect(settledBy(lanes)).toEqual([ROWS, ROWS, ROWS, ROWS]);
  });

  it('has as many lanes as its import began with', () => {
    expect(splitIntoLanes(rows(1), TWO_LANES)!.lanes).toHaveLength(2);
  });

  it.each([
    ['it is small', rows(1).slice(0, 100)],
    ['all of it is of one account', rows(1, () => 'a1')],
    [
      'a record stands in it under two accounts',
      [...rows(1), { ...rows(1)[0], record: { recordId: 'r1', accountId: 'a7' } } as FeedRow],
    ],
  ])('stays whole where %s', (_, batch) => {
    expect(splitIntoLanes(batch, NOTHING_SETTLED)).toBeUndefined();
  });

  it('leaves out what each lane has settled, also where one was a batch ahead', () => {
    const batch = rows(1);
    const { lanes } = splitIntoLanes(batch, TWO_LANES)!;
    const rest = unsettled(batch, [2 * ROWS, 0]);
    expect(rest).toEqual(lanes[1]!.rows);
    expect(wholeBatch(rest, [2 * ROWS, 0]).after).toEqual([2 * ROWS, lineOf(rest.at(-1)!)]);
  });
});

describe('lanes at work', () => {
  /** Counts nothing: tells what has begun, and ends or fails as it is told. */
  function begun() {
    const atWork = new LanesAtWork();
    const log: string[] = [];
    const waiting = new Map<string, (error?: Error) => void>();
    const begin = (batch: FeedRow[]) => {
      const split = splitIntoLanes(batch, TWO_LANES)!;
      return atWork.begin(split, (lane) => {
        const name = `${'record' in batch[0]! ? batch[0].record.line : 0}/${split.lanes.indexOf(lane)}`;
        log.push(name);
        return new Promise((resolve, reject) => waiting.set(name, (error) => (error ? reject(error) : resolve())));
      });
    };
    const end = async (name: string, error?: Error) => {
      waiting.get(name)!(error);
      await nextTurn();
    };
    return { atWork, log, begin, end };
  }

  it('go on by themselves, no more than one batch apart', async () => {
    const { log, begin, end, atWork } = begun();
    await begin(rows(1));
    const second = begin(rows(4_001));
    const third = second.then(() => begin(rows(8_001)));
    await end('1/0');
    expect(log).toEqual(['1/0', '1/1', '4001/0']);
    await end('4001/0');
    // The first batch has not ended in the other lane.
    expect(log).toEqual(['1/0', '1/1', '4001/0']);
    await end('1/1');
    expect(log).toEqual(['1/0', '1/1', '4001/0', '4001/1', '8001/0']);
    await end('4001/1');
    await third;
    await end('8001/0');
    await end('8001/1');
    await atWork.ended();
  });

  it('wait for each other where a record comes back under an account of another lane', async () => {
    const { log, begin, end, atWork } = begun();
    await begin(rows(1));
    const back = rows(4_001);
    (back[5] as { record: UsageRecord }).record.recordId = 'r9';
    const second = begin(back);
    await end('1/0');
    expect(log).toEqual(['1/0', '1/1']);
    await end('1/1');
    await second;
    expect(log).toEqual(['1/0', '1/1', '4001/0', '4001/1']);
    await end('4001/0');
    await end('4001/1');
    await atWork.ended();
  });

  it('tell of a failure when all have ended, and the lane that failed goes no further', async () => {
    const { log, begin, end, atWork } = begun();
    await begin(rows(1));
    const second = begin(rows(4_001)).catch((error: Error) => error.message);
    await end('1/0', new Error('the disk is full'));
    await end('1/1');
    expect(await second).toBe('the disk is full');
    expect(log).toEqual(['1/0', '1/1', '4001/1']);
    let told = '';
    const ended = atWork.ended().catch((error: Error) => (told = error.message));
    await nextTurn();
    expect(told).toBe('');
    await end('4001/1');
    await ended;
    expect(told).toBe('the disk is full');
  });
});
