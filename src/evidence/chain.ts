/** How entries of evidence hang together: each carries the hash of the one before it. Pure; the formula is in README.md. */
import { createHash } from 'node:crypto';
import { assert } from '../kernel/assert.ts';
import { formatInstant, type Instant } from '../kernel/clock.ts';

/** What the first entry of an account has before it. */
export const GENESIS_HASH = '0'.repeat(64);

/** What an entry's hash is over, beside the hash before it. */
export interface ChainedContent {
  accountId: string;
  /** counts the account's entries, from 1 */
  seq: number;
  at: Instant;
  kind: string;
  /** the body in canonical JSON, as it is stored and shown */
  bodyText: string;
}

/**
 * The hash of an entry: SHA-256, in lower-case hexadecimal, of the canonical JSON of the entry as the API shows it
 * without its `hash`. Each part is a JSON value with a name, so no two entries have the same text.
 */
export function hashEntry(prevHash: string, { accountId, seq, at, kind, bodyText }: ChainedContent): string {
  const text =
    `{"account":${canonicalJson(accountId)},"at":"${formatInstant(at)}","body":${bodyText},` +
    `"kind":${canonicalJson(kind)},"prev_hash":"${prevHash}","seq":${seq}}`;
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Canonical JSON (RFC 8785): keys sorted, no spaces. Numbers that some language would write in another way (bigint,
 * fractions, beyond 2^53) become decimal strings, so that every client recomputes the same text. `undefined` is left out
 * of objects. Throws on what JSON has no word for.
 */
export function canonicalJson(value: unknown): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      // Half a surrogate pair has no UTF-8 and so no hash that everybody agrees on.
      return JSON.stringify(value.replace(/\p{Surrogate}/gu, '\uFFFD'));
    case 'number':
      assert(Number.isFinite(value), `${value} has no place in evidence`);
      return Number.isSafeInteger(value) ? String(value === 0 ? 0 : value) : `"${value}"`;
    case 'bigint':
      return `"${value}"`;
    case 'boolean':
      return String(value);
    case 'object':
      return Array.isArray(value) ? `[${value.map(canonicalJson).join(',')}]` : canonicalObject(value);
    default:
      throw new TypeError(`a ${typeof value} has no place in evidence`);
  }
}

function canonicalObject(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A Date, a Map or the like would silently become something else.
  assert(
    prototype === Object.prototype || prototype === null,
    `evidence holds plain values, not a ${value.constructor?.name}`,
  );
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    // By UTF-16 code units, as RFC 8785 §3.2.3 has it.
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, member]) => `${canonicalJson(name)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
