/**
 * Where BullMQ keeps its queues, by QUEUE_URL. Opened and closed by whoever starts Plafond: a Redis Cluster's
 * connection is shared by all queues and workers, so none of them may close it.
 */
import { setImmediate } from 'node:timers/promises';
import { createPostgresBackend, setDefaultBackendFactory, type ConnectionOptions, type QueueBase } from 'bullmq';
import { Cluster } from 'ioredis';
import { KEPT_SESSION } from '../database/data-source.ts';
import { reasonOf } from '../kernel/outage.ts';

// Of each queue and of each worker, which holds one more on which it listens: 40 a process with eight of both.
const CONNECTIONS_MAX = 2;

export interface QueueConnection {
  options: ConnectionOptions;
  prefix: string;
  close(): Promise<void>;
}

// One hash tag puts all keys on one node of a Redis Cluster, which BullMQ's scripts need.
const PREFIX = '{plafond}';

/** Throws nothing: a queue that is away is connected to again and again. A process has one kind of queue at a time. */
export function openQueueConnection(queueUrl: string, databaseUrl: string): QueueConnection {
  if (queueUrl.startsWith('postgres:')) {
    setDefaultBackendFactory(createPostgresBackend);
    // BullMQ types the default backend as Redis; the factory above reads a pool's options.
    const options = {
      connectionString: databaseUrl,
      max: CONNECTIONS_MAX,
      application_name: 'plafond queue',
      ...KEPT_SESSION,
    } as ConnectionOptions;
    return { options, prefix: PREFIX, close: async () => {} };
  }
  setDefaultBackendFactory();
  if (queueUrl.startsWith('redis-cluster:')) {
    const cluster = openCluster(queueUrl);
    return { options: cluster, prefix: PREFIX, close: async () => cluster.disconnect() };
  }
  return { options: { url: queueUrl, maxRetriesPerRequest: null }, prefix: PREFIX, close: async () => {} };
}

/**
 * Whether each connection that this queue or worker has to Redis stands now. While one waits to be made again, BullMQ would
 * wait for word of its end that ioredis never gives (https://github.com/taskforcesh/bullmq/issues/4656).
 */
export async function isConnected({ backend }: Pick<QueueBase, 'backend'>): Promise<boolean> {
  // PostgreSQL's backend has neither.
  const { client, blockingClient } = backend as Partial<
    Record<'client' | 'blockingClient', Promise<{ status: string }>>
  >;
  const statuses = [client, blockingClient]
    .filter((each) => each !== undefined)
    // A client comes only once it is connected for the first time.
    .map((each) => Promise.race([each, setImmediate({ status: 'never connected' })]));
  return (await Promise.all(statuses)).every(({ status }) => status === 'ready' || status === 'connect');
}

/** A queue on PostgreSQL that could not be connected to as it was opened. */
export class QueueNotOpened extends Error {}

/**
 * Resolves when this queue or worker has its connection; on Redis at once, whose client tries until it has. On PostgreSQL BullMQ
 * tries only once and keeps the answer: a worker that was refused then would ask itself without a pause, and hold up its process
 * for good, and a queue would take nothing any more. Throws {@link QueueNotOpened}.
 */
export async function opened(queue: Pick<QueueBase, 'backend' | 'waitUntilReady'>): Promise<void> {
  if ('client' in queue.backend) return;
  await queue.waitUntilReady().catch((error: unknown) => {
    throw new QueueNotOpened(reasonOf(error), { cause: error });
  });
}

/** `redis-cluster://user:password@host:port,host:port`: any of the cluster's nodes; the rest are found. */
function openCluster(queueUrl: string): Cluster {
  const { nodes, username, password } = readClusterUrl(queueUrl);
  return new Cluster(nodes, {
    redisOptions: { maxRetriesPerRequest: null, username, password },
    clusterRetryStrategy: (times) => Math.min(100 * 2 ** times, 5_000),
  });
}

export interface ClusterAddress {
  nodes: { host: string; port: number }[];
  username?: string;
  password?: string;
}

const REDIS_PORT = 6379;

export function readClusterUrl(text: string): ClusterAddress {
  const authority = text.slice('redis-cluster://'.length).replace(/[/?#].*$/s, '');
  const at = authority.lastIndexOf('@');
  const nodes = authority
    .slice(at + 1)
    .split(',')
    .map((node) => new URL(`redis://${node}`))
    .map(({ hostname, port }) => ({
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? REDIS_PORT : Number(port),
    }));
  if (at === -1) return { nodes };
  const [username = '', password = ''] = authority.slice(0, at).split(':', 2).map(decodeURIComponent);
  return { nodes, username: username === '' ? undefined : username, password };
}
