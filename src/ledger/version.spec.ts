import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { STATES } from '../feeds/usage-record.ts';
import { holdingOf, standing, type HeldVersion, type Version } from './version.ts';

const HELD: Version = {
  recordId: 'r1',
  origin: 'default',
  accountId: '1001',
  serviceId: '',
  startedAt: 1_268_530_800_000,
  durationSeconds: 60,
  kind: 'voice',
  units: undefined,
  aNumber: '+31433493098',
  amount: 50_120_000n,
  state: 'provisional',
  revision: 1,
  cost: undefined,
  originCountry: 'RO',
  tariff: '',
  receivedAt: 1_268_530_860_000,
  destination: { number: '+252612345678', country: 'SO', type: 'mobile', traffic: 2 },
};

describe('a version that arrives', () => {
  it.each([
    ['is counted where none holds', undefined, {}, 'counted'],
    ['is superseding with a higher state', HELD, { state: 'final', revision: 0 }, 'superseded'],
    ['is superseding with a higher revision', HELD, { revision: 2 }, 'superseded'],
    ['is superseding even where it says the same', HELD, { state: 'final' }, 'superseded'],
    ['is a duplicate where it is equal and says the same', HELD, {}, 'duplicate'],
    ['is a duplicate whenever it came', HELD, { receivedAt: 0 }, 'duplicate'],
    ['is a duplicate where it is older and says the same', HELD, { state: 'interim', revision: 7 }, 'duplicate'],
    ['is stale where it is equal and says something else', HELD, { amount: 1n }, 'stale'],
    ['is stale where it is older and says something else', HELD, { revision: 0, amount: 1n }, 'stale'],
    ['a lower state is older, whatever its revision', HELD, { state: 'interim', revision: 9, amount: 1n }, 'stale'],
  ] as const)('%s', (_, held, change, expected) => {
    expect(standing(held, { ...HELD, ...change } as Version)).toBe(expected);
  });

  it.each([
    ['the amount', { amount: 50_120_001n }],
    ['the start', { startedAt: HELD.startedAt + 1 }],
    ['the account', { accountId: '1002' }],
    ['the service', { serviceId: 'trunk' }],
    ['the duration', { durationSeconds: 61 }],
    ['the kind', { kind: 'sms' as const }],
    ['the units', { units: 0n }],
    ['the caller', { aNumber: '' }],
    ['the called number', { destination: { ...HELD.destination, number: '+252612345679' } }],
    ['the cost', { cost: 0n }],
    ['the country of origin', { originCountry: 'NL' }],
    ['the tariff', { tariff: 'peak' }],
  ])('says something else with another value of %s', (_, change) => {
    expect(standing(HELD, { ...HELD, ...change })).toBe('stale');
  });

  it('leaves the same one holding, in whatever order and however often versions come', () => {
    const version = fc.record({ state: fc.constantFrom(...STATES), revision: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(version, { minLength: 1, maxLength: 12 }), (arriving) => {
        let holds: Version | undefined;
        for (const each of arriving) {
          const next: Version = { ...HELD, ...each };
          const result = standing(holds, next);
          if (result === 'counted' || result === 'superseded') holds = next;
        }
        const rank = (v: { state: Version['state']; revision: number }) => STATES.indexOf(v.state) * 10 + v.revision;
        expect(rank(holds!)).toBe(Math.max(...arriving.map(rank)));
      }),
    );
  });
});

describe('of versions that stand on several days', () => {
  type Sketch = [state: Version['state'], revision: number, importId: string, near?: bigint];
  const version = ([state, revision, importId, near]: Sketch): HeldVersion => ({
    ...HELD,
    state,
    revision,
    importId,
    amount: BigInt(importId),
    arrived: 0,
    near: near === undefined ? undefined : { amount: near, importId: '0', revision: 0 },
  });
  it.each<[string, Sketch[], bigint | undefined]>([
    [
      'the one that the final took the place of',
      [
        ['provisional', 0, '1'],
        ['final', 0, '2'],
      ],
      1n,
    ],
    [
      'the highest before the final',
      [
        ['provisional', 0, '1'],
        ['provisional', 1, '2'],
        ['final', 0, '3'],
      ],
      2n,
    ],
    [
      'an interim one, where the call had got no further',
      [
        ['interim', 0, '1'],
        ['final', 0, '2'],
      ],
      1n,
    ],
    [
      'the highest behind the final',
      [
        ['final', 0, '1'],
        ['provisional', 0, '2'],
        ['provisional', 1, '3'],
      ],
      3n,
    ],
    [
      'the highest, before the final as behind it',
      [
        ['provisional', 1, '1'],
        ['final', 0, '2'],
        ['provisional', 0, '3'],
      ],
      1n,
    ],
    [
      'a provisional one, where an interim one had come before the final',
      [
        ['interim', 3, '1'],
        ['final', 0, '2'],
        ['provisional', 0, '3'],
      ],
      3n,
    ],
    [
      'none, where an interim one came behind',
      [
        ['final', 0, '1'],
        ['interim', 0, '2'],
      ],
      undefined,
    ],
    [
      'what an earlier final has beside it',
      [
        ['final', 0, '2', 1n],
        ['final', 1, '3'],
        ['provisional', 0, '4'],
      ],
      1n,
    ],
  ])('near real time says %s, whichever is looked at first', (_, sketches, near) => {
    const all = sketches.map(version);
    for (const order of [all, all.toReversed(), [...all.slice(1), all[0]!]]) {
      const { held } = holdingOf(order.map((each) => ({ ...each })));
      expect(held.get('r1')!.near?.amount).toBe(near);
    }
  });
});
