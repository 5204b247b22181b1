import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closedAtLast } from './closing.ts';
import { end, freePort, until } from './process.ts';

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
  const stop = closedAtLast('Redis', async () => {
    await end(server);
    await rm(folder, { recursive: true, force: true });
  });
  await until('Redis answers', async () => {
    if (server.exitCode !== null) throw new Error(`Redis ended with ${server.exitCode}`);
    return ask(own, 'ping').includes('PONG');
  });
  return { port: own, stop };
}

/** Three masters that share the slots. */
export async function startRedisCluster(): Promise<{ url: string; ports: number[]; stop(): Promise<void> }> {
  const nodes: RedisProcess[] = [];
  for (let node = 0; node < 3; node++) {
    const bus = String(await freePort());
    nodes.push(await startRedis(undefined, ['--cluster-enabled', 'yes', '--cluster-port', bus]));
  }
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'], {
    stdio: 'ignore',
    timeout: 60_000,
  });
  for (const { port } of nodes) {
    await until('the cluster is whole', async () => ask(port, 'cluster', 'info').includes('cluster_state:ok'));
  }
  return {
    url: `redis-cluster://${addresses.slice(0, 2).join(',')}`,
    ports: nodes.map(({ port }) => port),
    stop: async () => {
      for (const node of nodes) await node.stop();
    },
  };
}

function ask(port: number, ...command: string[]): string {
  return spawnSync('redis-cli', ['-p', String(port), ...command], { encoding: 'utf8' }).stdout;
}
