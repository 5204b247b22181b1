/** A decision about one suspension, by a person or because its time is over, and its entry of evidence. Pure. */
import type { Account } from '../../accounts/account.ts';
import { barredTraffic, isHoldScope, type BarScope } from '../../caps/barring.ts';
import { decisionId, decisionResponse, type Decision, type Trigger } from '../../decisions/decision.ts';
import type { NewEvidence } from '../../evidence/append.ts';
import { formatInstant, type Instant } from '../../kernel/clock.ts';
import type { SuspensionRow } from '../../suspensions/store.ts';
import type { PlannedMessage } from '../../warnings/plan.ts';
import { warningsOf } from '../deciding/decision-evidence.ts';

export interface AboutSuspension {
  suspension: { id: string; class: BarScope; capId: string; period: string };
  account: Pick<Account, 'accountId' | 'currency'>;
  /** `notify-operator` where nothing changes on the switch */
  type: 'suspend' | 'restore' | 'notify-operator';
  trigger: Trigger;
  at: Instant;
  explanation: string;
}

export function suspensionDecision(about: AboutSuspension): Decision {
  const { suspension, account, type, trigger, at, explanation } = about;
  const bars = type === 'suspend';
  const word = isHoldScope(suspension.class) ? 'hold' : 'suspend';
  return {
    // A suspension is wanted once and ended once, so this names the decision; made twice, it is the same.
    id: decisionId('suspension', suspension.id, type, trigger),
    at,
    accountId: account.accountId,
    type: bars ? word : type,
    trigger,
    action: bars ? `${word}:${suspension.class}` : '',
    capId: suspension.capId,
    capVersion: 0,
    period: suspension.period,
    threshold: undefined,
    traffic: barredTraffic(suspension.class),
    spend: undefined,
    limit: undefined,
    currency: account.currency,
    recordId: '',
    serviceId: '',
    mode: 'enforce',
    explanation,
  };
}

/** The suspension that a row of the database tells of, as a decision names it. */
export function aboutRow(row: SuspensionRow): AboutSuspension['suspension'] {
  return { id: row.suspension_id, class: row.class, capId: row.cap_id ?? '', period: row.period };
}

/** What was decided, by whom and why, and the suspension as it stands since. */
export function decisionEvidence(
  decision: Decision,
  row: SuspensionRow,
  timeZone: string,
  said: { by: string; reason?: string; messages?: readonly PlannedMessage[] },
): NewEvidence {
  return {
    accountId: decision.accountId,
    at: decision.at,
    kind: 'decision',
    body: {
      decision: decisionResponse(decision, timeZone),
      by: said.by,
      reason: said.reason,
      suspension_terms: row.terms,
      ...(said.messages && said.messages.length > 0 ? { warnings: warningsOf(said.messages, timeZone) } : {}),
      suspension: {
        id: row.suspension_id,
        class: row.class,
        state: row.state,
        ends_at: row.ends_at === null ? 'by hand' : formatInstant(row.ends_at.getTime(), timeZone),
      },
    },
  };
}
