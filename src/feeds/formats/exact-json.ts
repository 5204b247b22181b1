/**
 * JSON whose numbers stay as they were written. JSON.parse reads a number as a float, and a price may have more digits
 * than a float keeps.
 */
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Parses JSON, with each number as its text.
 * @throws SyntaxError
 */
export function parseExactly(text: string): unknown {
  let quoted = '';
  let at = 0;
  for (;;) {
    const begins = text.indexOf('"', at);
    const between = begins < 0 ? text.slice(at) : text.slice(at, begins);
    quoted += /\d/.test(between) ? between.replace(NUMBER, '"$&"') : between;
    if (begins < 0) return JSON.parse(quoted);
    const ends = endOfString(text, begins);
    quoted += text.slice(begins, ends);
    at = ends;
  }
}

/** Behind the quote that closes the string; the end of the text where nothing does. */
function endOfString(text: string, begins: number): number {
  for (let quote = text.indexOf('"', begins + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (text[quote - 1 - escapes] === '\\') escapes++;
    // Two escapes are a backslash; an odd one is for the quote.
    if (escapes % 2 === 0) return quote + 1;
  }
  return text.length;
}
