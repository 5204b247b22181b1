import { createHash } from 'node:crypto';

const LENGTH_MAX = 64;

/**
 * An id as a part of a file's name or of a Message-ID: letters, digits, `.`, `_` and `-`. Where that changed or cut the
 * id, a digest of the whole keeps two ids from sharing a name.
 */
export function nameOf(id: string): string {
  const plain = id.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, LENGTH_MAX);
  if (plain === id && id !== '') return plain;
  return `${plain}-${createHash('sha256').update(id).digest('hex').slice(0, 12)}`;
}
