/** The SMSC of `smsc.pl`, made of Debian's Net::SMPP. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { closedAtLast } from '../../harness/closing.ts';
import { end, freePort, until } from '../../harness/process.ts';

const SMSC = join(import.meta.dirname, 'smsc.pl');

export function hasNetSmpp(): boolean {
  try {
    execFileSync('perl', ['-MNet::SMPP', '-e', '1'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export class NetSmpp {
  private constructor(
    readonly port: number,
    private readonly program: ChildProcess,
    private readonly said: string[],
  ) {}

  static async start(): Promise<NetSmpp> {
    const port = await freePort();
    const said: string[] = [];
    const program = spawn('perl', [SMSC, String(port), 's3cret'], { stdio: ['ignore', 'pipe', 'pipe'] });
    program.stdout.on('data', (data: Buffer) => said.push(data.toString()));
    program.stderr.on('data', (data: Buffer) => said.push(data.toString()));
    const smsc = new NetSmpp(port, program, said);
    closedAtLast('the SMSC', () => smsc.stop());
    await until('the SMSC listens', async () => smsc.lines().includes('listening'));
    return smsc;
  }

  /** What it was asked and what it said, a line each. */
  lines(): string[] {
    return this.said.join('').split('\n');
  }

  async stop(): Promise<void> {
    await end(this.program);
  }
}
