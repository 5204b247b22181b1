import { describe, expect, it } from '@jest/globals';
import { step, SUSPENSION_STATES, type SuspensionEvent, type SuspensionState } from './states.ts';

const EVENTS = ['approve', 'decline', 'applied', 'lift', 'gone'] as const;

describe('a suspension', () => {
  const steps: [string, SuspensionState, SuspensionEvent, SuspensionState][] = [
    ['that waits is wanted once somebody approves', 'awaiting-approval', 'approve', 'wanted'],
    ['that waits is over once somebody declines', 'awaiting-approval', 'decline', 'declined'],
    ['that is wanted is applied only when it was read back', 'wanted', 'applied', 'applied'],
    ['that is wanted may be on the switch, so it is lifted there too', 'wanted', 'lift', 'lifting'],
    ['that is applied is lifted', 'applied', 'lift', 'lifting'],
    ['that vanished from the switch is wanted again', 'applied', 'gone', 'wanted'],
    ['is lifted only when it was read back', 'lifting', 'gone', 'lifted'],
  ];
  it.each(steps)('%s', (_, state, event, to) => expect(step(state, event)).toEqual({ to }));

  it('takes no other step, and says why', () => {
    for (const state of SUSPENSION_STATES) {
      for (const event of EVENTS) {
        if (steps.some(([, from, by]) => from === state && by === event)) continue;
        expect(step(state, event)).toEqual({ no: { code: expect.any(String), detail: expect.any(String) } });
      }
    }
  });

  it.each([
    ['lifted', 'lift', 'already_lifted'],
    ['lifting', 'lift', 'already_lifting'],
    ['declined', 'approve', 'already_declined'],
    ['awaiting-approval', 'lift', 'awaiting_approval'],
    ['applied', 'approve', 'already_approved'],
  ] as const)('that is %s refuses %s: %s', (state, event, code) => {
    expect(step(state, event)).toMatchObject({ no: { code } });
  });
});
