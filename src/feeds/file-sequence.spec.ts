import { describe, expect, it } from '@jest/globals';
import { gapsInWords, sequenceGaps } from './file-sequence.ts';

const pattern = /_(\d+)\.csv$/;
const names = (...numbers: string[]) => numbers.map((number) => `cdr_${number}.csv`);

describe('numbers in the names of files', () => {
  it.each([
    ['follow one another', names('7', '8', '9', '10'), ''],
    ['leave one out', names('7', '9'), '8'],
    ['leave several out, twice', names('01', '05', '06', '09'), '02 to 04, 07 to 08'],
    ['come in another order', names('3', '1', '2'), ''],
    ['come later, which closes a gap', names('1', '3', '2'), ''],
    ['come twice', names('1', '1', '2'), ''],
    ['begin again after the highest of their width', names('998', '999', '000', '001'), ''],
    ['leave one out where they begin again', names('998', '000'), '999'],
    ['come late, from before they began again', names('998', '000', '999'), ''],
    ['have no leading zeros, sorted by name', names('1', '10', '11', '12', '2', '3', '4', '5', '6', '7', '8', '9'), ''],
    ['come late, of fewer digits', names('100', '101', '102', '99'), ''],
    ['come late, of fewer digits, and leave some out', names('100', '101', '102', '40'), '41 to 99'],
    ['outgrow their leading zeros', names('98', '99', '100', '08', '101'), '09 to 97'],
    ['come late, of one digit', names('8', '9', '7'), ''],
    ['stand in no name', ['readme.txt', 'cdr.csv'], ''],
    ['stand in one name', names('5'), ''],
    ['pass over names without one', ['cdr_1.csv', 'notes.csv', 'cdr_2.csv'], ''],
  ])('%s', (_, given, missing) => {
    expect(gapsInWords(sequenceGaps(given, pattern))).toBe(missing);
  });
});
