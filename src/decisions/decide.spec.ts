import { describe, expect, it } from '@jest/globals';
import type { Account } from '../accounts/account.ts';
import { capDefinition, capOf, type CapDefinition } from '../caps/cap.ts';
import type { Crossing } from '../caps/crossing.ts';
import { NO_DESTINATION } from '../destinations/classify.ts';
import { parseInstant } from '../kernel/clock.ts';
import type { Version } from '../ledger/version.ts';
import { decide } from './decide.ts';
import { decisionResponse, type Decision } from './decision.ts';
import { decideReinstatement } from './reinstatement.ts';
import { SAMPLE_ACCOUNT } from '../../test/samples/account.ts';

const ACCOUNT: Account = { ...SAMPLE_ACCOUNT, email: 'a1001@example.net' };
const RECORD: Version = {
  recordId: 'r1',
  origin: 'default',
  accountId: '1001',
  serviceId: '',
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
  destination: NO_DESTINATION,
};
const ACTIONS = ['warn', 'notify-operator', 'suspend:international', 'suspend:premium'] as const;
const now = parseInstant('2010-03-14T02:41:00+01:00')!;
const period = {
  name: '2010-03',
  from: parseInstant('2010-03-01T00:00:00+01:00')!,
  to: parseInstant('2010-04-01T00:00:00+02:00')!,
};

type Change = Partial<Omit<Crossing, 'account'>> & { account?: Partial<Account>; cap?: Partial<CapDefinition> };

function crossing({ account, cap: definition, ...change }: Change = {}): Crossing {
  const cap = capOf(
    'cap-1',
    2,
    capDefinition.parse({
      name: 'International',
      scope: {},
      traffic: 'international',
      period: 'month',
      limit: '100.00',
      currency: 'EUR',
      thresholds: [{ percent: 100, actions: ACTIONS }],
      ...definition,
    }),
  );
  return {
    account: { ...ACCOUNT, ...account },
    meter: { cap, serviceId: '' },
    period,
    threshold: cap.thresholds[0]!,
    direction: 'rose',
    again: false,
    spend: 100_500_000n,
    record: RECORD,
    ...change,
  };
}
const inShort = (decisions: readonly Decision[]) =>
  decisions.map(({ type, trigger, action, mode }) => [type, trigger, action, mode].filter(Boolean).join(' '));

const fell = (change: Change = {}) => crossing({ direction: 'fell', spend: 99_000_000n, ...change });

