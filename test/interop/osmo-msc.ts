/** A private Osmocom MSC as SMPP server. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, until } from '../harness/process.ts';

const CONFIG = (smpp: number, vty: number, folder: string) => `
line vty
 no login
 bind 127.0.0.1 ${vty}
network
 network country code 001
 mobile network code 01
msc
 sms-database ${folder}/sms.db
smpp
 local-tcp-ip 127.0.0.1 ${smpp}
 policy closed
 smpp-first
 esme plafond
  password s3cret
`;

export class OsmoMsc {
  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly program: ChildProcess,
  ) {}

  /** Undefined, and said, where the machine has no SCTP, without which an MSC does not start. */
  static async start(): Promise<OsmoMsc | undefined> {
    const folder = mkdtempSync(join(tmpdir(), 'plafond-osmo-'));
    const port = await freePort();
    const config = join(folder, 'osmo-msc.cfg');
    writeFileSync(config, CONFIG(port, await freePort(), folder));
    const program = spawn('osmo-msc', ['-c', config], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [program.stdout, program.stderr])
      stream.on('data', (data: Buffer) => (said += data.toString()));
    const started = await until('osmo-msc runs or has ended', async () => {
      if (program.exitCode !== null) return 'ended';
      // It opens SMPP before SCTP: it is there when it has stayed for a second.
      return /SMPP at/.test(said) && (await stays(program)) ? 'runs' : undefined;
    });
    if (started === 'runs') return new OsmoMsc(port, folder, program);
    rmSync(folder, { recursive: true });
    if (!/Protocol not supported/.test(said)) throw new Error(`osmo-msc ended:\n${said}`);
    process.stderr.write('SKIPPED: SMPP with osmo-msc: this machine has no SCTP\n');
    return undefined;
  }

  async stop(): Promise<void> {
    const ended = once(this.program, 'exit');
    this.program.kill('SIGKILL');
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function stays(program: ChildProcess): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return program.exitCode === null;
}
