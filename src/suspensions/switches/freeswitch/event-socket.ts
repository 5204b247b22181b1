/**
 * FreeSWITCH's event socket, inbound mode: a text protocol of headers and, where they say so, a body. One connection, over
 * which commands go one after the other; where it breaks, the next command opens another.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { SwitchFailure } from '../switch.ts';

const ANSWER_MS_MAX = 3_000;
const ANSWER_BYTES_MAX = 64 * 1024 ** 2;

interface Message {
  headers: Map<string, string>;
  body: string;
}

export class EventSocket {
  readonly #host: string;
  readonly #port: number;
  readonly #password: string;
  #connection: Promise<Connection> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(url: URL, password: string) {
    this.#host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    this.#port = Number(url.port || 8021);
    this.#password = password;
  }

  /** What `api <command>` answers. Throws {@link SwitchFailure}. */
  api(command: string): Promise<string> {
    const asked = this.#last.then(() => this.#ask(command));
    this.#last = asked.catch(() => undefined);
    return asked;
  }

  async close(): Promise<void> {
    await this.#last;
    const connection = await this.#connection?.catch(() => undefined);
    connection?.end();
  }

  async #ask(command: string): Promise<string> {
    if (/[\r\n]/.test(command)) throw new SwitchFailure('wrong', 'a command of more than one line is not sent');
    try {
      this.#connection ??= this.#open();
      const connection = await this.#connection;
      const answer = await connection.send(`api ${command}`);
      if (answer.headers.get('content-type') !== 'api/response') {
        throw new SwitchFailure('wrong', `api: ${answer.headers.get('reply-text') ?? 'an answer of another kind'}`);
      }
      return answer.body;
    } catch (error) {
      // What was asked may still be answered, to whoever asks next: the connection is of no use any more.
      void this.#connection?.then(
        (connection) => connection.end(),
        () => undefined,
      );
      this.#connection = undefined;
      if (error instanceof SwitchFailure) throw error;
      const { message, code } = error as { message?: string; code?: string };
      throw new SwitchFailure('away', message || code || String(error), { cause: error });
    }
  }

  async #open(): Promise<Connection> {
    const connection = await Connection.to(this.#host, this.#port);
    const greeting = await connection.receive();
    if (greeting.headers.get('content-type') !== 'auth/request') {
      connection.end();
      throw new SwitchFailure('wrong', 'it does not greet as a FreeSWITCH event socket does');
    }
    if (/[\r\n]/.test(this.#password)) throw new SwitchFailure('wrong', 'the password has more than one line');
    const reply = (await connection.send(`auth ${this.#password}`)).headers.get('reply-text') ?? '';
    if (!reply.startsWith('+OK')) {
      connection.end();
      throw new SwitchFailure('wrong', `it does not take the password: ${reply}`);
    }
    return connection;
  }
}

class Connection {
  readonly #socket: Socket;
  #buffer = Buffer.alloc(0);
  readonly #messages: Message[] = [];
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('it closed the connection')));
  }

  static async to(host: string, port: number): Promise<Connection> {
    const connection = new Connection(connect({ host, port, noDelay: true }));
    const connected = once(connection.#socket, 'connect', { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    await connected.catch((error: Error) => {
      connection.end();
      throw error.name === 'AbortError' ? new Error(`no connection within ${ANSWER_MS_MAX / 1_000} s`) : error;
    });
    return connection;
  }

  async send(command: string): Promise<Message> {
    this.#socket.write(`${command}\n\n`);
    return this.receive();
  }

  /** The next message that answers something; throws where none comes in time. */
  async receive(): Promise<Message> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, ANSWER_MS_MAX);
    try {
      for (;;) {
        const message = this.#messages.shift();
        if (message) return message;
        if (this.#failure) throw this.#failure;
        if (late) throw new Error(`no answer within ${ANSWER_MS_MAX / 1_000} s`);
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  end(): void {
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  #take(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    if (this.#buffer.length > ANSWER_BYTES_MAX) return this.#fail(new Error('its answer is too long'));
    for (;;) {
      const end = this.#buffer.indexOf('\n\n');
      if (end === -1) return;
      const headers = readHeaders(this.#buffer.subarray(0, end).toString('utf8'));
      const length = Number(headers.get('content-length') ?? 0);
      if (!Number.isSafeInteger(length) || length < 0) return this.#fail(new Error('it tells no length of its answer'));
      if (this.#buffer.length < end + 2 + length) return;
      const body = this.#buffer.subarray(end + 2, end + 2 + length).toString('utf8');
      this.#buffer = this.#buffer.subarray(end + 2 + length);
      // It announces that it is going; its close comes next.
      if (headers.get('content-type') !== 'text/disconnect-notice') this.#messages.push({ headers, body });
      this.#wake();
    }
  }
}

function readHeaders(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return headers;
}
