// A process with nothing but the embedded PostgreSQL, for tests that kill it. It prints the url once the server answers,
// and on SIGTERM it stops as Plafond does. It runs what `npm run build` made.
import { EmbeddedPostgres } from '../../dist/src/database/embedded-postgres.js';

const log = { info: () => undefined, warn: () => undefined, error: (text) => process.stderr.write(`${text}\n`) };
const postgres = new EmbeddedPostgres({ dataDir: process.argv[2], log, settings: { fsync: 'off' } });
process.once('SIGTERM', async () => {
  await postgres.stop();
  process.exit(0);
});
const { url } = await postgres.start();
process.stdout.write(`${url}\n`);
setInterval(() => undefined, 1_000_000);
