/** What Plafond decided, for whom, when and why. */
import { createHash } from 'node:crypto';
import type { Mode } from '../caps/cap.ts';
import type { Traffic } from '../destinations/traffic.ts';
import { formatInstant, type Instant } from '../kernel/clock.ts';
import { formatAmount, type Micros } from '../kernel/money.ts';

export type DecisionType = 'warn' | 'hold' | 'suspend' | 'restore' | 'notify-operator';
export type Trigger = 'cap' | 'deviation' | 'manual' | 'period-end' | 'correction' | 'guard';

export interface Decision {
  /** made of what identifies the decision: deciding the same twice gives the same id */
  id: string;
  /** when the deciding record became available */
  at: Instant;
  accountId: string;
  type: DecisionType;
  trigger: Trigger;
  /** the cap's word for what is done, such as `suspend:international`; empty where no cap asked */
  action: string;
  capId: string;
  capVersion: number;
  /** the period's name; empty outside any */
  period: string;
  /** of a cap percent, of a deviation the score that acts; undefined outside both */
  threshold: number | undefined;
  traffic: Traffic | '';
  spend: Micros | undefined;
  limit: Micros | undefined;
  currency: string;
  /** the record that decided; empty where none did */
  recordId: string;
  serviceId: string;
  mode: Mode;
  /** a sentence or two for the billing team */
  explanation: string;
  /** of a deviation: in how many account-months a harmless account shows the like once; it acts from `threshold` on */
  score?: number | undefined;
  /** of a deviation: what raised the score, as JSON */
  evidence?: Record<string, unknown> | undefined;
}

/** Whether the customer is to be told; shadow mode only records. */
export function warns(decision: Decision): boolean {
  return decision.type === 'warn' && decision.mode !== 'shadow';
}

/** A decision's id: the same parts give the same id, in every process and in a replay. */
export function decisionId(...parts: (string | number)[]): string {
  const hex = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  // The shape of a UUID version 8 (RFC 9562 §5.8): a name-based value of our own making.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** A decision as it travels, its keys in this order; what does not apply is left out. */
export function decisionResponse(decision: Decision, timeZone: string): Record<string, unknown> {
  const { spend, limit } = decision;
  return {
    id: decision.id,
    at: formatInstant(decision.at, timeZone),
    account: decision.accountId,
    type: decision.type,
    trigger: decision.trigger,
    cap: decision.capId || undefined,
    period: decision.period || undefined,
    threshold: decision.threshold,
    traffic: decision.traffic || undefined,
    spend: spend === undefined ? undefined : formatAmount(spend),
    limit: limit === undefined ? undefined : formatAmount(limit),
    currency: decision.currency,
    record_id: decision.recordId || undefined,
    mode: decision.mode,
    explanation: decision.explanation,
    action: decision.action || undefined,
    service: decision.serviceId || undefined,
    score: decision.score,
    evidence: decision.evidence,
  };
}
