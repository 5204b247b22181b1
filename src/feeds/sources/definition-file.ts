/** A feed's definition as a file beside what the feed brings: `INBOX_DIR/<feed>/feed.json`. It is never read as usage. */
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { feedFolders } from './drop-folder.ts';

const DEFINITION_FILE = 'feed.json';
const BYTES_MAX = 256 * 1024;

export interface DefinitionFile {
  feed: string;
  path: string;
  /** undefined: it is larger than any definition */
  text: string | undefined;
}

/** The definitions that lie in the drop folder. */
export async function definitionFiles(inboxDir: string): Promise<DefinitionFile[]> {
  const found: DefinitionFile[] = [];
  for (const { feed, folder } of await feedFolders(inboxDir)) {
    const path = join(folder, DEFINITION_FILE);
    const file = await stat(path).catch(() => undefined);
    if (!file?.isFile()) continue;
    const text = file.size > BYTES_MAX ? undefined : await readFile(path, 'utf8').catch(() => undefined);
    // Some editors write a byte-order mark, which is none of its content.
    found.push({ feed, path, text: text?.replace(/^\ufeff/, '') });
  }
  return found;
}

export function isDefinitionFile(path: string): boolean {
  return basename(path) === DEFINITION_FILE;
}
