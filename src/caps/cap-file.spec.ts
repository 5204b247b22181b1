import { describe, expect, it } from '@jest/globals';
import { capDefinition } from './cap.ts';
import { readCapFile } from './cap-file.ts';

const CAP = capDefinition.parse({
  name: 'International, small business',
  scope: { segment: 'smb' },
  traffic: 'international',
  period: 'month',
  limit: '100.00',
  currency: 'EUR',
  thresholds: [{ percent: 100, actions: ['warn', 'suspend:international'] }],
});

describe('a file of caps', () => {
  it('holds an array of caps or a single one, with or without a byte-order mark', () => {
    expect(readCapFile(JSON.stringify(CAP))).toEqual([{ definition: CAP }]);
    expect(readCapFile(`\uFEFF${JSON.stringify([CAP])}`)).toEqual([{ definition: CAP }]);
  });

  it('may be what a server shows', () => {
    const shown = {
      ...CAP,
      id: 'c1',
      version: 3,
      created_at: '2010-03-01T00:00:00Z',
      updated_at: '2010-03-01T00:00:00Z',
    };
    expect(readCapFile(JSON.stringify([shown]))).toEqual([{ definition: CAP, id: 'c1' }]);
  });

  it.each([
    ['a wrong field', [CAP, { ...CAP, limit: '-1', scope: {} }], 'cap 2: limit', 'must be above 0'],
    ['an unknown field', { ...CAP, colour: 'red' }, 'colour', 'is not known here'],
    ['no cap at all', 17, 'the cap', 'must be an object'],
    ['two caps in one place', [CAP, { ...CAP, limit: '5' }], 'cap 2: the cap', 'has the scope, traffic, period'],
  ])('with %s is refused', (_, content, field, detail) => {
    expect(() => readCapFile(JSON.stringify(content))).toThrow(
      expect.objectContaining({
        code: 'bad_caps',
        faults: [{ field, detail: expect.stringContaining(detail) }],
      }),
    );
  });

  it('that is no JSON is refused', () => expect(() => readCapFile('{')).toThrow(/^not JSON/));
});
