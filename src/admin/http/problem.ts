/** Errors as RFC 9457 problem+json, made in one place. */
import { STATUS_CODES } from 'node:http';
import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Outage } from '../../kernel/outage.ts';
import { faultsOf, Refusal, type Fault, type RefusalKind } from '../../kernel/refusal.ts';

export const problem = z
  .object({
    type: z.string().meta({ description: 'urn:plafond:problem:<code>' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().meta({ description: 'a stable word for programs' }),
    instance: z.string().meta({ description: 'the id of the request, as in the log' }),
    errors: z
      .array(z.object({ field: z.string(), detail: z.string(), line: z.int().optional() }))
      .optional()
      .meta({ description: 'every field that is wrong' }),
    import: z
      .looseObject({ import_id: z.string(), received: z.int() })
      .optional()
      .meta({ description: 'of usage that was read in part: what became of those rows, as its answer would say' }),
  })
  .meta({ id: 'Problem' });
export type Problem = z.output<typeof problem>;

/** A refusal that only HTTP knows, with the headers that go with it. */
export class HttpProblem extends HttpException {
  readonly code: string;
  readonly headers: Readonly<Record<string, string | string[]>>;

  constructor(status: number, code: string, detail: string, headers: Record<string, string | string[]> = {}) {
    super(detail, status);
    this.code = code;
    this.headers = headers;
  }
}

const STATUS_OF: Record<RefusalKind, number> = {
  'not-found': 404,
  conflict: 409,
  'changed-meanwhile': 412,
  unreadable: 400,
  invalid: 422,
  'too-large': 413,
  unavailable: 503,
};

const CODE_OF: Record<number, string> = {
  400: 'unreadable',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  406: 'not_acceptable',
  413: 'too_large',
  415: 'unsupported_media_type',
};

const RETRY_AFTER_S = '5';

interface Answer {
  status: number;
  code: string;
  detail: string;
  errors?: readonly Fault[];
  beside?: Readonly<Record<string, unknown>>;
  headers?: Readonly<Record<string, string | string[]>>;
}

const AWAY_CODES: ReadonlySet<string> = new Set(['database_away', 'read_only', 'no_room']);

const log = new Logger('http');
const outage = new Outage('the database', log);

/** Somebody was answered who asked for what the database knows. */
export function databaseAnswered(): void {
  outage.over();
}

/** Answers with what went wrong; what went wrong inside goes to the log alone, where the database is away once for all who ask. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { status, code, detail, errors, beside, headers } = answerTo(error);
  const away = AWAY_CODES.has(code);
  if (away) outage.failed(error);
  if (status >= 500) {
    const story = `${request.method} ${withoutToken(request.url)} (${request.id}): ${describe(error)}`;
    if (away) log.debug(story);
    else log.error(story);
  }
  if (reply.sent) return;
  const body: Problem = {
    type: `urn:plafond:problem:${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    code,
    instance: `urn:uuid:${request.id}`,
    errors: errors?.length ? [...errors] : undefined,
    ...beside,
  };
  // As bytes: a text would be given a charset, which this type does not have.
  const bytes = Buffer.from(JSON.stringify(body));
  void reply
    // Fastify closes the connection on a body that it could not parse; who still sends would then never read this.
    .removeHeader('connection')
    .code(status)
    .headers({ ...headers, 'content-type': 'application/problem+json' })
    .send(bytes);
}

/** The path of a customer's page is a key. */
function withoutToken(url: string): string {
  return url.replace(/^\/a\/[^/?]+/, '/a/***');
}

@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendProblem(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}

function answerTo(error: unknown): Answer {
  if (error instanceof Refusal) {
    const status = STATUS_OF[error.kind];
    const headers: Record<string, string> = status === 503 ? { 'retry-after': RETRY_AFTER_S } : {};
    return { status, code: error.code, detail: error.message, errors: error.faults, beside: error.beside, headers };
  }
  if (error instanceof HttpProblem) {
    return { status: error.getStatus(), code: error.code, detail: error.message, headers: error.headers };
  }
  const status = statusOf(error);
  if (status !== undefined && status < 500) {
    return { status, code: CODE_OF[status] ?? 'refused', detail: error instanceof Error ? error.message : '' };
  }
  if (isDatabaseAway(error)) {
    const headers = { 'retry-after': RETRY_AFTER_S };
    if (errorCode(error) === DISK_FULL) {
      const detail =
        'the database has no room left on its disk; nothing of this was kept, try again when there is some';
      return { status: 503, code: 'no_room', detail, headers };
    }
    if (errorCode(error) === READ_ONLY) {
      const detail = 'the database takes no changes at the moment; nothing of this was kept, try again';
      return { status: 503, code: 'read_only', detail, headers };
    }
    return {
      status: 503,
      code: 'database_away',
      detail: 'the database does not answer at the moment; try again',
      headers,
    };
  }
  return {
    status: 500,
    code: 'internal',
    detail: 'something went wrong here; the log has the details by the request id',
  };
}

/** The status that Nest or Fastify gave their own errors. */
function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined;
}

/** SQLSTATE disk_full. */
const DISK_FULL = '53100';

/** SQLSTATE read_only_sql_transaction: a standby, or one that was made so until its disk has room. */
const READ_ONLY = '25006';

// SQLSTATE classes 08 (connection), 57P (server goes down or comes up), 53 (too many connections, no space); read-only; and
// idle_in_transaction_session_timeout, after this process stood still.
const AWAY_SQLSTATE = /^(?:08...|57P0[1-5]|53...|25006|25P03)$/;
const AWAY_SOCKET = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EAI_AGAIN',
]);
const AWAY_MESSAGE =
  /^(?:Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Driver not Connected|Cannot use a pool after calling end)/;

/** Whether the database can't be reached, by what `pg` and TypeORM throw then. */
export function isDatabaseAway(error: unknown): boolean {
  const code = errorCode(error);
  if (AWAY_SQLSTATE.test(code) || AWAY_SOCKET.has(code)) return true;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway);
  return error instanceof Error && AWAY_MESSAGE.test(error.message);
}

/** The code of an error of Node, Fastify or `pg`; empty where it has none. */
export function errorCode(error: unknown): string {
  const known = typeof error === 'object' && error !== null && 'code' in error;
  return known && typeof error.code === 'string' ? error.code : '';
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** What a schema refuses, as an error of ours. */
export function invalid(issues: readonly { message: string; path?: readonly unknown[] }[]): Refusal {
  const faults = faultsOf(issues);
  const fields = faults.map((fault) => fault.field || 'the body');
  return new Refusal('invalid', 'invalid', `wrong: ${[...new Set(fields)].join(', ')}`, faults);
}
