/**
 * A connection on which what is asked for in one turn of the event loop goes out in one message and comes back in one. To
 * ask PostgreSQL costs more than most of what it is asked for, so whoever needs two answers asks for both before awaiting
 * either. The statements run one after the other, as ever; where one fails, none behind it in the same message has run.
 *
 * COPY goes with its rows, which have to be there when it is asked for: to begin it, to send rows and to hear that it has
 * ended would be three turns, each behind whatever else the process does meanwhile. A text without parameters, which may
 * hold several statements, goes by itself, in its turn.
 */
import { Query, type Connection, type PoolClient, type QueryConfig, type QueryResult, type Submittable } from 'pg';

/** `COPY … FROM STDIN`, and what it is to take. */
export interface CopyConfig {
  text: string;
  copied: readonly Buffer[];
}

export interface SentTogether {
  /** The connection, with a `query` that waits until this turn has asked for all it needs. */
  client: PoolClient;
  /** Says the last word, behind what still waits. Nothing is taken from then on, also of who has not heard that it is over. */
  finish(lastWord: string | QueryConfig): Promise<QueryResult>;
}

export function sentTogether(connection: PoolClient): SentTogether {
  let waiting: Statement[] = [];
  let inTurn: Promise<unknown> = Promise.resolve();
  let finished = false;
  /** What spoilt the transaction: of more use than that it is spoilt, which is all that PostgreSQL says from then on. */
  let cause: unknown;

  const thenDo = <T>(what: () => Promise<T>): Promise<T> => {
    const done = inTurn.then(what);
    inTurn = done.catch((error: unknown) => (cause ??= error));
    return done;
  };
  const send = () => {
    if (waiting.length === 0) return;
    const statements = waiting;
    waiting = [];
    void thenDo(() => new Promise<void>((resolve) => connection.query(new Message(statements, resolve))));
  };
  const ask = async (config: QueryConfig | CopyConfig): Promise<QueryResult> => {
    // Ticks come after everything that goes on by promises alone.
    if (waiting.length === 0) process.nextTick(send);
    try {
      return await new Promise((resolve, reject) => waiting.push(statementOf(config, resolve, reject)));
    } catch (failed) {
      const error = cause !== undefined && codeOf(failed) === IN_FAILED_TRANSACTION ? cause : failed;
      cause ??= error;
      // Who asked is of more use than the socket that answered.
      if (error instanceof Error) Error.captureStackTrace(error);
      throw error;
    }
  };
  const take = (what: string | QueryConfig | CopyConfig, values?: unknown[]): Promise<QueryResult> => {
    const config = typeof what === 'string' ? { text: what, values } : what;
    if ('copied' in config || (config.name ?? config.values?.length)) return ask(config);
    send();
    return thenDo(() => connection.query(config.text));
  };
  const query: typeof take = (...statement) => {
    if (finished) throw new Error('this transaction is over');
    return take(...statement);
  };
  const finish = (lastWord: string | QueryConfig) => {
    finished = true;
    return take(lastWord);
  };
  return { client: Object.create(connection, { query: { value: query } }) as PoolClient, finish };
}

/** SQLSTATE in_failed_sql_transaction. */
const IN_FAILED_TRANSACTION = '25P02';

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** What `pg` tells a query of what the server says. Its types leave it out; whatever is submitted has it. */
interface Told {
  submit(connection: Connection): Error | null;
  handleRowDescription(message: unknown): void;
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: Connection): void;
  handleReadyForQuery(connection: Connection): void;
  handleError(error: Error, connection: Connection): void;
}

/** Which statements of a connection are prepared, by name. */
type Prepared = Connection & Record<'parsedStatements' | 'submittedNamedStatements', Record<string, string>>;

/** One that was asked for. */
interface Statement {
  config: QueryConfig | CopyConfig;
  query: Told;
  failed: boolean;
}

/** Who asked hears either. */
type Answered = (error: Error | null | undefined, result?: unknown) => void;

