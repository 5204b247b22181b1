import { describe, expect, it } from '@jest/globals';
import { suspendedClass } from './barring.ts';
import { capDefinition, capOf, scopeOf } from './cap.ts';

const DEFINITION = {
  name: 'International, small business',
  scope: { segment: 'smb' },
  traffic: 'international',
  period: 'month',
  limit: '100.00',
  currency: 'EUR',
  thresholds: [
    { percent: 50, actions: ['warn'] },
    { percent: 100, actions: ['warn', 'suspend:international'] },
  ],
  mode: 'enforce',
  reinstate: 'period-end',
};

const threshold = (change: Record<string, unknown>) => ({
  thresholds: [{ percent: 50, actions: ['warn'], ...change }],
});

describe('a wrong definition names its field', () => {
  it.each([
    ['an empty name', { name: '' }, ['name']],
    ['a name with a NUL, which PostgreSQL can not keep', { name: 'a\u0000b' }, ['name']],
    ['a name with half a surrogate pair', { name: 'a\ud800b' }, ['name']],
    ['two scopes at once', { scope: { segment: 'smb', account: '1001' } }, ['scope']],
    ['a scope of another kind', { scope: { group: 'x' } }, ['scope']],
    ['an empty segment', { scope: { segment: '' } }, ['scope.segment']],
    ['an account of 65 characters', { scope: { account: 'x'.repeat(65) } }, ['scope.account']],
    ['a service with a line break', { scope: { service: 'a\nb' } }, ['scope.service']],
    ['an unknown traffic', { traffic: 'abroad' }, ['traffic']],
    ['a country that is none', { traffic: 'country:XX' }, ['traffic']],
    ['a prefix without plus', { traffic: 'prefix:25261' }, ['traffic']],
    ['an unknown period', { period: 'year' }, ['period']],
    ['a rolling window of no hours', { period: 'rolling:0h' }, ['period']],
    ['a limit as a number', { limit: 100 }, ['limit']],
    ['a negative limit', { limit: '-100.00' }, ['limit']],
    ['a limit of nothing', { limit: '0.00' }, ['limit']],
    ['a limit with a decimal comma', { limit: '100,00' }, ['limit']],
    ['a limit of seven decimals', { limit: '0.0000001' }, ['limit']],
    ['a limit whose 1000 % no counter can hold', { limit: '999999999999.00' }, ['limit']],
    ['a currency in words', { currency: 'euro' }, ['currency']],
    ['a currency that there is not', { currency: 'EUE' }, ['currency']],
    ['no thresholds', { thresholds: [] }, ['thresholds']],
    ['the same percent twice', { thresholds: [DEFINITION.thresholds[0], DEFINITION.thresholds[0]] }, ['thresholds']],
    [
      'twenty-one thresholds',
      { thresholds: Array.from({ length: 21 }, (_, i) => ({ percent: i + 1, actions: ['warn'] })) },
      ['thresholds'],
    ],
    ['a threshold of 0 %', threshold({ percent: 0 }), ['thresholds.0.percent']],
    ['a negative threshold', threshold({ percent: -50 }), ['thresholds.0.percent']],
    ['a threshold above 1000 %', threshold({ percent: 1000.01 }), ['thresholds.0.percent']],
    ['a threshold of three decimals', threshold({ percent: 33.333 }), ['thresholds.0.percent']],
    ['a threshold in words', threshold({ percent: '50' }), ['thresholds.0.percent']],
    ['a threshold without actions', threshold({ actions: [] }), ['thresholds.0.actions']],
    ['an unknown action', threshold({ actions: ['warn', 'suspend:all'] }), ['thresholds.0.actions.1']],
    ['an action twice', threshold({ actions: ['warn', 'warn'] }), ['thresholds.0.actions']],
    ['an unknown mode', { mode: 'dry-run' }, ['mode']],
    ['an unknown reinstatement', { reinstate: 'never' }, ['reinstate']],
    ['several at once', { limit: '-1', traffic: 'x', mode: 'x' }, ['traffic', 'limit', 'mode']],
  ])('%s', (_, change, fields) => {
    const read = capDefinition.safeParse({ ...DEFINITION, ...change });
    expect([...new Set(read.error?.issues.map((issue) => issue.path.join('.')))]).toEqual(fields);
  });

  it('a field of another name is refused rather than passed over', () => {
    const read = capDefinition.safeParse({ ...DEFINITION, treshold: [] });
    expect(read.error?.issues).toMatchObject([{ code: 'unrecognized_keys', keys: ['treshold'] }]);
  });
});

describe('a right definition', () => {
  it.each([
    ['everyone', {}, { kind: 'everyone', value: '' }],
    ['a segment', { segment: 'smb' }, { kind: 'segment', value: 'smb' }],
    ['an account', { account: '1001' }, { kind: 'account', value: '1001' }],
    ['a service', { service: 'trunk' }, { kind: 'service', value: 'trunk' }],
  ])('is for %s', (_, scope, expected) => {
    expect(scopeOf(capDefinition.parse({ ...DEFINITION, scope }))).toEqual(expected);
  });

  it('is for everyone, enforced and lifted at the period’s end where it does not say otherwise', () => {
    const { scope: _, mode: __, reinstate: ___, ...rest } = DEFINITION;
    expect(capDefinition.parse(rest)).toEqual({ ...rest, scope: {}, mode: 'enforce', reinstate: 'period-end' });
  });

  it('has its thresholds in micros, the lowest first, each needing its full amount', () => {
    const definition = capDefinition.parse({
      ...DEFINITION,
      limit: '0.000003',
      thresholds: [
        { percent: 1000, actions: ['warn'] },
        { percent: 33.34, actions: ['notify-operator'] },
        { percent: 100, actions: ['suspend:outgoing'] },
      ],
    });
    expect(capOf('id', 3, definition)).toMatchObject({
      id: 'id',
      version: 3,
      limit: 3n,
      thresholds: [
        { percent: 33.34, amount: 2n },
        { percent: 100, amount: 3n },
        { percent: 1000, amount: 30n },
      ],
    });
  });

  it.each([
    ['suspend:international', 'international'],
    ['suspend:premium', 'premium'],
    ['suspend:outgoing', 'outgoing'],
    ['warn', undefined],
    ['notify-operator', undefined],
  ] as const)('%s suspends %s', (action, barred) => expect(suspendedClass(action)).toBe(barred));
});
