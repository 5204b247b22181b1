/** A private Kannel with two networks: its own fake SMSC, and an SMSC by SMPP for numbers that begin with 49. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closedAtLast } from '../harness/closing.ts';
import { end, freePort, until } from '../harness/process.ts';

export const FAKESMSC = '/usr/lib/kannel/test/fakesmsc';

const CONFIG = (p: Record<'admin' | 'smsbox' | 'sendsms' | 'fake' | 'smpp', number>, folder: string) => `
group = core
admin-port = ${p.admin}
admin-interface = "127.0.0.1"
admin-password = of-the-tests
smsbox-port = ${p.smsbox}
smsbox-interface = "127.0.0.1"
log-file = "${folder}/bearerbox.log"
log-level = 0
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = fake
host = 127.0.0.1
port = ${p.fake}
connect-allow-ip = "127.0.0.1"
denied-prefix = "49;+49"

group = smsc
smsc = smpp
smsc-id = smpp
host = 127.0.0.1
port = ${p.smpp}
transceiver-mode = true
smsc-username = plafond
smsc-password = s3cret
system-type = ""
interface-version = 34
msg-id-type = 0x00
allowed-prefix = "49;+49"

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = ${p.sendsms}
sendsms-interface = "127.0.0.1"
log-file = "${folder}/smsbox.log"
log-level = 0

group = sendsms-user
username = plafond
password = s3cret
max-messages = 2
concatenation = true

group = sms-service
keyword = default
max-messages = 0
text = ""
`;

export class Kannel {
  readonly #programs: ChildProcess[] = [];

  private constructor(
    readonly sendsmsPort: number,
    private readonly folder: string,
  ) {}

  /** `smppPort` is where the SMSC for 49 listens. */
  static async start(smppPort: number): Promise<Kannel> {
    const folder = mkdtempSync(join(tmpdir(), 'plafond-kannel-'));
    const [admin, smsbox, sendsms, fake] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const config = join(folder, 'kannel.conf');
    writeFileSync(config, CONFIG({ admin, smsbox, sendsms, fake, smpp: smppPort }, folder));
    const kannel = new Kannel(sendsms, folder);
    closedAtLast('Kannel', () => kannel.stop());
    kannel.#run('bearerbox', [config]);
    const status = (text: RegExp) => async () =>
      fetch(`http://127.0.0.1:${admin}/status.txt`)
        .then((answer) => answer.text())
        .then(
          (said) => text.test(said),
          () => false,
        );
    await until('bearerbox answers', status(/running/));
    kannel.#run('smsbox', [config]);
    // Sends nothing itself, and takes whatever comes.
    kannel.#run(FAKESMSC, ['-H', '127.0.0.1', '-r', String(fake), '-m', '0', '1 2 text nothing'], 'fakesmsc.log');
    await until('Kannel is whole', status(/smsbox:[\s\S]*fake[^\n]*online[\s\S]*smpp[^\n]*online/i), 30_000).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}\n${kannel.log()}`);
      },
    );
    return kannel;
  }

  /** What the fake network was given. */
  received(): string {
    return readFileSync(join(this.folder, 'fakesmsc.log'), 'utf8');
  }

  log(): string {
    return readFileSync(join(this.folder, 'bearerbox.log'), 'utf8').slice(-5_000);
  }

  async stop(): Promise<void> {
    for (const program of this.#programs.toReversed()) await end(program);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(program: string, args: readonly string[], log?: string): void {
    const started = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = (data: Buffer) => log && writeFileSync(join(this.folder, log), data, { flag: 'a' });
    started.stdout.on('data', said);
    started.stderr.on('data', said);
    this.#programs.push(started);
  }
}
