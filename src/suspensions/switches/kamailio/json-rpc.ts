/** JSON-RPC 2.0 over HTTP as Kamailio speaks it (modules xhttp and jsonrpcs), on connections that are kept open. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { readBounded } from '../../../kernel/bounded-text.ts';
import { SwitchFailure } from '../switch.ts';

export type Answer = { result: unknown } | { error: { code: number; message: string } };

// Malformed requests get no answer at all, and a busy Kamailio answers within milliseconds.
const ANSWER_MS_MAX = 2_000;
// A table of 5,000 bars is some 600 kB.
const ANSWER_BYTES_MAX = 16 * 1024 ** 2;
const CONNECTIONS_MAX = 8;

export class JsonRpc {
  readonly #url: URL;
  readonly #options: RequestOptions;
  readonly #agent: HttpAgent;
  #lastId = 0;

  /** A log-in, `user:password`, becomes HTTP Basic, for a proxy that stands before Kamailio: its RPC knows none. */
  constructor(url: URL, login?: string) {
    this.#url = url;
    const secure = url.protocol === 'https:';
    const options = { keepAlive: true, maxSockets: CONNECTIONS_MAX };
    this.#agent = secure ? new HttpsAgent(options) : new HttpAgent(options);
    this.#options = {
      method: 'POST',
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port,
      path: `${url.pathname}${url.search}`,
      agent: this.#agent,
      auth: login,
    };
  }

  /** Asks once. Throws {@link SwitchFailure}: `away` where nothing comes, `wrong` where what comes is no answer to this. */
  async ask(method: string, params: readonly (string | number)[], ms_max = ANSWER_MS_MAX): Promise<Answer> {
    const id = ++this.#lastId;
    const body = JSON.stringify({ jsonrpc: '2.0', method, params, id });
    const text = await this.#post(body, ms_max);
    return readAnswer(text, id, method);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #post(body: string, ms_max: number): Promise<string> {
    try {
      return await this.#once(body, ms_max);
    } catch (error) {
      // The other side may close an idle connection in the very moment in which it is used: every command may be repeated.
      if (!(error instanceof ClosedWhileIdle)) throw error;
      return this.#once(body, ms_max);
    }
  }

  #once(body: string, ms_max: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const send = this.#url.protocol === 'https:' ? httpsRequest : httpRequest;
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const request = send({ ...this.#options, headers, signal: AbortSignal.timeout(ms_max) }, (answer) => {
        readAll(answer).then(resolve, (error: unknown) => reject(away(error, ms_max)));
      });
      request.on('error', (error) => {
        const code = 'code' in error ? error.code : undefined;
        if (request.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE')) reject(new ClosedWhileIdle());
        else reject(away(error, ms_max));
      });
      request.end(body);
    });
  }
}

class ClosedWhileIdle extends Error {}

async function readAll(answer: IncomingMessage): Promise<string> {
  const { text, isWhole } = await readBounded(answer, ANSWER_BYTES_MAX);
  if (!isWhole) throw new Error(`its answer is longer than ${ANSWER_BYTES_MAX / 1024 ** 2} MB`);
  // Kamailio answers its own errors as JSON with a status of 4xx or 5xx; a proxy's are not JSON.
  const status = answer.statusCode ?? 0;
  if (!text.trimStart().startsWith('{')) {
    const story = `HTTP ${status} ${text.slice(0, 80).replaceAll(/\s+/g, ' ')}`;
    if (status === 502 || status === 503 || status === 504) throw new Error(story);
    throw new SwitchFailure('wrong', `it does not answer JSON-RPC: ${story.trim()}`);
  }
  return text;
}

function away(error: unknown, ms_max: number): SwitchFailure {
  if (error instanceof SwitchFailure) return error;
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  const late = name === 'AbortError' || name === 'TimeoutError' || code === 'ABORT_ERR';
  const story = late ? `no answer within ${ms_max / 1_000} s` : message || code || name || String(error);
  return new SwitchFailure('away', story, { cause: error });
}

/** Reads an answer to the request of this id. Pure. */
function readAnswer(text: string, id: number, method: string): Answer {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new SwitchFailure('wrong', `its answer to ${method} is no JSON: ${text.slice(0, 80)}`);
  }
  if (!isRecord(answer) || answer.id !== id) {
    throw new SwitchFailure('wrong', `its answer to ${method} is none to what was asked: ${text.slice(0, 80)}`);
  }
  if (isRecord(answer.error)) {
    const { code, message } = answer.error;
    return { error: { code: Number(code), message: String(message) } };
  }
  if (!('result' in answer)) throw new SwitchFailure('wrong', `its answer to ${method} has no result`);
  return { result: answer.result };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
