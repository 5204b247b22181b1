/** A running Plafond as the command line speaks to it: its HTTP API. */
import { z, type ZodType } from 'zod';

/** What the command line says instead of doing what it was asked; the text is all that a person needs. */
export class CommandFailure extends Error {}

export interface ServerAddress {
  /** `http://127.0.0.1:3000` */
  url: string;
  /** the bearer key; it never goes into a text */
  key: string | undefined;
}

/** A body that is sent as it is read. */
export interface StreamedBody {
  contentType: string;
  contentEncoding?: 'gzip';
  bytes: AsyncIterable<Uint8Array>;
}

interface Request {
  query?: Record<string, string | undefined>;
  ifMatch?: string;
  json?: unknown;
  stream?: StreamedBody;
}

const PAGE_MAX = '1000';

// Of a problem only what is shown; whatever stands between may answer with less.
const problem = z.object({
  title: z.string(),
  detail: z.string().optional(),
  errors: z.array(z.object({ field: z.string(), detail: z.string(), line: z.int().optional() })).optional(),
});

export class Server {
  readonly #base: string;
  readonly #key: string;

  /** Throws {@link CommandFailure} where there is no key, or none that could be sent. */
  constructor({ url, key }: ServerAddress) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.username !== '' || parsed.password !== '') {
      throw new CommandFailure('the address of the server must be like http://127.0.0.1:3000');
    }
    if (key === undefined) throw new CommandFailure('no key: give --key, or set PLAFOND_KEY or PLAFOND_ADMIN_KEY');
    // Otherwise the refusal to send it would quote it.
    if (!/^[\x21-\x7e]+$/.test(key)) throw new CommandFailure('the key has characters that no key has');
    this.#base = `${parsed.origin}${parsed.pathname.replace(/(?:\/v1)?\/*$/, '')}`;
    this.#key = key;
  }

  /** What the server answers to a request, in the shape of `schema`. Throws {@link CommandFailure} for anything else. */
  async ask<T>(method: 'GET' | 'POST' | 'PUT', path: string, schema: ZodType<T>, request: Request = {}): Promise<T> {
    const response = await this.#send(method, path, request);
    const text = await response.text().catch((error: unknown) => this.#unreachable(error));
    const body = parseJson(text);
    if (!response.ok) throw new CommandFailure(describeProblem(response, body));
    const read = schema.safeParse(body);
    if (!read.success) throw new CommandFailure(`what answers at ${this.#base} does not speak like Plafond (${path})`);
    return read.data;
  }

  /** The items of a list, page after page, with no more in memory than one page; or only the first `countMax`. */
  async *list<T>(path: string, item: ZodType<T>, countMax = Infinity): AsyncGenerator<T> {
    const page = z.object({ items: z.array(item), next: z.string().nullable() });
    const limit = countMax < Number(PAGE_MAX) ? String(countMax) : PAGE_MAX;
    let count = 0;
    let cursor: string | undefined;
    do {
      const { items, next } = await this.ask('GET', path, page, { query: { limit, cursor } });
      for (const each of items) {
        if (count++ >= countMax) return;
        yield each;
      }
      cursor = next ?? undefined;
    } while (cursor !== undefined);
  }

  async #send(method: string, path: string, { query = {}, ifMatch, json, stream }: Request): Promise<Response> {
    const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const parameters = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
    const headers: Record<string, string> = { authorization: `Bearer ${this.#key}`, accept: 'application/json' };
    if (ifMatch !== undefined) headers['if-match'] = ifMatch;
    if (json !== undefined) headers['content-type'] = 'application/json';
    if (stream) headers['content-type'] = stream.contentType;
    if (stream?.contentEncoding) headers['content-encoding'] = stream.contentEncoding;
    const body = stream ? { body: stream.bytes, duplex: 'half' as const } : { body: JSON.stringify(json) };
    return fetch(`${this.#base}${path}${parameters}`, { method, headers, redirect: 'manual', ...body }).catch(
      (error: unknown) => this.#unreachable(error),
    );
  }

  #unreachable(error: unknown): never {
    const code = codeOf(causeOf(error)) ?? codeOf(error) ?? 'no answer';
    if (code === 'ECONNREFUSED') {
      throw new CommandFailure(`no Plafond answers at ${this.#base}; start it with npm start`, { cause: error });
    }
    if (code === 'UND_ERR_HEADERS_TIMEOUT') {
      throw new CommandFailure(
        `Plafond at ${this.#base} has not answered for minutes; what it took stays, and sending it again is safe`,
        { cause: error },
      );
    }
    throw new CommandFailure(`cannot speak with ${this.#base}: ${code}`, { cause: error });
  }
}

/** The code of a system error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function causeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
}

/** A problem (RFC 9457) in words: its title and detail, and a line for each wrong field. */
export function describeProblem(response: { status: number; statusText: string }, body: unknown): string {
  const read = problem.safeParse(body);
  if (!read.success) return `${response.status} ${response.statusText}`.trim();
  const { title, detail, errors = [] } = read.data;
  const fields = errors.map((error) => {
    const line = error.line === undefined ? '' : `line ${error.line}: `;
    return `  ${line}${error.field || 'the body'} ${error.detail}`;
  });
  return [detail === undefined ? title : `${title}: ${detail}`, ...fields].join('\n');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
