/**
 * The drop folder of nightly files: `INBOX_DIR/<feed>/`. A file is taken when it is complete: its name is final, and its
 * size and time have stood still. Afterwards it lies in `done/` or `failed/` beside a note that says why.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createReadStream, type ReadStream, type Stats } from 'node:fs';
import { mkdir, open, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Instant } from '../../kernel/clock.ts';
import { NAME, NAME_FORM } from '../../kernel/name.ts';
import { messageOf, Refusal } from '../../kernel/refusal.ts';
import type { Format } from '../formats/rows.ts';
import { gunzipped } from './gunzip.ts';

export interface DroppedFile {
  feed: string;
  path: string;
}

/** Names that copying programs use while a file is on its way. */
export const UNFINISHED = /(^\.|~$|\.(part|partial|tmp|temp|filepart|crdownload|swp|writing)$)/i;
const STANDS_STILL_MS = 2_000;
const LOOSE_MS = 60_000;
/** A file's time that is further ahead is another clock's, or another zone's, and does not tell when it was written. */
const AHEAD_MS_MAX = 5 * 60_000;
/** Folders of which nobody expects anything: hidden ones, and what a file system makes of itself. */
const NO_FEEDS = /^\.|^lost\+found$/;

/**
 * The files that are complete. `seen` remembers what lay there at the last look: a file is complete when it looks the same
 * as then and has not been written to for {@link STANDS_STILL_MS}, as far as its time tells. `now` is the file system's time, in epoch milliseconds.
 * One whose name is not UTF-8 gets another first. A folder that can't be read, or whose name can't be a feed's, a file
 * that lies in none, and what is no file are named in `closed`, with the reason and what to do; they hold up no other.
 */
export async function completeFiles(
  inboxDir: string,
  seen: Map<string, string>,
  now: Instant,
): Promise<{ complete: DroppedFile[]; closed: Map<string, string> }> {
  await mkdir(inboxDir, { recursive: true });
  const complete: DroppedFile[] = [];
  const closed = new Map<string, string>();
  const there = new Set<string>();
  for (const { name, folder } of await foldersIn(inboxDir)) {
    if (!NAME.test(name) && !NO_FEEDS.test(name))
      closed.set(folder, `no feed can have its name, which ${NAME_FORM}; rename it as the feed`);
  }
  for (const path of await looseFiles(inboxDir, now))
    closed.set(path, 'it lies in no folder of a feed; move it into that of its feed');
  for (const { feed, folder } of await feedFolders(inboxDir)) {
    const files = await readdir(folder, { withFileTypes: true, encoding: 'buffer' }).catch((error: unknown) => {
      closed.set(folder, unreadable(error));
      return [];
    });
    for (const file of files) {
      const name = file.name.toString();
      if (file.isDirectory() || UNFINISHED.test(name)) continue;
      const path = Buffer.concat([Buffer.from(join(folder, '/')), file.name]);
      if (!file.isFile()) {
        const isFolder = await stat(path).then(
          (target) => target.isDirectory(),
          () => false,
        );
        if (!isFolder) closed.set(join(folder, name), 'it is a link or a pipe; put the file itself in its place');
        continue;
      }
      const found = await stat(path).catch((error: unknown) => {
        // It is gone, unless the folder lets its names be read and nothing else.
        if (isRefusedByDisk(error)) closed.set(folder, unreadable(error));
        return undefined;
      });
      if (!found) continue;
      const bytes = path.toString('latin1');
      there.add(bytes);
      const looks = looksOf(found);
      const age_ms = now - found.mtimeMs;
      if (seen.get(bytes) === looks && (age_ms >= STANDS_STILL_MS || age_ms < -AHEAD_MS_MAX)) {
        if (isUtf8(file.name)) complete.push({ feed, path: join(folder, name) });
        else await renameToUtf8(path, folder, file.name);
      }
      seen.set(bytes, looks);
    }
  }
  for (const path of seen.keys()) if (!there.has(path)) seen.delete(path);
  // By name: nightly files bear their date.
  return { complete: complete.toSorted((a, b) => (a.path < b.path ? -1 : 1)), closed };
}

