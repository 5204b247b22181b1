import { describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { cellsOf, type Marks } from './cells.ts';

const RFC: Marks = { separator: ',', quote: '"', escape: '"' };
/** FreeSWITCH quotes every value, and escapes nothing in it. */
const BARE: Marks = { separator: ',', quote: '"', escape: '' };
const SIPWISE: Marks = { separator: ',', quote: "'", escape: '\\' };

describe('a line of CSV', () => {
  it.each<[string, string, Marks, string[] | undefined]>([
    ['has no quotes', 'a,,b,', RFC, ['a', '', 'b', '']],
    ['has a separator in quotes', '"a,b",c', RFC, ['a,b', 'c']],
    ['has a quote doubled', '"a ""b""",c', RFC, ['a "b"', 'c']],
    ['has empty quotes', '"","",x', RFC, ['', '', 'x']],
    ['ends after a separator', '"a",', RFC, ['a', '']],
    ['has a quote inside a bare cell', 'a"b,c', RFC, ['a"b', 'c']],
    ['has a quote that is not closed', '"a,b', RFC, undefined],
    ['has something after a quote', '"a"b,c', RFC, undefined],
    ['escapes a quote', "'it\\'s','x'", SIPWISE, ["it's", 'x']],
    ['escapes an escape', "'a\\\\','b'", SIPWISE, ['a\\', 'b']],
    ['has an escape before another character', "'a\\n','b'", SIPWISE, ['a\\n', 'b']],
    ['ends in an escape', "'a\\", SIPWISE, undefined],
    ['is separated by semicolons', "a;b,c;'d'", { ...SIPWISE, separator: ';' }, ['a', 'b,c', 'd']],
    ['quotes nothing', '"a",b', { separator: ',', quote: '', escape: '' }, ['"a"', 'b']],
    ['is empty', '', RFC, ['']],
    ['escapes nothing', '"a "b"","","c, d"', BARE, ['a "b"', '', 'c, d']],
    ['escapes nothing, and has a name that adds a cell', '"x","y","c"', BARE, ['x', 'y', 'c']],
    ['escapes nothing, and has a name that might be two', '"x",","c"', BARE, undefined],
    ['escapes nothing, and has a quote beside a comma', '"x", y","c"', BARE, ['x', ' y"', 'c']],
    ['escapes nothing, and has a bare cell', '"a",5,"b"', BARE, ['a', '5', 'b']],
    ['escapes nothing, and is one quote', '"', BARE, undefined],
  ])('%s: %s', (_, text, marks, expected) => {
    expect(cellsOf(text, marks)).toEqual(expected);
  });

  const cell = fc.string({ unit: fc.constantFrom('a', 'ü', ' ', ',', '"', "'", '\\', ';') });

  it.each([RFC, SIPWISE, { separator: ';', quote: '"', escape: '\\' }])('comes back as it was written, %j', (marks) => {
    const { separator, quote, escape } = marks;
    const written = (text: string) =>
      quote + [...text].map((c) => (c === quote || c === escape ? escape + c : c)).join('') + quote;
    fc.assert(
      fc.property(fc.array(cell, { minLength: 1 }), (cells) => {
        expect(cellsOf(cells.map(written).join(separator), marks)).toEqual(cells);
      }),
    );
  });

  it('that escapes nothing is never misread where all is quoted and as many cells come out as went in', () => {
    const odd = fc.string({ unit: fc.constantFrom('a', ',', '"') });
    fc.assert(
      fc.property(fc.array(odd, { minLength: 1, maxLength: 6 }), (cells) => {
        const read = cellsOf(cells.map((each) => `"${each}"`).join(','), BARE);
        if (read?.length === cells.length) expect(read).toEqual(cells);
      }),
      { numRuns: 20_000 },
    );
  });

  it('is read as csv-parse reads it, wherever that does', () => {
    fc.assert(
      fc.property(cell, (text) => {
        let theirs: string[] | undefined;
        try {
          theirs = parse(text, { relax_column_count: true, record_delimiter: '\n' })[0] as string[] | undefined;
        } catch {
          return;
        }
        if (theirs) expect(cellsOf(text, RFC)).toEqual(theirs);
      }),
    );
  });
});
