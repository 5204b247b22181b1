/** Starts the roles that ROLE names, and ends them on SIGTERM or SIGINT; where something goes wrong that nobody caught, at once. */
import 'reflect-metadata';
import { BadEnvironment, readConfig } from './config.ts';
import { PlafondLogger, strikeSecrets } from './logging.ts';
import { CannotStart, startPlafond } from './start.ts';

const CLOSE_MS_MAX = 30_000;

async function main(): Promise<void> {
  const config = readConfig();
  const log = new PlafondLogger(config);
  // What is at work is not known any more: it is told, and the next start takes it up.
  const crash = (error: unknown): never => {
    log.fatal(error, 'plafond');
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  const starting = startPlafond(config, { log });
  let closing = false;
  const close = async (signal: string): Promise<void> => {
    if (closing) return;
    closing = true;
    log.log(`${signal}: finishing what is at work, then ending`, 'plafond');
    setTimeout(() => {
      log.fatal(
        `did not end within ${CLOSE_MS_MAX / 1_000} s; what was at work is taken up at the next start`,
        'plafond',
      );
      process.exit(1);
    }, CLOSE_MS_MAX).unref();
    await (await starting).close();
    process.exit(0);
  };
  const closeOn = (signal: string) => process.on(signal, () => void close(signal).catch(fail));
  closeOn('SIGTERM');
  closeOn('SIGINT');

  const plafond = await starting;
  const where = plafond.url === undefined ? '' : `: API on ${plafond.url}/v1, its documentation on ${plafond.url}/docs`;
  log.log(`Plafond runs as ${config.roles.join(', ')}${where}`, 'plafond');
}

function fail(error: unknown): never {
  const known = error instanceof BadEnvironment || error instanceof CannotStart;
  const story = error instanceof Error ? (known ? error.message : error.stack) : String(error);
  process.stderr.write(`plafond: ${strikeSecrets(story ?? '')}\n`);
  process.exit(1);
}

await main().catch(fail);
