/** Stops at a mistake of our own. What comes from outside is refused with a named reason instead. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
