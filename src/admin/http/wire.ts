/** Forms in which values travel, for the documentation of answers. */
import { z, type ZodType } from 'zod';
import { formatInstant, INSTANT_WANTED, parseInstant } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';

export const instant = z.string().meta({ format: 'date-time', description: 'RFC 3339 with an offset' });

export const amount = z.string().meta({ format: 'decimal', description: 'a decimal string, excluding tax' });

/** A stored instant as it travels; null stays null. */
export function showInstant(at: Date, zone?: string | null): string;
export function showInstant(at: Date | null, zone?: string | null): string | null;
export function showInstant(at: Date | null, zone?: string | null): string | null {
  return at && formatInstant(at.getTime(), zone ?? 'UTC');
}

/** An instant in a query. A `+` that was not escaped arrives as a space, and is taken for what it was. */
export const queryInstant = z
  .string()
  .transform((text) => text.replace(/ (\d\d:\d\d)$/, '+$1'))
  .refine((text) => parseInstant(text) !== undefined, { error: INSTANT_WANTED });

/**
 * A form that takes back what its answer shows: what the server adds to it is passed over, and null is what is not given.
 */
export function asShown<T extends ZodType>(form: T, added: readonly string[]) {
  return z.preprocess((body) => {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
    const given = Object.entries(body).filter(([name, value]) => value !== null && !added.includes(name));
    return Object.fromEntries(given);
  }, form);
}

/** @throws Refusal where a body, as it was sent, is about another `what` than its path, by the `field` that says which */
export function refuseOther(body: unknown, what: string, field: string, inPath: unknown): void {
  const said = (body as Readonly<Record<string, unknown>>)[field] ?? inPath;
  const wanted = JSON.stringify(inPath);
  if (JSON.stringify(said) === wanted) return;
  const fault = { field, detail: `must be ${typeof inPath === 'string' ? inPath : wanted}, as in the path` };
  throw new Refusal('invalid', `other_${what}`, `the body is about another ${what} than the path`, [fault]);
}
