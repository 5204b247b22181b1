import { describe, expect, it } from '@jest/globals';
import type { Version } from '../ledger/version.ts';
import { accountsIn, linesOf, movementsOf } from './movement-lines.ts';

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

  it('names the accounts of its lines', () => {
    const lines = line('-', 'a', 'r', '5') + line('+', 'b\\tc', 'r', '5') + line('+', 'a', 's', '6');
    expect([...accountsIn(lines)]).toEqual(['a', 'b\tc', 'a']);
    expect([...accountsIn('')]).toEqual([]);
  });

  it.each([
    ['breaks off in a text', line('+', 'a', 'r', '5').slice(0, 20)],
    ['breaks off in a number', line('+', 'a', 'r', '5').slice(0, 30)],
    ['has no cells', '+'],
  ])('is not read where it %s', (_, lines) => {
    const whole = line('+', 'b', 's', '6');
    expect(() => movementsOf(whole + lines)).toThrow('the log of movements can not be read from its character');
    expect(() => [...accountsIn(whole + lines)]).toThrow('the log of movements can not be read from its character');
  });

  it('is not read where it has a word for a number', () => {
    expect(() => movementsOf(line('+', 'a', 'r', 'five'))).toThrow('the log of movements can not be read');
  });

  it('reads back what it was told, and is told nothing of what only confirms', () => {
    const [read] = movementsOf(line('+', 'a', 'r', '9007199254740993'));
    const version = read!.to;
    const credit: Version = { ...version, recordId: 's', amount: -123_456n, cost: -7n, units: 12n, revision: 3 };
    const confirmed: Version = { ...version, state: 'final', tariff: 'night' };
    const dearer: Version = { ...confirmed, amount: version.amount + 1n };
    const logged = (moved: readonly { from: Version | undefined; to: Version | undefined }[]) =>
      linesOf([{ source: undefined, batch: 1, moved }], () => true).flatMap(({ lines }) =>
        movementsOf(lines.take().toString()),
      );
    expect(
      logged([
        { from: undefined, to: version },
        { from: undefined, to: credit },
      ]),
    ).toEqual([
      { from: undefined, to: version },
      { from: undefined, to: credit },
    ]);
    expect(logged([{ from: version, to: confirmed }])).toEqual([]);
    expect(logged([{ from: version, to: dearer }])).toEqual([{ from: version, to: { ...dearer, tariff: '' } }]);
  });
});
