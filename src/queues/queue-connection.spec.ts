import { describe, expect, it } from '@jest/globals';
import { readClusterUrl } from './queue-connection.ts';

describe('the address of a Redis Cluster', () => {
  it.each([
    [
      'redis-cluster://a:7000,b:7001',
      {
        nodes: [
          { host: 'a', port: 7000 },
          { host: 'b', port: 7001 },
        ],
      },
    ],
    ['redis-cluster://a', { nodes: [{ host: 'a', port: 6379 }] }],
    ['redis-cluster://[::1]:7000/', { nodes: [{ host: '::1', port: 7000 }] }],
    [
      'redis-cluster://:s%40crt@a:1,b:2',
      {
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
        ],
        password: 's@crt',
      },
    ],
    ['redis-cluster://u:p@a:1', { nodes: [{ host: 'a', port: 1 }], username: 'u', password: 'p' }],
  ])('%s', (text, address) => expect(readClusterUrl(text)).toEqual(address));
});
