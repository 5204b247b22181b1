import { describe, expect, it } from '@jest/globals';
import { classify, NO_DESTINATION } from '../destinations/classify.ts';
import type { Version } from '../ledger/version.ts';
import { CapBook } from './cap-book.ts';
import { capDefinition, capOf } from './cap.ts';
import { Meters } from './meters.ts';
import { SAMPLE_ACCOUNT } from '../../test/samples/account.ts';

const ACCOUNT = SAMPLE_ACCOUNT;

const to = (number: string, serviceId = ''): Version => ({
  recordId: 'r1',
  origin: 'default',
  accountId: '1001',
  serviceId,
  startedAt: 0,
  durationSeconds: 60,
  kind: 'voice',
  units: undefined,
  aNumber: '',
  amount: 1n,
  state: 'final',
  revision: 0,
  cost: undefined,
  originCountry: '',
  tariff: '',
  receivedAt: 0,
  destination: number === '' ? NO_DESTINATION : classify(number, 'NL')!,
});

/** A cap named after its traffic, with its period and scope where they are others than a month and everyone. */
function cap(traffic: string, period = 'month', scope: Record<string, string> = {}) {
  const id = [traffic, ...(period === 'month' ? [] : [period]), ...Object.keys(scope)].join(' ');
  const thresholds = [{ percent: 100, actions: ['warn'] }];
  return capOf(
    id,
    1,
    capDefinition.parse({ name: id, scope, traffic, period, limit: '1', currency: 'EUR', thresholds }),
  );
}
const metersOf = (caps: ReturnType<typeof cap>[], version: Version) =>
  new Meters(new CapBook(caps))
    .of(version, ACCOUNT)
    .map(({ cap: { id }, serviceId }) => (serviceId === '' ? id : `${id} of ${serviceId}`))
    .toSorted();

const CAPS = [
  'all',
  'national',
  'international',
  'premium',
  'country:SO',
  'country:NL',
  'prefix:+2526',
  'prefix:+25261',
  'prefix:+1',
].map((traffic) => cap(traffic));

describe('a record counts under', () => {
  it.each([
    [
      'its class, its country and each prefix of its number',
      CAPS,
      to('+252612345678'),
      ['all', 'country:SO', 'international', 'prefix:+2526', 'prefix:+25261'],
    ],
    ['the prefixes that it has, and no other', CAPS, to('+252712345678'), ['all', 'country:SO', 'international']],
    ['its own country at home', CAPS, to('+31201234567'), ['all', 'country:NL', 'national']],
    ['premium at home', CAPS, to('+319001234'), ['all', 'country:NL', 'national', 'premium']],
    ['everything alone, where it is data to no number', CAPS, to(''), ['all']],
    [
      'each period of the same traffic',
      [cap('all'), cap('all', 'day'), cap('all', 'rolling:24h')],
      to(''),
      ['all', 'all day', 'all rolling:24h'],
    ],
    [
      'its service’s cap instead of the account’s for the same traffic and period',
      [cap('international'), cap('all'), cap('international', 'month', { service: 'trunk' })],
      to('+252612345678', 'trunk'),
      ['all', 'international service of trunk'],
    ],
    [
      'the account’s, where the service’s is for another period',
      [cap('international'), cap('international', 'day', { service: 'trunk' })],
      to('+252612345678', 'trunk'),
      ['international', 'international day service of trunk'],
    ],
    [
      'the account’s alone, where the record is of another service',
      [cap('international'), cap('international', 'month', { service: 'trunk' })],
      to('+252612345678', 'trunk-2'),
      ['international'],
    ],
    [
      'nothing of a service’s cap on traffic that it is not of',
      [cap('international'), cap('premium', 'month', { service: 'trunk' })],
      to('+252612345678', 'trunk'),
      ['international'],
    ],
  ])('%s', (_, caps, version, expected) => expect(metersOf(caps, version)).toEqual(expected.toSorted()));

  it('one of a thousand caps about as fast as under one alone', () => {
    const thousand = Array.from({ length: 1_000 }, (_, index) => cap(`prefix:+${4_900_000 + index}`));
    const time = (caps: ReturnType<typeof cap>[]) => {
      const meters = new Meters(new CapBook(caps));
      const version = to('+252612345678');
      meters.of(version, ACCOUNT);
      // Of the processor: who shares it with others waits, and takes no longer.
      const started = process.cpuUsage();
      for (let i = 0; i < 50_000; i++) meters.of(version, ACCOUNT);
      return process.cpuUsage(started).user / 1_000;
    };
    const one = Math.min(time([cap('prefix:+4900000')]), time([cap('prefix:+4900000')]));
    expect(time(thousand)).toBeLessThan(20 * one + 100);
    expect(metersOf(thousand, to('+4900123456789'))).toEqual(['prefix:+4900123']);
  });
});
