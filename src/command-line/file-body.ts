/** Files as bodies: what their names say of them, and their bytes. */
import { open } from 'node:fs/promises';
import { CommandFailure, codeOf, type StreamedBody } from './server.ts';

const TYPES: Record<string, string> = {
  csv: 'text/csv',
  // As Sipwise names its files.
  cdr: 'text/csv',
  ndjson: 'application/x-ndjson',
  json: 'application/json',
};

/** What a file's name says of its content: `usage.csv.gz` is gzipped CSV. Throws {@link CommandFailure} where it says nothing. */
export function contentOf(file: string, kinds: readonly string[]): Omit<StreamedBody, 'bytes'> {
  const [, kind = '', packed] = /\.([a-z]+)(\.gz)?$/i.exec(file) ?? [];
  const contentType = kinds.includes(kind.toLowerCase()) ? TYPES[kind.toLowerCase()] : undefined;
  if (contentType === undefined) {
    throw new CommandFailure(
      `${file}: its name must end in .${kinds.join(', .')}, with .gz behind where it is gzipped`,
    );
  }
  return packed === undefined ? { contentType } : { contentType, contentEncoding: 'gzip' };
}

/** The bytes of a file, to be read while they are sent. Throws {@link CommandFailure} where it can't be opened. */
export async function bytesOf(file: string): Promise<AsyncIterable<Uint8Array>> {
  const handle = await open(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  if ((await handle.stat()).isDirectory()) {
    await handle.close();
    throw new CommandFailure(`${file}: ${REASONS['EISDIR']}`);
  }
  return handle.createReadStream();
}

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a folder',
};

/** Whether {@link unreadable} has words for it. */
export function isUnreadable(error: unknown): boolean {
  return Object.hasOwn(REASONS, codeOf(error) ?? '');
}

export function unreadable(file: string, error: unknown): CommandFailure {
  const code = codeOf(error);
  return new CommandFailure(`${file}: ${(code && REASONS[code]) ?? code ?? String(error)}`, { cause: error });
}
