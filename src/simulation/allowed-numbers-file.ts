/** A file of the numbers that accounts may call whatever is barred, for a replay: `{"1001": ["+31207940000"]}`. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { faultsOf, Refusal } from '../kernel/refusal.ts';

export type AllowedNumbers = ReadonlyMap<string, ReadonlySet<string>>;

const byAccount = z.record(
  z.string(),
  z.array(z.string().regex(/^\+\d{3,15}$/, { error: 'must be E.164, such as +31207940000' })),
);

/** @throws Refusal where the file does not hold lists of numbers by account */
export async function readAllowedNumbers(path: string): Promise<AllowedNumbers> {
  const text = await readFile(path, 'utf8');
  const read = byAccount.safeParse(parsed(text));
  if (!read.success) {
    const faults = faultsOf(read.error.issues);
    throw new Refusal('invalid', 'bad_numbers', `${path}: no lists of numbers by account`, faults);
  }
  return new Map(Object.entries(read.data).map(([account, numbers]) => [account, new Set(numbers)]));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
