/**
 * A file that counts its own rows in its first line and ends in the MD5 of every byte before its last line, as Sipwise's
 * exporter writes it. Nothing of it may count before its end has been seen, so it is read twice. Pure.
 */
import { createHash } from 'node:crypto';
import { Refusal } from '../../kernel/refusal.ts';

export const FIRST_LINE = /^\d{1,9},(\d{1,9})$/;
export const LAST_LINE = /^[0-9a-f]{32}$/;
const LINE_FEED = 10;
const MARK_LENGTH_MAX = 64;

/** @throws Refusal bad_header, cut_off, bad_checksum, wrong_number_of_lines */
export async function checkSeal(bytes: AsyncIterable<Buffer>): Promise<void> {
  const hash = createHash('md5');
  let lines = 0;
  let first: string | undefined;
  // The line that is being read, as far as it may be the last: what is longer than a checksum is not.
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    let from = 0;
    while (from < chunk.length) {
      const end = chunk.indexOf(LINE_FEED, from);
      const to = end < 0 ? chunk.length : end + 1;
      if (held.at(-1) === LINE_FEED || held.length > MARK_LENGTH_MAX) {
        hash.update(held);
        held = chunk.subarray(from, to);
      } else held = held.length === 0 ? chunk.subarray(from, to) : Buffer.concat([held, chunk.subarray(from, to)]);
      if (end >= 0) {
        lines++;
        first ??= held.toString('latin1').trimEnd();
      }
      from = to;
    }
  }
  if (held.length > 0 && held.at(-1) !== LINE_FEED) lines++;
  const counted = FIRST_LINE.exec(first ?? '')?.[1];
  if (counted === undefined) {
    throw new Refusal('invalid', 'bad_header', `the first line is no "version,lines": "${(first ?? '').slice(0, 80)}"`);
  }
  const last = held.toString('latin1').trimEnd();
  if (!LAST_LINE.test(last)) {
    throw new Refusal('invalid', 'cut_off', 'the last line is no MD5 checksum: the file is cut off, or still growing');
  }
  if (hash.digest('hex') !== last) {
    throw new Refusal('invalid', 'bad_checksum', 'the bytes of the file are not those that its checksum was made of');
  }
  if (lines - 2 !== Number(counted)) {
    throw new Refusal(
      'invalid',
      'wrong_number_of_lines',
      `the first line says ${Number(counted)} lines, but there are ${lines - 2}`,
    );
  }
}
