/** Files on a peer's server, by SFTP. The server's key is pinned: whoever shows another one learns no password. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import SftpClient from 'ssh2-sftp-client';
import { toDate, type Instant } from '../../kernel/clock.ts';
import type { SftpSource } from '../feed.ts';
import { UNFINISHED } from './drop-folder.ts';

export interface SftpLogin {
  password?: string;
  privateKey?: string;
}

export interface RemoteFile {
  name: string;
  bytes: number;
  modifiedAt: Date;
}

const READY_MS_MAX = 20_000;
const KEEPALIVE_MS = 15_000;
/** A server that is asked for something and says nothing of it for so long is given up, however alive its connection is. */
const SILENCE_MS_MAX = 120_000;
const CLOSE_MS_MAX = 1_000;
/** What servers hand out at most in one go. */
const CHUNK_BYTES = 256 * 1024;

/** The server has not answered for so long that nothing is to be expected of it. */
export class SilentServer extends Error {}

/** The server is not the one that was pinned. */
export class WrongHostKey extends Error {}

/** A folder on a peer's server, for as long as it is connected. */
export class SftpFolder {
  readonly #client: SftpClient;
  readonly #source: SftpSource;
  readonly #silence_ms_max: number;

  private constructor(client: SftpClient, source: SftpSource, silence_ms_max: number) {
    this.#client = client;
    this.#source = source;
    this.#silence_ms_max = silence_ms_max;
  }

  /** Does `work` on the folder. @throws WrongHostKey, SilentServer */
  static async at<T>(
    source: SftpSource,
    login: SftpLogin,
    work: (folder: SftpFolder) => Promise<T>,
    silence_ms_max = SILENCE_MS_MAX,
  ): Promise<T> {
    // What breaks later comes out of the call that is under way; without a listener the library writes to the console.
    const quiet = () => undefined;
    const client = new SftpClient('plafond', { error: quiet, end: quiet, close: quiet });
    let shown: string | undefined;
    const pinned = source.host_key.replace(/=$/, '');
    try {
      await client.connect({
        host: source.host,
        port: source.port,
        username: source.user,
        ...login,
        readyTimeout: READY_MS_MAX,
        keepaliveInterval: KEEPALIVE_MS,
        hostVerifier: (key: Buffer) => {
          shown = fingerprint(key);
          return shown === pinned;
        },
      });
    } catch (error) {
      await client.end().catch(quiet);
      if (shown === undefined || shown === pinned) throw error;
      throw new WrongHostKey(`${source.host} shows the host key ${shown}, not ${pinned}: nothing was sent to it`);
    }
    try {
      return await work(new SftpFolder(client, source, silence_ms_max));
    } finally {
      // One that is silent does not say that it has closed either.
      await Promise.race([client.end().catch(quiet), sleep(CLOSE_MS_MAX, undefined, { ref: false })]);
    }
  }

  /** What the server answers. Each `heard` begins its time anew. @throws SilentServer */
  async #answered<T>(ask: (heard: () => void) => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const silent = new Promise<never>((_, reject) => {
      const why = `${this.#source.host} has said nothing for ${this.#silence_ms_max / 1_000} s`;
      timer = setTimeout(() => reject(new SilentServer(why)), this.#silence_ms_max);
    });
    try {
      return await Promise.race([ask(() => timer?.refresh()), silent]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The files there that the feed asks for and that have a final name, whether or not it can be kept. */
  async list(): Promise<RemoteFile[]> {
    const wanted = wildcard(this.#source.files);
    const entries = await this.#answered(() => this.#client.list(this.#source.path));
    return entries
      .filter(({ type, name }) => type === '-' && !UNFINISHED.test(name) && wanted.test(name))
      .map(({ name, size, modifyTime }) => ({ name, bytes: size, modifiedAt: toDate(modifyTime) }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Copies a file's bytes to `path`. Answers `false` where it is not the same file any more. */
  async fetch(file: RemoteFile, path: string): Promise<boolean> {
    const remote = this.#pathOf(file.name);
    const target = createWriteStream(path, { flags: 'wx', flush: true });
    // Never more than was announced, however much the server would send.
    const range = { start: 0, end: file.bytes - 1, highWaterMark: CHUNK_BYTES };
    await this.#answered((heard) => {
      const bytes = file.bytes === 0 ? Readable.from([]) : this.#client.createReadStream(remote, range);
      return pipeline(bytes.on('data', heard), target);
    });
    const now = await this.#answered(() => this.#client.stat(remote));
    const { size } = await stat(path).catch(() => ({ size: 0 }));
    return size === file.bytes && now.size === file.bytes && now.modifyTime === file.modifiedAt.getTime();
  }

  /**
   * Does with a file that was taken what the feed asks for. A peer may use a name each night, and servers rename nothing onto
   * a file that is there: then the name gets the time `at` behind it.
   */
  async settle(name: string, at: Instant): Promise<void> {
    const client = this.#client;
    const from = this.#pathOf(name);
    if (this.#source.after === 'delete') await this.#answered(() => client.delete(from));
    if (this.#source.after !== 'move:done') return;
    const done = this.#pathOf('done');
    if (!(await this.#answered(() => client.exists(done)))) await this.#answered(() => client.mkdir(done));
    const target = posix.join(done, name);
    const isTaken = await this.#answered(() => client.exists(target));
    await this.#answered(() => client.rename(from, isTaken ? `${target}.${inFileName(at)}` : target));
  }

  #pathOf(name: string): string {
    return posix.join(this.#source.path, name);
  }
}

/** Such as `20100314T024100.000Z`: no server's names forbid it. */
function inFileName(at: Instant): string {
  return toDate(at).toISOString().replaceAll(/[-:]/g, '');
}

/** As `ssh-keygen -l` writes it. */
export function fingerprint(hostKey: Buffer): string {
  return `SHA256:${createHash('sha256').update(hostKey).digest('base64').replace(/=+$/, '')}`;
}

/** In bytes: what servers and disks take, 255, less the time that may come behind it in `done/`. */
const NAME_BYTES_MAX = 230;

/** Whether a file can be kept under its name, and stays in its folder, here and there. */
export function isPlainName(name: string): boolean {
  const isShort = Buffer.byteLength(name) <= NAME_BYTES_MAX;
  return isShort && /^[^/\\\p{Cc}]+$/u.test(name) && name !== '.' && name !== '..';
}

function wildcard(pattern: string): RegExp {
  // Stars beside each other are one: many of them would be tried in every combination.
  const parts = pattern.replaceAll(/\*+/g, '*').split('*');
  return new RegExp(`^${parts.map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`);
}
