/** What schemas say of values that are wrong, where they have no words of their own for it. Importing it makes it so. */
import { z } from 'zod';

const EXPECTED: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

/** Such as `must be text, not a number`; undefined: what Zod says. */
export function plainWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(EXPECTED[issue.expected], issue.input);
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return bound(issue.origin, issue.minimum, issue.inclusive === false ? 'above' : 'at least');
    case 'too_big':
      return bound(issue.origin, issue.maximum, issue.inclusive === false ? 'below' : 'at most');
    default:
      return undefined;
  }
}

function wrongType(expected: string | undefined, input: unknown): string | undefined {
  if (input === undefined) return 'is missing';
  if (expected === undefined) return undefined;
  const found = nameOf(input);
  return found === undefined || found === expected ? `must be ${expected}` : `must be ${expected}, not ${found}`;
}

function nameOf(input: unknown): string | undefined {
  if (input === null || typeof input === 'boolean') return String(input);
  if (Array.isArray(input)) return 'a list';
  // What is no number at all came as text; a fraction is told by what it should be.
  return typeof input === 'number' ? (Number.isInteger(input) ? 'a number' : undefined) : EXPECTED[typeof input];
}

function bound(origin: string, limit: number | bigint, how: string): string {
  if (origin === 'number' || origin === 'int' || origin === 'bigint') return `must be ${how} ${limit}`;
  if (limit === 1 && how === 'at least') return 'must not be empty';
  return `must have ${how} ${limit} ${origin === 'string' ? 'characters' : 'entries'}`;
}

z.config({ customError: plainWords });