function statementOf(
  config: QueryConfig | CopyConfig,
  resolve: (result: QueryResult) => void,
  reject: (error: Error) => void,
): Statement {
  const answered: Answered = (error, result) => {
    statement.failed = Boolean(error);
    if (error) reject(error);
    else resolve(result as QueryResult);
  };
  const query = 'copied' in config ? new Copy(config, answered) : queryOf(config, answered);
  const statement = { config, failed: false, query };
  return statement;
}

/** Named afterwards: from a config `pg` makes a copy first, which takes ten times as long. */
function queryOf({ name, text, values }: QueryConfig, answered: Answered): Told {
  return Object.assign(new Query(text, values, answered as never), { name }) as unknown as Told;
}

/** What `pg` says to the server for COPY; its types leave it out. */
type CopyingConnection = Connection & { sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void };

/** Rows follow at once: where the server does not come to take them, it passes over what belongs to COPY. */
class Copy implements Told {
  readonly #config: CopyConfig;
  readonly #answered: Answered;
  #rowCount = 0;

  constructor(config: CopyConfig, answered: Answered) {
    this.#config = config;
    this.#answered = answered;
  }

  submit(connection: CopyingConnection): null {
    connection.parse({ name: '', text: this.#config.text, types: [] }, true);
    connection.bind({}, true);
    connection.execute({}, true);
    for (const chunk of this.#config.copied) connection.sendCopyFromChunk(chunk);
    connection.endCopyFrom();
    return null;
  }

  handleRowDescription(): void {}

  handleDataRow(): void {}

  handleCommandComplete({ text }: { text: string }): void {
    this.#rowCount = Number(text.slice('COPY '.length));
  }

  handleReadyForQuery(): void {
    this.#answered(null, { rowCount: this.#rowCount });
  }

  handleError(error: Error): void {
    this.#answered(error);
  }
}

/** Several statements up to one Sync, answered in their order; each is a query of `pg`'s own, which reads its answer. */
class Message implements Submittable, Omit<Told, 'submit'> {
  readonly #statements: Statement[];
  readonly #done: () => void;
  #answered = 0;

  constructor(statements: Statement[], done: () => void) {
    this.#statements = statements;
    this.#done = done;
  }

  /** By which `pg` remembers that a statement is prepared. */
  get name(): string | undefined {
    return nameOf(this.#statements[this.#answered]);
  }

  get text(): string | undefined {
    return this.#statements[this.#answered]?.config.text;
  }

  submit(connection: Connection): void {
    connection.stream.cork();
    try {
      const withoutSync = Object.create(connection, { sync: { value: () => undefined } }) as Connection;
      for (const [index, statement] of this.#statements.entries()) {
        const refused = statement.query.submit(withoutSync);
        if (refused) statement.query.handleError(refused, connection);
        if (!statement.failed) continue;
        // It is none that can be sent, so what was to come behind it is not.
        for (const behind of this.#statements.splice(index + 1)) {
          behind.query.handleError(new Error('a statement before this one could not be sent'), connection);
        }
      }
      connection.sync();
    } finally {
      connection.stream.uncork();
    }
  }

  /** Its rows are on their way. */
  handleCopyInResponse(): void {}

  handleRowDescription(message: unknown): void {
    this.#statements[this.#answered]!.query.handleRowDescription(message);
  }

  handleDataRow(message: unknown): void {
    this.#statements[this.#answered]!.query.handleDataRow(message);
  }

  handleCommandComplete(message: unknown, connection: Connection): void {
    const { query } = this.#statements[this.#answered++]!;
    query.handleCommandComplete(message, connection);
    query.handleReadyForQuery(connection);
  }

  handleReadyForQuery(connection: Prepared): void {
    // `pg` takes back what it has prepared of a statement that could not be sent, and forgets that it has.
    if (this.name !== undefined) delete connection.parsedStatements[this.name];
    this.#done();
  }

  /** The statements behind the one that failed have not run, and were not prepared. */
  handleError(error: Error, connection: Prepared): void {
    for (const statement of this.#statements.slice(this.#answered)) {
      const name = nameOf(statement);
      if (name !== undefined) delete connection.submittedNamedStatements[name];
      statement.query.handleError(error, connection);
    }
    this.#done();
  }
}

function nameOf(statement: Statement | undefined): string | undefined {
  return statement && 'name' in statement.config ? statement.config.name : undefined;
}
