import type { TestServer } from './server.ts';

export default async function globalTeardown(): Promise<void> {
  await (globalThis as typeof globalThis & { plafondTestServer?: TestServer }).plafondTestServer?.stop();
}
