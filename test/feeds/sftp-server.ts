/** An SFTP server on loopback, with a folder in memory. Only for tests: it does what a peer's would, and misbehaves on demand. */
import { generateKeyPairSync } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import ssh2, { type Connection, type FileEntry, type SFTPWrapper } from 'ssh2';
import { fingerprint } from '../../src/feeds/sources/sftp.ts';
import { closedAtLast } from '../harness/closing.ts';

const { Server, utils } = ssh2;
const { STATUS_CODE, flagsToString } = utils.sftp;

export interface ServedFile {
  bytes: Buffer;
  /** seconds since 1970 */
  mtime: number;
}

export class TestSftpServer {
  readonly files = new Map<string, ServedFile>();
  readonly folders = new Set<string>(['/out']);
  /** what can't be renamed */
  readonly refused = new Set<string>();
  /** what it never answers, though its connection lives on */
  readonly mute = new Set<'READDIR' | 'READ'>();
  /** what clients have tried to log in with */
  readonly passwords: string[] = [];
  reads = 0;
  /** called before each answer to a read, as when the file changes under the reader */
  onRead: () => void = () => undefined;
  readonly hostKey: string;
  port = 0;
  readonly #server: InstanceType<typeof Server>;
  readonly #connections = new Set<Connection>();

  private constructor(readonly password: string) {
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
      publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
    });
    const parsed = utils.parseKey(privateKey);
    if (parsed instanceof Error) throw parsed;
    this.hostKey = fingerprint(parsed.getPublicSSH());
    this.#server = new Server({ hostKeys: [privateKey] }, (connection) => this.#serve(connection));
  }

  static async start(password: string): Promise<TestSftpServer> {
    const server = new TestSftpServer(password);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    server.port = (server.#server.address() as AddressInfo).port;
    closedAtLast('SFTP server', () => server.stop());
    return server;
  }

  put(name: string, text: string | Buffer, mtime = 1_268_600_000): void {
    this.files.set(`/out/${name}`, { bytes: Buffer.from(text), mtime });
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.end();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(connection: Connection): void {
    this.#connections.add(connection);
    connection.on('close', () => this.#connections.delete(connection));
    connection.on('error', () => undefined);
    connection.on('authentication', (context) => {
      if (context.method !== 'password') return context.reject(['password']);
      this.passwords.push(context.password);
      return context.password === this.password ? context.accept() : context.reject();
    });
    connection.on('session', (accept) => {
      accept().on('sftp', (acceptSftp) => this.#speak(acceptSftp()));
    });
  }

  #attributes({ bytes, mtime }: ServedFile): FileEntry['attrs'] {
    return { mode: 0o100644, uid: 0, gid: 0, size: bytes.length, atime: mtime, mtime };
  }

  #speak(sftp: SFTPWrapper): void {
    const handles = new Map<number, { path: string; listed: boolean }>();
    let next = 0;
    const open = (path: string): Buffer => {
      const handle = Buffer.alloc(4);
      handle.writeUInt32BE(next);
      handles.set(next++, { path, listed: false });
      return handle;
    };
    const of = (handle: Buffer) => handles.get(handle.readUInt32BE());
    const folderAttributes = { mode: 0o040755, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 };
    const stat = (id: number, path: string): void => {
      const file = this.files.get(path);
      if (file) sftp.attrs(id, this.#attributes(file));
      else if (this.folders.has(path)) sftp.attrs(id, folderAttributes);
      else sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
    };
    sftp.on('REALPATH', (id, path) =>
      sftp.name(id, [{ filename: path === '.' ? '/' : path, longname: path, attrs: folderAttributes }]),
    );
    sftp.on('STAT', stat);
    sftp.on('LSTAT', stat);
    sftp.on('FSTAT', (id, handle) => stat(id, of(handle)!.path));
    sftp.on('OPENDIR', (id, path) =>
      this.folders.has(path) ? sftp.handle(id, open(path)) : sftp.status(id, STATUS_CODE.NO_SUCH_FILE),
    );
    sftp.on('READDIR', (id, handle) => {
      if (this.mute.has('READDIR')) return undefined;
      const folder = of(handle)!;
      if (folder.listed) return sftp.status(id, STATUS_CODE.EOF);
      folder.listed = true;
      const inside = [...this.files].filter(([path]) => path.slice(0, path.lastIndexOf('/')) === folder.path);
      return sftp.name(
        id,
        inside.map(([path, file]) => {
          const filename = path.slice(path.lastIndexOf('/') + 1);
          return { filename, longname: `-rw-r--r-- 1 0 0 0 Jan 1 1970 ${filename}`, attrs: this.#attributes(file) };
        }),
      );
    });
    sftp.on('OPEN', (id, path, flags) =>
      this.files.has(path) && flagsToString(flags) === 'r'
        ? sftp.handle(id, open(path))
        : sftp.status(id, STATUS_CODE.NO_SUCH_FILE),
    );
    sftp.on('READ', (id, handle, offset, length) => {
      this.reads++;
      if (this.mute.has('READ')) return undefined;
      this.onRead();
      const bytes = this.files.get(of(handle)!.path)?.bytes ?? Buffer.alloc(0);
      return offset >= bytes.length
        ? sftp.status(id, STATUS_CODE.EOF)
        : sftp.data(id, bytes.subarray(offset, offset + Math.min(length, 65_536)));
    });
    sftp.on('CLOSE', (id) => sftp.status(id, STATUS_CODE.OK));
    sftp.on('REMOVE', (id, path) => sftp.status(id, this.files.delete(path) ? STATUS_CODE.OK : STATUS_CODE.FAILURE));
    sftp.on('MKDIR', (id, path) => {
      this.folders.add(path);
      sftp.status(id, STATUS_CODE.OK);
    });
    sftp.on('RENAME', (id, from, to) => {
      const file = this.files.get(from);
      if (!file) return sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
      // As version 3 of the protocol has it: nothing is renamed onto what is there.
      if (this.files.has(to) || this.refused.has(from)) return sftp.status(id, STATUS_CODE.FAILURE);
      this.files.delete(from);
      this.files.set(to, file);
      return sftp.status(id, STATUS_CODE.OK);
    });
  }
}
