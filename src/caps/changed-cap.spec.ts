import { describe, expect, it } from '@jest/globals';
import { capDefinition, capOf, type Action, type Cap, type Mode } from './cap.ts';
import { changeOf } from './changed-cap.ts';

const cap = (mode: Mode, ...actions: Action[]): Cap =>
  capOf(
    'c1',
    1,
    capDefinition.parse({
      name: 'International',
      traffic: 'international',
      period: 'month',
      limit: '100',
      currency: 'EUR',
      thresholds: [{ percent: 50, actions: ['warn'] }, ...(actions.length > 0 ? [{ percent: 100, actions }] : [])],
      mode,
    }),
  );

describe('a threshold that was crossed before its cap was changed', () => {
  it.each([
    ['stays as it is where the cap asks for the same', cap('enforce', 'warn'), cap('enforce', 'warn'), false, []],
    [
      'does all where the cap was in shadow mode',
      cap('shadow', 'warn', 'suspend:international'),
      cap('enforce', 'warn', 'suspend:international'),
      false,
      ['warn', 'suspend:international'],
    ],
    [
      'does all where the cap was in shadow mode and a person is to approve',
      cap('shadow', 'suspend:premium'),
      cap('approve', 'suspend:premium'),
      false,
      ['suspend:premium'],
    ],
    [
      'does what was added',
      cap('enforce', 'warn'),
      cap('enforce', 'warn', 'suspend:premium'),
      false,
      ['suspend:premium'],
    ],
    ['does nothing in shadow mode', cap('enforce', 'warn'), cap('shadow', 'warn', 'suspend:premium'), false, []],
    ['undoes nothing for shadow mode', cap('enforce', 'suspend:premium'), cap('shadow', 'suspend:premium'), false, []],
    ['takes back its suspension where it is gone', cap('enforce', 'warn', 'suspend:premium'), cap('enforce'), true, []],
    ['takes nothing back where it had only warned', cap('enforce', 'warn'), cap('enforce'), false, []],
    ['takes nothing back that was only recorded', cap('shadow', 'suspend:premium'), cap('shadow'), false, []],
    [
      'takes back the suspension that is asked for no more, and does the others anew',
      cap('enforce', 'warn', 'suspend:premium', 'suspend:international'),
      cap('enforce', 'warn', 'suspend:international'),
      true,
      ['suspend:international'],
    ],
  ] as [string, Cap, Cap, boolean, Action[]][])('%s', (_, before, after, withdraws, does) => {
    const thresholdOf = ({ thresholds }: Cap) => thresholds.find(({ percent }) => percent === 100);
    const done = before.mode === 'shadow' ? ['recorded' as const] : thresholdOf(before)!.actions;
    const { isWithdrawn, due } = changeOf(done, thresholdOf(after), after.mode);
    expect([isWithdrawn, due]).toEqual([withdraws, does]);
  });
});
