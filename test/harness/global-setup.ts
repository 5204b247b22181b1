import { TestServer } from './server.ts';

/** Costs nothing until a test asks for a database; see `TestServer`. */
export default async function globalSetup(): Promise<void> {
  const server = new TestServer();
  process.env.PLAFOND_TEST_SERVER = String(await server.listen());
  Object.assign(globalThis, { plafondTestServer: server });
}
