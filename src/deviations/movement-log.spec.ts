import { describe, expect, it } from '@jest/globals';
import type { Version } from '../ledger/version.ts';
import { movementsOf } from './movement-log.ts';

const line = (moves: '+' | '-', account: string, record: string, amount: string) =>
  `${moves}${account}\t${record}\tdefault\t\t1268530860000\t600\t0\t\t+31431234567\t+252612345678\tSO\t18\t${amount}\t\t1\t0\tNL\t1268531460000\n`;

const short = (version: Version | undefined) => version && `${version.accountId} ${version.recordId} ${version.amount}`;

describe('an entry of the log', () => {
  it.each([
    ['a new record comes in', [line('+', 'a', 'r', '5')], [[undefined, 'a r 5']]],
    [
      'a later version replaces an earlier one',
      [line('-', 'a', 'r', '5'), line('+', 'a', 'r', '7')],
      [['a r 5', 'a r 7']],
    ],
    ['what is taken out for good is worth nothing', [line('-', 'a', 'r', '5')], [['a r 5', 'a r 0']]],
    [
      'what went to another account leaves the first and comes to the second',
      [line('-', 'a', 'r', '5'), line('+', 'b', 'r', '5')],
      [
        ['a r 5', 'a r 0'],
        [undefined, 'b r 5'],
      ],
    ],
    [
      'what is taken out before another record comes in is not its predecessor',
      [line('-', 'a', 'r', '5'), line('+', 'a', 's', '6')],
      [
        ['a r 5', 'a r 0'],
        [undefined, 'a s 6'],
      ],
    ],
    [
      'a name with a tab and a backslash stays itself',
      [line('+', 'a\\tb\\\\n', 'r', '5')],
      [[undefined, 'a\tb\\n r 5']],
    ],
  ])('tells that %s', (_, lines, told) => {
    expect(movementsOf(lines.join('')).map(({ from, to }) => [short(from), short(to)])).toEqual(told);
  });
});
