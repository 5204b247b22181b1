import { describe, expect, it } from '@jest/globals';
import { maskAddress, maskAnswer } from './masking.ts';

describe('an address', () => {
  it.each([
    ['anna@example.net', 'a***@example.net'],
    ['+31681230221', '+316***21'],
    ['+491700001', '+49***01'],
    ['+4711', '***'],
    ['', '***'],
  ])('%s is shown as %s', (address, shown) => expect(maskAddress(address)).toBe(shown));
});

describe('what a gateway said', () => {
  it.each([
    ['accepted for 31681230221', '+31681230221', 'accepted for 316***21'],
    ['0681230221 is unknown, +31681230221 was meant', '+31681230221', '068***21 is unknown, +316***21 was meant'],
    ['id 316812302210 taken', '+31681230221', 'id 316812302210 taken'],
    ['550 5.1.1 <Anna@Example.net>: unknown', 'anna@example.net', '550 5.1.1 <A***@Example.net>: unknown'],
    ['rfc822;anna@home.example is full', 'anna@example.net', 'rfc822;a***@home.example is full'],
    ['550 <a***@example.net>: no', 'anna@example.net', '550 <a***@example.net>: no'],
    ['550 <anna@example.net>: no', '', '550 <a***@example.net>: no'],
    ['550 no; call +31612345678', 'anna@example.net', '550 no; call +316***78'],
    ['250 ok', '', '250 ok'],
  ])('%s of %s is kept as %s', (answer, address, kept) => expect(maskAnswer(answer, address)).toBe(kept));
});
