import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const redisIsInstalled = spawnSync('redis-server', ['--version']).status === 0;

export interface RedisProcess {
  port: number;
  stop(): Promise<void>;
}

/** A Redis on loopback that keeps nothing on disk. */
export async function startRedis(port?: number, settings: string[] = []): Promise<RedisProcess> {
  const own = port ?? (await freePort());
  const folder = await mkdtemp(join(tmpdir(), 'plafond-redis-'));
  const server: ChildProcess = spawn(
    'redis-server',
    ['--bind', '127.0.0.1', '--port', String(own), '--save', '', '--appendonly', 'no', '--dir', folder, ...settings],
    { stdio: 'ignore' },
  );
  while (
    spawnSync('redis-cli', ['-p', String(own), 'ping'])
      .stdout.toString()
      .trim() !== 'PONG'
  )
    await sleep(20);
  return {
    port: own,
    stop: async () => {
      const gone = once(server, 'exit');
      server.kill('SIGKILL');
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Three masters that share the slots. */
export async function startRedisCluster(): Promise<{ url: string; ports: number[]; stop(): Promise<void> }> {
  const nodes: RedisProcess[] = [];
  for (let node = 0; node < 3; node++) {
    const bus = String(await freePort());
    nodes.push(await startRedis(undefined, ['--cluster-enabled', 'yes', '--cluster-port', bus]));
  }
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'], { stdio: 'ignore' });
  for (const { port } of nodes) {
    while (!execFileSync('redis-cli', ['-p', String(port), 'cluster', 'info']).includes('cluster_state:ok'))
      await sleep(50);
  }
  return {
    url: `redis-cluster://${addresses.slice(0, 2).join(',')}`,
    ports: nodes.map(({ port }) => port),
    stop: async () => {
      for (const node of nodes) await node.stop();
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
