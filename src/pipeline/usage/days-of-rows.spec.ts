import { describe, expect, it } from '@jest/globals';
import type { FeedRow, UsageRecord } from '../../feeds/usage-record.ts';
import { ofFewDays } from './days-of-rows.ts';

const DAY_MS = 86_400_000;
const rowOn = (day: number, line: number): FeedRow => ({
  record: { startedAt: day * DAY_MS, line } as UsageRecord,
  text: '',
});
const unread = (line: number): FeedRow => ({
  reject: { line, text: '', field: '', reason: 'unreadable_row', detail: '' },
});

describe('batches of rows', () => {
  it.each<[name: string, days: (number | undefined)[][], batchRows: number, pieces: [rows: number, isLast: boolean][]]>(
    [
      [
        'of few days stay whole',
        [[1, 2, 1], [1]],
        3,
        [
          [3, false],
          [1, true],
        ],
      ],
      ['of which the last is full have no last', [[1, 2]], 2, [[2, false]]],
      ['of 500 days stay whole', [range(500)], 6_000, [[500, true]]],
      [
        'of more days go in pieces',
        [range(1_201)],
        6_000,
        [
          [500, false],
          [500, false],
          [201, true],
        ],
      ],
      [
        'of more days are full nevertheless',
        [range(501), [1]],
        501,
        [
          [500, false],
          [1, false],
          [1, true],
        ],
      ],
      [
        'keep what is no record where it stands',
        [[...range(500), undefined, 3, 600, undefined]],
        6_000,
        [
          [502, false],
          [2, true],
        ],
      ],
    ],
  )('%s', async (_, days, batchRows, pieces) => {
    let line = 0;
    const batches = days.map((batch) => batch.map((day) => (day === undefined ? unread(++line) : rowOn(day, ++line))));
    const made: [number, boolean][] = [];
    const rows: FeedRow[] = [];
    for await (const { batch, isLast } of ofFewDays(inTurn(batches), batchRows)) {
      made.push([batch.length, isLast]);
      rows.push(...batch);
    }
    expect(made).toEqual(pieces);
    expect(rows).toEqual(batches.flat());
  });
});

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

async function* inTurn<T>(all: readonly T[]): AsyncGenerator<T> {
  yield* all;
}
