/** A private OpenSSH server on loopback: keys, folder and port of its own, nothing of the machine's. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { closedAtLast } from '../harness/closing.ts';
import { end, freePort, until } from '../harness/process.ts';
import { findProgram } from './find-program.ts';

export const HOST_KEYS = ['ed25519', 'ecdsa', 'rsa'] as const;
export type KeyType = (typeof HOST_KEYS)[number];

/** Root's processes give it up for the user who has no rights; anybody else's server lets in nobody else. */
const IS_ROOT = process.getuid!() === 0;
const NOBODY = 65_534;

export class Sshd {
  readonly user = IS_ROOT ? 'nobody' : userInfo().username;
  /** what its user sees, and may write to */
  readonly files: string;
  #process: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    readonly folder: string,
  ) {
    this.files = join(folder, 'files');
  }

  static async start(): Promise<Sshd> {
    const folder = mkdtempSync(join(tmpdir(), 'plafond-sshd-'));
    chmodSync(folder, 0o755);
    const sshd = new Sshd(await freePort(), folder);
    closedAtLast('sshd', () => sshd.remove());
    sshd.emptyFolder();
    for (const type of HOST_KEYS) sshd.newHostKey(type);
    writeFileSync(join(folder, 'authorized'), '');
    // Where it gives up root's rights.
    if (IS_ROOT) mkdirSync('/run/sshd', { recursive: true });
    await sshd.start();
    return sshd;
  }

  /** Makes a host key of this type, in the place of the one before; it is shown from the next start on. */
  newHostKey(type: KeyType): void {
    rmSync(this.#hostKey(type), { force: true });
    makeKey(type, this.#hostKey(type));
  }

  /** As a peer would say it: `ssh-keygen -l`. */
  fingerprint(type: KeyType): string {
    return execFileSync('ssh-keygen', ['-lf', `${this.#hostKey(type)}.pub`], { encoding: 'utf8' }).split(' ')[1]!;
  }

  /** The private key of somebody who may log in. */
  userKey(type: KeyType, { passphrase = '', form = [] as readonly string[] } = {}): string {
    const path = join(mkdtempSync(join(this.folder, 'user-')), 'key');
    makeKey(type, path, passphrase, form);
    const authorized = join(this.folder, 'authorized');
    writeFileSync(authorized, readFileSync(authorized, 'utf8') + readFileSync(`${path}.pub`, 'utf8'));
    return readFileSync(path, 'utf8');
  }

  /** Puts a file into its folder `out`; a name that is not UTF-8 is given in bytes. */
  put(name: string | Buffer, content: string | Buffer): void {
    const path = Buffer.concat([Buffer.from(join(this.files, 'out/')), Buffer.from(name)]);
    writeFileSync(path, content);
    own(path);
  }

  list(): string[] {
    return readdirSync(join(this.files, 'out')).toSorted();
  }

  emptyFolder(): void {
    const out = join(this.files, 'out');
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out, { recursive: true });
    own(out);
  }

  async start(): Promise<void> {
    const config = join(this.folder, 'config');
    writeFileSync(
      config,
      [
        `Port ${this.port}`,
        'ListenAddress 127.0.0.1',
        ...HOST_KEYS.map((type) => `HostKey ${this.#hostKey(type)}`),
        `AuthorizedKeysFile ${join(this.folder, 'authorized')}`,
        'StrictModes no',
        'UsePAM no',
        'PasswordAuthentication no',
        'PidFile none',
        'Subsystem sftp internal-sftp',
        'LogLevel VERBOSE',
        '',
      ].join('\n'),
    );
    // It starts itself anew for each connection, so it wants to know where it is.
    this.#process = spawn(findProgram('sshd')!, ['-D', '-f', config, '-E', join(this.folder, 'log')], {
      stdio: 'ignore',
    });
    await until('sshd answers', () => isOpen(this.port));
  }

  async stop(): Promise<void> {
    if (this.#process) await end(this.#process, 'SIGTERM');
  }

  /** Kills the processes of the sessions that it serves, as the machine's shortage of memory would. */
  killSessions(): number {
    return childrenOf(this.#process!.pid!).filter(kill).length;
  }

  /** How many there were since the log was begun. */
  connections(): number {
    return this.log().split('Connection from ').length - 1;
  }

  forgetLog(): void {
    rmSync(join(this.folder, 'log'), { force: true });
  }

  log(): string {
    return readFileSync(join(this.folder, 'log'), { encoding: 'utf8', flag: 'a+' });
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #hostKey(type: KeyType): string {
    return join(this.folder, `host_${type}`);
  }
}

function makeKey(type: KeyType, path: string, passphrase = '', form: readonly string[] = []): void {
  const size = type === 'rsa' ? ['-b', '2048'] : [];
  execFileSync('ssh-keygen', ['-q', '-t', type, ...size, '-N', passphrase, '-C', 'made up', '-f', path, ...form]);
}

function own(path: string | Buffer): void {
  if (IS_ROOT) chownSync(path, NOBODY, NOBODY);
}

/** With theirs, from the youngest on. */
function childrenOf(pid: number): number[] {
  const text = ofProcess(() => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
  const children = text ? text.split(' ').map(Number) : [];
  return [...children.flatMap(childrenOf), ...children];
}

/** Whether it ran still: a session's processes end with each other. */
function kill(pid: number): boolean {
  return ofProcess(() => process.kill(pid, 'SIGKILL')) ?? false;
}

/** `undefined` where the process that is asked has ended meanwhile. */
function ofProcess<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (['ESRCH', 'ENOENT'].includes((error as NodeJS.ErrnoException).code!)) return undefined;
    throw error;
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(!socket.destroy().connecting));
    socket.once('error', () => resolve(false));
  });
}
