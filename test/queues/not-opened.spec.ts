import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { beforeAll, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { closedAtLast } from '../harness/closing.ts';
import { createEmptyDatabase } from '../harness/database.ts';
import { PlafondProcess } from '../harness/process.ts';

const role = `role_${randomBytes(6).toString('hex')}`;
let database: Awaited<ReturnType<typeof createEmptyDatabase>>;

beforeAll(async () => {
  database = await createEmptyDatabase();
  const own = new Client({ connectionString: database.url });
  await own.connect();
  closedAtLast('role', async () => {
    await own.query(`DROP OWNED BY ${role}`);
    await own.query(`DROP ROLE ${role}`);
    await own.end();
  });
  await own.query(`CREATE ROLE ${role} LOGIN PASSWORD 'of a test' CONNECTION LIMIT 8`);
  await own.query(`GRANT ALL ON SCHEMA public TO ${role}`);
  await own.query(`DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO ${role}', current_database()); END $$`);
});
it('a process whose queue PostgreSQL has no room for ends and says so, instead of asking it without a pause for ever', async () => {
  const url = new URL(database.url);
  url.username = role;
  url.password = 'of a test';
  const plafond = await PlafondProcess.start({ DATABASE_URL: url.href, ROLE: 'worker' });
  expect((await once(plafond.child, 'exit'))[0]).toBe(1);
  expect(plafond.log()).toMatch(/cannot open the queue: too many connections for role .*up to 60 connections/);
});
