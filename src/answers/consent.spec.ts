import { describe, expect, it } from '@jest/globals';
import { maximumConsent, readConsent, type ConsentPolicy } from './consent.ts';

const ACCOUNT = { accountId: '1001', segment: 'smb', currency: 'EUR' };
const EUR = 1_000_000n;
const policy = (scope: ConsentPolicy['scope'], value: string, maximum: bigint, currency = 'EUR'): ConsentPolicy => ({
  scope,
  value,
  currency,
  maximum,
});

describe('how much a customer may consent to', () => {
  it.each<[string, ConsentPolicy[], bigint | undefined]>([
    ['is nothing where nobody said anything', [], undefined],
    ['is what holds for everyone', [policy('everyone', '', 200n * EUR)], 200n * EUR],
    [
      'is what holds for the segment before that',
      [policy('everyone', '', 200n * EUR), policy('segment', 'smb', 300n * EUR)],
      300n * EUR,
    ],
    [
      'is what holds for the account before all',
      [policy('account', '1001', 50n * EUR), policy('segment', 'smb', 300n * EUR)],
      50n * EUR,
    ],
    [
      'is nothing where nothing is said of the account',
      [policy('account', '1001', 0n), policy('everyone', '', EUR)],
      undefined,
    ],
    ['is not what is said of another segment', [policy('segment', 'soho', EUR)], undefined],
    ['is not said in another currency', [policy('everyone', '', EUR, 'GBP')], undefined],
  ])('%s', (_, policies, maximum) => expect(maximumConsent(policies, ACCOUNT)).toBe(maximum));
});

describe('the amount that was typed', () => {
  const bounds = { spend: 101_250_000n, limit: 100n * EUR, maximum: 500n * EUR };
  it.each([
    ['200', 200n * EUR],
    ['200,50', 200_500_000n],
    ['200.5', 200_500_000n],
    [' € 200,00 ', 200n * EUR],
    ['EUR 200', 200n * EUR],
    ['200 €', 200n * EUR],
    ['500', 500n * EUR],
    ['500,01', 'too-high'],
    ['101,25', 'too-low'],
    ['100', 'too-low'],
    ['-200', 'unreadable'],
    ['1.000', 'unreadable'],
    ['1.000,00', 'unreadable'],
    ['2e2', 'unreadable'],
    ['', 'unreadable'],
    ['two hundred', 'unreadable'],
  ])('%s', (text, read) => expect(readConsent(text, bounds)).toBe(read));
});
