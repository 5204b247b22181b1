/** Unpacking what is gzipped, to its end. */
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

/**
 * Unpacks gzip of one member or several. Zeros may follow, with which some fill up a block. Node stops at them, whatever
 * stands behind: so what it has left unread is looked at.
 * @throws what zlib says, Z_DATA_ERROR also where there is more behind zeros; what broke where the bytes come from
 */
export async function* gunzipped(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const source = packed[Symbol.asyncIterator]();
  let bytes = 0;
  let bytesMeant = 0;
  const next = async (): Promise<IteratorResult<Buffer, unknown>> => {
    const read: IteratorResult<Buffer, unknown> = await source.next();
    if (!read.done) {
      const meant = read.value.findLastIndex((byte) => byte !== 0) + 1;
      if (meant > 0) bytesMeant = bytes + meant;
      bytes += read.value.length;
    }
    return read;
  };
  const chunks = async function* () {
    for (let read = await next(); !read.done; read = await next()) yield read.value;
  };
  const unpacking = createGunzip();
  // What goes wrong before the end comes out of the stream that is read below.
  pipeline(chunks(), unpacking, () => undefined);
  try {
    yield* unpacking as AsyncIterable<Buffer>;
    while (!(await next()).done);
    if (bytesMeant > unpacking.bytesWritten)
      throw Object.assign(new Error('more stands behind zeros'), { code: 'Z_DATA_ERROR' });
  } finally {
    unpacking.destroy();
    // Whoever sends may have stopped in the middle: nobody waits for them.
    void source.return?.().catch(() => undefined);
  }
}
