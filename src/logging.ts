/**
 * The log on standard output: JSON lines for machines, one readable line for a person at a terminal. Passwords in
 * addresses, bearer keys and the secrets that the environment names are struck out, whoever wrote them.
 */
import type { LoggerService } from '@nestjs/common';
import pino, { type DestinationStream, type Level, type Logger } from 'pino';
import type { Config } from './config.ts';

// Which modules and routes there are is nobody's concern while all is well.
const NEST_CHATTER = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestApplication']);

/** Nest's logger on pino; also what the database tells its stories to. */
export class PlafondLogger implements LoggerService {
  readonly #pino: Logger;

  constructor(
    config: Pick<Config, 'logLevel' | 'adminKey'>,
    stream: DestinationStream & { isTTY?: boolean } = process.stdout,
  ) {
    const secrets = config.adminKey === undefined ? [] : [config.adminKey];
    const write = (line: string): void => {
      const struck = strikeSecrets(line, secrets);
      stream.write(stream.isTTY ? readableLine(struck) : struck);
    };
    this.#pino = pino(
      {
        level: config.logLevel,
        base: undefined,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (level) => ({ level }) },
      },
      { write },
    );
  }

  log = (message: unknown, ...rest: unknown[]): void => this.#write('info', message, rest);
  info = (message: unknown, ...rest: unknown[]): void => this.#write('info', message, rest);
  warn = (message: unknown, ...rest: unknown[]): void => this.#write('warn', message, rest);
  error = (message: unknown, ...rest: unknown[]): void => this.#write('error', message, rest);
  fatal = (message: unknown, ...rest: unknown[]): void => this.#write('fatal', message, rest);
  debug = (message: unknown, ...rest: unknown[]): void => this.#write('debug', message, rest);
  verbose = (message: unknown, ...rest: unknown[]): void => this.#write('trace', message, rest);

  /** Nest appends the context as the last string, and puts an error's stack before it. */
  #write(level: Level, message: unknown, rest: unknown[]): void {
    const texts = rest.filter((each) => typeof each === 'string');
    const context = texts.findLast((text) => !text.includes('\n'));
    const error = [message, ...rest].find((each) => each instanceof Error);
    const stack = error?.stack ?? texts.find((text) => text.includes('\n'));
    const heard = level === 'info' && NEST_CHATTER.has(context ?? '') ? 'debug' : level;
    this.#pino[heard]({ context, stack }, message instanceof Error ? message.message : asText(message));
  }
}

function asText(message: unknown): string {
  return typeof message === 'string' ? message : JSON.stringify(message);
}

/** Replaces passwords in addresses, bearer keys, passwords in query strings, and the `secrets` named. */
export function strikeSecrets(text: string, secrets: readonly string[] = []): string {
  return secrets
    .reduce((line, secret) => line.replaceAll(secret, '***'), text)
    .replaceAll(/(:\/\/[^\s:@/"']*:)[^\s@/"']+@/g, '$1***@')
    .replaceAll(/([?&](?:password|pass|secret|token|key)=)[^\s&"']+/gi, '$1***')
    .replaceAll(/(Bearer )[\w.~+/=-]+/gi, '$1***');
}

const RED = 31;
const YELLOW = 33;
const COLOURS: Record<string, number> = { warn: YELLOW, error: RED, fatal: RED };

interface LogLine {
  level: string;
  time: string;
  context?: string;
  msg: string;
  stack?: string;
}

function readableLine(json: string): string {
  const { level, time, context, msg, stack } = JSON.parse(json) as LogLine;
  const colour = COLOURS[level];
  const severity = colour === undefined ? level.padEnd(5) : `\x1b[${colour}m${level.padEnd(5)}\x1b[0m`;
  const from = context === undefined ? '' : `${context}: `;
  const clock = time.slice('2010-03-14T'.length, '2010-03-14T02:41:00'.length);
  return `${clock} ${severity} ${from}${msg}\n${stack === undefined ? '' : `${stack}\n`}`;
}
