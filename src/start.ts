import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { configureHttp, HTTP_OPTIONS, httpAdapter } from './admin/http.ts';
import { AppModule, type Surroundings } from './app.module.ts';
import type { Config } from './config.ts';
import { openDatabase } from './database/database.module.ts';
import { sqlState } from './database/transaction.ts';
import { SystemClock, type Clock } from './kernel/clock.ts';
import { PlafondLogger, strikeSecrets } from './logging.ts';
import { reasonOf } from './kernel/outage.ts';
import { openQueueConnection, QueueNotOpened } from './queues/queue-connection.ts';

/** Something around Plafond keeps it from starting; the message says what, in one line and without secrets. */
export class CannotStart extends Error {}

export interface Plafond {
  app: INestApplicationContext;
  /** where the API listens; `undefined` without the role `api` */
  url: string | undefined;
  /** Ends HTTP, workers, queues, connections and the embedded database, in this order. */
  close(): Promise<void>;
}

/** Starts the roles of `config`. Throws {@link CannotStart}, having closed what it had opened, where its surroundings do not let it. */
export async function startPlafond(
  wanted: Config,
  { clock = new SystemClock(), log = new PlafondLogger(wanted) }: { clock?: Clock; log?: PlafondLogger } = {},
): Promise<Plafond> {
  const config = wanted.port === 0 ? await withPort(wanted) : wanted;
  const database = await openDatabase(config, log).catch((error: unknown) => {
    const place = config.databaseUrl === undefined ? 'the embedded PostgreSQL' : strikeSecrets(config.databaseUrl);
    throw new CannotStart(oneLine(`cannot open the database (${place}): ${reasonOf(error)}`), { cause: error });
  });
  const queueConnection = openQueueConnection(config.queueUrl, database.url);
  let app: INestApplicationContext | undefined;
  const close = async (): Promise<void> => {
    await app?.close();
    await queueConnection.close();
    await database.close();
  };
  try {
    const roles = { clock, database, queueConnection };
    if (!config.roles.includes('api')) {
      app = await NestFactory.createApplicationContext(AppModule.forRoles(config, roles), nestOptions(log));
      return { app, url: undefined, close };
    }
    const http = await createHttp(config, roles, log);
    app = http;
    await listen(http, config);
    return { app, url: await http.getUrl(), close };
  } catch (error) {
    await close();
    if (!(error instanceof QueueNotOpened)) throw error;
    const room = 'a process has up to 60 connections to PostgreSQL';
    throw new CannotStart(oneLine(`cannot open the queue: ${error.message}; ${room}`), { cause: error });
  }
}

/** A port that the system is to choose is chosen first: the links of warnings name it. */
async function withPort(config: Config): Promise<Config> {
  const probe = createServer().listen(0, config.host);
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return { ...config, port, publicUrl: config.publicUrl.replace(/:0$/, `:${port}`) };
}

const nestOptions = (log: PlafondLogger) => ({ logger: log, abortOnError: false });

async function createHttp(config: Config, roles: Surroundings, log: PlafondLogger): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forRoles(config, roles), httpAdapter(config), {
    ...HTTP_OPTIONS,
    ...nestOptions(log),
  });
  await configureHttp(app);
  return app;
}

async function listen(app: NestFastifyApplication, { host, port }: Config): Promise<void> {
  try {
    await app.listen(port, host);
  } catch (error) {
    const state = sqlState(error);
    if (state === 'EADDRINUSE')
      throw new CannotStart(`port ${port} on ${host} is in use; set PORT to another`, { cause: error });
    if (state === 'EACCES' || state === 'EADDRNOTAVAIL' || state === 'ENOTFOUND') {
      throw new CannotStart(`cannot listen on ${host}:${port}: ${state}`, { cause: error });
    }
    throw error;
  }
}

function oneLine(text: string): string {
  return strikeSecrets(text).replaceAll(/\s*\n\s*/g, ' ');
}
