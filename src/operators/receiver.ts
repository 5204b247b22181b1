/** Who of the billing team is told, by which way and of what. */
import { z } from 'zod';

export const RECEIVER_KINDS = ['email', 'slack', 'webhook'] as const;
export type ReceiverKind = (typeof RECEIVER_KINDS)[number];

/** What there is to tell: decisions that ask for a person, alarms and their all-clear, and how the day before was. */
export const EVENT_KINDS = ['notify-operator', 'alarm', 'daily-summary'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

const SECRET = /^PLAFOND_SECRET_[A-Z0-9_]{1,100}$/;

/**
 * `email` takes an address; `slack` the URL of an incoming webhook, or the name of the variable that holds it, for such a
 * URL is a key; `webhook` a URL and the name of the variable that holds its signing key (Standard Webhooks).
 */
export const receiverForm = z
  .strictObject({
    kind: z.enum(RECEIVER_KINDS, { error: `must be one of ${RECEIVER_KINDS.join(', ')}` }),
    address: z
      .string()
      .max(500)
      .regex(/^[^\p{Cc}\s]*$/u, { error: 'must have no spaces' })
      .default('')
      .meta({ description: 'an e-mail address, or a URL' }),
    secret: z
      .string()
      .regex(SECRET, { error: 'must be the name of a variable of the environment, PLAFOND_SECRET_…' })
      .optional()
      .meta({ description: 'where the workers find the secret; never the secret itself' }),
    events: z
      .array(z.enum(EVENT_KINDS, { error: `must be one of ${EVENT_KINDS.join(', ')}` }))
      .min(1, { error: 'must name at least one kind of event' })
      .refine((events) => new Set(events).size === events.length, { error: 'names a kind twice' })
      .default([...EVENT_KINDS]),
  })
  .superRefine(({ kind, address, secret }, context) => {
    const wrong = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (kind === 'email') {
      if (!/^[^\s@<>]+@[^\s@<>]+$/.test(address)) wrong('address', 'must be an e-mail address');
      if (secret !== undefined) wrong('secret', 'is not needed for an e-mail address');
      return;
    }
    if (kind === 'webhook' && secret === undefined)
      wrong('secret', 'must name the variable that holds the signing key');
    if (kind === 'slack' && address === '' && secret !== undefined) return;
    if (!isWebUrl(address)) wrong('address', 'must be an https:// or http:// URL without a log-in');
  })
  .meta({ id: 'ReceiverForm' });
export type ReceiverForm = z.output<typeof receiverForm>;

export interface Receiver extends ReceiverForm {
  name: string;
}

function isWebUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '';
}
