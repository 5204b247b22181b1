/** How the provider shows itself to its customers: `DATA_DIR/brand.json`, read and checked once at start. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseQuietHours, type QuietHours } from './quiet-hours.ts';

/** For injection. */
export const BRAND = Symbol('BRAND');

export interface Brand {
  /** Under which mails are signed; empty: "your telephone provider". */
  name: string;
  /** What stands at the head of a mail in place of a logo; empty: the name. */
  logoText: string;
  /** Of the head, the button and the chart. */
  colour: string;
  /** `Name <address>` */
  sender: string;
  /** Empty: answers go to the sender. */
  replyTo: string;
  /** Where customers call, as they read it; empty: none is named. */
  phone: string;
  /** When the phones of customers stay silent, by segment; `default` for all others. Nothing is held back without it. */
  quietHours: ReadonlyMap<string, QuietHours | undefined>;
}

const line = (longest: number) =>
  z
    .string()
    .max(longest, { error: `must have at most ${longest} characters` })
    .regex(/^[^\p{Cc}]*$/u, { error: 'must be one line' });

const sender = line(300).regex(/^(?:[^<>]*<[^\s@<>]+@[^\s@<>]+>|[^\s@<>]+@[^\s@<>]+)$/, {
  error: 'must be an address, or "Name <address>"',
});

const quiet = z
  .string()
  .nullable()
  .transform((text, context) => {
    const hours = text === null ? undefined : parseQuietHours(text);
    if (text === null || hours) return hours;
    context.addIssue({ code: 'custom', message: 'must be like "22:00-08:00", or null for none' });
    return z.NEVER;
  });

const form = z.strictObject({
  name: line(60).default(''),
  logo_text: line(60).default(''),
  colour: z
    .string()
    .regex(/^#[0-9a-fA-F]{6}$/, { error: 'must be like #005a9c' })
    .default('#005a9c'),
  sender: sender.optional(),
  reply_to: sender.or(z.literal('')).default(''),
  phone: line(40).default(''),
  quiet_hours: z.record(z.string(), quiet).default({}),
});

/** What `brand.json` says is wrong, in one line. */
export class BadBrand extends Error {}

/** Reads `brand.json` where there is one. Throws {@link BadBrand} naming file and field. */
export function readBrand(path: string, mailFrom: string): Brand {
  const read = form.safeParse(jsonOf(path));
  if (!read.success) {
    const faults = read.error.issues.map(({ path: field, message }) => `${field.join('.') || 'the whole'} ${message}`);
    throw new BadBrand(`${path}: ${faults.join('; ')}`);
  }
  const { name, logo_text, colour, reply_to, phone, quiet_hours } = read.data;
  return {
    name,
    logoText: logo_text || name,
    colour,
    sender: read.data.sender ?? mailFrom,
    replyTo: reply_to,
    phone,
    quietHours: new Map(Object.entries(quiet_hours)),
  };
}

function jsonOf(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadBrand(`${path} is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
}
