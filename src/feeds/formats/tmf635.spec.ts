import { describe, expect, it } from '@jest/globals';
import { formatAmount } from '../../kernel/money.ts';
import { mappingForm, mappingOf } from './mapping.ts';
import { readPeerLines } from './peer-rows.ts';
import { tmf635 } from './tmf635.ts';

const RATING = { taxExcludedRatingAmount: { unit: 'EUR', value: 1.5 } };
const CUSTOMER = { id: '1001', role: 'customer' };
const CHARACTERISTICS = [
  { name: 'destinationNumber', value: '+252612345678' },
  { name: 'duration', value: 85 },
];
const USAGE = {
  id: 'usage-1',
  usageDate: '2010-03-14T02:40:00+01:00',
  usageType: 'VOICE',
  status: 'rated',
  ratedProductUsage: [RATING],
  relatedParty: [CUSTOMER],
  usageCharacteristic: CHARACTERISTICS,
};

/** What becomes of a usage, in short. */
function told(values: object, mapping: object = {}): string {
  const reading = { format: tmf635, mapping: mappingOf(tmf635, mappingForm.parse(mapping)) };
  const [row] = readPeerLines([JSON.stringify({ ...USAGE, ...values })], reading, '');
  if ('skipped' in row!) return `passed over: ${row.skipped.reason}`;
  if ('reject' in row!) return `${row.reject.field} ${row.reject.reason}: ${row.reject.detail}`;
  const { accountId, durationSeconds, amount, currency } = row!.record;
  return `${accountId} ${durationSeconds}s ${formatAmount(amount)} ${currency}`;
}

describe('usage of TMF635', () => {
  it.each<[string, object, string]>([
    ['is counted', {}, '1001 85s 1.50 EUR'],
    ['says its status as version 2 wrote it', { status: 'Rated' }, '1001 85s 1.50 EUR'],
    ['comes again when it is rated, in the words of version 2', { status: 'Guided' }, 'passed over: not_rated_yet'],
    ['of another status is set aside', { status: 'lost' }, 'amount not_rated: its status is "lost"'],
    ['costs what all its ratings cost', { ratedProductUsage: [RATING, RATING] }, '1001 85s 3.00 EUR'],
    [
      'may have a rating that has no money of its own, such as one from a bundle',
      { ratedProductUsage: [RATING, { usageRatingTag: 'included usage' }] },
      '1001 85s 1.50 EUR',
    ],
    [
      'of which one rating is said with tax alone is set aside',
      { ratedProductUsage: [RATING, { taxIncludedRatingAmount: { unit: 'EUR', value: 2.38 } }] },
      'amount not_rated: a ratedProductUsage has an amount with tax alone',
    ],
    [
      'of which one rating has no value is set aside',
      { ratedProductUsage: [RATING, { taxExcludedRatingAmount: { unit: 'EUR' } }] },
      'amount not_rated: a taxExcludedRatingAmount has no value',
    ],
    [
      'said with tax alone is set aside',
      { ratedProductUsage: [{ taxIncludedRatingAmount: { unit: 'EUR', value: 2.38 } }] },
      'amount not_rated: a ratedProductUsage has an amount with tax alone',
    ],
    [
      'in two currencies is set aside',
      { ratedProductUsage: [RATING, { taxExcludedRatingAmount: { unit: 'USD', value: 1 } }] },
      'currency bad_currency: "EUR+USD" is no ISO 4217 code',
    ],
    [
      'of two customers is set aside',
      { relatedParty: [CUSTOMER, { id: '1002', role: 'customer' }] },
      'account_id unreadable_row: has "relatedParty customer" more than once: 1001 and 1002',
    ],
    [
      'may name its customer twice, and others beside',
      { relatedParty: [{ id: '7', role: 'seller' }, CUSTOMER, CUSTOMER, { id: '8', role: 'seller' }] },
      '1001 85s 1.50 EUR',
    ],
    [
      'with two durations is set aside',
      { usageCharacteristic: [...CHARACTERISTICS, { name: 'duration', value: '2' }] },
      'duration_s unreadable_row: has "duration" more than once: 85 and 2',
    ],
    [
      'that went to two numbers is set aside',
      { usageCharacteristic: [...CHARACTERISTICS, { name: 'destinationNumber', value: '112' }] },
      'b_number unreadable_row: has "destinationE164" more than once: +252612345678 and 112',
    ],
    [
      'may say twice what nobody asks for',
      {
        usageCharacteristic: [...CHARACTERISTICS, ...['a', 'b'].map((value) => ({ name: 'tag', value }))],
      },
      '1001 85s 1.50 EUR',
    ],
  ])('%s', (_, values, expected) => expect(told(values)).toBe(expected));

  it('needs no rating where its amount is said to stand elsewhere', () => {
    const usageCharacteristic = [...CHARACTERISTICS, { name: 'charge', value: '0.75' }];
    const mapping = { columns: { amount: 'charge' }, currency: 'EUR' };
    expect(told({ ratedProductUsage: [], usageCharacteristic }, mapping)).toBe('1001 85s 0.75 EUR');
    expect(told({ status: 'rejected', usageCharacteristic }, mapping)).toMatch(/^amount not_rated/);
  });

  it('is set aside where several ratings are not written with a point, and never counted with the first of them', () => {
    const rated = (...values: string[]) => ({
      ratedProductUsage: values.map((value) => ({ taxExcludedRatingAmount: { unit: 'EUR', value } })),
    });
    expect(told(rated('1,50'), { decimal: ',' })).toBe('1001 85s 1.50 EUR');
    expect(told(rated('1,50', '2,50'), { decimal: ',' })).toMatch(/^amount bad_amount: "1,50\+2,50"/);
  });
});
