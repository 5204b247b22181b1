import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ROOT } from './root.ts';

const MAIN = join(ROOT, 'dist/src/main.js');
const START_MS_MAX = 30_000;
export const KEY = 'key-of-the-tests';

/** Plafond as its users start it: a process of its own, made by `npm run build`. */
export class PlafondProcess {
  private constructor(
    readonly url: string,
    readonly child: ChildProcess,
    private readonly said: string[],
  ) {}

  /** `nodeFlags`: how Node is started, where that matters. */
  static async start(
    env: Record<string, string>,
    nodeFlags: readonly string[] = ['--enable-source-maps'],
  ): Promise<PlafondProcess> {
    const port = env.PORT === undefined ? await freePort() : Number(env.PORT);
    const said: string[] = [];
    const child = spawn(process.execPath, [...nodeFlags, MAIN], {
      env: { PATH: process.env.PATH, PORT: String(port), PLAFOND_ADMIN_KEY: KEY, LOG_LEVEL: 'warn', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout!.on('data', (data: Buffer) => said.push(data.toString()));
    child.stderr!.on('data', (data: Buffer) => said.push(data.toString()));
    const plafond = new PlafondProcess(`http://127.0.0.1:${port}`, child, said);
    if (!env.ROLE || env.ROLE.includes('api') || env.ROLE === 'all') await plafond.#ready();
    return plafond;
  }

  /** What it wrote to its log. */
  log(): string {
    return this.said.join('');
  }

  async ask(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${KEY}`, accept: 'application/json', 'content-type': contentType },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  /** The answer's JSON; throws where the request was refused. */
  async json<T>(method: string, path: string, body?: unknown, contentType?: string): Promise<T> {
    const answer = await this.ask(method, path, body, contentType);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }

  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    await exited;
  }

  async #ready(): Promise<void> {
    for (let waited_ms = 0; waited_ms < START_MS_MAX; waited_ms += 50) {
      if (this.child.exitCode !== null) throw new Error(`Plafond ended:\n${this.log()}`);
      const ready = await fetch(`${this.url}/health/ready`).then(
        (answer) => answer.ok,
        () => false,
      );
      if (ready) return;
      await sleep(50);
    }
    throw new Error(`Plafond is not ready:\n${this.log()}`);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Looks until there is something to see; throws after `ms_max`. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>, ms_max = 60_000): Promise<T> {
  for (let waited_ms = 0; ; waited_ms += 100) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (waited_ms >= ms_max) throw new Error(`waited ${ms_max} ms in vain: ${what}`);
    await sleep(100);
  }
}
