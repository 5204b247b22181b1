/** API keys: `plf_<id>_<secret>`, the id public, the secret 256 random bits; only the SHA-256 of the whole is kept. */
import { createHash, randomBytes } from 'node:crypto';

export interface NewKey {
  /** the public part, by which the key is listed and revoked */
  id: string;
  /** the whole key, shown once */
  key: string;
  hash: Buffer;
}

const KEY = /^plf_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/;

export function makeKey(): NewKey {
  const id = randomBytes(6).toString('hex');
  const key = `plf_${id}_${randomBytes(32).toString('base64url')}`;
  return { id, key, hash: hashKey(key) };
}

/** Whether a text has the form of a key of ours; nothing else needs to be looked up. */
export function isKey(text: string): boolean {
  return KEY.test(text);
}

export function hashKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
