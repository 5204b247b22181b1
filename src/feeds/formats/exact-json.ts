/**
 * JSON as it was written. JSON.parse reads a number as a float, though a price may have more digits than a float keeps, and
 * of two members of one name it keeps the last and says nothing of it. Strings are passed character by character: the
 * engine of regular expressions gives up on one of millions of escapes.
 */

/** JSON in which an object has two members of one name: which of them is meant nobody can tell (RFC 8259 §4). */
export class NamedTwice extends SyntaxError {
  constructor(name: string) {
    super(`says "${name.length > 40 ? `${name.slice(0, 40)}…` : name}" twice`);
  }
}

/**
 * Parses JSON.
 * @throws SyntaxError, and NamedTwice
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (namesWritten(text) !== namesIn(value)) throw new NamedTwice(firstTwice(text));
  return value;
}

/**
 * Parses JSON, with each number as its text.
 * @throws SyntaxError, and NamedTwice
 */
export function parseExactly(text: string): unknown {
  let quoted = '';
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      NUMBER.lastIndex = at;
      const number = NUMBER.exec(text)?.[0];
      // A minus alone is for JSON.parse to refuse.
      if (number === undefined) continue;
      quoted += `${text.slice(from, at)}"${number}"`;
      from = at + number.length;
      at = from - 1;
    }
  }
  return parseJson(quoted + text.slice(from));
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const QUOTE = 34;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const BACKSLASH = 92;

/** Where the string that begins at `from` is closed; the end of the text where nothing closes it. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at++;
  }
  return text.length;
}

/** How many members JSON has as it is written: each has a colon, and strings apart nothing else has. */
function namesWritten(text: string): number {
  let names = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COLON) names++;
  }
  return names;
}

/** How many members there are in all that was read. Not by recursion: JSON.parse takes any depth. */
function namesIn(value: unknown): number {
  let names = 0;
  const open = [value];
  while (open.length > 0) {
    const each = open.pop();
    if (typeof each !== 'object' || each === null) continue;
    const members: unknown[] = Object.values(each);
    if (!Array.isArray(each)) names += members.length;
    for (const member of members) if (typeof member === 'object' && member !== null) open.push(member);
  }
  return names;
}

/** The first name that an object has twice, in JSON that can be read and has one. */
function firstTwice(text: string): string {
  const objects: Set<string>[] = [];
  let last = '';
  for (let at = 0; at < text.length; at++) {
    const mark = text[at];
    if (mark === '"') {
      const end = endOfString(text, at);
      last = text.slice(at, end + 1);
      at = end;
    } else if (mark === '{') objects.push(new Set());
    else if (mark === '}') objects.pop();
    else if (mark === ':') {
      const name = JSON.parse(last) as string;
      const names = objects.at(-1)!;
      if (names.has(name)) return name;
      names.add(name);
    }
  }
  throw new RangeError('no name stands there twice');
}

/** The elements of JSON that can be read, as they are written; of what is no array, itself. */
export function elementsOf(text: string): string[] {
  if (!/^\s*\[/.test(text)) return [text];
  const elements: string[] = [];
  let from = text.indexOf('[') + 1;
  let depth = 0;
  for (let at = from - 1; at < text.length; at++) {
    const mark = text[at]!;
    if (mark === '"') at = endOfString(text, at);
    else if ('[{'.includes(mark)) depth++;
    else if (']}'.includes(mark)) depth--;
    if (depth > 1 || (mark !== ',' && depth > 0)) continue;
    elements.push(text.slice(from, at));
    from = at + 1;
    if (depth === 0) break;
  }
  return elements;
}
