/**
 * Any other system, by signed requests in the shape of TM Forum's service activation (TMF640). A bar is a service of the
 * collection that the URL names:
 *
 * - `POST URL` with `{"id":"1001:international","name":"call-barring","state":"active","serviceCharacteristic":[…]}` sets it,
 *   with `"state":"terminated"` takes it away; both may come again. Any answer of 200 to 299 means that it was taken.
 * - `GET URL/{id}` reads it back: the same object, or 404. Only that makes it count.
 * - `GET URL?limit=…` lists all, with how many there are in `X-Total-Count`; a service that is terminated may stand among them.
 * - `POST URL` with `"name":"calls-in-progress","state":"terminated"` ends what runs; answered by `{"left":0}` when none is
 *   left, or by how many still are, and asked again.
 *
 * Every request bears Standard Webhooks' headers: id, timestamp and the signature over `id.timestamp.body`, where a GET's
 * "body" is its path and query.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import { readBounded } from '../../../kernel/bounded-text.ts';
import { SystemClock, toDate } from '../../../kernel/clock.ts';
import { safeReference } from '../account-reference.ts';
import { inParallel } from '../in-parallel.ts';
import {
  keyOf,
  SwitchFailure,
  type Bar,
  type BarKey,
  type NodeLook,
  type SwitchNode,
  type TableEntry,
} from '../switch.ts';

const SENTINEL = 'plafond:filled';
const LISTED_MAX = 5_000;
const AT_ONCE = 4;
const ANSWER_MS_MAX = 5_000;
/** A list of {@link LISTED_MAX} services is some 2 MB. */
const ANSWER_BYTES_MAX = 16 * 1024 ** 2;
const LOOK_AGAIN_MS = [50, 200, 500, 1_000, 2_000, 2_000, 2_000];

const service = z.object({
  id: z.string(),
  state: z.string(),
  serviceCharacteristic: z.array(z.object({ name: z.string(), value: z.unknown() })).optional(),
});
type Service = z.output<typeof service>;
const services = z.array(service);
const callsLeft = z.object({ left: z.number().int().min(0) });

export class WebhookNode implements SwitchNode {
  readonly name: string;
  readonly #url: URL;
  readonly #signer: Webhook;
  readonly #clock = new SystemClock();

  /** Throws where the secret is no Standard Webhooks secret (`whsec_` and base64). */
  constructor(name: string, url: URL, secret: string) {
    this.name = name;
    this.#url = url;
    this.#signer = new Webhook(secret);
  }

  async look(): Promise<NodeLook> {
    const filled = (await this.#find(SENTINEL)) !== undefined;
    const url = new URL(this.#url);
    url.searchParams.set('limit', String(LISTED_MAX));
    const answer = await this.#get(url);
    if (answer.status !== 200) throw refused(answer.status, answer.text);
    const listed = understood(services, answer.text);
    const total = totalOf(answer.headers, listed.length);
    if (total > listed.length) return { filled, count: filled ? total - 1 : total, bars: undefined };
    const found = listed.filter((each) => isActive(each) && each.id !== SENTINEL);
    return { filled, count: found.length, bars: new Map(found.map((each) => [each.id, suspensionOf(each)])) };
  }

  async read(bars: readonly TableEntry[]): Promise<Map<BarKey, string>> {
    const found = new Map<BarKey, string>();
    await inParallel(bars, AT_ONCE, async (bar) => {
      safeReference(bar.accountId);
      const id = await this.#find(keyOf(bar));
      if (id !== undefined) found.set(keyOf(bar), id);
    });
    return found;
  }

  async bar(bar: TableEntry, suspensionId: string): Promise<void> {
    await this.#post(barring(bar, 'active', suspensionId));
  }

  async unbar(bar: TableEntry): Promise<void> {
    await this.#post(barring(bar, 'terminated'));
  }

  async markFilled(): Promise<void> {
    await this.#post({ id: SENTINEL, name: 'call-barring', state: 'active', serviceCharacteristic: [] });
  }

  async endCalls(bar: Bar, spared: ReadonlySet<string> = new Set()): Promise<number> {
    let most = 0;
    for (const pause_ms of [...LOOK_AGAIN_MS, undefined]) {
      const answer = await this.#post(callsOf(bar, spared));
      const { left } = understood(callsLeft, answer);
      if (left === 0) return most;
      most = Math.max(most, left);
      if (pause_ms === undefined) throw new SwitchFailure('wrong', `${left} of its calls can't be ended`);
      await sleep(pause_ms);
    }
    return most;
  }

  /** Such a system posts them, where it has them. */
  async liveCalls(): Promise<undefined> {}

  async close(): Promise<void> {}

  async #find(id: string): Promise<string | undefined> {
    const url = new URL(this.#url);
    url.pathname = `${url.pathname.replace(/\/$/, '')}/${encodeURIComponent(id)}`;
    const { status, text } = await this.#get(url);
    if (status === 404) return undefined;
    if (status !== 200) throw refused(status, text);
    const found = understood(service, text);
    if (found.id !== id) throw new SwitchFailure('wrong', `asked for ${id}, it told of ${found.id}`);
    return isActive(found) ? suspensionOf(found) : undefined;
  }

  #get(url: URL): Promise<Answer> {
    return this.#ask(url, 'GET', `${url.pathname}${url.search}`);
  }

  async #post(body: object): Promise<string> {
    const { status, text } = await this.#ask(this.#url, 'POST', JSON.stringify(body));
    if (status < 200 || status > 299) throw refused(status, text);
    return text;
  }

