import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { classify, NO_DESTINATION } from '../destinations/classify.ts';
import { KINDS, STATES } from '../feeds/usage-record.ts';
import type { Version } from '../ledger/version.ts';
import { Holdings } from './holdings.ts';

const text = fc.string({ maxLength: 30 });
const micros = fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n });
const versions: fc.Arbitrary<Version> = fc.record({
  recordId: text,
  origin: text,
  accountId: text,
  serviceId: text,
  startedAt: fc.integer({ min: 0, max: 253_402_300_799_000 }),
  durationSeconds: fc.nat(1e9),
  kind: fc.constantFrom(...KINDS),
  units: fc.option(micros, { nil: undefined }),
  aNumber: text,
  destination: fc.constantFrom(NO_DESTINATION, classify('+252615551000', 'NL')!, classify('+31201234567', 'NL')!),
  amount: micros,
  cost: fc.option(micros, { nil: undefined }),
  state: fc.constantFrom(...STATES),
  revision: fc.nat(),
  originCountry: text,
  tariff: text,
  receivedAt: fc.integer({ min: 0, max: 253_402_300_799_000 }),
});

describe('holdings', () => {
  it('gives back the latest version of each record, as a map would', () => {
    fc.assert(
      fc.property(fc.array(versions, { maxLength: 40 }), (all) => {
        const holdings = new Holdings();
        const map = new Map<string, Version>();
        for (const version of all) {
          holdings.set(version);
          map.set(version.recordId, version);
        }
        for (const [recordId, version] of map) expect(holdings.get(recordId)).toEqual(version);
        expect(holdings.get('of no record at all, and longer than thirty characters')).toBeUndefined();
      }),
    );
  });

  it('grows', () => {
    const holdings = new Holdings();
    const [some] = fc.sample(versions, 1);
    for (let each = 0; each < 70_000; each++) holdings.set({ ...some!, recordId: `r${each}`, amount: BigInt(each) });
    expect(holdings.get('r69999')!.amount).toBe(69_999n);
    expect(holdings.get('r1')!.amount).toBe(1n);
  });
});
