import { basename } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { findProgram } from './find-program.ts';

describe('a program that tests need', () => {
  it('is found by its name and by its path', () => {
    const sh = findProgram('sh');
    expect(basename(sh!)).toBe('sh');
    expect(findProgram(sh!)).toBe(sh);
  });

  it('is missing where nothing can be started under its name', () => {
    expect(findProgram('no-such-program-as-this')).toBeUndefined();
    expect(findProgram(import.meta.filename)).toBeUndefined();
    expect(findProgram('kamailio/no_such_module_as_this.so')).toBeUndefined();
  });
});
