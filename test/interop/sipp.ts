/** SIPp as the customers' PBX and as the carrier, with the scenarios of sipp/. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closedAtLast } from '../harness/closing.ts';
import { end, freePort, sleep } from '../harness/process.ts';
import { ROOT } from '../harness/root.ts';
import { findProgram } from './find-program.ts';

const scenario = (name: string) => join(ROOT, `test/interop/sipp/${name}.xml`);

function sipp(args: readonly string[]): ChildProcess {
  const child = spawn(findProgram('sipp')!, [...args, '-i', '127.0.0.1', '-nostdin'], { stdio: 'ignore' });
  closedAtLast('SIPp', () => end(child));
  return child;
}

/** Answers every call, and keeps each message. */
export class Carrier {
  private constructor(
    readonly port: number,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  static async start(): Promise<Carrier> {
    const port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'plafond-carrier-'));
    const messages = ['-trace_msg', '-message_file', join(folder, 'messages')];
    const child = sipp(['-sf', scenario('carrier'), '-p', String(port), ...messages]);
    await sleep(300);
    if (child.exitCode !== null) throw new Error('SIPp ended');
    return new Carrier(port, child, folder);
  }

  /** The called numbers of calls that it saw begin, and those whose end (a BYE, or a CANCEL) it was told. */
  async seen(): Promise<{ begun: string[]; ended: string[] }> {
    const text = await readFile(join(this.folder, 'messages'), 'utf8').catch(() => '');
    const numbers = new Map<string, string>();
    const ended = new Map<string, string>();
    for (const message of text.split(/^-{20,}.*$/m)) {
      const received = /message received \[\d+\] bytes ?:\s+(\S+) sip:([^@\s;]+)@?/.exec(message);
      const callId = /^Call-ID: *(\S+)/im.exec(message)?.[1];
      if (!received || callId === undefined) continue;
      if (received[1] === 'INVITE') numbers.set(callId, received[2]!);
      // A BYE goes to the carrier's contact: its number is that of its call.
      if (received[1] === 'BYE' || received[1] === 'CANCEL') ended.set(callId, numbers.get(callId) ?? '?');
    }
    return { begun: [...numbers.values()], ended: [...ended.values()] };
  }

  async stop(): Promise<void> {
    await end(this.child);
    await rm(this.folder, { recursive: true, force: true });
  }
}

export interface Calls {
  /** `talk` and `ring` go on until the switch ends them; `pass` hangs up at once; `refused` expects a 403 with its reason */
  scenario: 'talk' | 'ring' | 'pass' | 'refused';
  account: string;
  number: string;
  calls?: number;
}

/** A PBX with some calls. */
export class Pbx {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async call(sip: number, { scenario: name, account, number, calls = 1 }: Calls): Promise<Pbx> {
    const port = await freePort();
    return new Pbx(
      sipp([
        `127.0.0.1:${sip}`,
        '-sf',
        scenario(name),
        '-p',
        String(port),
        '-m',
        String(calls),
        '-r',
        '50',
        '-key',
        'account',
        account,
        '-key',
        'number',
        number,
        '-recv_timeout',
        '200000',
      ]),
    );
  }

  get goesOn(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Whether each of its calls went as its scenario says. */
  async wentAsExpected(): Promise<boolean> {
    if (this.goesOn) await once(this.#child, 'exit');
    return this.#child.exitCode === 0;
  }

  async stop(): Promise<void> {
    await end(this.#child);
  }
}
