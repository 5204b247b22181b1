/** A real Kamailio with the configuration of docker/kamailio, on free ports of loopback. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closedAtLast } from '../harness/closing.ts';
import { freePort, until } from '../harness/process.ts';
import { ROOT } from '../harness/root.ts';
import { findProgram } from './find-program.ts';

const CONFIGURATION = join(ROOT, 'docker/kamailio/kamailio.cfg');

export interface KamailioPorts {
  sip: number;
  rpc: number;
  carrier: number;
}

/** UDP ports of SIP are taken from where TCP has none: nobody else here listens on either. */
export async function kamailioPorts(carrier?: number): Promise<KamailioPorts> {
  return { sip: await freePort(), rpc: await freePort(), carrier: carrier ?? (await freePort()) };
}

export class Kamailio {
  #child: ChildProcess | undefined;
  #folder: string | undefined;
  #said = '';

  /** `events`: where it tells of calls, and with which key; `definitions`: what else of the site differs. */
  constructor(
    readonly ports: KamailioPorts,
    private readonly site: { events?: { url: string; key: string }; definitions?: readonly string[] } = {},
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.ports.rpc}/RPC`;
  }

  /** What it logged, CDRs too. */
  get log(): string {
    return this.#said;
  }

  async start(): Promise<void> {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'plafond-kamailio-'));
    const { sip, rpc, carrier } = this.ports;
    const { events, definitions: ofSite = [] } = this.site;
    const definitions = [
      `LISTEN_SIP=udp:127.0.0.1:${sip}`,
      `LISTEN_RPC=tcp:127.0.0.1:${rpc}`,
      `RPC_PORT=${rpc}`,
      `CARRIER="sip:127.0.0.1:${carrier}"`,
      ...(events ? [`PLAFOND="${events.url}"`] : []),
      ...ofSite,
    ];
    const child = spawn(
      findProgram('kamailio')!,
      // -DD keeps it in the foreground, in a process group of its own that can be killed as a whole.
      [
        '-DD',
        '-E',
        '-f',
        CONFIGURATION,
        '-Y',
        this.#folder,
        '-m',
        '128',
        '-M',
        '16',
        ...definitions.flatMap((each) => ['-A', each]),
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
        env: { ...process.env, ...(events ? { PLAFOND_KEY: events.key } : {}) },
      },
    );
    this.#child = child;
    closedAtLast('Kamailio', () => this.stop());
    const take = (data: Buffer) => (this.#said += data.toString());
    child.stdout!.on('data', take);
    child.stderr!.on('data', take);
    await until('Kamailio answers', async () => {
      if (child.exitCode !== null) throw new Error(`Kamailio ended:\n${this.#said}`);
      return (await this.ask('core.uptime').catch(() => undefined)) !== undefined;
    });
  }

  /** What its RPC answers; throws where it is an error. */
  async ask(method: string, ...params: (string | number)[]): Promise<unknown> {
    const body = JSON.stringify({ jsonrpc: '2.0', method, params, id: 1 });
    const answer = await fetch(this.url, { method: 'POST', body, signal: AbortSignal.timeout(5_000) });
    const { result, error } = (await answer.json()) as { result?: unknown; error?: { message: string } };
    if (error) throw new Error(error.message);
    return result;
  }

  /** The value of a bar; undefined where there is none. */
  async barred(key: string): Promise<string | undefined> {
    try {
      const { item } = (await this.ask('htable.get', 'barred', key)) as { item: { value: string } };
      return item.value;
    } catch (error) {
      if (String(error).includes("Key name doesn't exist")) return undefined;
      throw error;
    }
  }

  /** Without a word to anybody, as when a machine fails. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    process.kill(-child.pid!, 'SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }
}