function unreadable(error: unknown): string {
  return `${messageOf(error)}. Plafond has to be able to read that folder, and to move its files into done/ or failed/ in it`;
}

/** The folders of feeds; one may be a link, as to a disk that a peer writes to, whether or not that is there now. */
export async function feedFolders(inboxDir: string): Promise<{ feed: string; folder: string }[]> {
  const named = (await foldersIn(inboxDir)).filter(({ name }) => NAME.test(name));
  return named.map(({ name, folder }) => ({ feed: name, folder }));
}

async function foldersIn(inboxDir: string): Promise<{ name: string; folder: string }[]> {
  const found: { name: string; folder: string }[] = [];
  for (const entry of await readdir(inboxDir, { withFileTypes: true })) {
    const folder = join(inboxDir, entry.name);
    const isFolder = entry.isSymbolicLink()
      ? await stat(folder).then(
          (target) => target.isDirectory(),
          () => true,
        )
      : entry.isDirectory();
    if (isFolder) found.push({ name: entry.name, folder });
  }
  return found;
}

/** Files beside the folders of feeds, once they are not on their way elsewhere. */
async function looseFiles(inboxDir: string, now: Instant): Promise<string[]> {
  const loose: string[] = [];
  for (const entry of await readdir(inboxDir, { withFileTypes: true })) {
    if (!entry.isFile() || UNFINISHED.test(entry.name)) continue;
    const path = join(inboxDir, entry.name);
    const found = await stat(path).catch(() => undefined);
    if (found && Math.abs(now - found.mtimeMs) >= LOOSE_MS) loose.push(path);
  }
  return loose;
}

