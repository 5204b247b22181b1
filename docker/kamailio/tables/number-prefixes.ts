/** The beginnings of numbers that a numbering plan's pattern allows, for switches that look numbers up by prefix. Pure. */

/** A beginning, and one number that begins so and fits the pattern. */
export interface Beginning {
  prefix: string;
  sample: string;
}

/** Up to the first digit that may be any: `^\+39(?:06698\d{1,6})$` begins with `+3906698`. */
export function beginningsOf(pattern: RegExp): Beginning[] {
  return new Reader(pattern.source.replace(/^\^/, '').replace(/\$$/, ''))
    .read()
    .map(({ fixed, rest }) => ({ prefix: fixed, sample: fixed + (rest ?? '') }));
}

/** `rest`: what follows the first digit that may be any; undefined: there has been none. */
interface Piece {
  fixed: string;
  rest: string | undefined;
}

/** Reads what libphonenumber's patterns are made of: digits, classes, `\d`, groups, alternatives and counts. */
class Reader {
  #at = 0;

  constructor(private readonly text: string) {}

  read(): Piece[] {
    const pieces = this.#alternatives();
    if (this.#at < this.text.length) throw new Error(`not understood at ${this.#at}: ${this.text}`);
    return pieces;
  }

  #alternatives(): Piece[] {
    const pieces = this.#sequence();
    while (this.text[this.#at] === '|') {
      this.#at++;
      pieces.push(...this.#sequence());
    }
    return pieces;
  }

  #sequence(): Piece[] {
    let pieces: Piece[] = [{ fixed: '', rest: undefined }];
    while (this.#at < this.text.length && this.text[this.#at] !== '|' && this.text[this.#at] !== ')') {
      const next = this.#atom();
      const [least, most] = this.#count();
      for (let times = 0; times < least; times++) pieces = joined(pieces, next);
      if (least === 0 && most > 0) pieces = [...pieces, ...joined(pieces, next)];
    }
    return pieces;
  }

  #atom(): Piece[] {
    const found = /\\d|\\\+|\(\?:|\[[\d-]+\]|\d/y;
    found.lastIndex = this.#at;
    const [atom] = found.exec(this.text) ?? [];
    if (atom === undefined) throw new Error(`not understood at ${this.#at}: ${this.text}`);
    this.#at += atom.length;
    if (atom === '\\d') return [{ fixed: '', rest: '0' }];
    if (atom === '\\+') return [{ fixed: '+', rest: undefined }];
    if (atom.startsWith('[')) return digitsOf(atom).map((digit) => ({ fixed: digit, rest: undefined }));
    if (atom !== '(?:') return [{ fixed: atom, rest: undefined }];
    const pieces = this.#alternatives();
    if (this.text[this.#at++] !== ')') throw new Error(`not closed: ${this.text}`);
    return pieces;
  }

  #count(): [least: number, most: number] {
    const count = /\?|\{(\d+)(?:,(\d+))?\}/y;
    count.lastIndex = this.#at;
    const found = count.exec(this.text);
    if (!found) return [1, 1];
    this.#at += found[0].length;
    if (found[0] === '?') return [0, 1];
    return [Number(found[1]), Number(found[2] ?? found[1])];
  }
}

function digitsOf(characters: string): string[] {
  const digits: string[] = [];
  for (const [, from, to] of characters.matchAll(/(\d)(?:-(\d))?/g)) {
    for (let digit = Number(from); digit <= Number(to ?? from); digit++) digits.push(String(digit));
  }
  return digits;
}

/** Behind a digit that may be any, one way to go on is as good as another. */
function joined(pieces: readonly Piece[], next: readonly Piece[]): Piece[] {
  return pieces.flatMap((piece) =>
    piece.rest === undefined
      ? next.map(({ fixed, rest }) => ({ fixed: piece.fixed + fixed, rest }))
      : [{ fixed: piece.fixed, rest: piece.rest + next[0]!.fixed + (next[0]!.rest ?? '') }],
  );
}

/**
 * The fewest prefixes of which the longest that a number begins with names its country, given which beginnings are whose.
 * `main` is whose all others are, and gets no line.
 */
export function shortestPrefixes(
  beginnings: ReadonlyMap<string, string>,
  main: string,
): [prefix: string, country: string][] {
  const root = new Node();
  for (const [prefix, country] of beginnings) {
    let node = root;
    node.within.add(country);
    for (const digit of prefix) {
      node = node.next(digit);
      node.within.add(country);
    }
    node.own = country;
  }
  const lines: [string, string][] = [];
  const walk = (node: Node, prefix: string, inherited: string, around: ReadonlySet<string>): void => {
    const here = new Set([...node.within, ...around]);
    const named = here.size === 1 ? [...here][0]! : (node.own ?? inherited);
    if (named !== inherited) lines.push([prefix, named]);
    if (here.size === 1) return;
    const further = node.own === undefined ? around : new Set([...around, node.own]);
    for (const [digit, child] of [...node.children].toSorted()) walk(child, prefix + digit, named, further);
  };
  walk(root, '', main, new Set());
  return lines;
}

class Node {
  readonly children = new Map<string, Node>();
  readonly within = new Set<string>();
  own: string | undefined;

  next(digit: string): Node {
    let child = this.children.get(digit);
    if (!child) this.children.set(digit, (child = new Node()));
    return child;
  }
}
