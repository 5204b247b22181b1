/**
 * From a threshold that was crossed to what is done about it, with the reason in words for the billing team. Pure: the
 * same crossing at the same instant decides the same, live and in a replay.
 */
import type { Crossing } from '../caps/crossing.ts';
import { suspendedClass } from '../caps/barring.ts';
import type { Action } from '../caps/cap.ts';
import type { Instant } from '../kernel/clock.ts';
import { formatAmount } from '../kernel/money.ts';
import { decisionId, warns, type Decision, type DecisionType, type Trigger } from './decision.ts';

export function decide(crossing: Crossing, at: Instant): Decision[] {
  if (crossing.direction === 'fell') return [decideFall(crossing, at)];
  if (crossing.direction === 'withdrawn') return [decideWithdrawal(crossing, at)];
  if (at >= crossing.period.to) {
    const late = `${told(crossing)} The period had ended when this became known: nothing is suspended and the customer is not warned.`;
    return [make(crossing, at, 'notify-operator', 'cap', 'notify-operator', late)];
  }
  const { actions } = crossing.threshold;
  const suspends = actions.filter((action) => suspendedClass(action) !== undefined);
  if (crossing.again) {
    // Warned once is enough; but a bar that a correction had lifted is wanted again.
    const reason = `${told(crossing)} It had fallen below and is reached again, ${cause(crossing)}.`;
    return suspends.map((action) => suspend(crossing, at, action, correctedBy(crossing), reason));
  }
  const isArmed = crossing.direction === 'armed';
  const trigger = isArmed ? (crossing.occasion?.trigger === 'correction' ? 'correction' : 'manual') : 'cap';
  const reason = isArmed ? `${told(crossing)} The cap acts on it ${armedBy(crossing)}.` : told(crossing);
  return actions.flatMap((action) => {
    if (suspends.includes(action)) return [suspend(crossing, at, action, trigger, reason)];
    const type = action === 'warn' ? 'warn' : 'notify-operator';
    const decision = make(crossing, at, type, trigger, action, reason);
    return warns(decision) && !isReachable(crossing.account) ? [decision, cannotWarn(decision)] : [decision];
  });
}

function armedBy({ occasion }: Crossing): string {
  return occasion?.words ?? 'since it was changed';
}

function isReachable({ email, msisdn }: Crossing['account']): boolean {
  return email !== '' || msisdn !== '';
}

/** Where there is no way to warn the customer, the billing team has to know. */
function cannotWarn(decision: Decision): Decision {
  return {
    ...decision,
    id: decisionId('no-channel', decision.id),
    type: 'notify-operator',
    explanation: `${decision.explanation} The customer could not be warned: no e-mail address and no mobile number on file.`,
  };
}

function suspend(crossing: Crossing, at: Instant, action: Action, trigger: Trigger, reason: string): Decision {
  const { account, meter } = crossing;
  if (account.suspensionTerms === '') {
    const refused = `${reason} Not suspended (${action}): no suspension_terms on file for account ${account.accountId}, so the billing team decides.`;
    return make(crossing, at, 'notify-operator', trigger, action, refused);
  }
  const how =
    meter.cap.mode === 'shadow'
      ? 'Shadow mode: recorded only.'
      : meter.cap.mode === 'approve'
        ? `Waits for approval; agreed by ${account.suspensionTerms}.`
        : `Agreed by ${account.suspensionTerms}.`;
  return make(crossing, at, 'suspend', trigger, action, `${reason} ${how}`);
}

function decideFall(crossing: Crossing, at: Instant): Decision {
  const { meter, threshold, period } = crossing;
  const suspends = threshold.actions.some((action) => suspendedClass(action) !== undefined);
  const fell = `${spent(crossing)}: below ${threshold.percent} % of the limit of ${money(crossing, meter.cap.limit)} again, ${cause(crossing)}.`;
  const trigger = correctedBy(crossing);
  if (!suspends || at >= period.to) return make(crossing, at, 'notify-operator', trigger, '', fell);
  return lift(crossing, at, trigger, fell);
}