/** Which file it is, and what it holds, as far as can be told without reading it. */
function looksOf({ ino, size, mtimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs}`;
}

/** How a file looks; `undefined` where it is not there. */
export async function lookAt(path: string): Promise<string | undefined> {
  return stat(path).then(looksOf, () => undefined);
}

/** A name that is not UTF-8 can't be said to anybody: read as Latin-1 the file is complete at a later look. */
async function renameToUtf8(path: Buffer, folder: string, name: Buffer): Promise<void> {
  const target = await freePath(folder, new TextDecoder('latin1').decode(name));
  // Where it is gone, somebody else has done so.
  await rename(path, target).catch(() => undefined);
}

export async function hashOfFile(path: string): Promise<Buffer> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest();
}

/**
 * The bytes of a file, unpacked where its name ends in `.gz` or it begins as what is gzipped does, and the format that its name tells; CSV where it tells none. It
 * is opened when the bytes are read, and closed when whoever reads them ends or stops.
 */
export function openFile(path: string): { bytes: AsyncIterable<Buffer>; format: Format } {
  const packed = path.toLowerCase().endsWith('.gz');
  const name = (packed ? path.slice(0, -3) : path).toLowerCase();
  const format =
    name.endsWith('.ndjson') || name.endsWith('.jsonl') ? 'ndjson' : name.endsWith('.json') ? 'json' : 'csv';
  return { bytes: bytesOf(path, packed), format };
}

async function* bytesOf(path: string, named: boolean): AsyncGenerator<Buffer> {
  const packed = named || (await beginsGzipped(path));
  const file = createReadStream(path, { highWaterMark: 256 * 1024 });
  if (!packed) {
    yield* file as AsyncIterable<Buffer>;
    return;
  }
  try {
    yield* withoutBomb(file, gunzipped(file));
  } catch (error) {
    throw notUnpacked(error) ?? error;
  }
}

/** How everything that is gzipped begins, and no text does. */
export const GZIP = Buffer.from([0x1f, 0x8b]);

/** Of what is no file, such as a pipe, nothing is read ahead. */
async function beginsGzipped(path: string): Promise<boolean> {
  if (!(await stat(path)).isFile()) return false;
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(GZIP.length), 0, GZIP.length, 0);
    return buffer.equals(GZIP);
  } finally {
    await file.close();
  }
}

/** What is wrong with a file that says it is gzipped, and what to do, instead of what zlib says of it. */
function notUnpacked(error: unknown): Refusal | undefined {
  const { code = '', message = '' } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  if (!code.startsWith('Z_') && code !== 'ERR_TRAILING_JUNK_AFTER_STREAM_END') return undefined;
  const words =
    message === 'incorrect header check'
      ? 'its name ends in .gz, but it is not gzipped, or not all of it: gzip it, or take .gz from its name'
      : message === 'unexpected end of file'
        ? 'it breaks off before its gzipped content ends: have it sent again, under its final name only when it is whole'
        : 'its gzipped content is damaged: have it sent again';
  return new Refusal('unreadable', 'bad_gzip', words);
}

/** Usage packs to a tenth or a twentieth; what unpacks to so much more than that is made to fill whoever unpacks it. */
export const UNPACKED_TIMES_MAX = 200;
const UNSUSPICIOUS_BYTES = 64 * 1024 * 1024;

/** @throws Refusal gzip_bomb */
async function* withoutBomb(packed: ReadStream, unpacked: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of unpacked) {
    size += chunk.length;
    if (size > UNSUSPICIOUS_BYTES && size > UNPACKED_TIMES_MAX * packed.bytesRead) {
      throw new Refusal(
        'too-large',
        'gzip_bomb',
        `${packed.bytesRead} bytes unpack to more than ${UNPACKED_TIMES_MAX} times as much: that is no usage`,
      );
    }
    yield chunk;
  }
}

/** What disks and their rights refuse, which some person has to see to; the file is as it was. */
const DISK_REFUSES = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EIO', 'ESTALE', 'EEXIST', 'ENOTDIR']);

/** Whether the disk, and nothing that is in a file, keeps it from being read or put away. */
export function isRefusedByDisk(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && DISK_REFUSES.has(String(error.code));
}

/** Puts a file into `done/` or `failed/` of its feed, with a note beside it that says why. */
export async function putAway(path: string, place: 'done' | 'failed', note?: string): Promise<string> {
  const folder = join(dirname(path), place);
  await mkdir(folder, { recursive: true });
  const target = await freePath(folder, basename(path));
  await rename(path, target);
  if (note !== undefined) await writeFile(`${target}${NOTE}`, `${note}\n`);
  return target;
}

/** Whether of these files, which were put into `failed/` of `folder`, any still lies there, by name. */
export async function stillFailed(folder: string, names: readonly string[]): Promise<Set<string>> {
  const there = await readdir(join(folder, 'failed')).catch((error: unknown) => {
    // Nobody knows what lies there.
    if (isRefusedByDisk(error)) return undefined;
    return [];
  });
  if (!there) return new Set(names);
  return new Set(
    names.filter((name) =>
      there.some((each) => {
        const number = /\.\d+$/.exec(each)?.[0] ?? '';
        return each === shortened(name, '') || each === `${shortened(name, number)}${number}`;
      }),
    ),
  );
}

const NOTE = '.why.txt';
const NAME_BYTES_MAX = 255;

/** A name that is taken gets a number, one that leaves no room for it and for a note loses its beginning. */
async function freePath(folder: string, name: string): Promise<string> {
  for (let n = 1; ; n++) {
    const number = n === 1 ? '' : `.${n}`;
    const path = join(folder, `${shortened(name, number)}${number}`);
    const isTaken = await stat(path).then(
      () => true,
      () => false,
    );
    if (!isTaken) return path;
  }
}

function shortened(name: string, number: string): string {
  const bytes = Buffer.from(name).subarray(-(NAME_BYTES_MAX - NOTE.length - number.length));
  return bytes.toString().replace(/^\ufffd+/, '');
}
