import { describe, expect, it } from '@jest/globals';
import type { Account } from '../../accounts/account.ts';
import { NO_DESTINATION } from '../../destinations/classify.ts';
import { blocksOf } from '../../decisions/decide-deviation.ts';
import { thresholdsOf, UNFITTED_CALIBRATION } from '../../deviations/calibration.ts';
import { deviationOf } from '../../deviations/deviation.ts';
import { Model } from '../../deviations/model.ts';
import { UNFITTED_NORMS } from '../../deviations/norms.ts';
import { rangeOf } from '../../deviations/price.ts';
import type { Level } from '../../deviations/levels.ts';
import { observe } from '../../deviations/observe.ts';
import { SCALE, type Family } from '../../deviations/scales.ts';
import { Signature } from '../../deviations/signature.ts';
import type { Version } from '../../ledger/version.ts';
import { readBrand } from '../../warnings/brand.ts';
import { BUILT_IN_TEMPLATES, renderEmail, renderSms } from '../../warnings/render.ts';
import { deviationMatter } from './deviation-matters.ts';
import { alarmSigns } from './watch-tariffs.ts';
import { SAMPLE_ACCOUNT } from '../../../test/samples/account.ts';
import { sampleVersion } from '../../../test/samples/version.ts';

const ACCOUNT: Account = { ...SAMPLE_ACCOUNT, email: 'a1@example.net', msisdn: '+31685570221' };
const MODEL = new Model(UNFITTED_NORMS, UNFITTED_CALIBRATION);
const THRESHOLDS = thresholdsOf(1);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MONDAY = Date.UTC(2026, 0, 5);
const NIGHT = MONDAY + 61 * DAY + 2 * HOUR;

const USUAL = Array.from({ length: 60 }, (_, day) =>
  Array.from({ length: 6 }, (_, hour) =>
    sampleVersion(MONDAY + day * DAY + (8 + hour) * HOUR, `+3120123456${hour}`, 180, 0.25),
  ),
).flat();
const several = (count: number, of: (index: number) => Version) => Array.from({ length: count }, (_, i) => of(i));
const MINUTE = HOUR / 60;
const TO_SOMALIA = several(4, (i) => sampleVersion(NIGHT + i * 10 * MINUTE, `+25261555${1000 + i}`, 600, 6.8));
const TO_GERMANY = several(6, (i) => sampleVersion(NIGHT - HOUR + i * MINUTE, '+4930123456', 60, 0.1));
const TO_GERMANY_AS_EVER = several(120, (i) => sampleVersion(MONDAY + i * 12 * HOUR, '+4930123456', 120, 0.15));
const DEAR_TO_GERMANY = several(3, (i) => sampleVersion(NIGHT + i * 10 * MINUTE, '+4930123456', 120, 15));
const TEXTS = several(22, (i) => sampleVersion(NIGHT + i * MINUTE, `+25261555${1000 + i}`, 0, 1.5, { kind: 'sms' }));
const DATA_ABROAD = several(4, (i) =>
  sampleVersion(NIGHT + i * HOUR, '', 600, 9, { kind: 'data', originCountry: 'CH', destination: NO_DESTINATION }),
);
const HOME_BLOCKS = ['+31851234', '+31102345', '+31703456', '+31404567'];
const DIALLER = several(9, (i) => sampleVersion(NIGHT + i * 3 * MINUTE, `${HOME_BLOCKS[i % 4]}${100 + i}`, 20, 0.08));
const ONE_BLOCK = several(9, (i) => sampleVersion(NIGHT + i * 3 * MINUTE, `+31851234${100 + i}`, 20, 0.08));
const DEAR_AT_HOME = several(20, (i) =>
  sampleVersion(NIGHT + i * 3 * MINUTE, `${HOME_BLOCKS[i % 4]}${100 + i}`, 1_200, 3),
);

const SCALE_OF: Record<Family, number> = { unusual: 1, international: 3, all: 6, calls: 8, roaming: SCALE.length - 1 };

