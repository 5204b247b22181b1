import { describe, expect, it } from '@jest/globals';
import { rasterize } from './rasterize.ts';
import { CHART_SIZE, drawSpend, type ChartStyle, type SpendSeries } from './spend-chart.ts';

const DAY_MS = 86_400_000;
const from = Date.UTC(2010, 1, 28, 23);
const SERIES: SpendSeries = {
  from,
  to: from + 31 * DAY_MS,
  until: from + 3.5 * DAY_MS,
  spent: [1, 2, 3, 4].map((day) => ({ until: from + day * DAY_MS, amount: 20_500_000n })),
  limit: 100_000_000n,
  usual: 12_000_000n,
};
const STYLE: ChartStyle = {
  locale: 'nl-NL',
  currency: 'EUR',
  timeZone: 'Europe/Amsterdam',
  words: { limit: 'Limiet', usual: 'Normaal' },
  colour: '#005a9c',
};

describe('the chart of what was spent', () => {
  it('says where the limit is, what is usual, and which days it is about, in the words of its reader', () => {
    const svg = drawSpend(SERIES, STYLE);
    for (const words of [/Limiet €\s100,00/, /Normaal/, />1 mrt</, />€\s90</]) expect(svg).toMatch(words);
    expect(svg).toContain('stroke="#005a9c"');
    expect(svg).not.toMatch(/NaN|undefined/);
  });

  it.each<[string, Partial<SpendSeries>]>([
    ['nothing was spent yet', { spent: [], until: from }],
    ['no limit caused it', { limit: undefined }],
    ['there is no history', { usual: undefined }],
    ['the period is a day', { to: from + DAY_MS, until: from + DAY_MS / 2, spent: [] }],
    ['all of it was given back', { spent: [{ until: from + DAY_MS, amount: -5_000_000n }] }],
    ['it is more than anybody spends', { spent: [{ until: from + DAY_MS, amount: 999_999_999_999_990_000n }] }],
  ])('can be drawn where %s', (_sentence, change) => {
    const svg = drawSpend({ ...SERIES, ...change }, STYLE);
    expect(svg).toMatch(/^<svg /);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('does not change when it is drawn again, and lets nothing through that is markup', () => {
    const style = { ...STYLE, words: { limit: '<script>', usual: '&' } };
    expect(drawSpend(SERIES, style)).toBe(drawSpend(SERIES, style));
    expect(drawSpend(SERIES, style)).not.toContain('<script>');
  });

  it('becomes a picture that mail clients show', async () => {
    const png = await rasterize(drawSpend(SERIES, STYLE));
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([CHART_SIZE.width * 1.5, CHART_SIZE.height * 1.5]);
    expect(png.length).toBeLessThan(40_000);
  });
});
