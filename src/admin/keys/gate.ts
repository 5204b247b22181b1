/**
 * Nothing is read of a request, not even its body, before it has shown a key whose role its route answers. Open are /health,
 * the pages for customers and the receipts of SMS gateways, whose key is the token in their path.
 */
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Attempts } from './attempts.ts';
import { KeyRing } from './key-ring.ts';
import { HttpProblem } from '../http/problem.ts';
import { satisfies } from './role.ts';

const CHALLENGES = ['Bearer realm="plafond"', 'Basic realm="plafond: any name, the key as password", charset="UTF-8"'];

const WRONG_KEYS_A_MINUTE_MAX = 20;

@Injectable()
export class Gate {
  constructor(
    private readonly keys: KeyRing,
    private readonly attempts: Attempts,
  ) {}

  /** Notes on the request who calls. Throws 401, or 429 after too many wrong keys from one address, whichever process they were shown to. */
  async admit(request: FastifyRequest): Promise<void> {
    const { url: route, config } = request.routeOptions;
    if (config.need === 'open') return;
    const docs = route !== undefined && /^\/docs(?:$|[/-])/.test(route);
    const presented = presentedKey(request.headers.authorization, docs);
    if (presented === undefined) throw unauthorized('a key is needed: Authorization: Bearer <key>', docs);
    const principal = await this.keys.bearer(presented);
    if (!principal) {
      // Of wrong keys alone: who has a valid one is never slowed down, and costs no write.
      const wait_s = await this.attempts.note(`wrong key ${request.ip}`, WRONG_KEYS_A_MINUTE_MAX);
      if (wait_s === undefined) throw unauthorized('this key is not known, or was revoked', docs);
      throw new HttpProblem(429, 'too_many_wrong_keys', 'too many wrong keys from this address; wait a little', {
        'retry-after': String(wait_s),
      });
    }
    request.principal = principal;
  }

  /** Lets a caller through to what their role may do. A route that declares nothing is closed to everybody: 403. */
  permit({ routeOptions, principal }: FastifyRequest): void {
    const { need } = routeOptions.config;
    if (need === 'open' || (need && principal && satisfies(principal.role, need))) return;
    const detail = need ? `this needs a key with the role ${need.role}` : 'nobody may call this';
    throw new HttpProblem(403, 'forbidden', detail);
  }
}

// A browser sends a Basic password along with every request once it has it, those that another site causes as well; so
// it opens nothing but the documentation, which changes nothing.
function presentedKey(header: string | undefined, docs: boolean): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  const basic = docs ? /^Basic +(\S+)$/i.exec(header ?? '')?.[1] : undefined;
  return basic === undefined
    ? undefined
    : Buffer.from(basic, 'base64')
        .toString('utf8')
        .replace(/^[^:]*:/, '');
}

function unauthorized(detail: string, docs: boolean): HttpProblem {
  // Asked for both, a browser that shows a page of ours would open its password box for a program's request too.
  return new HttpProblem(401, 'unauthorized', detail, { 'www-authenticate': docs ? CHALLENGES : CHALLENGES[0]! });
}
