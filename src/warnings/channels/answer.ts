import { isNativeError } from 'node:util/types';

const LENGTH_MAX = 200;

/** What a gateway said, on one line of bounded length, with every secret it may have echoed struck out. */
export function answerLine(text: string, secrets: string[] = []): string {
  const known = secrets.filter((secret) => secret !== '').flatMap((secret) => [secret, encodeURIComponent(secret)]);
  const struck = known.reduce((line, secret) => line.replaceAll(secret, '***'), text);
  const line = struck.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim();
  return line.length > LENGTH_MAX ? `${line.slice(0, LENGTH_MAX)}…` : line;
}

/** Why no answer came, as the system names it: `ECONNREFUSED: connect …`, `TimeoutError: …`. */
export function failureName(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('cause' in error && isNativeError(error.cause)) return failureName(error.cause);
  const name = errorCode(error) ?? ('name' in error ? String(error.name) : 'Error');
  return 'message' in error && error.message !== '' ? `${name}: ${String(error.message)}` : name;
}

/** The system's or the library's code of an error, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
