import { NormsCollector } from '../../../src/deviations/norms.ts';
import { World, WORLD_DEFAULTS, WORLD_BEGINS } from '../../../src/simulation/world/world.ts';
import { SHAPES } from '../../../src/simulation/world/attacks.ts';
import { euroShare, falseActions, lossesAt, meanShare, measure, oracle, thresholdFor, type Measured } from './measure.ts';
import { plafond } from './plafond.ts';
import { rivals } from './rivals.ts';

const [traffic = 'steady', seeds = '1', accounts = '1200', withRivals = '', partners = '1', extra = ''] = process.argv.slice(2);
const all: Measured[][] = [];
for (let seed = 1001; seed < 1001 + Number(seeds); seed++) {
  const options = { ...WORLD_DEFAULTS, seed, accounts: Number(accounts), traffic: traffic as 'steady', attacksPerShape: 25, partners: Number(partners),
    interim: extra.includes('interim'), latency: extra.includes('nightly') ? 'nightly' as const : 'live' as const };
  const collector = new NormsCollector();
  const warm = new World({ ...options, testDays: 0.001 as number, attacksPerShape: 0, partners: 1 });
  let t = performance.now();
  const detectors0 = { name: 'n', score: (m: any, a: any) => (collector.add(m.to, a), 0) };
  measure(warm, [detectors0]);
  const norms = collector.norms();
  console.log('norms', (performance.now() - t | 0), 'ms');
  t = performance.now();
  const world = new World(options);
  const p = plafond(norms, WORLD_BEGINS * 1000, world.warmUntil * 1000);
  const m = measure(world, [p, ...(withRivals === 'r' ? rivals() : [])]);
  console.log('seed', seed, m[0]!.records, 'records', (performance.now() - t | 0), 'ms', m[0]!.accountMonths | 0, 'account-months', JSON.stringify(p.model().calibration));
  m.forEach((each, i) => (all[i] ??= []).push(each));
}
const fmt = (x: number) => x.toFixed(3);
for (const detector of all) {
  for (const rate of [0.3, 1, 3]) {
    const threshold = thresholdFor(detector, rate);
    const losses = lossesAt(detector, threshold);
    const { actions, by } = falseActions(detector, threshold);
    console.log(detector[0]!.name.padEnd(15), rate, 'th', threshold.toPrecision(3), 'false', actions, 'mean', fmt(meanShare(losses)), 'eur', fmt(euroShare(losses)),
      SHAPES.map((s) => `${s} ${meanShare(losses.filter((l) => l.shape === s)).toFixed(2)}`).join(' '), detector[0]!.name === 'Plafond' ? [...by].join(' ') : '');
  }
}
for (const budget of [0.3, 1, 3]) {
  const { actions, months, by } = falseActions(all[0]!, 1000 / (budget * 0.9));
  const losses = lossesAt(all[0]!, 1000 / (budget * 0.9));
  console.log('nominal', budget, 'realised', fmt(1000 * actions / months), 'mean', fmt(meanShare(losses)), 'eur', fmt(euroShare(losses)), [...by].join(' '));
}
for (const n of [3, 5]) { const l = oracle(all[0]!, n); console.log('oracle', n, fmt(meanShare(l)), fmt(euroShare(l)), SHAPES.map((s) => `${s} ${meanShare(l.filter((x) => x.shape === s)).toFixed(2)}`).join(' ')); }

if (extra.includes('top')) {
  const worst = all[0]!.flatMap((m) => m.weeks).toSorted((a, b) => b.score - a.score).slice(0, 40);
  for (const w of worst) console.log(w.score.toPrecision(3), w.type, 'tenure', w.tenureDays | 0, 'acct', w.account, w.note);
  for (const s of SHAPES) {
    const count: Record<string, number> = {};
    for (const m of all[0]!) for (const t of m.traces) if (t.attack.shape === s) { const h = t.heights.find((x) => x.score >= 1111); count[h ? h.note! : 'missed'] = (count[h ? h.note! : 'missed'] ?? 0) + 1; }
    console.log(s, JSON.stringify(count));
  }
}
