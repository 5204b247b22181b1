import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { closedAtLast } from './closing.ts';
import { ROOT } from './root.ts';

const MAIN = join(ROOT, 'dist/src/main.js');
const START_MS_MAX = 120_000;
const STOP_MS_MAX = 120_000;
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
    closedAtLast('Plafond', () => plafond.stop());
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
    await end(this.child);
  }

  /** Throws where it does not end by itself; it is killed then. */
  async stop(): Promise<void> {
    let late = false;
    const limit = setTimeout(() => (late = this.child.kill('SIGKILL')), STOP_MS_MAX);
    await end(this.child, 'SIGTERM').finally(() => clearTimeout(limit));
    if (late) throw new Error(`Plafond did not end within ${STOP_MS_MAX} ms of SIGTERM:\n${this.log()}`);
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

/** Ends a child, if it has not ended, and waits until it has. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/**
 * A port of loopback on which nobody listens. It lies below those that systems give to whoever connects, or listens on any:
 * nobody comes by it before it is used, nor while what uses it is down.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_768);
    const server = createServer().listen(port, '127.0.0.1');
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Looks until there is something to see; throws after `ms_max`. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>, ms_max = 120_000): Promise<T> {
  for (let waited_ms = 0; ; waited_ms += 100) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (waited_ms >= ms_max) throw new Error(`waited ${ms_max} ms in vain: ${what}`);
    await sleep(100);
  }
}
