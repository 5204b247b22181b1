/** Many events of one kind as one message, which counts them and lists the first. Pure. */
import { formatInstant, type Instant } from '../kernel/clock.ts';
import type { EventKind } from './receiver.ts';

export interface OperatorEvent {
  id: string;
  kind: EventKind;
  /** an account, a feed, a receiver */
  subject: string;
  at: Instant;
  text: string;
  /** the trouble is over */
  over: boolean;
  facts: Record<string, unknown>;
}

/** What receivers of every kind are sent. */
export interface OperatorMessage {
  subject: string;
  text: string;
  /** of a webhook; JSON */
  body: Record<string, unknown>;
}

const LISTED_MAX = 10;
const IN_BODY_MAX = 100;

/** `events` in their order, all of one kind; `withheld`: how many more a silence keeps back. */
export function groupMessage(
  kind: EventKind,
  events: readonly OperatorEvent[],
  withheld: number,
  at: Instant,
): OperatorMessage {
  const lines = events.slice(0, LISTED_MAX).map(lineOf);
  const more = events.length - lines.length;
  const subject = subjectOf(kind, events);
  const text = [
    ...lines.map((line) => `- ${line}`),
    ...(more > 0 ? [`… and ${more} more: ${WHERE[kind]}`] : []),
    ...(withheld > 0
      ? [`${withheld} more ${withheld === 1 ? 'is' : 'are'} withheld by a silence: GET /v1/silences`]
      : []),
  ].join('\n');
  const shown = events.slice(0, IN_BODY_MAX).map((event) => ({
    id: event.id,
    at: formatInstant(event.at),
    subject: event.subject,
    text: event.text,
    over: event.over,
    facts: event.facts,
  }));
  const data = { kind, count: events.length, withheld, events: shown };
  return { subject, text, body: { type: `plafond.${kind}`, timestamp: formatInstant(at), data } };
}

const WHERE: Record<EventKind, string> = {
  'notify-operator': 'GET /v1/decisions',
  alarm: 'GET /v1/alarms?open=true',
  'daily-summary': 'GET /v1/daily-summaries',
};

function subjectOf(kind: EventKind, events: readonly OperatorEvent[]): string {
  if (kind === 'alarm') {
    const over = events.filter((event) => event.over).length;
    const raised = events.length - over;
    const parts = [
      ...(raised > 0 ? [`${raised} ${raised === 1 ? 'alarm' : 'alarms'}`] : []),
      ...(over > 0 ? [`all clear${over === 1 ? '' : ` for ${over}`}`] : []),
    ];
    return `Plafond: ${parts.join(', ')}`;
  }
  const one = events.length === 1;
  return one
    ? `Plafond: account ${events[0]!.subject} needs a look`
    : `Plafond: ${events.length} decisions need a look`;
}

function lineOf({ text, over, at }: OperatorEvent): string {
  return `${formatInstant(at)} ${over ? 'all clear: ' : ''}${text}`;
}

/** Slack's own marks in a text are no marks of ours (https://api.slack.com/reference/surfaces/formatting#escaping). */
export function slackBody({ subject, text }: Pick<OperatorMessage, 'subject' | 'text'>): Record<string, unknown> {
  const escape = (plain: string) => plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return { text: `*${escape(subject)}*\n${escape(text)}` };
}
