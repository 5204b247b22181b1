import { describe, expect, it } from '@jest/globals';
import type { DeviationMode } from '../../deviations/policy.ts';
import { stands, type Decided } from './what-stands.ts';

const HOLD: Decided = {
  action: 'hold',
  type: 'hold',
  mode: 'enforce',
  asked: false,
  brake: 'none',
  bars: ['wanted'],
  wronglyRated: false,
};
const waiting = { mode: 'approve', bars: ['awaiting-approval'] } as const;
const refused = { type: 'notify-operator', bars: [] } as const;

describe('what was decided', () => {
  it.each<[string, Partial<Decided>, DeviationMode, string, boolean]>([
    ['and done stands', {}, 'enforce', 'GTC 7.3', true],
    ['and lifted by a person stands', { bars: ['lifted'] }, 'enforce', 'GTC 7.3', true],
    ['in shadow mode does not stand once that is over', { mode: 'shadow', bars: [] }, 'approve', 'GTC 7.3', false],
    ['and waits for a person stands while it has to', waiting, 'approve', 'GTC 7.3', true],
    ['and waits for a person does not stand where nobody is asked any more', waiting, 'enforce', 'GTC 7.3', false],
    ['and was declined stands', { mode: 'approve', bars: ['declined'] }, 'enforce', 'GTC 7.3', true],
    ['and the guard asks about stands', { ...waiting, asked: true }, 'enforce', 'GTC 7.3', true],
    ['without terms stands while there are none', refused, 'enforce', '', true],
    ['without terms does not stand where some are on file', refused, 'enforce', 'GTC 7.3', false],
    ['of which nobody could be warned stands', { ...refused, action: 'warn' }, 'enforce', 'GTC 7.3', true],
    ['of data, with nothing to bar, stands', { bars: [] }, 'enforce', 'GTC 7.3', true],
    ['and braked stands while the brake holds', { ...waiting, brake: 'on' }, 'enforce', 'GTC 7.3', true],
    ['and not told for a brake that let go does not stand', { ...refused, brake: 'off' }, 'enforce', 'GTC 7.3', false],
    ['and carried out when a brake let go stands', { mode: 'approve', brake: 'off' }, 'enforce', 'GTC 7.3', true],
    [
      'and declined for wrong prices does not stand once the brake has let go',
      { mode: 'approve', bars: ['declined'], brake: 'off', wronglyRated: true },
      'enforce',
      'GTC 7.3',
      false,
    ],
  ])('%s', (_, about, mode, terms, expected) => {
    expect(stands({ ...HOLD, ...about }, mode, terms)).toBe(expected);
  });
});
