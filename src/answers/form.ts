/**
 * The one-time token of a form. It is made as a page is shown and kept nowhere, so that looking at a page changes nothing:
 * a signature binds it to the link, to what the button does and to the very text that is agreed to. It is used up when an
 * answer is written down under its id.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Instant } from '../kernel/clock.ts';

/** How long a page may lie open before its buttons stop working. */
export const FORM_MINUTES = 60;

export interface Form {
  /** a UUID: by it a form that is sent twice is known */
  id: string;
  shownAt: Instant;
}

/** What pressing the button does, to the letter: its link, what it is, and what is agreed to. */
export interface Bound {
  decisionId: string;
  answer: string;
  text: string;
}

const TOKEN = /^([0-9a-f-]{36})\.(\d{1,15})\.([\w-]{43})$/;

export function formToken(form: Form, bound: Bound, key: Buffer): string {
  return `${form.id}.${form.shownAt}.${signatureOf(form, bound, key)}`;
}

/** Reads what a form sent: which it is, or why it counts for nothing. */
export function readForm(token: string, bound: Bound, key: Buffer, now: Instant): Form | 'altered' | 'too-old' {
  const [, id, shownAt, signature] = TOKEN.exec(token) ?? [];
  if (id === undefined || signature === undefined) return 'altered';
  const form = { id, shownAt: Number(shownAt) };
  if (!timingSafeEqual(Buffer.from(signature), Buffer.from(signatureOf(form, bound, key)))) return 'altered';
  return now - form.shownAt < FORM_MINUTES * 60_000 ? form : 'too-old';
}

function signatureOf({ id, shownAt }: Form, { decisionId, answer, text }: Bound, key: Buffer): string {
  const signed = JSON.stringify(['plafond form', id, shownAt, decisionId, answer, text]);
  return createHmac('sha256', key).update(signed).digest('base64url');
}
