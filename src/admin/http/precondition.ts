import { Refusal } from '../../kernel/refusal.ts';

/** How a version travels (RFC 9110 §8.8.3). */
export function etag(version: number): string {
  return `"${version}"`;
}

/** The version that `If-Match` names; `undefined` where there is none or it takes any (`*`). */
export function ifMatch(header: string | undefined): number | undefined {
  if (header === undefined || header.trim() === '*') return undefined;
  const version = /^(?:W\/)?"?(\d{1,9})"?$/.exec(header.trim())?.[1];
  if (version === undefined) {
    throw new Refusal('unreadable', 'bad_if_match', 'If-Match must be the ETag that was answered, such as "3"');
  }
  return Number(version);
}
