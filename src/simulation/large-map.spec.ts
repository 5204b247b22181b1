import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { LargeMap } from './large-map.ts';

describe('a large map', () => {
  it('is like any map, though none of its parts has room for all of it', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ maxLength: 2 }), fc.nat())), (entries) => {
        const large = new LargeMap<number>(3);
        const map = new Map<string, number>();
        for (const [key, value] of entries) {
          large.set(key, value);
          map.set(key, value);
        }
        expect(large.size).toBe(map.size);
        for (const [key, value] of map) expect(large.get(key)).toBe(value);
        expect(large.has('not there')).toBe(false);
        expect(large.get('not there')).toBeUndefined();
      }),
    );
  });
});
