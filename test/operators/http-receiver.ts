/** A receiver of webhooks on this machine: a real HTTP server that a test takes down, makes fail, or makes slow. */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { closedAtLast } from '../harness/closing.ts';

export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}

export class HttpReceiver {
  readonly received: Received[] = [];
  /** what it answers; 204 where nothing else is said */
  status = 204;
  /** how long it thinks before it answers */
  pause_ms = 0;
  #server: Server | undefined;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  async start(): Promise<void> {
    this.#server = createServer((request, response) => void this.#take(request, response));
    await new Promise<void>((resolve) => this.#server!.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
    closedAtLast('receiver', () => this.stop());
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    if (this.pause_ms > 0) await new Promise((resolve) => setTimeout(resolve, this.pause_ms));
    if (this.status < 300) this.received.push({ headers: request.headers, body });
    response.writeHead(this.status).end(this.status < 300 ? '' : 'not now');
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
