import { describe, expect, it } from '@jest/globals';
import { assert, nat, pre, property } from 'fast-check';
import { parseInstant } from '../kernel/clock.ts';
import { LINK_DAYS, readToken, signLinks, warningLink } from './link.ts';

const KEY = Buffer.alloc(32, 7);
const AT = parseInstant('2010-03-14T02:41:00+01:00')!;
const DECISION = '0b7e6c1a-5d2f-8a3b-a111-22c3d4e5f607';
const LASTS_MS = LINK_DAYS * 86_400_000;
const link = warningLink('https://plafond.example.net', DECISION, AT);
const tokenIn = (text: string) => /\/a\/(\S{49})/.exec(text)![1]!;
const signed = tokenIn(signLinks(link, KEY));

describe('the link of a warning', () => {
  it('is short enough for an SMS, and shows no signature before it leaves', () => {
    expect(link).toMatch(/^https:\/\/plafond\.example\.net\/a\/[\w-]{27}\*{22}$/);
    expect(signLinks(link, KEY)).toHaveLength(link.length);
  });

  it('names its decision, until it expires', () => {
    expect(readToken(signed, KEY, AT)).toEqual({ decisionId: DECISION, expiresAt: AT + LASTS_MS });
    expect(readToken(signed, KEY, AT + LASTS_MS - 1)).toMatchObject({ decisionId: DECISION });
    expect(readToken(signed, KEY, AT + LASTS_MS)).toBe('expired');
  });

  it('is the same each time the message is sent', () => {
    expect(signLinks(`a ${link} b ${link}`, KEY)).toBe(`a ${signLinks(link, KEY)} b ${signLinks(link, KEY)}`);
  });

  it.each([
    ['without its signature', tokenIn(link)],
    ['signed by another key', tokenIn(signLinks(link, Buffer.alloc(32, 8)))],
    ['cut off', signed.slice(0, -1)],
    ['with something added', `${signed}A`],
    ['with another case', signed.toUpperCase()],
    ['empty', ''],
    ['of other characters', '/'.repeat(49)],
  ])('opens nothing %s', (_, token) => expect(readToken(token, KEY, AT)).toBe('altered'));

  it('opens nothing with any one character changed', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    assert(
      property(nat(48), nat(63), (at, other) => {
        pre(signed[at] !== alphabet[other]);
        const changed = signed.slice(0, at) + alphabet[other] + signed.slice(at + 1);
        expect(readToken(changed, KEY, AT)).toBe('altered');
      }),
    );
  });
});