describe('a threshold that was crossed', () => {
  it.each([
    [
      'does each thing that the cap names',
      crossing(),
      [
        'warn cap warn enforce',
        'notify-operator cap notify-operator enforce',
        'suspend cap suspend:international enforce',
        'suspend cap suspend:premium enforce',
      ],
    ],
    [
      'is only recorded in shadow mode',
      crossing({ cap: { mode: 'shadow' } }),
      [
        'warn cap warn shadow',
        'notify-operator cap notify-operator shadow',
        'suspend cap suspend:international shadow',
        'suspend cap suspend:premium shadow',
      ],
    ],
    [
      'waits for a person to approve the suspension',
      crossing({ cap: { mode: 'approve', thresholds: [{ percent: 100, actions: ['suspend:outgoing'] }] } }),
      ['suspend cap suspend:outgoing approve'],
    ],
    [
      'asks the billing team instead of suspending where the contract has no clause for it',
      crossing({ account: { suspensionTerms: '' } }),
      [
        'warn cap warn enforce',
        'notify-operator cap notify-operator enforce',
        'notify-operator cap suspend:international enforce',
        'notify-operator cap suspend:premium enforce',
      ],
    ],
    [
      'tells the billing team where there is no way to warn the customer',
      crossing({ account: { email: '', msisdn: '' }, cap: { thresholds: [{ percent: 100, actions: ['warn'] }] } }),
      ['warn cap warn enforce', 'notify-operator cap warn enforce'],
    ],
    [
      'tells nobody of a customer without an address in shadow mode',
      crossing({
        account: { email: '', msisdn: '' },
        cap: { mode: 'shadow', thresholds: [{ percent: 100, actions: ['warn'] }] },
      }),
      ['warn cap warn shadow'],
    ],
    [
      'is told to the billing team alone where the period has ended',
      crossing({ period: { ...period, to: now } }),
      ['notify-operator cap notify-operator enforce'],
    ],
    [
      'still acts in the last millisecond of its period',
      crossing({ period: { ...period, to: now + 1 }, cap: { thresholds: [{ percent: 100, actions: ['warn'] }] } }),
      ['warn cap warn enforce'],
    ],
    [
      'suspends a second time, but does not warn a second time',
      crossing({ again: true }),
      ['suspend correction suspend:international enforce', 'suspend correction suspend:premium enforce'],
    ],
    [
      'a second time asks where the contract has no clause',
      crossing({
        again: true,
        account: { suspensionTerms: '' },
        cap: { thresholds: [{ percent: 100, actions: ['warn', 'suspend:premium'] }] },
      }),
      ['notify-operator correction suspend:premium enforce'],
    ],
    [
      'a second time does nothing where it only warns',
      crossing({ again: true, cap: { thresholds: [{ percent: 50, actions: ['warn'] }] } }),
      [],
    ],
    [
      'a second time by a change of the cap is by a person’s hand',
      crossing({
        again: true,
        record: undefined,
        cap: { thresholds: [{ percent: 50, actions: ['suspend:premium'] }] },
      }),
      ['suspend manual suspend:premium enforce'],
    ],
    ['lifts what it had caused when it falls', fell(), ['restore correction enforce']],
    ['lifts by a person’s hand when the cap was changed', fell({ record: undefined }), ['restore manual enforce']],
    [
      'asks when it falls and the cap is lifted by hand',
      fell({ cap: { reinstate: 'manual' } }),
      ['notify-operator correction enforce'],
    ],
    [
      'only tells when it falls after its period',
      fell({ period: { ...period, to: now } }),
      ['notify-operator correction enforce'],
    ],
    [
      'only tells when it falls and could not have suspended',
      fell({ account: { suspensionTerms: '' } }),
      ['notify-operator correction enforce'],
    ],
    [
      'only tells when it falls and had only warned',
      fell({ cap: { thresholds: [{ percent: 50, actions: ['warn'] }] } }),
      ['notify-operator correction enforce'],
    ],
  ])('%s', (_, crossed, expected) => expect(inShort(decide(crossed, now))).toEqual(expected));
});

describe('the reason that the billing team reads', () => {
  const explained = (change: Change, type: string) =>
    decide(
      crossing({ cap: { thresholds: [{ percent: 80, actions: ['warn', 'suspend:premium'] }] }, ...change }),
      now,
    ).find((decision) => decision.type === type)!.explanation;
  it.each([
    [
      'says what was spent on what, and which limit',
      {},
      'warn',
      'Account 1001 spent 100.50 EUR on international traffic in 2010-03: 80 % of the limit of 100.00 EUR reached (cap "International").',
    ],
    ['names the clause', {}, 'suspend', 'Agreed by GTC 7.3.'],
    [
      'says that there is no clause',
      { account: { suspensionTerms: '' } },
      'notify-operator',
      'Not suspended (suspend:premium): no suspension_terms on file for account 1001',
    ],
    [
      'says that it came too late',
      { period: { ...period, to: now } },
      'notify-operator',
      'The period had ended when this became known',
    ],
    [
      'says that it is a second time',
      { again: true },
      'suspend',
      'It had fallen below and is reached again, by a correction.',
    ],
    [
      'says that a person changed the cap',
      { again: true, record: undefined },
      'suspend',
      'reached again, since the cap was changed.',
    ],
    [
      'says that it fell, and that it is lifted',
      { direction: 'fell' as const, spend: 70_000_000n },
      'restore',
      '70.00 EUR on international traffic in 2010-03: below 80 % of the limit of 100.00 EUR again, by a correction. What it had suspended is lifted.',
    ],
    [
      'names the service that has the cap',
      { meter: { ...crossing().meter, serviceId: 'trunk' } },
      'warn',
      'Service trunk of account 1001 spent',
    ],
    [
      'names the hours of a rolling window',
      {
        meter: {
          ...crossing().meter,
          cap: { ...crossing().meter.cap, period: 'rolling:24h' as const, traffic: 'all' as const },
        },
      },
      'warn',
      'on all traffic in the 24 hours up to 2010-03',
    ],
    [
      'names one hour as such',
      { meter: { ...crossing().meter, cap: { ...crossing().meter.cap, period: 'rolling:1h' as const } } },
      'warn',
      'in the hour up to 2010-03',
    ],
  ])('%s', (_, change, type, text) => expect(explained(change, type)).toContain(text));
});