  async #ask(url: URL, method: 'GET' | 'POST', payload: string): Promise<Answer> {
    const at = toDate(this.#clock.now());
    // Each has an id of its own: a receiver leaves out an id that it has seen, but a bar may be set, lost and set again.
    const id = `plafond_${randomUUID()}`;
    const headers = {
      accept: 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': this.#signer.sign(id, at, payload),
      ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
    };
    try {
      const answer = await fetch(url, {
        headers,
        ...(method === 'POST' ? { method, body: payload } : {}),
        // A POST that is redirected arrives as an empty GET, and at somebody else's.
        redirect: 'manual',
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      const { text, isWhole } = await readBounded(answer.body, ANSWER_BYTES_MAX);
      if (!isWhole) throw new SwitchFailure('wrong', `its answer is longer than ${ANSWER_BYTES_MAX / 1024 ** 2} MB`);
      return { status: answer.status, text, headers: answer.headers };
    } catch (error) {
      if (error instanceof SwitchFailure) throw error;
      const { cause, name, message } = error as {
        cause?: { message?: string; code?: string };
        name?: string;
        message?: string;
      };
      const late = name === 'TimeoutError' ? `no answer within ${ANSWER_MS_MAX / 1_000} s` : undefined;
      const reason = late ?? (cause?.message || cause?.code || message || String(error));
      throw new SwitchFailure('away', reason, { cause: error });
    }
  }
}

interface Answer {
  status: number;
  text: string;
  headers: Headers;
}

/** Those to spared numbers go on. */
function callsOf(bar: Bar, spared: ReadonlySet<string>): Service & { name: string } {
  const service = barring(bar, 'terminated');
  const but = spared.size === 0 ? [] : [{ name: 'spared', value: [...spared] }];
  return {
    ...service,
    name: 'calls-in-progress',
    serviceCharacteristic: [...(service.serviceCharacteristic ?? []), ...but],
  };
}

function barring(bar: TableEntry, state: 'active' | 'terminated', suspensionId?: string): Service & { name: string } {
  const { accountId, scope } = bar;
  return {
    id: keyOf({ accountId: safeReference(accountId), scope }),
    name: 'call-barring',
    state,
    serviceCharacteristic: [
      { name: 'account', value: accountId },
      { name: 'class', value: scope },
      ...(suspensionId === undefined ? [] : [{ name: 'suspension', value: suspensionId }]),
    ],
  };
}

/** How many there are: at least those that it lists. */
function totalOf(headers: Headers, listed: number): number {
  const said = headers.get('x-total-count') ?? String(listed);
  if (!/^\d{1,9}$/.test(said) || Number(said) < listed) {
    throw new SwitchFailure('wrong', `X-Total-Count: ${said.slice(0, 40)}, where it lists ${listed}`);
  }
  return Number(said);
}

function isActive({ state }: Service): boolean {
  return state === 'active';
}

/** The id that a bar bears; one without is somebody else's. */
function suspensionOf({ serviceCharacteristic = [] }: Service): string {
  const value = serviceCharacteristic.find(({ name }) => name === 'suspension')?.value;
  return typeof value === 'string' ? value : '';
}

function understood<T>(schema: z.ZodType<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new SwitchFailure('wrong', `its answer is not understood: ${text.slice(0, 120)}`, { cause: error });
  }
}

const LATER = new Set([408, 425, 429, 500, 502, 503, 504]);

function refused(status: number, text: string): SwitchFailure {
  const story = `HTTP ${status} ${text.slice(0, 120).replaceAll(/\s+/g, ' ')}`.trim();
  return new SwitchFailure(LATER.has(status) ? 'away' : 'wrong', story);
}
