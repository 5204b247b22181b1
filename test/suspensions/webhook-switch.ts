/** A system that bars by signed webhooks in the shape of TMF640: a real HTTP server, which a test makes fail as it likes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { closedAtLast } from '../harness/closing.ts';

export const SECRET = `whsec_${Buffer.from('a secret of the tests, 32 bytes.').toString('base64')}`;

export interface ServiceOnSwitch {
  id: string;
  name: string;
  state: string;
  serviceCharacteristic: { name: string; value: unknown }[];
}

export interface Asked {
  /** its `webhook-id`, by which a receiver knows what it had before */
  id: string;
  method: string;
  path: string;
  body: ServiceOnSwitch | undefined;
}

/** Answers a request itself, or leaves it to what is documented by answering false. */
export type Whim = (asked: Asked, response: ServerResponse) => boolean;

export class WebhookSwitch {
  readonly services = new Map<string, ServiceOnSwitch>();
  /** what was asked and bore a signature that is right */
  readonly asked: Asked[] = [];
  refusedSignatures = 0;
  /** calls in progress of an account, of which two end each time it is asked to */
  readonly calls = new Map<string, number>();
  whim: Whim = () => false;
  readonly #verifier: Webhook;
  readonly #server: Server = createServer((request, response) => void this.#take(request, response));
  #port = 0;

  constructor(secret: string = SECRET) {
    this.#verifier = new Webhook(secret);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/service`;
  }

  /** The suspension that a bar bears; undefined where none stands. */
  barred(key: string): unknown {
    const found = this.services.get(key);
    return found?.serviceCharacteristic.find(({ name }) => name === 'suspension')?.value;
  }

  /** Again on the same port, where it was stopped. */
  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
    closedAtLast('webhook switch', () => this.stop());
    return this;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [method, path] = [request.method!, request.url!];
    const said = await text(request);
    try {
      this.#verifier.verify(method === 'GET' ? path : said, request.headers as Record<string, string>, {
        jsonParse: false,
      });
    } catch {
      this.refusedSignatures++;
      response.writeHead(401).end('bad signature');
      return;
    }
    const id = String(request.headers['webhook-id']);
    const asked = { id, method, path, body: said === '' ? undefined : (JSON.parse(said) as ServiceOnSwitch) };
    this.asked.push(asked);
    if (!this.whim(asked, response)) this.#answer(asked, response);
  }

  #answer({ path, body }: Asked, response: ServerResponse): void {
    const { pathname } = new URL(path, this.url);
    if (body?.name === 'calls-in-progress') {
      const left = Math.max(0, (this.calls.get(body.id) ?? 0) - 2);
      this.calls.set(body.id, left);
      return json(response, { left });
    }
    if (body) {
      if (body.state === 'terminated') this.services.delete(body.id);
      else this.services.set(body.id, body);
      return json(response, body);
    }
    if (pathname === '/service') {
      response.setHeader('X-Total-Count', String(this.services.size));
      return json(response, [...this.services.values()]);
    }
    const found = this.services.get(decodeURIComponent(pathname.slice('/service/'.length)));
    if (found) return json(response, found);
    response.writeHead(404).end();
  }
}

export function json(response: ServerResponse, value: unknown): void {
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify(value));
}