describe('a decision’s id', () => {
  const ids = (change: Change = {}, at = now) => decide(crossing(change), at).map(({ id }) => id);

  it('is the same for the same crossing, whenever and by whatever record it becomes known', () => {
    expect(ids({ record: { ...RECORD, recordId: 'r2' }, spend: 200_000_000n }, now + 1)).toEqual(ids());
  });

  it('is another one for each action, account, period, threshold and cap', () => {
    const all = [
      ...ids(),
      ...ids({ account: { accountId: '1002' } }),
      ...ids({ period: { ...period, name: '2010-04' } }),
      ...ids({ cap: { thresholds: [{ percent: 99, actions: [...ACTIONS] }] } }),
      ...ids({ meter: { cap: { ...crossing().meter.cap, id: 'cap-2' }, serviceId: '' } }),
    ];
    expect(new Set(all).size).toBe(5 * ACTIONS.length);
  });

  it('is another one each time that a correction brings it back', () => {
    const later = ids({ again: true }, now + 1);
    const otherRecord = ids({ again: true, record: { ...RECORD, recordId: 'r2' } });
    const otherVersion = ids({ again: true, record: { ...RECORD, revision: 1 } });
    expect(new Set([...ids(), ...ids({ again: true }), ...later, ...otherRecord, ...otherVersion]).size).toBe(12);
    expect(ids({ again: true })).toEqual(ids({ again: true }));
  });

  it('is another one by each change of the cap, also within one millisecond', () => {
    const { meter } = crossing();
    const byVersion = (version: number) =>
      ids({ direction: 'fell', record: undefined, meter: { ...meter, cap: { ...meter.cap, version } } });
    expect(byVersion(3)).not.toEqual(byVersion(2));
  });

  it('has the shape of a UUID version 8', () => {
    expect(ids()[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('the end of a suspension’s period', () => {
  const suspended = decide(crossing(), now)[2]!;
  it('restores, for what had suspended, without a record', () => {
    const restored = decideReinstatement(suspended, 'international', period.to);
    expect(restored).toMatchObject({
      type: 'restore',
      trigger: 'period-end',
      at: period.to,
      capId: 'cap-1',
      period: '2010-03',
      threshold: 100,
      recordId: '',
      spend: undefined,
      explanation: 'The period 2010-03 has ended: the suspension of international routes of account 1001 is lifted.',
    });
    expect(restored.id).not.toBe(suspended.id);
    expect(decideReinstatement(suspended, 'international', period.to + 1).id).toBe(restored.id);
  });
});

describe('a decision as it travels', () => {
  it('has the contract’s keys in its order, times in the account’s zone, amounts as strings', () => {
    const [warned] = decide(crossing(), now);
    const response = decisionResponse(warned!, 'Europe/Amsterdam');
    expect(Object.keys(JSON.parse(JSON.stringify(response)) as object).slice(0, 15)).toEqual(
      'id at account type trigger cap period threshold traffic spend limit currency record_id mode explanation'.split(
        ' ',
      ),
    );
    expect(response).toMatchObject({
      at: '2010-03-14T02:41:00+01:00',
      spend: '100.50',
      limit: '100.00',
      threshold: 100,
      record_id: 'r1',
    });
  });
});
