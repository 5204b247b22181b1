/**
 * What was spent in a period as a small chart: the sum as it grew, the limit, and the pace at which the account usually
 * spends. Pure: the same series gives the same SVG. It is drawn for a phone: little text, and all of it large.
 */
import { LineChart } from 'echarts/charts';
import { GridComponent, MarkLineComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Instant } from '../../kernel/clock.ts';
import { formatAmount, type Micros } from '../../kernel/money.ts';

use([LineChart, GridComponent, MarkLineComponent, SVGRenderer]);

export interface SpendSeries {
  /** The period: `from` inclusive, `to` exclusive. */
  from: Instant;
  to: Instant;
  /** Up to when usage is known; the line of what was spent ends there. */
  until: Instant;
  /** What was spent in stretches of the period, by the instant at which each ends, the earliest first. */
  spent: readonly { until: Instant; amount: Micros }[];
  /** Undefined where no limit caused it. */
  limit: Micros | undefined;
  /** What the account usually spends in such a period; undefined where it has no history. */
  usual: Micros | undefined;
}

/** In what words, notation and colour it is drawn. */
export interface ChartStyle {
  /** BCP 47 */
  locale: string;
  /** ISO 4217 */
  currency: string;
  timeZone: string;
  words: { limit: string; usual: string };
  /** Of the line of what was spent, such as `#005a9c`. */
  colour: string;
}

/** In CSS pixels. */
export const CHART_SIZE = { width: 400, height: 210 };

const FONT = 'DejaVu Sans, Arial, sans-serif';
const INK = '#3c4043';
const FAINT = '#dadce0';
const LIMIT_COLOUR = '#b3261e';
const USUAL_COLOUR = '#5f6368';
const DAY_MS = 86_400_000;
const TEXT = { fontFamily: FONT, fontSize: 13, color: INK };

/** Draws the series as SVG. */
export function drawSpend(series: SpendSeries, style: ChartStyle, size = CHART_SIZE): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...size });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      textStyle: TEXT,
      grid: { left: 58, right: 14, top: 26, bottom: 26 },
      xAxis: timeAxis(series, style),
      yAxis: moneyAxis(series, style),
      series: [usualLine(series, style), spentLine(series, style)].filter((line) => line !== undefined),
    });
    return withoutHover(chart.renderToSVGString());
  } finally {
    chart.dispose();
  }
}

/** A picture has no mouse over it; and what is named by number in it would have other numbers in each drawing. */
function withoutHover(svg: string): string {
  return svg
    .replaceAll(/ (?:class|ecmeta_\w+)="[^"]*"|<style >[\s\S]*?<\/style>\n?/g, '')
    .replaceAll(/\bzr\d+-/g, 'zr-');
}

/** A place in the drawing. Pixels need no exact money; nothing is counted with it. */
const height = (micros: Micros): number => Number(micros) / 1_000_000;

function timeAxis({ from, to }: SpendSeries, { locale, timeZone }: ChartStyle): object {
  const days = (to - from) / DAY_MS;
  const long = { day: 'numeric', month: 'short' } as const;
  const format = new Intl.DateTimeFormat(locale, { timeZone, ...(days > 2 ? long : { hour: '2-digit' }) });
  return {
    type: 'value',
    min: from,
    max: to,
    interval: (to - from) / 4,
    splitLine: { show: false },
    axisLine: { lineStyle: { color: FAINT } },
    axisTick: { show: false },
    axisLabel: {
      ...TEXT,
      showMaxLabel: false,
      alignMinLabel: 'left',
      formatter: (at: number) => format.format(at),
    },
  };
}

function moneyAxis({ spent, limit = 0n, usual = 0n }: SpendSeries, { locale, currency }: ChartStyle): object {
  const sum = spent.reduce((all, { amount }) => all + amount, 0n);
  const highest = [sum, limit, usual].reduce((most, each) => (each > most ? each : most), 1n);
  const format = new Intl.NumberFormat(locale, { style: 'currency', currency, maximumFractionDigits: 0 });
  return {
    type: 'value',
    min: 0,
    max: height(highest) * 1.12,
    splitNumber: 3,
    splitLine: { lineStyle: { color: FAINT } },
    axisLabel: { ...TEXT, showMaxLabel: false, formatter: (amount: number) => format.format(amount) },
  };
}

/** The usual amount, spread evenly over the period: where the account would be on any other month's day. */
function usualLine({ from, to, usual }: SpendSeries, { words }: ChartStyle): object | undefined {
  if (usual === undefined) return undefined;
  return {
    type: 'line',
    symbol: 'none',
    silent: true,
    data: [
      [from, 0],
      [to, height(usual)],
    ],
    lineStyle: { color: USUAL_COLOUR, width: 2, type: [2, 4] },
    endLabel: { show: true, ...TEXT, color: USUAL_COLOUR, align: 'right', offset: [-8, -12], formatter: words.usual },
  };
}

function spentLine(series: SpendSeries, { locale, currency, words, colour }: ChartStyle): object {
  const { from, until, limit } = series;
  const points: [Instant, number][] = [[from, 0]];
  let sum = 0n;
  for (const { until: end, amount } of series.spent) {
    sum += amount;
    points.push([Math.min(end, until), height(sum)]);
  }
  if (points.at(-1)![0] < until) points.push([until, height(sum)]);
  const money = new Intl.NumberFormat(locale, { style: 'currency', currency });
  return {
    type: 'line',
    symbol: 'none',
    silent: true,
    data: points,
    lineStyle: { color: colour, width: 3 },
    areaStyle: { color: colour, opacity: 0.14 },
    ...(limit === undefined ? {} : { markLine: limitLine(limit, money, words.limit) }),
  };
}

function limitLine(limit: Micros, money: Intl.NumberFormat, word: string): object {
  const amount = money.format(formatAmount(limit) as Intl.StringNumericLiteral);
  return {
    symbol: 'none',
    silent: true,
    data: [{ yAxis: height(limit) }],
    lineStyle: { color: LIMIT_COLOUR, width: 2, type: [6, 4] },
    label: {
      ...TEXT,
      color: LIMIT_COLOUR,
      fontWeight: 'bold',
      position: 'insideStartTop',
      formatter: `${word} ${amount}`,
    },
  };
}
