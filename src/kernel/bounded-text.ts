/** What came of a body: all of it, or its first bytes where it is longer than was allowed. */
export interface BoundedText {
  text: string;
  isWhole: boolean;
}

/**
 * Reads the body of an answer as UTF-8, and no more of it than `bytesMax`: the other side may go on without an end. What it
 * sends beyond is not read, and its connection is closed. Fails where the body breaks off.
 */
export async function readBounded(body: AsyncIterable<Uint8Array> | null, bytesMax: number): Promise<BoundedText> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > bytesMax) break;
  }
  const text = Buffer.concat(chunks).subarray(0, bytesMax).toString('utf8');
  return { text, isWhole: bytes <= bytesMax };
}
