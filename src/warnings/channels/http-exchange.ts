import { readBounded } from '../../kernel/bounded-text.ts';
import { answerLine, failureName } from './answer.ts';

const ANSWER_WAIT_MS_MAX = 20_000;
/** A gateway answers by a line or a small object; whatever else comes shows by its beginning. */
const ANSWER_BYTES_MAX = 64 * 1024;

/** Our own log-in, time-outs and throttling: answers that say nothing about the message itself. */
const RETRY_STATUSES = new Set([401, 407, 408, 425, 429]);

/** An answer of a gateway, or `undefined` in `status` where none came; `text` is then the reason. */
export interface HttpAnswer {
  status: number | undefined;
  text: string;
  /** The status and the text on one line, without secrets. */
  line: string;
}

/**
 * Asks a gateway once, for 20 seconds and 64 kB of an answer at most; a longer one is cut, with `…` at its end. Redirects are
 * not followed: the message belongs to the host that was configured, and a POST that is redirected arrives as an empty GET.
 */
export async function askGateway(url: URL, init: RequestInit, secrets: string[]): Promise<HttpAnswer> {
  try {
    const signal = AbortSignal.timeout(ANSWER_WAIT_MS_MAX);
    const response = await fetch(url, { ...init, redirect: 'manual', signal });
    // The status has been given: a body that breaks off does not undo what the gateway took.
    const read = await readBounded(response.body, ANSWER_BYTES_MAX).catch(() => ({ text: '', isWhole: true }));
    const text = read.isWhole ? read.text : `${read.text}…`;
    return { status: response.status, text, line: answerLine(`${response.status} ${text}`, secrets) };
  } catch (error) {
    const text = failureName(error);
    return { status: undefined, text, line: answerLine(text, secrets) };
  }
}

/** Whether the status judges the message for good. A redirect or a server's failure does not. */
export function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && !RETRY_STATUSES.has(status);
}

/** Takes the log-in out of a URL, for fetch refuses one that carries it. */
export function takeLogin(url: URL): { bare: URL; user: string; password: string } {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return { bare, user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
}
