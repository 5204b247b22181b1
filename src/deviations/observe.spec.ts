import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { classify } from '../destinations/classify.ts';
import type { Version } from '../ledger/version.ts';
import { thresholdsOf, UNFITTED_CALIBRATION } from './calibration.ts';
import { awayKey } from './destination-key.ts';
import { deviationOf } from './deviation.ts';
import { explain } from './explain.ts';
import { rangesAtHome } from './home-ranges.ts';
import { drop, takeIn } from './learning.ts';
import { HotList, Model } from './model.ts';
import { UNFITTED_NORMS } from './norms.ts';
import { observe, type Reading } from './observe.ts';
import { SCALE } from './scales.ts';
import { AT, Signature, SIGNATURE_BYTES_MAX, SLOT } from './signature.ts';
import { isRedialled, slotOf } from './weight.ts';
import { SAMPLE_ACCOUNT } from '../../test/samples/account.ts';
import { sampleVersion } from '../../test/samples/version.ts';

const ACCOUNT = SAMPLE_ACCOUNT;
const MODEL = new Model(UNFITTED_NORMS, UNFITTED_CALIBRATION);
const THRESHOLDS = thresholdsOf(1);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MONDAY = Date.UTC(2026, 0, 5);

function call(startedAt: number, number: string, minutes: number, euros: number, more: Partial<Version> = {}): Version {
  return sampleVersion(startedAt, number, Math.round(minutes * 60), euros, {
    receivedAt: startedAt + minutes * 60_000,
    ...more,
  });
}

function run(versions: readonly Version[], model = MODEL, signature = new Signature()) {
  const readings: (Reading & { record: Version })[] = [];
  for (const to of versions) {
    readings.push({ ...observe(signature, { from: undefined, to }, ACCOUNT, model, THRESHOLDS), record: to });
  }
  return { signature, readings, rises: readings.filter(({ rose }) => rose !== 'none') };
}

/** Sixty days of a small business's calls at home, and a call to Germany a week. */
const USUAL = Array.from({ length: 60 }, (_, day) =>
  Array.from({ length: 6 }, (_, hour) =>
    call(MONDAY + day * DAY + (8 + hour) * HOUR, `+3120123456${hour}`, 3, 0.25),
  ).concat(day % 7 === 2 ? [call(MONDAY + day * DAY + 10.5 * HOUR, '+4930123456', 4, 0.4)] : []),
).flat();
const NIGHT = MONDAY + 61 * DAY + 2 * HOUR;
const toSomalia = (count: number, from = NIGHT) =>
  Array.from({ length: count }, (_, index) => call(from + index * 0.2 * HOUR, `+25261555${1000 + index}`, 10, 6.8));