/** What follows where a family rises to a level with the last of these records; the live engine may have chosen another family. */
function matterOf(
  family: Family,
  rose: Level,
  records: readonly Version[],
  {
    mode = 'enforce',
    before = USUAL,
    ...of
  }: Partial<Account> & { mode?: 'shadow' | 'approve' | 'enforce'; before?: readonly Version[] } = {},
) {
  const account = { ...ACCOUNT, ...of };
  const signature = new Signature();
  for (const to of [...before, ...records]) observe(signature, { from: undefined, to }, account, MODEL, undefined);
  const record = records.at(-1)!;
  const reading = { score: 2_100, scale: SCALE_OF[family], rose };
  return deviationMatter({
    deviation: deviationOf(signature, reading, record, account, MODEL, THRESHOLDS),
    record,
    account,
    policy: {
      scope: { kind: 'everyone', value: '' },
      version: 1,
      mode,
      falseBudget: 1,
    } as Parameters<typeof deviationMatter>[0]['policy'],
    normsNo: '1',
    at: record.startedAt + record.durationSeconds * 1_000 + MINUTE,
  });
}

type Told = ReturnType<typeof matterOf>;
const explanations = ({ decision }: Told) => decision.evidence!['explanations'] as { en: string; nl: string };

describe('an explanation', () => {
  it.each([
    [
      'calls and texts',
      matterOf('unusual', 'hold', TEXTS),
      /^22 calls or messages to Somalia \(new\) since 7 March at 03:00, €33\.00; usual spend abroad and on premium numbers: /,
      /^22 gesprekken of berichten naar Somalië \(nieuw\) sinds 7 maart om 03:00, € 33,00; gewoonlijk /,
    ],
    [
      'calls of which some are what is unusual',
      matterOf('unusual', 'hold', [...TO_GERMANY, ...TO_SOMALIA]),
      /^10 calls or messages since 7 March at 02:00, €27\.80, the most unusual to Somalia \(new, 4\); usual /,
      /^10 gesprekken of berichten sinds 7 maart om 02:00, € 27,80, het ongewoonst naar Somalië \(nieuw, 4\); gewoonlijk /,
    ],
    [
      'a call by itself',
      matterOf('unusual', 'warn', TO_SOMALIA.slice(0, 1)),
      /^1 call to Somalia/,
      /^1 gesprek naar Somalië/,
    ],
    [
      'use from abroad',
      matterOf('roaming', 'hold', DATA_ABROAD),
      /^4 uses from Switzerland \(new\) since .*, €36\.00; usual spend: /,
      /^4 keer gebruik vanuit Zwitserland \(nieuw\) sinds .*, € 36,00; gewoonlijk € [\d,]+ per dag\./,
    ],
    [
      'what oftener and dearer than travellers is',
      matterOf('roaming', 'hold', DATA_ABROAD),
      /; what raised the score: .*each use \d+ times as dear as one of travellers/,
      /; wat de score verhoogde: .*elk gebruik \d+ keer zo duur als dat van reizigers/,
    ],
    [
      'short calls, from the first of them',
      matterOf('calls', 'hold', DIALLER),
      /^€0\.72 spent since 6 March at 01:00; .*; what raised the score: as many calls as 9 short ones within \d days? \(usual: [\d.]+\), [\d.]+ times as many within 24 hours as are to be expected\./,
      /^€ 0,72 verbruikt sinds 6 maart om 01:00; .*zoveel gesprekken als 9 korte binnen/,
    ],
    [
      'spend at home against what is usual',
      matterOf('all', 'hold', DEAR_AT_HOME),
      /^€61\.50 spent since 5 March at 01:00; .*; what raised the score: [\d.]+ times as much spent within 4 days as is to be expected\./,
      /keer zoveel verbruikt binnen 4 dagen als te verwachten is\./,
    ],
    [
      'spend abroad, of late, of who spends there all the time',
      matterOf('international', 'hold', DEAR_TO_GERMANY, { before: TO_GERMANY_AS_EVER }),
      /^3 calls or messages to Germany since 6 March at 01:00, €45\.00; usual spend abroad/,
      /^3 gesprekken of berichten naar Duitsland sinds 6 maart om 01:00, € 45,00; gewoonlijk /,
    ],
    [
      'where spend abroad went of late, of who spends there all the time',
      matterOf('international', 'hold', [...DEAR_TO_GERMANY, ...TO_SOMALIA.slice(0, 2)], {
        before: TO_GERMANY_AS_EVER,
      }),
      /^5 calls or messages since 6 March at 01:00, €58\.60, the most unusual to Somalia \(new, 2\); usual spend abroad/,
      /^5 gesprekken of berichten sinds 6 maart om 01:00, € 58,60, het ongewoonst naar Somalië \(nieuw, 2\); /,
    ],
    [
      'use from abroad, from where the journey began, of who spends abroad all the time',
      matterOf('roaming', 'hold', DATA_ABROAD, { before: TO_GERMANY_AS_EVER }),
      /^4 uses from Switzerland \(new\) since 7 March at 03:00, €36\.00; usual spend: /,
      /^4 keer gebruik vanuit Zwitserland \(nieuw\) sinds 7 maart om 03:00, € 36,00; /,
    ],
    [
      'spend abroad against what is usual',
      matterOf('international', 'hold', TO_SOMALIA),
      /^4 calls or messages to Somalia .*spend abroad.*times as much spent within 24 hours/,
      /keer zoveel verbruikt binnen 24 uur/,
    ],
  ])('tells of %s', (_, matter, en, nl) => {
    expect(explanations(matter).en).toMatch(en);
    expect(explanations(matter).nl).toMatch(nl);
    for (const words of Object.values(explanations(matter))) expect(words.split(/[.] (?=[A-Z])/)).toHaveLength(2);
  });

  it('has what it says as data', () => {
    expect(matterOf('calls', 'hold', DIALLER).decision.evidence).toMatchObject({
      calls: 9,
      money: '0.72',
      short_calls: { count: 9, usual: expect.any(Number) },
      exceeds: [{ what: 'calls', times: expect.any(Number) }],
    });
    expect(matterOf('roaming', 'hold', DATA_ABROAD).decision.evidence).toMatchObject({
      exceeds: expect.arrayContaining([{ what: 'dearer', times: expect.any(Number) }]),
    });
  });
});

