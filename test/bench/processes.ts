/** The processes of a bench: each with the flags that `npm start` gives Node. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pipeline } from 'node:stream/promises';
import type { ImportResult } from '../../src/pipeline/usage/record-usage.ts';
import { HEADER } from './made-up-usage.ts';

const PACKAGE = new URL('../../../package.json', import.meta.url);
const START = (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { scripts: { start: string } }).scripts.start;
/** What stands between `node` and the file that it starts. */
export const NODE_FLAGS = /&& node (.*?) ?dist\/src\/main\.js$/.exec(START)![1]!.split(' ');

export function program(name: string, args: readonly string[]): ChildProcess {
  const path = fileURLToPath(new URL(name, import.meta.url));
  return fork(path, args, { execArgv: NODE_FLAGS });
}

/** What a program says next; throws where it ends instead. */
export async function said<T>(child: ChildProcess): Promise<T> {
  const ending = new AbortController();
  const ended = once(child, 'exit', ending).then(() => {
    throw new Error('a process of the bench has ended');
  });
  const message = once(child, 'message', ending);
  try {
    return (await Promise.race([message, ended]))[0] as T;
  } finally {
    ending.abort();
    await Promise.allSettled([ended, message]);
  }
}

export class Importer {
  private constructor(readonly child: ChildProcess) {}

  static async start(databaseUrl: string): Promise<Importer> {
    const child = program('./importer.js', [databaseUrl]);
    await said(child);
    return new Importer(child);
  }

  /** Imports a file; throws where what became of its rows is not `expected`. */
  async count(path: string, expected: Partial<ImportResult>): Promise<void> {
    this.child.send({ path });
    const { result, error } = await said<{ result?: ImportResult; error?: string }>(this.child);
    if (!result) throw new Error(error);
    for (const [name, rows] of Object.entries(expected)) {
      if (result[name as keyof ImportResult] !== rows)
        throw new Error(`${JSON.stringify(result)}: not ${rows} ${name}`);
    }
  }

  async stop(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.disconnect();
    await exited;
  }
}

export async function writeUsage(path: string, lines: Iterable<string>): Promise<void> {
  const chunks = function* () {
    let chunk = `${HEADER}\n`;
    for (const line of lines) {
      chunk += `${line}\n`;
      if (chunk.length < 65_536) continue;
      yield chunk;
      chunk = '';
    }
    yield chunk;
  };
  await pipeline(chunks, createWriteStream(path));
}
