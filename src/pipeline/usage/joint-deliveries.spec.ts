import { expect, it } from '@jest/globals';
import type { WholeDelivery } from './counting.ts';
import { JointDeliveries } from './joint-deliveries.ts';

const delivery = (fileName: string) => ({ fileName, rows: [] as const }) as unknown as WholeDelivery;
const names = ['a', 'b', 'c', 'poison', 'd', 'e'];

it.each([
  ['our own code stumbles over one of them', new TypeError('not what it was thought to be'), ['poison']],
  ['PostgreSQL refuses one of them', Object.assign(new Error('refused'), { code: '23514' }), ['poison']],
  // Of the first two each went alone; the others share a transaction.
  ['the connection broke', new Error('Connection terminated unexpectedly'), ['c', 'poison', 'd', 'e']],
  ['the database goes down', Object.assign(new Error('shutting down'), { code: '57P01' }), ['c', 'poison', 'd', 'e']],
])('where %s, those fail that may be why or may hold already', async (_, failure, failed) => {
  const joint = new JointDeliveries(async (_feed, _origin, all) => {
    if (all.some(({ fileName }) => fileName === 'poison')) throw failure;
    return all.map(({ fileName }) => ({ importId: fileName, counts: {} as never }));
  });
  const outcomes = await Promise.allSettled(names.map((name) => joint.count('feed', 'origin', delivery(name))));
  expect(names.filter((_name, index) => outcomes[index]!.status === 'rejected')).toEqual(failed);
});