describe('what is said to be done', () => {
  it.each([
    ['a warning', matterOf('unusual', 'warn', TO_SOMALIA), /Warning to the customer\.$/],
    [
      'one in shadow mode',
      matterOf('unusual', 'warn', TO_SOMALIA, { mode: 'shadow' }),
      /The customer would have been warned\. Shadow mode: recorded only\.$/,
    ],
    [
      'one that reaches nobody',
      matterOf('unusual', 'warn', TO_SOMALIA, { email: '', msisdn: '' }),
      /Warning to the customer\. The customer could not be warned: no e-mail address and no mobile number on file\.$/,
    ],
    ['a hold', matterOf('unusual', 'hold', TO_SOMALIA), /Hold of country:SO, agreed by GTC 7\.3\.$/],
    [
      'one of nothing',
      matterOf('roaming', 'hold', DATA_ABROAD),
      /A hold is due, but no number .*: nothing is barred, the billing team decides\.$/,
    ],
    [
      'one of nothing in shadow mode',
      matterOf('calls', 'hold', DIALLER, { mode: 'shadow' }),
      /nothing is barred, the billing team decides\. Shadow mode: recorded only\.$/,
    ],
  ])('of %s, is what is', (_, { decision }, said) => {
    expect(decision.explanation).toMatch(said);
    expect(decision.explanation).not.toContain('The customer is warned');
  });
});

