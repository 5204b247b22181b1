import { expect, it } from '@jest/globals';
import { reportDeviations } from './deviations.ts';
import type { Server } from './server.ts';

const ACCOUNT = {
  account: '1001',
  case: '7',
  action: 'hold',
  first_at: '2026-03-02T23:10:00.000Z',
  spend_then: '9.60',
  spend_after: '22.80',
  currency: 'EUR',
  rightness: 'right',
};

it.each([
  [
    'what a bar would have kept',
    { kept: { EUR: '22.80' }, spent_past: {} },
    'would have been kept from the bill: 22.80 EUR',
  ],
  [
    'what was spent all the same',
    { kept: {}, spent_past: { EUR: '22.80' } },
    'spent past holds and suspensions: 22.80 EUR',
  ],
])('what deviations did is shown by case, with %s', async (_, sums, last) => {
  const totals = {
    accounts: 1,
    cases: 3,
    warned: 1,
    held: 1,
    suspended: 0,
    right: 1,
    false: 0,
    likely_false: 0,
    rating_error: 1,
    not_judged: 1,
  };
  const warned = { ...ACCOUNT, case: '6', action: 'warn', spend_after: '0.00', rightness: 'not-judged' };
  const found = { from: 'a', to: 'b', totals, ...sums, accounts: [warned, ACCOUNT] };
  const lines: string[] = [];
  await reportDeviations({ ask: async () => found } as unknown as Server, {}, (line) => void lines.push(line));
  expect(lines.at(-1)).toBe(last);
  expect(lines.at(-2)).toBe(
    '1 account, 3 cases: 1 warned, 1 held, 0 suspended; 1 right, 0 false, 0 likely false, 1 wrongly rated, 1 not judged',
  );
  expect(lines[2]).toMatch(/1001 +hold .* at 9\.60 EUR +22\.80 EUR after +right +case 7/);
});