describe('the engine', () => {
  it('is silent about what is usual', () => {
    expect(run(USUAL).rises).toEqual([]);
  });

  it('holds before the fifth call to Somalia in a night', () => {
    const { rises } = run([...USUAL, ...toSomalia(30)]);
    const held = rises.find(({ rose }) => rose === 'hold' || rose === 'suspend')!;
    expect(held.record.startedAt).toBeLessThan(NIGHT + HOUR);
  });

  const scoreOf = (calls: readonly Version[]) => run([...USUAL, ...calls]).readings.at(-1)!.score;

  it('takes one dear call for less than a series of calls that cost as much', () => {
    const series = toSomalia(16).map((each) => ({ ...each, amount: 20_000_000n }));
    expect(scoreOf([call(NIGHT, '+252615551000', 160, 320)])).toBeLessThan(scoreOf(series) / 10);
  });

  it('takes redialling a number for less than calls to several', () => {
    const calls = (numberOf: (index: number) => string) =>
      Array.from({ length: 6 }, (_, index) => call(NIGHT + index * 0.1 * HOUR, numberOf(index), 2, 1.4));
    const redialled = scoreOf(calls(() => '+252615551000'));
    expect(redialled).toBeLessThan(0.7 * scoreOf(calls((index) => `+25261555${1000 + index}`)));
  });

  it('takes calls to a few numbers for less than calls to as many', () => {
    const calls = (numberOf: (index: number) => string) =>
      Array.from({ length: 8 }, (_, index) => call(NIGHT + index * 0.3 * HOUR, numberOf(index), 2, 1.4));
    const few = scoreOf(calls((index) => `+2526155510${index % 2}7`));
    expect(few).toBeLessThan(0.5 * scoreOf(calls((index) => `+2526155510${index}7`)));
    const help = (numberOf: (index: number) => number) =>
      scoreOf(calls((index) => `+31906${1 + numberOf(index)}234567`));
    expect(help((index) => index % 2)).toBeGreaterThan(0.5 * help((index) => index));
  });

  it('takes many short calls at home for what runs away by itself, and as many to a country that is known for no more than they cost', () => {
    const weekly = USUAL.concat(
      Array.from({ length: 60 }, (_, day) => call(MONDAY + day * DAY + 19 * HOUR, '+4930123456', 4, 0.4)),
    ).toSorted((a, b) => a.startedAt - b.startedAt);
    const evening = NIGHT + 17 * HOUR;
    const calls = (numberOf: (index: number) => string) =>
      Array.from({ length: 120 }, (_, index) => call(evening + index * 0.03 * HOUR, numberOf(index), 1, 0.01));
    const abroad = run([...weekly, ...calls(() => '+4930123456')]);
    const atHome = run([...weekly, ...calls((index) => `+31201999${100 + index}`)]);
    expect(abroad.rises).toEqual([]);
    expect(atHome.rises.map(({ scale }) => SCALE[scale]!.family)).toEqual(['calls']);
  });

  it('takes a busy line that is tried and reached for less than calls to many, and for no less where nobody is reached for hours', () => {
    const evening = NIGHT + 17 * HOUR;
    const ringing = (count: number, numberOf: (index: number) => string, talk: number) => {
      const tries = Array.from({ length: count }, (_, index) =>
        call(evening + index * 0.02 * HOUR, numberOf(index), 0.3, 0.06),
      );
      const reached = call(evening + count * 0.02 * HOUR, numberOf(0), talk, 0.2);
      return run([...USUAL, ...tries, reached]).signature.f[AT.evidence + 7]!;
    };
    const many = (index: number) => `+31201${String(7_919 * index).padStart(6, '0')}`;
    expect(ringing(20, () => '+31201999100', 4)).toBeLessThan(0.25 * ringing(20, many, 0.3));
    expect(ringing(300, () => '+31201999100', 0.3)).toBeGreaterThan(0.9 * ringing(300, many, 0.3));
  });

  it('takes numbers of one block for more, whoever calls a third country from abroad', () => {
    const calls = (numberOf: (index: number) => string) =>
      Array.from({ length: 8 }, (_, index) =>
        call(NIGHT + index * 0.3 * HOUR, numberOf(index), 2, 1.4, { originCountry: 'FR' }),
      );
    const apart = scoreOf(calls((index) => `+2287${index}765000`));
    expect(scoreOf(calls((index) => `+22870765${100 + index}`))).toBeGreaterThan(2 * apart);
  });

  it('names the block at home that money goes to now, not the one that it went to for months', () => {
    const dialler = Array.from({ length: 200 }, (_, index) =>
      call(NIGHT + index * 60_000, `+3120777${1000 + index}`, 0.7, 0.08),
    );
    expect(rangesAtHome(run([...USUAL, ...dialler]).signature)).toEqual(['prefix:+31207771']);
  });

  it('tells of an account that calls abroad every week since when that is more than usual', () => {
    const everyWeek = Array.from({ length: 36 }, (_, index) =>
      call(MONDAY + Math.floor(index / 4) * 7 * DAY + (10 + (index % 4)) * HOUR, `+861381234${5678 + index}`, 30, 18),
    );
    const { signature } = run([...USUAL, ...everyWeek].toSorted((a, b) => a.startedAt - b.startedAt));
    expect(signature.f[AT.evidence + 2]).toBeGreaterThan(1);
    run(toSomalia(3), MODEL, signature);
    expect([signature.u[AT.runSince]! * 1_000, signature.u[AT.runCalls]]).toEqual([NIGHT, 3]);
  });

  it('tells of an attack since when it came, though weeks before there had been something else', () => {
    const votes = Array.from({ length: 18 }, (_, index) => call(NIGHT + index * 60_000, '+319061234567', 0.2, 0.5));
    const { signature } = run([...USUAL.slice(0, 30), ...votes]);
    const { rises } = run(toSomalia(9, NIGHT + 19 * DAY), MODEL, signature);
    expect(rises.at(-1)!.scale).toBeLessThanOrEqual(2);
    expect(signature.u[AT.runSince]! * 1_000).toBe(NIGHT + 19 * DAY);
    expect(signature.u[AT.runCalls]).toBe(9);
  });

  it('tells nothing of today by a file that was forgotten', () => {
    const today = toSomalia(2);
    const { signature } = run([...USUAL, ...today]);
    const tells = () => [signature.u[AT.runSince], signature.u[AT.runCalls], signature.moneyOf(0)];
    const before = tells();
    for (const to of toSomalia(3, NIGHT - 35 * DAY))
      observe(signature, { from: undefined, to }, ACCOUNT, MODEL, undefined);
    expect(tells()).toEqual(before);
  });

  it.each([
    ['knows the number that was weighed last', '+252615551000', true],
    ['counts each call to a premium number for itself', '+319061234567', false],
  ])('%s', (_, number, redialled) => {
    const { signature } = run([...USUAL, call(NIGHT, number, 2, 1.4)]);
    expect(isRedialled(signature, classify(number, 'NL')!)).toBe(redialled);
    expect(isRedialled(signature, classify('+252615552000', 'NL')!)).toBe(false);
  });

  it('does nothing twice while what it did holds', () => {
    const { rises } = run([...USUAL, ...toSomalia(60)]);
    expect(new Set(rises.map(({ rose }) => rose)).size).toBe(rises.length);
  });

  it('tells what, since when, how much, what is usual, and why, and what to bar', () => {
    const signature = new Signature();
    run(USUAL, MODEL, signature);
    for (const to of toSomalia(30)) {
      const reading = observe(signature, { from: undefined, to }, ACCOUNT, MODEL, THRESHOLDS);
      if (reading.rose !== 'hold' && reading.rose !== 'suspend') continue;
      const deviation = deviationOf(signature, reading, to, ACCOUNT, MODEL, THRESHOLDS);
      expect(deviation.bars).toEqual(['country:SO']);
      expect(deviation.since).toBe(NIGHT);
      expect(explain(deviation, ACCOUNT)).toMatch(
        /^\d gesprekken of berichten naar Somalië \(nieuw\) sinds 7 maart .*03:00, € \d+,\d\d; gewoonlijk .* per dag\. .* maanden zien; wat de score verhoogde: .*%/,
      );
      expect(explain(deviation, ACCOUNT, 'en-IE')).toMatch(/^\d calls or messages to Somalia \(new\) since 7 March/);
      return;
    }
    throw new Error('it did not hold');
  });

  it('says where a subscription is used from, though a call to a third country is unusual as well', () => {
    const uses = Array.from({ length: 12 }, (_, index) =>
      call(NIGHT + index * HOUR, '', 0, 4, { kind: 'data', originCountry: 'TR' }),
    );
    const beyond = call(NIGHT + 12 * HOUR, '+252615551000', 10, 6.8, { originCountry: 'TR' });
    const { signature } = run([...USUAL, ...uses, beyond]);
    const scale = SCALE.findIndex(({ family }) => family === 'roaming');
    const reading: Reading = { score: 1_200, scale, rose: 'hold' };
    const deviation = deviationOf(signature, reading, beyond, ACCOUNT, MODEL, THRESHOLDS);
    expect(deviation.places).toEqual([{ kind: 'roaming', country: 'TR', calls: 12, isNew: true }]);
    expect(explain(deviation, ACCOUNT, 'en-IE')).toMatch(/^13 uses from Türkiye \(new\) since 7 March/);
    takeIn(signature, MODEL.segment('smb'));
    expect(signature.f[slotOf(signature, awayKey('TR', 'NL')) + SLOT.learnt]).toBeGreaterThan(1);
  });

  it('takes out what a correction takes back', () => {
    const { signature } = run(USUAL);
    const dear = call(NIGHT, '+252615551000', 60, 60);
    const wrong = observe(signature, { from: undefined, to: dear }, ACCOUNT, MODEL, undefined);
    const right = observe(
      signature,
      { from: dear, to: { ...dear, amount: 600_000n, revision: 1 } },
      ACCOUNT,
      MODEL,
      undefined,
    );
    expect(right.score).toBeLessThan(wrong.score / 20);
  });

  it('takes a growing call for one call', () => {
    const grown = run(USUAL).signature;
    let from: Version | undefined;
    for (const minutes of [15, 30, 45, 60]) {
      const to = call(NIGHT, '+252615551000', minutes, minutes * 0.68, {
        state: minutes < 60 ? 'interim' : 'provisional',
      });
      observe(grown, { from, to }, ACCOUNT, MODEL, undefined);
      from = to;
    }
    expect(grown.moneyOf(0)).toBe(40_800_000);
  });

  it('takes calls abroad that nobody answers for no danger, and one that is told of before for what it comes to', () => {
    const unanswered = Array.from({ length: 200 }, (_, index) =>
      call(NIGHT + index * 5 * 60_000, `+25261555${1000 + index}`, 0, 0),
    );
    expect(run([...USUAL, ...unanswered]).rises).toEqual([]);
    const [answered] = toSomalia(1) as [Version];
    const told = { ...answered, durationSeconds: 0, amount: 0n, state: 'interim' as const };
    const { signature } = run([...USUAL, told]);
    observe(signature, { from: told, to: answered }, ACCOUNT, MODEL, undefined);
    const atOnce = run([...USUAL, answered]).signature;
    expect(signature.f[AT.evidence]! / atOnce.f[AT.evidence]!).toBeCloseTo(1, 2);
  });

  it('is no wiser after a year of silence', () => {
    const { rises } = run([
      ...USUAL,
      ...USUAL.map((version) => ({ ...version, startedAt: version.startedAt + 420 * DAY })),
    ]);
    expect(rises).toEqual([]);
    expect(run([0, 1, 2, 3].map((year) => call(MONDAY + year * 365 * DAY, '+4930123456', 20, 1.5))).rises).toEqual([]);
  });

  it('sees numbers that were fraud elsewhere earlier', () => {
    const cold = run([...USUAL, ...toSomalia(2)]).readings.at(-1)!.score;
    const hot = run(
      [...USUAL, ...toSomalia(2)],
      new Model(
        UNFITTED_NORMS,
        UNFITTED_CALIBRATION,
        new HotList([{ range: '+25261555', fromBatch: 0, beforeBatch: Infinity }]),
      ),
    );
    expect(hot.readings.at(-1)!.score).toBeGreaterThan(5 * cold);
  });

  it('knows a destination that was said to be right, and forgets what was said to be fraud', () => {
    const taught = run([...USUAL, ...toSomalia(8)]).signature;
    takeIn(taught, MODEL.segment('smb'));
    expect(run(toSomalia(8, NIGHT + DAY), MODEL, taught).rises).toEqual([]);
    const dropped = run([...USUAL, ...toSomalia(8)]).signature;
    drop(dropped);
    expect(run(toSomalia(8, NIGHT + DAY), MODEL, dropped).rises).not.toEqual([]);
  });
});

