/**
 * `npm run bench -- forecast`: whether forecasts of caps come true. Back-test on made-up customers (simulation/world/) without
 * attacks: on days of several months each customer's spend is foreseen from its past alone, and held against what came.
 * Figures, no promise of speed; the same each time. How wide ranges are was set on the seeds 21 and 22; reported is another.
 */
import { foresee, type PastDay } from '../../src/caps/forecast.ts';
import { World, WORLD_BEGINS, WORLD_DEFAULTS } from '../../src/simulation/world/world.ts';

const REPORTED_SEEDS = [11];
const DAY_S = 86_400;
const MONTH_DAYS = 30;
const WARM_DAYS = 60;
const ASKED_ON = [3, 8, 14, 20];
/** limits as multiples of what the customer spent in the month before */
const LIMITS = [80n, 110n, 150n];
const PROBABILITY_OF_A_WARNING = 0.8;

interface Tally {
  asked: number;
  tooFew: number;
  endWithin: number;
  dayWithin: number;
  dayAsked: number;
  warned: number;
  warnedRightly: number;
  reached: number;
  reachedWarned: number;
  daysOff: number[];
  brier: number;
}

export async function forecast(): Promise<void> {
  process.stdout.write('forecast: back-test; 80 % of what came should lie within the 80 % range\n');
  for (const traffic of ['steady', 'bursty'] as const) {
    for (const seed of REPORTED_SEEDS) {
      for (const abroad of [false, true])
        show(`${traffic} ${seed} ${abroad ? 'international' : 'all'}`, backTest(traffic, seed, abroad));
    }
  }
}

function backTest(traffic: 'steady' | 'bursty', seed: number, abroad: boolean): Tally {
  const world = new World({ ...WORLD_DEFAULTS, seed, traffic, accounts: 40, testDays: 120, attacksPerShape: 0 });
  const days = spendByDay(world, WARM_DAYS + 120, abroad);
  const tally: Tally = {
    asked: 0,
    tooFew: 0,
    endWithin: 0,
    dayWithin: 0,
    dayAsked: 0,
    warned: 0,
    warnedRightly: 0,
    reached: 0,
    reachedWarned: 0,
    daysOff: [],
    brier: 0,
  };
  for (const [index, amounts] of days.entries()) {
    const joined = Math.round((world.customers[index]!.joins - WORLD_BEGINS) / DAY_S);
    for (let month = WARM_DAYS; month + MONTH_DAYS <= amounts.length; month += MONTH_DAYS) {
      const before = sum(amounts.slice(month - MONTH_DAYS, month));
      if (before === 0n) continue;
      for (const percent of LIMITS) judge(tally, amounts, joined, month, (before * percent) / 100n);
    }
  }
  return tally;
}

function judge(tally: Tally, amounts: readonly bigint[], joined: number, month: number, limit: bigint): void {
  let told = false;
  const running = amounts.slice(month, month + MONTH_DAYS);
  const hitOn = reachedOn(running, limit);
  for (const asked of ASKED_ON) {
    const now = month + asked;
    const spend = sum(amounts.slice(month, now));
    if (spend >= limit) break;
    const past: PastDay[] = amounts
      .slice(joined, now)
      .map((amount, at) => ({ weekday: ((joined + at) % 7) + 1, amount }));
    const made = foresee({ past, spend, limit, today: (now % 7) + 1, daysLeft: MONTH_DAYS - asked, passed: 0 });
    tally.asked++;
    if (made.outcome !== 'foreseen') {
      tally.tooFew++;
      continue;
    }
    const end = sum(running);
    if (end >= made.atEnd.low && end <= made.atEnd.high) tally.endWithin++;
    tally.brier += (made.probability - (hitOn === Infinity ? 0 : 1)) ** 2;
    const came = hitOn - asked;
    if (made.probability > 0.1 && made.probability < 0.9) {
      tally.dayAsked++;
      if (came >= (made.earliest ?? Infinity) && came <= (made.latest ?? Infinity)) tally.dayWithin++;
    }
    if (!told && made.probability >= PROBABILITY_OF_A_WARNING) {
      told = true;
      tally.warned++;
      if (hitOn !== Infinity) {
        tally.warnedRightly++;
        tally.daysOff.push(Math.abs(came - made.likely!));
      }
    }
  }
  if (hitOn === Infinity) return;
  tally.reached++;
  if (told) tally.reachedWarned++;
}

function reachedOn(running: readonly bigint[], limit: bigint): number {
  let spend = 0n;
  for (const [day, amount] of running.entries()) {
    spend += amount;
    if (spend >= limit) return day;
  }
  return Infinity;
}

function spendByDay(world: World, days: number, abroad: boolean): bigint[][] {
  const spend = world.customers.map(() => Array.from({ length: days }, () => 0n));
  for (const delivered of world.days()) {
    for (const { call, micros, interim } of delivered) {
      const day = Math.floor((call.start - WORLD_BEGINS) / DAY_S);
      if (interim || day >= days || (abroad && call.number.startsWith('+31') && call.origin === '')) continue;
      spend[call.account]![day]! += BigInt(micros);
    }
  }
  return spend;
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((all, amount) => all + amount, 0n);
}

function show(name: string, tally: Tally): void {
  const {
    asked,
    tooFew,
    endWithin,
    dayWithin,
    dayAsked,
    warned,
    warnedRightly,
    reached,
    reachedWarned,
    daysOff,
    brier,
  } = tally;
  const made = asked - tooFew;
  const percent = (part: number, whole: number) => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`);
  const off = daysOff.toSorted((a, b) => a - b)[Math.floor(daysOff.length / 2)] ?? '–';
  process.stdout.write(
    `  ${name.padEnd(26)} ${made} made, ${tooFew} refused; month's end within ${percent(endWithin, made)}, ` +
      `day within (open cases) ${percent(dayWithin, dayAsked)}; Brier ${(brier / made).toFixed(3)}; ` +
      `warnings that came true ${percent(warnedRightly, warned)} of ${warned}, off by ${off} days (median); ` +
      `limits reached that were warned of ${percent(reachedWarned, reached)} of ${reached}\n`,
  );
}
