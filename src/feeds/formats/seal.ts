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
const SHOWN_MAX = 80;

/** @throws Refusal bad_header, cut_off, bad_checksum, wrong_number_of_lines */
export async function checkSeal(bytes: AsyncIterable<Buffer>): Promise<void> {
  const hash = createHash('md5');
  let lines = 0;
  let begins: Buffer = Buffer.alloc(0);
  let counted: number | undefined;
  // The line that is being read, as far as it may be the last: what is longer than a checksum is not.
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    // Looked at once, and hashed at once: a line may be a single byte.
    for (let at = 0; at < chunk.length; at++) if (chunk[at] === LINE_FEED) lines++;
    if (counted === undefined) {
      begins = Buffer.concat([begins, chunk.subarray(0, SHOWN_MAX)]);
      if (begins.includes(LINE_FEED) || begins.length >= SHOWN_MAX) counted = linesSaid(begins);
    }
    const text = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    // What ends in a line feed may be the last line with its end.
    const last = text.subarray(0, -1).lastIndexOf(LINE_FEED) + 1;
    const from = text.length - last > MARK_LENGTH_MAX ? text.length : last;
    hash.update(text.subarray(0, from));
    held = text.subarray(from);
  }
  counted ??= linesSaid(begins);
  if (held.length > 0 && held.at(-1) !== LINE_FEED) lines++;
  const last = held.toString('latin1').trimEnd();
  if (!LAST_LINE.test(last)) {
    throw new Refusal('invalid', 'cut_off', 'the last line is no MD5 checksum: the file is cut off, or still growing');
  }
  if (hash.digest('hex') !== last) {
    throw new Refusal('invalid', 'bad_checksum', 'the bytes of the file are not those that its checksum was made of');
  }
  if (lines - 2 !== counted) {
    throw new Refusal(
      'invalid',
      'wrong_number_of_lines',
      `the first line says ${counted} lines, but there are ${lines - 2}`,
    );
  }
}

/** How many lines the first one says that there are. @throws Refusal bad_header */
function linesSaid(begins: Buffer): number {
  const first = begins.toString('latin1').split('\n', 1)[0]!.trimEnd();
  const said = FIRST_LINE.exec(first)?.[1];
  if (said !== undefined) return Number(said);
  const shown = first.slice(0, SHOWN_MAX);
  throw new Refusal('invalid', 'bad_header', `the first line is no "version,lines": "${shown}"`);
}
