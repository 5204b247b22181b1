import { describe, expect, it } from '@jest/globals';
import { capDefinition } from '../caps/cap.ts';
import { planCaps, type ServerCap } from './apply-caps.ts';

const CAP = capDefinition.parse({
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
});
const STANDING: ServerCap = { ...CAP, id: 'c1', version: 3 };

describe('what is to be done for a cap', () => {
  it.each([
    ['the same one is left alone', CAP, 'keep'],
    ['100 is 100.00', { ...CAP, limit: '100' }, 'keep'],
    [
      'the order of thresholds and actions means nothing',
      { ...CAP, thresholds: [{ percent: 100, actions: ['suspend:international', 'warn'] }, CAP.thresholds[0]!] },
      'keep',
    ],
    ['another limit changes it', { ...CAP, limit: '100.01' }, 'change'],
    ['another name changes it', { ...CAP, name: 'International' }, 'change'],
    ['another mode changes it', { ...CAP, mode: 'shadow' }, 'change'],
    ['calls in progress that count as well change it', { ...CAP, count: 'with-exposure' }, 'change'],
    ['that spend alone counts goes without saying', { ...CAP, count: 'spend' }, 'keep'],
    ['a forecast changes it', { ...CAP, forecast: true }, 'change'],
    ['that there is no forecast goes without saying', { ...CAP, forecast: false }, 'keep'],
    ['one threshold less changes it', { ...CAP, thresholds: [CAP.thresholds[0]!] }, 'change'],
    ['another segment is another cap', { ...CAP, scope: { segment: 'retail' } }, 'create'],
    ['everyone is another cap', { ...CAP, scope: {} }, 'create'],
    ['other traffic is another cap', { ...CAP, traffic: 'premium' }, 'create'],
    ['another period is another cap', { ...CAP, period: 'rolling:24h' }, 'create'],
    ['another currency is another cap', { ...CAP, currency: 'USD' }, 'create'],
  ])('%s', (_, wanted, kind) => {
    expect(planCaps([capDefinition.parse(wanted)], [STANDING])).toMatchObject([{ kind }]);
  });

  it('a change names the cap and the version that were read', () => {
    const [step] = planCaps([{ ...CAP, limit: '80.00' }], [STANDING]);
    expect(step).toMatchObject({ kind: 'change', existing: { id: 'c1', version: 3 } });
  });
});
