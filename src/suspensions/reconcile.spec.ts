import { describe, expect, it } from '@jest/globals';
import { reconcile, type LiveSuspension } from './reconcile.ts';

const INTERNATIONAL = '1002:international';
const live = (
  id: string,
  state: LiveSuspension['state'],
  here = state === 'applied' ? true : undefined,
): LiveSuspension => ({ id, accountId: '1002', class: 'international', state, here });
const place = { accountId: '1002', class: 'international' };
const bar = (suspensionId: string) => ({ do: 'bar', ...place, suspensionId });
const unbar = { do: 'unbar', ...place };

/** `old…` are suspensions of ours that are over. */
function found(suspensions: LiveSuspension[], bars: Record<string, string>) {
  const { commands, barred, gone, drifts } = reconcile(suspensions, new Map(Object.entries(bars)), (id) =>
    id.startsWith('old'),
  );
  const ids = (list: LiveSuspension[]) => list.map(({ id }) => id);
  return { commands, barred: ids(barred), gone: ids(gone), drifts };
}
const nothing = { commands: [], barred: [], gone: [], drifts: [] };

describe('reconciling wanted with actual', () => {
  it.each([
    ['what is wanted is barred', [live('a', 'wanted')], {}, { commands: [bar('a')] }],
    ['what is wanted and barred is applied', [live('a', 'wanted')], { [INTERNATIONAL]: 'a' }, { barred: ['a'] }],
    ['what is applied and barred is left as it is', [live('a', 'applied')], { [INTERNATIONAL]: 'a' }, {}],
    [
      'what is applied and not barred has drifted and is barred again',
      [live('a', 'applied')],
      {},
      { commands: [bar('a')], drifts: [{ drift: 'bar-missing', ...place, suspensionId: 'a' }] },
    ],
    ['what is to be lifted is unbarred', [live('a', 'lifting')], { [INTERNATIONAL]: 'a' }, { commands: [unbar] }],
    ['what is to be lifted and not barred is gone', [live('a', 'lifting')], {}, { gone: ['a'] }],
    [
      'two that want the same are both applied by one bar',
      [live('a', 'applied'), live('b', 'wanted')],
      { [INTERNATIONAL]: 'a' },
      { barred: ['b'] },
    ],
    [
      'two that want the same are barred once',
      [live('a', 'wanted'), live('b', 'wanted')],
      {},
      { commands: [bar('a')] },
    ],
    [
      'a bar passes from the one that is lifted to the one that still wants it, and is never taken away',
      [live('a', 'lifting'), live('b', 'applied')],
      { [INTERNATIONAL]: 'a' },
      { commands: [bar('b')] },
    ],
    [
      'once the bar has passed on, the lifted one is gone',
      [live('a', 'lifting'), live('b', 'applied')],
      { [INTERNATIONAL]: 'b' },
      { gone: ['a'] },
    ],
    [
      'a bar of ours that nothing wants any more is taken away',
      [],
      { [INTERNATIONAL]: 'old' },
      { commands: [unbar], drifts: [{ drift: 'bar-unwanted', ...place, suspensionId: 'old' }] },
    ],
    [
      'a bar that bears the id of one long over passes to one that wants it',
      [live('a', 'wanted')],
      { [INTERNATIONAL]: 'old' },
      { barred: ['a'], commands: [bar('a')] },
    ],
    [
      'a bar that Plafond did not make is left alone',
      [],
      { [INTERNATIONAL]: 'noc-17' },
      { drifts: [{ drift: 'bar-foreign', ...place, key: INTERNATIONAL, found: 'noc-17' }] },
    ],
    [
      'where somebody else bars the class already it is barred, and their bar stays theirs',
      [live('a', 'wanted')],
      { [INTERNATIONAL]: 'noc-17' },
      { barred: ['a'], drifts: [{ drift: 'bar-foreign', ...place, key: INTERNATIONAL, found: 'noc-17' }] },
    ],
    [
      'lifting ours does not lift theirs',
      [live('a', 'lifting')],
      { [INTERNATIONAL]: 'noc-17' },
      { gone: ['a'], drifts: [{ drift: 'bar-foreign', ...place, key: INTERNATIONAL, found: 'noc-17' }] },
    ],
    [
      'a key of no class that Plafond knows is left alone',
      [],
      { '1002:voicemail': 'noc-17' },
      { drifts: [{ drift: 'bar-foreign', key: '1002:voicemail', found: 'noc-17' }] },
    ],
    [
      'an account with a colon in its id keeps its own bars',
      [{ ...live('a', 'wanted'), accountId: 'eu:1002' }],
      { 'eu:1002:international': 'a', [INTERNATIONAL]: 'old' },
      {
        barred: ['a'],
        commands: [unbar],
        drifts: [{ drift: 'bar-unwanted', ...place, suspensionId: 'old' }],
      },
    ],
  ] as [string, LiveSuspension[], Record<string, string>, object][])('%s', (_, suspensions, bars, expected) => {
    expect(found(suspensions, bars)).toEqual({ ...nothing, ...expected });
  });
});
