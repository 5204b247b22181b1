/** The end of a suspension at the end of the period for which it was. Pure. */
import type { Instant } from '../kernel/clock.ts';
import type { BarringClass } from '../caps/barring.ts';
import { decisionId, type Decision } from './decision.ts';

/** What is decided when the period of a suspension ends; `suspended` is the decision that had suspended. */
export function decideReinstatement(suspended: Decision, barred: BarringClass, at: Instant): Decision {
  return {
    ...suspended,
    id: decisionId('reinstate', suspended.id),
    at,
    type: 'restore',
    trigger: 'period-end',
    recordId: '',
    spend: undefined,
    explanation: `The period ${suspended.period} has ended: the suspension of ${barred} routes of account ${suspended.accountId} is lifted.`,
  };
}
