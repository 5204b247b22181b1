import { describe, expect, it } from '@jest/globals';
import { whyNoSms } from './sms-reach.ts';

describe('a number that is to get an SMS', () => {
  it.each([
    ['+31612345678', 'NL', undefined],
    ['+4915112345678', 'DE', undefined],
    ['+33612345678', 'FR', undefined],
    ['+12125551234', 'US', undefined],
    ['+31685570221', 'NL', undefined],
    ['+31201234567', 'NL', 'it is a landline'],
    ['+31900123456', 'NL', 'it is a premium-rate number'],
    ['+318001234', 'NL', 'it is a toll-free number'],
    ['+31112', 'NL', 'it is an emergency number'],
    ['+316', 'NL', 'it is no telephone number'],
    ['+9991234567', 'NL', 'it is no telephone number'],
  ])('%s of %s: %s', (number, home, reason) => expect(whyNoSms(number, home)).toBe(reason));
});
