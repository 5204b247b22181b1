import { describe, expect, it } from '@jest/globals';
import { array, assert, bigInt, maxSafeInteger, oneof, property, string } from 'fast-check';
import { LineWriter } from './line-writer.ts';

const written = (write: (line: LineWriter) => void): string => {
  const line = new LineWriter(1);
  write(line);
  line.endLine();
  return line.take().toString();
};

describe('a line', () => {
  it.each([
    ['a text as it is', (line: LineWriter) => line.text('a1001'), 'a1001\n'],
    [
      'what would end a field behind a backslash',
      (line: LineWriter) => line.text('a\tb\\c\nd\re'),
      'a\\tb\\\\c\\nd\\re\n',
    ],
    ['letters beyond ASCII as UTF-8', (line: LineWriter) => line.text('naïve\t☎'), 'naïve\\t☎\n'],
    ['nothing as an empty field', (line: LineWriter) => line.text(''), '\n'],
    ['no text as NULL', (line: LineWriter) => line.text(undefined), '\\N\n'],
    ['no number as NULL', (line: LineWriter) => line.integer(undefined), '\\N\n'],
    ['zero', (line: LineWriter) => line.integer(0), '0\n'],
    ['a credit', (line: LineWriter) => line.integer(-1_028_060_000n), '-1028060000\n'],
    ['more than a number holds', (line: LineWriter) => line.integer(-(2n ** 63n)), '-9223372036854775808\n'],
    ['an instant', (line: LineWriter) => line.instant('2010-03-14', 9_660_000), '2010-03-14 02:41:00Z\n'],
    [
      'an instant with milliseconds',
      (line: LineWriter) => line.instant('2010-03-14', 9_660_007),
      '2010-03-14 02:41:00.007Z\n',
    ],
  ])('has %s', (_, write, line) => {
    expect(written(write)).toBe(line);
  });

  it('has a tab between its fields, and marks before them', () => {
    const text = written((line) => {
      line.mark('+');
      line.text('a');
      line.integer(7);
      line.text(undefined);
    });
    expect(text).toBe('+a\t7\t\\N\n');
  });

  it('keeps any text and number that comes after any other', () => {
    const field = oneof(
      string({ unit: 'grapheme' }),
      maxSafeInteger(),
      bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    );
    assert(
      property(array(field, { minLength: 1 }), (fields) => {
        const text = written((line) => {
          for (const each of fields) {
            if (typeof each === 'string') line.text(each);
            else line.integer(each);
          }
        });
        const escapes: Record<string, string> = { '\\\\': '\\', '\\t': '\t', '\\n': '\n', '\\r': '\r' };
        const read = text
          .slice(0, -1)
          .split('\t')
          .map((each) => each.replaceAll(/\\[\\tnr]/g, (escape) => escapes[escape]!));
        expect(read).toEqual(fields.map(String));
      }),
    );
  });

  it('stays itself when others follow it was taken', () => {
    const line = new LineWriter(4);
    line.text('first');
    const first = line.take();
    line.text('second text');
    expect([first.toString(), line.take().toString(), line.length]).toEqual(['first\t', 'second text\t', 0]);
  });
});