/** A suspension that the cap asks for no more ends as one whose threshold is no longer reached. */
function decideWithdrawal(crossing: Crossing, at: Instant): Decision {
  const { meter, threshold } = crossing;
  const reason = `The cap "${meter.cap.name}" was changed and does not suspend at ${threshold.percent} % of its limit any more.`;
  // It is not about what was spent.
  return { ...lift(crossing, at, 'manual', reason), spend: undefined };
}

/** A cap that is lifted by hand only is so by a person who raises the limit for a while. */
function lift(crossing: Crossing, at: Instant, trigger: Trigger, reason: string): Decision {
  const notify = (story: string) => make(crossing, at, 'notify-operator', trigger, '', `${reason} ${story}`);
  if (crossing.account.suspensionTerms === '' && !crossing.hadSuspended) return notify('Nothing had been suspended.');
  if (crossing.meter.cap.reinstate === 'manual' && !crossing.occasion)
    return notify('The cap is lifted by hand only: a person decides.');
  return make(crossing, at, 'restore', trigger, '', `${reason} What it had suspended is lifted.`);
}

/** What goes back and forth over a threshold does so by corrections of usage, or by a limit that is changed. */
function correctedBy(crossing: Crossing): Trigger {
  return crossing.record ? 'correction' : (crossing.occasion?.trigger ?? 'manual');
}

function cause(crossing: Crossing): string {
  return crossing.record ? 'by a correction' : (crossing.occasion?.words ?? 'since the cap was changed');
}

function make(
  crossing: Crossing,
  at: Instant,
  type: DecisionType,
  trigger: Trigger,
  action: string,
  explanation: string,
): Decision {
  const { account, meter, period, threshold, spend, record, occasion } = crossing;
  const { cap } = meter;
  // A crossing acts once, so cap, account, period and threshold identify what it decides; what corrections undo and
  // redo may come more than once, so those say when and by which record, or else version of the cap, which may change twice
  // within a millisecond. While an uplift is in force the limit is another.
  const once =
    trigger === 'cap' && !occasion
      ? cap.uplift === 0n
        ? []
        : [`uplift ${cap.uplift}`]
      : [at, record?.recordId ?? '', record?.revision ?? cap.version, record?.state ?? ''];
  return {
    id: decisionId(cap.id, account.accountId, period.name, threshold.percent, type, trigger, action, ...once),
    at,
    accountId: account.accountId,
    type,
    trigger,
    action,
    capId: cap.id,
    capVersion: cap.version,
    period: period.name,
    threshold: threshold.percent,
    traffic: cap.traffic,
    spend,
    limit: cap.limit,
    currency: account.currency,
    recordId: record?.recordId ?? '',
    serviceId: meter.serviceId,
    mode: cap.mode,
    explanation,
  };
}

function told(crossing: Crossing): string {
  const { meter, threshold } = crossing;
  return `${spent(crossing)}: ${threshold.percent} % of the limit of ${money(crossing, meter.cap.limit)} reached (cap "${meter.cap.name}").`;
}

function spent(crossing: Crossing): string {
  const { account, meter, period, spend } = crossing;
  const who =
    meter.serviceId === ''
      ? `Account ${account.accountId}`
      : `Service ${meter.serviceId} of account ${account.accountId}`;
  const rolling = /^rolling:(\d+)h$/.exec(meter.cap.period)?.[1];
  const when =
    rolling === undefined ? period.name : `the ${rolling === '1' ? 'hour' : `${rolling} hours`} up to ${period.name}`;
  const what = meter.cap.traffic === 'all' ? 'all traffic' : `${meter.cap.traffic} traffic`;
  return `${who} spent ${money(crossing, spend)} on ${what} in ${when}${running(crossing)}`;
}

/** Calls in progress, where they count. */
function running(crossing: Crossing): string {
  const { exposure } = crossing;
  if (!exposure || exposure.calls.length === 0) return '';
  const { length } = exposure.calls;
  const calls = length === 1 ? 'a call in progress has' : `${length} calls in progress have`;
  return `, and ${calls} come to ${money(crossing, exposure.amount)} more`;
}

function money(crossing: Crossing, amount: bigint): string {
  return `${formatAmount(amount)} ${crossing.account.currency}`;
}
