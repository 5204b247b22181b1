/** The figures of the bench as text and as a plot. */
import { writeFileSync } from 'node:fs';
import * as echarts from 'echarts';
import { SHAPES } from '../../../src/simulation/world/attacks.ts';
import {
  euroShare,
  falseActions,
  falseRate,
  lossesAt,
  meanShare,
  oracle,
  thresholdFor,
  type Loss,
  type Measured,
} from './measure.ts';

const RATES = [0.1, 0.3, 1, 3] as const;
export type Run = readonly Measured[];

const out = (line = ''): void => void process.stdout.write(`${line}\n`);
const three = (value: number): string => (Number.isFinite(value) ? value.toFixed(3) : '—');

/** One population: every detector at matched false rates, the oracles, and Plafond at what it promises. */
export function reportPopulation(title: string, detectors: readonly Run[]): void {
  const [months, records] = [sum(detectors[0]!, 'accountMonths'), sum(detectors[0]!, 'records')];
  out(
    `\n${title}: ${Math.round(months).toLocaleString('en')} harmless account-months, ${detectors[0]!.reduce((all, { traces }) => all + traces.length, 0)} attacks, ${records.toLocaleString('en')} records`,
  );
  out(
    `  share of attack money lost                mean   euros  ${SHAPES.map((shape) => shape.padStart(12)).join('')}  missed  p90   delay h`,
  );
  for (const rate of RATES) {
    out(
      `  at ${rate} false actions per 1,000 account-months${rate * months < 3_000 ? ' (fewer than 3 false actions: coarse)' : ''}`,
    );
    for (const runs of detectors) out(lossLine(runs[0]!.name, lossesAt(runs, thresholdFor(runs, rate))));
  }
  out('  whoever knows acts on');
  for (const nth of [3, 5]) out(lossLine(`the ${nth === 3 ? 'third' : 'fifth'} record`, oracle(detectors[0]!, nth)));
}

function lossLine(name: string, losses: readonly Loss[]): string {
  const shapes = SHAPES.map((shape) =>
    three(meanShare(losses.filter((loss) => loss.shape === shape))).padStart(12),
  ).join('');
  const missed = losses.filter((loss) => loss.missed).length / losses.length;
  return `    ${name.padEnd(38)}${three(meanShare(losses))}  ${three(euroShare(losses))}  ${shapes}  ${three(missed)}  ${three(
    quantile(
      losses.map(({ share }) => share),
      0.9,
    ),
  )}  ${quantile(
    losses.map(({ delayHours }) => delayHours),
    0.5,
  ).toFixed(1)}`;
}

/** What Plafond's own thresholds do: what was promised, and what came of it. */
export function reportPromise(title: string, plafond: Run, holdScore: (budget: number) => number): void {
  out(
    `\n${title}: what is promised, and what comes of it (false holds per 1,000 account-months, with a 95 % Poisson interval)`,
  );
  for (const budget of RATES) {
    const threshold = holdScore(budget);
    const { actions, months, by } = falseActions(plafond, threshold);
    const [low, high] = poissonInterval(actions).map((bound) => (1_000 * bound) / months) as [number, number];
    const losses = lossesAt(plafond, threshold);
    const who = [...by]
      .toSorted((a, b) => b[1] - a[1])
      .map(([type, count]) => `${type} ${count}`)
      .join(', ');
    out(
      `    promised ${budget}: ${falseRate(plafond, threshold).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}), ${(falseRate(plafond, threshold) / budget).toFixed(2)} of it; ` +
        `lost ${three(meanShare(losses))} / ${three(euroShare(losses))}${who ? `; ${who}` : ''}`,
    );
  }
}

/** Money lost against false rate, each detector a line; written as SVG. */
export function plot(path: string, title: string, detectors: readonly Run[]): void {
  const rates = [0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5];
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 900, height: 520 });
  chart.setOption({
    animation: false,
    title: { text: title, left: 'center', textStyle: { fontSize: 15 } },
    legend: { bottom: 4 },
    grid: { left: 70, right: 30, top: 50, bottom: 90 },
    xAxis: {
      type: 'log',
      name: 'false actions per 1,000 account-months',
      nameLocation: 'middle',
      nameGap: 28,
      min: 0.1,
      max: 5,
    },
    yAxis: {
      type: 'value',
      name: 'mean share of attack money lost',
      nameLocation: 'middle',
      nameGap: 42,
      min: 0,
      max: 1,
    },
    series: detectors.map((runs, index) => ({
      type: 'line',
      name: runs[0]!.name,
      // Of its own, since there are more rivals than colours.
      color: index === 0 ? '#222' : undefined,
      symbolSize: index === 0 ? 7 : 4,
      lineStyle: { width: index === 0 ? 4 : 1.5 },
      data: rates.map((rate) => [rate, meanShare(lossesAt(runs, thresholdFor(runs, rate)))]),
    })),
  });
  writeFileSync(path, `${chart.renderToSVGString()}\n`);
  chart.dispose();
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Of a Poisson mean, where `count` were seen (Byar's approximation; Breslow and Day 1987). */
function poissonInterval(count: number): [number, number] {
  const bound = (events: number, z: number): number =>
    events <= 0 ? 0 : events * (1 - 1 / (9 * events) + z / (3 * Math.sqrt(events))) ** 3;
  return [bound(count, -1.96), bound(count + 1, 1.96)];
}

function sum(runs: Run, what: 'accountMonths' | 'records'): number {
  return runs.reduce((total, run) => total + run[what], 0);
}
