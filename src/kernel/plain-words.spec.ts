import { describe, expect, it } from '@jest/globals';
import { z, type ZodType } from 'zod';
import { faultsOf } from './refusal.ts';

describe('what a schema says of a value that is wrong', () => {
  it.each<[schema: ZodType, value: unknown, words: string]>([
    [z.string(), undefined, 'is missing'],
    [z.string(), null, 'must be text, not null'],
    [z.string(), 5, 'must be text, not a number'],
    [z.string(), ['a'], 'must be text, not a list'],
    [z.number(), '5', 'must be a number, not text'],
    [z.coerce.number(), 'many', 'must be a number'],
    [z.int(), 1.5, 'must be a whole number'],
    [z.boolean(), 'true', 'must be true or false, not text'],
    [z.object({}), [], 'must be an object, not a list'],
    [z.array(z.string()), {}, 'must be a list, not an object'],
    [z.string().min(1), '', 'must not be empty'],
    [z.string().min(2), 'a', 'must have at least 2 characters'],
    [z.string().max(2), 'abc', 'must have at most 2 characters'],
    [z.array(z.string()).max(1), ['a', 'b'], 'must have at most 1 entries'],
    [z.number().min(1), 0, 'must be at least 1'],
    [z.number().gt(0), 0, 'must be above 0'],
    [z.number().lt(5), 5, 'must be below 5'],
    [z.enum(['yes', 'no']), 'maybe', 'must be one of yes, no'],
    [z.literal('csv'), 'xml', 'must be csv'],
    [z.strictObject({}), { a: 1 }, 'is not known here'],
    [z.string().max(2, { error: 'is too long' }), 'abc', 'is too long'],
  ])('%#: %j', (schema, value, words) => {
    const { issues } = schema.safeParse(value).error!;
    expect(faultsOf(issues).map(({ detail }) => detail)).toEqual([words]);
  });
});
