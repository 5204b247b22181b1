/**
 * JSON whose numbers stay as they were written. JSON.parse reads a number as a float, and a price may have more digits
 * than a float keeps.
 */

/** A string, to the end of the text where nothing closes it, or a number: each is passed once, whatever follows. */
export const STRING_OR_NUMBER = /"[^"\\]*(?:\\(?:.|$)[^"\\]*)*(?:"|$)|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;

/**
 * Parses JSON, with each number as its text.
 * @throws SyntaxError
 */
export function parseExactly(text: string): unknown {
  return JSON.parse(text.replace(STRING_OR_NUMBER, (token) => (token.startsWith('"') ? token : `"${token}"`)));
}