const numbers = fc.constantFrom('', '+25261555123', '+4930123456', '+31201234567', '+319001234', '112', '+8816123456');
const anyCall = fc
  .record({
    at: fc.integer({ min: 0, max: 400 * 86_400 }),
    number: numbers,
    minutes: fc.integer({ min: 0, max: 600 }),
    euros: fc.double({ min: -500, max: 5_000, noNaN: true }),
    state: fc.constantFrom('interim' as const, 'provisional' as const, 'final' as const),
    originCountry: fc.constantFrom('', 'NL', 'RO', 'GB', 'US'),
    kind: fc.constantFrom('voice' as const, 'sms' as const, 'data' as const),
  })
  .map(({ at, number, minutes, euros, state, originCountry, kind }) =>
    call(MONDAY + at * 1_000, number, minutes, euros, { state, originCountry, kind }),
  );

describe('whatever comes', () => {
  it('scores are finite, state is small, and state that was put away and taken up again is the same to the byte', () => {
    fc.assert(
      fc.property(
        fc.array(anyCall, { maxLength: 60 }),
        fc.array(fc.boolean(), { maxLength: 60 }),
        (calls, corrected) => {
          const kept = new Signature();
          let stored = new Signature().encode();
          for (const [index, to] of calls.entries()) {
            const from = corrected[index] ? calls[index - 1] : undefined;
            const reading = observe(kept, { from, to }, ACCOUNT, MODEL, THRESHOLDS);
            const taken = Signature.decode(stored);
            expect(observe(taken, { from, to }, ACCOUNT, MODEL, THRESHOLDS)).toEqual(reading);
            stored = taken.encode();
            expect(Number.isFinite(reading.score)).toBe(true);
            const measured = [...kept.f.subarray(AT.days, AT.maximaSince), ...kept.f.subarray(AT.maxima, AT.origins)];
            expect(measured.every((each) => Number.isFinite(each))).toBe(true);
          }
          expect(stored).toEqual(kept.encode());
          expect(stored.length).toBeLessThanOrEqual(SIGNATURE_BYTES_MAX);
        },
      ),
    );
    expect(SIGNATURE_BYTES_MAX).toBeLessThanOrEqual(1_024);
  });

  it('what is spent comes out the same in whatever order a day comes in', () => {
    const ofDay = fc.record({
      at: fc.integer({ min: 0, max: 86_399 }),
      number: numbers,
      euros: fc.integer({ min: 0, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(ofDay, { minLength: 1, maxLength: 40 }), fc.infiniteStream(fc.nat()), (day, keys) => {
        const calls = day.map(({ at, number, euros }) => call(MONDAY + 61 * DAY + at * 1_000, number, 5, euros));
        const shuffled = calls
          .map((each) => [keys.next().value as number, each] as const)
          .toSorted(([a], [b]) => a - b);
        const inOrder = run(calls.toSorted((a, b) => a.startedAt - b.startedAt)).signature;
        const outOfOrder = run(shuffled.map(([, each]) => each)).signature;
        for (let word: number = AT.waitingInternational; word < AT.waitingPeaks; word++) {
          expect(outOfOrder.f[word]).toBeCloseTo(inOrder.f[word]!, 2);
        }
        for (let scale = 3; scale < 7; scale++) {
          expect(outOfOrder.f[AT.evidence + scale]).toBeCloseTo(inOrder.f[AT.evidence + scale]!, 2);
        }
        expect(outOfOrder.moneyOf(2)).toBe(inOrder.moneyOf(2));
      }),
    );
  });
});
