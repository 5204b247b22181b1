/** A private Osmocom MSC as SMPP server. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closedAtLast } from '../../harness/closing.ts';
import { end, freePort, until } from '../../harness/process.ts';

const WITHOUT_SCTP = join(import.meta.dirname, 'sctp-as-tcp.c');

/** Its VTY and control ports are fixed, so each MSC gets a loopback address of its own. */
const CONFIG = (host: string, smpp: number, folder: string) => `
line vty
 no login
 bind ${host}
ctrl
 bind ${host}
network
 network country code 001
 mobile network code 01
msc
 sms-database ${folder}/sms.db
hlr
 remote-ip ${host}
sgs
 local-ip ${host}
cs7 instance 0
 asp signalling 2905 0 m3ua
  local-ip ${host}
  remote-ip ${host}
smpp
 local-tcp-ip ${host} ${smpp}
 policy closed
 smpp-first
 esme plafond
  password s3cret
`;

export class OsmoMsc {
  private constructor(
    readonly host: string,
    readonly port: number,
    private readonly folder: string,
    private readonly program: ChildProcess,
    private readonly said: string[],
  ) {}

  static async start(): Promise<OsmoMsc> {
    const folder = mkdtempSync(join(tmpdir(), 'plafond-osmo-'));
    const port = await freePort();
    const host = `127.1.${port >> 8}.${port & 255}`;
    const config = join(folder, 'osmo-msc.cfg');
    writeFileSync(config, CONFIG(host, port, folder));
    const said: string[] = [];
    const program = spawn('osmo-msc', ['-c', config], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...withSctp(folder) },
    });
    for (const stream of [program.stdout, program.stderr])
      stream.on('data', (data: Buffer) => said.push(data.toString()));
    const msc = new OsmoMsc(host, port, folder, program, said);
    closedAtLast('osmo-msc', () => msc.stop());
    // It opens SMPP before its signalling, and all is well once that stands.
    await until('osmo-msc runs', async () => {
      if (program.exitCode !== null) throw new Error(`osmo-msc ended:\n${msc.log()}`);
      return /SMPP at/.test(msc.log()) && /SGs socket bound/.test(msc.log());
    });
    return msc;
  }

  log(): string {
    return this.said.join('');
  }

  /** From now on it has nowhere to keep a message. */
  breakStore(): void {
    const drop = 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("DROP TABLE SMS")';
    execFileSync('python3', ['-c', drop, join(this.folder, 'sms.db')]);
  }

  async stop(): Promise<void> {
    await end(this.program);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What an MSC is started with where the kernel has no SCTP: nothing where it has. */
function withSctp(folder: string): Record<string, string> {
  const probe = 'import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)';
  try {
    execFileSync('python3', ['-c', probe], { stdio: 'ignore' });
    return {};
  } catch {
    const library = join(folder, 'sctp-as-tcp.so');
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, WITHOUT_SCTP]);
    return { LD_PRELOAD: library };
  }
}