describe('a customer', () => {
  it.each([
    ['of a hold', matterOf('unusual', 'hold', TO_SOMALIA), 'hold', 'international', 1],
    [
      'of what is unusual, where a hold of use from abroad bars nothing',
      matterOf('roaming', 'hold', DATA_ABROAD),
      'unusual',
      'all',
      0,
    ],
    ['of what is unusual, where calls at home share no block', matterOf('calls', 'hold', DIALLER), 'unusual', 'all', 0],
    ['of the block at home that they go to', matterOf('calls', 'hold', ONE_BLOCK, { before: [] }), 'hold', 'all', 1],
    [
      'of what is unusual, where a bar waits for a person',
      matterOf('unusual', 'hold', TO_SOMALIA, { mode: 'approve' }),
      'unusual',
      'international',
      1,
    ],
  ] as const)('is told %s', (_, { words, bars, decision }, kind, traffic, count) => {
    expect(words).toMatchObject({ kind, traffic });
    expect(decision.traffic).toBe(traffic);
    expect(bars).toHaveLength(count);
  });

  it('is told of premium numbers as such, though they are at home', () => {
    const premium = several(6, (i) => sampleVersion(NIGHT + i * 5 * MINUTE, `+31906123456${i}`.slice(0, 12), 300, 9));
    expect(matterOf('unusual', 'hold', premium).decision.traffic).toBe('premium');
  });
});

describe('a block', () => {
  it('of a number at home is in no deviation of use from abroad', () => {
    const calls = several(9, (i) =>
      sampleVersion(NIGHT + i * 10 * MINUTE, `+31851234${100 + i}`, 300, 4, { originCountry: 'CH' }),
    );
    expect(matterOf('roaming', 'hold', calls).decision.evidence!['block']).toBeUndefined();
  });

  it('of a call at home is not named of what is unusual abroad', () => {
    const calls = [...TO_SOMALIA, sampleVersion(NIGHT + HOUR, '+31201234560', 60, 0.1)];
    expect(matterOf('unusual', 'hold', calls).decision.evidence!['block']).toBeUndefined();
  });

  it('at home takes more than half of what was spent', () => {
    const others = DIALLER.filter(({ destination }) => !destination.number.startsWith(HOME_BLOCKS[0]!));
    const half = others.flatMap((each, i) => [each, ONE_BLOCK[i]!]);
    expect(matterOf('calls', 'hold', half, { before: [] }).bars).toEqual([]);
    expect(matterOf('calls', 'hold', ONE_BLOCK, { before: [] }).decision.evidence!['block']).toBe('prefix:+31851234');
  });

  it('at home is none that the account called in weeks before', () => {
    const before = several(20, (i) => sampleVersion(NIGHT - (10 - i / 10) * DAY, '+31851234108', 60, 0.05));
    const calls = several(60, (i) => sampleVersion(NIGHT + i * MINUTE, '+31851234108', 20, 0.4));
    expect(matterOf('calls', 'hold', calls, { before }).decision.evidence!['block']).toBeUndefined();
    expect(matterOf('calls', 'hold', calls, { before: [] }).decision.evidence!['block']).toBe('prefix:+31851234');
  });
});

