/** How bodies are read: JSON parsed and bounded, what is large as a bounded stream. */
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { GZIP, UNPACKED_TIMES_MAX } from '../../feeds/sources/drop-folder.ts';
import { gunzipped } from '../../feeds/sources/gunzip.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { errorCode, HttpProblem } from './problem.ts';

const JSON_BYTES_MAX = 1024 ** 2;
const RECEIVED_BYTES_MAX = 64 * 1024 ** 2;

/** A document is read as a whole, so what is made to unfold has to show early. */
const UNSUSPICIOUS_BYTES = 8 * 1024 ** 2;

const FORM_BYTES_MAX = 16 * 1024;

const PARSED_TYPES = ['application/json'];
const FORM_TYPES = ['application/x-www-form-urlencoded'];

/** Takes the place of Fastify's parsers. A route's `streams` says which types it reads itself, `forms` that it takes a browser's form; all others take JSON. */
export function parseBodies(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', async (request: FastifyRequest, payload: Readable) => {
    const { streams, forms } = request.routeOptions.config;
    const type = mediaType(request);
    const taken = streams ?? (forms ? FORM_TYPES : PARSED_TYPES);
    if (!taken.includes(type)) throw unsupported(`this takes ${taken.join(', ')}, not ${type || 'an unnamed type'}`);
    if (streams) return payload;
    return forms ? parseForm(payload) : parseJson(payload, request);
  });
}

async function parseJson(payload: Readable, request: FastifyRequest): Promise<unknown> {
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw unsupported('only usage and accounts are taken compressed');
  }
  const chunks: Buffer[] = [];
  for await (const chunk of bounded(chunksOf(payload), JSON_BYTES_MAX, 'a body')) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text, text.includes('\\u0000') ? withoutNul : undefined);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('unreadable', 'bad_json', `the body is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
}

function withoutNul(key: string, value: unknown): unknown {
  if (key.includes('\0') || (typeof value === 'string' && value.includes('\0'))) throw holdsNul('the body');
  return value;
}

/** The one character that PostgreSQL keeps in no text; it is in none that anybody means. To be called of each request. */
export function refuseNul({ url }: FastifyRequest): void {
  if (url.includes('%00')) throw holdsNul('the address');
}

function holdsNul(what: string): Refusal {
  return new Refusal('unreadable', 'nul_character', `${what} has the character U+0000, which no text here may have`);
}

/** A form's fields as a browser sends them; of a name that comes twice the last counts. */
async function parseForm(payload: Readable): Promise<Record<string, string>> {
  const chunks: Buffer[] = [];
  for await (const chunk of bounded(chunksOf(payload), FORM_BYTES_MAX, 'a form')) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  if (text.includes('%00') || text.includes('\0')) throw holdsNul('the form');
  return Object.fromEntries(new URLSearchParams(text));
}

/** The type of the body without its parameters, in lower case; empty where none is named. */
export function mediaType(request: FastifyRequest): string {
  const [type = '', ...parameters] = (request.headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters.map((each) => /^\s*charset="?([^"\s]+)"?\s*$/.exec(each)?.[1]).find(Boolean);
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
    throw unsupported('text must be UTF-8; what its feed reads as Latin-1 comes without a charset');
  return type.trim();
}

/**
 * The bytes of a streamed body, unpacked where they came gzipped, whether a header says so or not. Bounded on both sides, so that a small body can't
 * unfold into one that fills the memory or the disk.
 */
export function bodyBytes(request: FastifyRequest, unpackedBytesMax: number): AsyncIterable<Buffer> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  // Without any body and any type there was nothing to parse.
  const payload = request.body as Readable | undefined;
  // Else most of it would count before it is refused.
  if (Number(request.headers['content-length']) > RECEIVED_BYTES_MAX) throw tooLarge('a body', RECEIVED_BYTES_MAX);
  const received = bounded(payload ? chunksOf(payload) : [], RECEIVED_BYTES_MAX, 'a body');
  if (encoding === 'identity') return unpackedWhereGzipped(received, unpackedBytesMax);
  if (encoding !== 'gzip' && encoding !== 'x-gzip') throw unsupported(`only gzip is unpacked, not ${encoding}`);
  return unpacked(received, unpackedBytesMax);
}

async function* unpackedWhereGzipped(received: AsyncGenerator<Buffer>, bytesMax: number): AsyncGenerator<Buffer> {
  let beginning = Buffer.alloc(0);
  const whole = async function* () {
    yield beginning;
    yield* received;
  };
  try {
    while (beginning.length < GZIP.length) {
      const { value, done } = await received.next();
      if (done) break;
      beginning = Buffer.concat([beginning, value]);
    }
    yield* beginning.subarray(0, GZIP.length).equals(GZIP) ? unpacked(whole(), bytesMax) : whole();
  } finally {
    // Whoever reads no further than the beginning would else hold on to the rest.
    void received.return(undefined).catch(() => undefined);
  }
}

async function* unpacked(received: AsyncIterable<Buffer>, bytesMax: number): AsyncGenerator<Buffer> {
  let packed = 0;
  const counted = async function* () {
    for await (const chunk of received) {
      packed += chunk.length;
      yield chunk;
    }
  };
  let size = 0;
  try {
    for await (const chunk of bounded(gunzipped(counted()), bytesMax, 'an unpacked body')) {
      size += chunk.length;
      if (size > UNSUSPICIOUS_BYTES && size > UNPACKED_TIMES_MAX * packed) {
        const words = `${packed} bytes unpack to more than ${UNPACKED_TIMES_MAX} times as much: that is no usage`;
        throw new Refusal('too-large', 'too_large', words);
      }
      yield chunk;
    }
  } catch (error) {
    if (!errorCode(error).startsWith('Z_')) throw error;
    throw new Refusal(
      'unreadable',
      'bad_gzip',
      'the body says it is gzipped, but can not be unpacked to its end: send it whole, or, where it is not gzipped, without Content-Encoding',
    );
  }
}

/** A request that is left before its end is not destroyed: {@link passOver} has to take the rest. */
function chunksOf(payload: Readable): AsyncIterable<Buffer> {
  return payload.iterator({ destroyOnReturn: false });
}

/**
 * Takes what an answered request still brings, and drops it: else the next one on its connection is never read. Whoever was
 * unpacking it may let go of it only later, and then it flows on because somebody listens.
 */
export function passOver(request: FastifyRequest): void {
  if (!request.raw.readableEnded) request.raw.on('data', () => undefined).resume();
}

async function* bounded(
  source: AsyncIterable<Buffer> | Buffer[],
  bytesMax: number,
  what: string,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  try {
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw tooLarge(what, bytesMax);
      yield chunk;
    }
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ECONNRESET' && code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    throw new Refusal('unreadable', 'broken_off', 'the body broke off before its end');
  }
}

function tooLarge(what: string, bytesMax: number): Refusal {
  return new Refusal('too-large', 'too_large', `${what} may have ${bytesMax / 1024 ** 2} MB at most; send it in parts`);
}

function unsupported(detail: string): HttpProblem {
  return new HttpProblem(415, 'unsupported_media_type', detail);
}
