/** Files on a peer's server, by SFTP. The server's key is pinned: whoever shows another one learns no password. */
import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import SftpClient from 'ssh2-sftp-client';
import { toDate, type Instant } from '../../kernel/clock.ts';
import { messageOf, Refusal } from '../../kernel/refusal.ts';
import type { SftpSource } from '../feed.ts';
import { UNFINISHED } from './drop-folder.ts';

export interface SftpLogin {
  password?: string;
  privateKey?: string;
  passphrase?: string;
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

/** What a server is asked to sign with, where its key is of that type; elsewhere the two have one name. */
const RSA = { type: 'ssh-rsa', algorithms: ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] } as const;
/** For each pinned key the algorithms of the server's others: whoever breaks off again and again is shut out by some. */
const OF_OTHER_KEYS = new Map<string, readonly ServerHostKeyAlgorithm[]>();

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
    const client = await connected(source, login);
    try {
      return await work(new SftpFolder(client, source, silence_ms_max));
    } finally {
      // One that is silent does not say that it has closed either.
      await Promise.race([client.end().catch(() => undefined), sleep(CLOSE_MS_MAX, undefined, { ref: false })]);
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
    // Open before anything can fail: who is told of that takes away what is there.
    const target = await open(path, 'wx');
    // Never more than was announced, however much the server would send.
    const range = { start: 0, end: file.bytes - 1, highWaterMark: CHUNK_BYTES };
    try {
      await this.#answered((heard) => {
        const bytes = file.bytes === 0 ? Readable.from([]) : this.#client.createReadStream(remote, range);
        return pipeline(bytes.on('data', heard), target.createWriteStream({ flush: true }));
      });
    } finally {
      await target.close();
    }
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
    const found = await this.#answered(() => client.exists(done));
    if (found === '-') throw new Error('it can not be moved to done/: done is a file there');
    if (!found) await this.#answered(() => client.mkdir(done));
    const target = posix.join(done, name);
    const isTaken = await this.#answered(() => client.exists(target));
    await this.#answered(() => client.rename(from, isTaken ? `${target}.${inFileName(at)}` : target));
  }

  #pathOf(name: string): string {
    return posix.join(this.#source.path, name);
  }
}

/**
 * A server has a key of each type, and shows the one of the algorithm that both like best; whether another is the pinned one
 * shows when it is asked for that. @throws WrongHostKey
 */
async function connected(source: SftpSource, login: SftpLogin): Promise<SftpClient> {
  const pinned = source.host_key.replace(/=$/, '');
  const shown: string[] = [];
  let remove = OF_OTHER_KEYS.get(pinned) ?? [];
  for (;;) {
    // What breaks later comes out of the call that is under way; without a listener the library writes to the console.
    const quiet = () => undefined;
    const client = new SftpClient('plafond', { error: quiet, end: quiet, close: quiet });
    // Some servers ask for the password as one question among others that they might have.
    client.on(
      'keyboard-interactive',
      (_name, _instructions, _language, prompts: unknown[], answer: (all: string[]) => void) =>
        answer(prompts.map(() => login.password ?? '')),
    );
    let key: Buffer | undefined;
    try {
      await client.connect({
        // Each question and answer is a small packet of its own, which systems otherwise hold back for some 40 ms.
        sock: connect({ host: source.host, port: source.port, noDelay: true }),
        username: source.user,
        ...login,
        tryKeyboard: login.password !== undefined,
        readyTimeout: READY_MS_MAX,
        keepaliveInterval: KEEPALIVE_MS,
        algorithms: { serverHostKey: { append: [], prepend: [], remove: [...remove] } },
        hostVerifier: (theirs: Buffer) => fingerprint((key = theirs)) === pinned,
      });
      OF_OTHER_KEYS.set(pinned, remove);
      return client;
    } catch (error) {
      await client.end().catch(quiet);
      const isOther = key !== undefined && fingerprint(key) !== pinned;
      if (isOther) {
        shown.push(fingerprint(key!));
        remove = [...remove, ...algorithmsOf(key!)];
      } else if (shown.length > 0) {
        const keys = `the host key${shown.length > 1 ? 's' : ''} ${shown.join(' and ')}`;
        throw new WrongHostKey(`${source.host} shows ${keys}, not ${pinned}: nothing was sent to it`);
      } else throw withAdvice(error);
    }
  }
}

/** By which a server would show this key; its type is the first that it says. */
function algorithmsOf(hostKey: Buffer): readonly ServerHostKeyAlgorithm[] {
  const type = hostKey.toString('latin1', 4, 4 + hostKey.readUInt32BE(0));
  return type === RSA.type ? RSA.algorithms : [type as ServerHostKeyAlgorithm];
}

/** What to do about a private key that the library can't use, instead of the form that it misses. */
function withAdvice(error: unknown): unknown {
  const fault = /^Cannot parse privateKey: (.*)$/.exec(messageOf(error))?.[1];
  if (fault === undefined) return error;
  const advice =
    'where it has a passphrase, passphrase_env names it; `ssh-keygen -p -f FILE` writes one of another form anew';
  return new Refusal('invalid', 'bad_private_key', `the private key can't be used (${fault}): ${advice}`);
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

/** Folders here, and there. */
const NO_FILES = new Set(['.', '..', 'done', 'failed']);

/**
 * Whether a file can be kept under its name, and stays in its folder, here and there. One that is not UTF-8 is read with
 * U+FFFD in it, by which the server does not know it.
 */
export function isPlainName(name: string): boolean {
  const isShort = Buffer.byteLength(name) <= NAME_BYTES_MAX;
  return isShort && /^[^/\\\p{Cc}\ufffd]+$/u.test(name) && !NO_FILES.has(name);
}

function wildcard(pattern: string): RegExp {
  // Stars beside each other are one: many of them would be tried in every combination.
  const parts = pattern.replaceAll(/\*+/g, '*').split('*');
  return new RegExp(`^${parts.map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 's');
}