describe('the ranges at home that a hold bars', () => {
  /** A short call a minute, to one after the other. */
  const ringing = (count: number, numbers: readonly string[], from = NIGHT) =>
    several(count, (i) => sampleVersion(from + i * MINUTE, numbers[i % numbers.length]!, 20, 0.08));
  const numbersOf = (blocks: readonly string[]) =>
    [100, 207, 314].flatMap((of) => blocks.map((block) => `${block}${of}`));
  const scopes = (calls: readonly Version[], before: readonly Version[] = USUAL) =>
    matterOf('calls', 'hold', calls, { before }).bars.map(({ scope }) => scope);
  const prefixes = (blocks: readonly string[]) => blocks.map((block) => `prefix:${block}`);

  it.each([
    ['one', 1],
    ['two', 2],
    ['three', 3],
  ])('are those of a dialler that calls %s', (_, count) => {
    const blocks = HOME_BLOCKS.slice(0, count);
    const matter = matterOf('calls', 'hold', ringing(200, numbersOf(blocks)));
    expect(matter.bars.map(({ scope }) => scope).toSorted()).toEqual(prefixes(blocks).toSorted());
    expect(matter.decision.evidence).toMatchObject({ block: `prefix:${blocks[199 % count]}` });
    expect(matter.decision.explanation).toContain(
      `Hold of ${matter.bars.map(({ scope }) => scope).join(', ')}, agreed`,
    );
    expect(blocksOf(matter.decision).toSorted()).toEqual(blocks.toSorted());
    const signs = alarmSigns(matter).map(({ range }) => range);
    expect(signs.toSorted()).toEqual(blocks.map(rangeOf).toSorted());
  });

  it('are those of the two numbers that an alarm panel calls by turns', () => {
    const numbers = ['+31851234108', '+31102345200'];
    expect(scopes(ringing(200, numbers)).toSorted()).toEqual(prefixes(['+31102345', '+31851234']));
  });

  it('are none of a dialler that calls ever other ones', () => {
    expect(
      scopes(
        ringing(
          60,
          [...HOME_BLOCKS, '+31506789', '+31302468'].map((block) => `${block}100`),
        ),
      ),
    ).toEqual([]);
  });

  it.each([
    ['however many calls more go there', 0],
    ['nor for one call to another number there', 1],
  ])("are none of an account's own acquaintances, %s", (_, others) => {
    const numbers = HOME_BLOCKS.slice(0, 3).map((block) => `${block}108`);
    const before = several(60, (i) => sampleVersion(NIGHT - (20 - i / 5) * DAY, numbers[i % 3]!, 180, 0.25));
    const calls = ringing(200, numbers);
    const more = several(others, () => sampleVersion(NIGHT + 201 * MINUTE, `${HOME_BLOCKS[0]}500`, 20, 0.08));
    expect(scopes([...calls, ...more], before)).toEqual([]);
    expect(scopes(calls, [])).toHaveLength(3);
  });

  it('are those of a dialler, though an acquaintance is called in one of them', () => {
    const before = several(20, (i) => sampleVersion(NIGHT - (20 - i / 2) * DAY, '+31851234108', 180, 0.25));
    const calls = ringing(200, ['+31851234300', '+31851234108', '+31851234500']);
    expect(scopes(calls, before)).toEqual(['prefix:+31851234']);
  });

  it('are not those that were called days ago', () => {
    const days = ringing(100, ['+31102345200'], NIGHT - 5 * DAY);
    expect(scopes([...days, ...ringing(200, ['+31851234300'])])).toEqual(['prefix:+31851234']);
  });
});

const BRAND = readBrand('/nowhere/brand.json', 'Plafond <plafond@localhost>');

describe('the message of a hold', () => {
  const written = ({ words }: Told, locale: string) => {
    const facts = { ...words!, locale, mostSpentOn: [{ country: '', amount: words!.spend, calls: 4 }] };
    const message = { told: [facts] as const, brand: BRAND, link: undefined };
    return { ...renderEmail(message, BUILT_IN_TEMPLATES, false), sms: renderSms(message, BUILT_IN_TEMPLATES) };
  };

  it.each([
    ['en-GB', 'Unusual usage: calls to Somalia are blocked', 'Blocked: calls to Somalia.'],
    ['nl-NL', 'Ongewoon gebruik: bellen naar Somalië is geblokkeerd', 'Geblokkeerd: bellen naar Somalie.'],
  ])('says in %s what is barred', (locale, subject, sms) => {
    const told = written(matterOf('unusual', 'hold', TO_SOMALIA), locale);
    expect(told.subject).toBe(subject);
    expect(told.sms).toContain(sms);
  });

  it('says in Dutch that numbers are several', () => {
    const told = written(matterOf('calls', 'hold', ONE_BLOCK, { before: [] }), 'nl-NL');
    expect(told.subject).toBe('Ongewoon gebruik: nummers die beginnen met +31851234 zijn geblokkeerd');
  });

  it.each([
    ['en-GB', 'We see unusual usage of your line: all usage', '- mobile data: €36.00\n'],
    ['nl-NL', 'Wij zien ongewoon gebruik van uw aansluiting: al uw gebruik', '- mobiele data: € 36,00\n'],
  ])('says in %s only what is unusual, where nothing is barred', (locale, subject, data) => {
    const told = written(matterOf('roaming', 'hold', DATA_ABROAD), locale);
    expect(told.subject).toBe(subject);
    expect(told.text).toContain(data);
    expect(`${told.text}${told.sms}`).not.toMatch(/block|blok/i);
  });
});
