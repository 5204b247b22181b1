import { describe, expect, it } from '@jest/globals';
import { Journeys, travelNorms } from './journeys.ts';
import { dearness, logWorth, TRAVEL_UNFITTED, unlikeTravel, worthKey } from './travel.ts';

const THAILAND = 4_096 + 500;
const TRAVELLERS = { perDay: 2.2, shape: 10, worth: { '0': 0 }, spread: 1, between: 0.3 };

describe('use from abroad', () => {
  it.each([
    ['a usual day', 2, 0, 1, 'nothing'],
    ['a usual fortnight', 30, 2, 14, 'nothing'],
    ['one dear record', 1, 2.5, 0, 'little'],
    ['a busy day', 6, 0, 1, 'little'],
    ['two days four times as busy', 18, 0, 1.5, 'much'],
    ['as many records as ever, all of them dearer', 6, 11, 2, 'much'],
    ['four times as busy and dearer', 18, 16, 1.5, 'much'],
    ['ten times as busy and dearer', 45, 60, 1.5, 'very much'],
    ['a long journey, all of it dearer', 60, 60, 20, 'little'],
    ['as busy, but all of it cheap', 10, -15, 4, 'nothing'],
  ])('%s', (_, records, dear, days, says) => {
    const ratio = unlikeTravel(records, dear, days, TRAVELLERS);
    const [from, to] = { nothing: [0, 0], little: [0, 2.5], much: [2.5, 8], 'very much': [8, 60] }[says]!;
    expect(ratio).toBeGreaterThanOrEqual(from!);
    expect(ratio).toBeLessThanOrEqual(to!);
  });

  it('says less where travellers differ more', () => {
    expect(unlikeTravel(10, 0, 1, { ...TRAVELLERS, shape: 0.6 })).toBeLessThan(unlikeTravel(10, 0, 1, TRAVELLERS));
  });

  it('never says more than a bound, nor anything that is no number', () => {
    for (const records of [0, 1, 1e6]) {
      for (const dear of [-1e6, 0, 1e6]) {
        const ratio = unlikeTravel(records, dear, 0, TRAVEL_UNFITTED);
        expect(ratio).toBeGreaterThanOrEqual(0);
        expect(ratio).toBeLessThanOrEqual(60);
      }
    }
    expect(dearness(-5, 0, 1)).toBe(-2.5);
    expect(dearness(1e9, 0, 1)).toBe(2.5);
  });
});

describe('what travellers do', () => {
  it('is learnt from their journeys: how often, how unlike each other, at what price', () => {
    const busy = travelNorms(
      Array.from({ length: 300 }, (_, index) => journey(index % 2 === 0 ? 1 : 9, 10, 1)),
      TRAVEL_UNFITTED,
    );
    expect(busy.perDay).toBeCloseTo(4.9, 0);
    expect(busy.shape).toBeGreaterThan(1);
    expect(busy.shape).toBeLessThan(3);
    expect(busy.worth[worthKey(THAILAND, 'voice')]).toBeCloseTo(logWorth(1), 1);
    expect(busy.spread).toBeLessThan(0.8);
    const alike = travelNorms(
      Array.from({ length: 300 }, () => journey(4, 10, 1)),
      TRAVEL_UNFITTED,
    );
    expect(alike.shape).toBeGreaterThan(busy.shape);
  });

  it('is what was believed before where there are none', () => {
    expect(travelNorms([], TRAVEL_UNFITTED)).toMatchObject({ perDay: 3, spread: 1.1, between: 0.7 });
  });

  it('counts days without use within a journey', () => {
    const everyOther = new Journeys();
    for (let day = 100; day < 900; day += 2) everyOther.add(THAILAND, 'data', 1, day);
    expect(travelNorms([everyOther], TRAVEL_UNFITTED).perDay).toBeLessThan(0.7);
  });
});

function journey(perDay: number, days: number, euros: number): Journeys {
  const made = new Journeys();
  for (let day = 0; day < days; day++)
    for (let each = 0; each < perDay; each++) made.add(THAILAND, 'voice', euros, day);
  return made;
}
