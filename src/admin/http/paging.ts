/** Lists in pages: a cursor says after which row the next page begins; what is added meanwhile moves nothing. */
import type { FastifyRequest } from 'fastify';
import { z, type ZodType } from 'zod';
import { Refusal } from '../../kernel/refusal.ts';

/** How many at most: digits alone, where JavaScript would take `1e3`, `0x10` and ` 5` for numbers as well. */
export const limitUpTo = (most: number) =>
  z.preprocess(
    (text) => (typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : text),
    z
      .int({ error: ({ code }) => (code === 'invalid_type' ? 'must be a whole number, in digits alone' : undefined) })
      .min(1)
      .max(most),
  );

export const pageQuery = z.object({
  cursor: z.string().max(500).optional().meta({ description: 'the `next` of the page before' }),
  limit: limitUpTo(1000).default(100).meta({ description: 'how many at most; 100 where it is not said' }),
});

/** Of what is read, a parameter with nothing behind its `=` (`?account=&since=`) is one that is not given. */
export function leaveOutEmpty(request: FastifyRequest): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') return;
  const given = Object.entries(request.query as Record<string, unknown>).filter(([, value]) => value !== '');
  request.query = Object.fromEntries(given);
}

export interface Page<T> {
  items: T[];
  /** the cursor of the next page; null: this was the last */
  next: string | null;
}

export function pageOf<T extends ZodType>(item: T) {
  return z.object({ items: z.array(item), next: z.string().nullable() });
}

/** Cuts a page from up to `limit + 1` rows: the row too many tells that there is more. */
export function toPage<R, T>(rows: R[], limit: number, position: (row: R) => string, item: (row: R) => T): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? writeCursor(position(last)) : null;
  return { items: shown.map(item), next };
}

function writeCursor(position: string): string {
  return Buffer.from(position, 'utf8').toString('base64url');
}

/** The position a cursor names; `undefined`: from the beginning. */
export function textCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const position = Buffer.from(cursor, 'base64url').toString('utf8');
  if (position === '' || position.includes('\0') || writeCursor(position) !== cursor) throw badCursor();
  return position;
}

/** The same, where positions are whole numbers. */
export function numberCursor(cursor: string | undefined): string | undefined {
  const position = textCursor(cursor);
  if (position !== undefined && !/^\d{1,18}$/.test(position)) throw badCursor();
  return position;
}

function badCursor(): Refusal {
  return new Refusal('invalid', 'bad_cursor', 'this cursor is not one of ours', [
    { field: 'cursor', detail: 'must be the `next` of the page before, unchanged' },
  ]);
}
