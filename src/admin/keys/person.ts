import type { Person } from '../../pipeline/deciding/second-person.ts';
import { actorOf, type Principal } from './role.ts';

/** The caller as one of two people who may have to agree: an administrator acts alone. */
export function personOf(caller: Principal): Person {
  return { actor: actorOf(caller), key: caller.keyId, alone: caller.role === 'admin' };
}
