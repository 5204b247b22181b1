/** The states of a suspension and what moves it from one to the next. Pure; README.md draws it. */

export const SUSPENSION_STATES = ['awaiting-approval', 'wanted', 'applied', 'lifting', 'lifted', 'declined'] as const;
export type SuspensionState = (typeof SUSPENSION_STATES)[number];

/** Said by people and rules: `approve`, `decline`, `lift`. Read back from the switch: `applied` (the class is barred), `gone` (it is not, by us). */
export type SuspensionEvent = 'approve' | 'decline' | 'applied' | 'lift' | 'gone';

/** Why an event does not move a suspension; `code` is a word for programs. */
export interface NoStep {
  code: string;
  detail: string;
}

const NOT_YET: NoStep = {
  code: 'awaiting_approval',
  detail: 'it waits for approval: nothing is barred yet; decline it instead',
};
const NOT_WANTED: NoStep = { code: 'not_wanted', detail: 'nobody wants it on the switch yet' };
const APPROVED: NoStep = { code: 'already_approved', detail: 'it needs no approval any more' };
const IN_FORCE: NoStep = { code: 'already_approved', detail: 'it needs no approval any more: lift it instead' };
const SAME: NoStep = { code: 'unchanged', detail: 'that is known already' };
const LIFTING: NoStep = { code: 'already_lifting', detail: 'it is being lifted' };
const LIFTED: NoStep = { code: 'already_lifted', detail: 'it has been lifted' };
const DECLINED: NoStep = { code: 'already_declined', detail: 'it was declined' };

const every = (no: NoStep) => ({ approve: no, decline: no, applied: no, lift: no, gone: no });

const STEPS: Record<SuspensionState, Record<SuspensionEvent, SuspensionState | NoStep>> = {
  'awaiting-approval': { approve: 'wanted', decline: 'declined', applied: NOT_WANTED, lift: NOT_YET, gone: NOT_WANTED },
  // The switch may have been told already, so it has to be read before this counts as lifted.
  wanted: { approve: APPROVED, decline: IN_FORCE, applied: 'applied', lift: 'lifting', gone: SAME },
  // Gone although nobody lifted it: it is wanted again, and asserted again.
  applied: { approve: APPROVED, decline: IN_FORCE, applied: SAME, lift: 'lifting', gone: 'wanted' },
  lifting: { ...every(LIFTING), gone: 'lifted' },
  lifted: every(LIFTED),
  declined: every(DECLINED),
};

/** The state that follows, or why none does. */
export function step(state: SuspensionState, event: SuspensionEvent): { to: SuspensionState } | { no: NoStep } {
  const next = STEPS[state][event];
  return typeof next === 'string' ? { to: next } : { no: next };
}
