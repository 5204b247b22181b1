import { HttpException, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { satisfies, type RouteNeed } from './role.ts';
import { HttpProblem } from '../http/problem.ts';
import { NEED, OPEN } from '../http/route.ts';

/** Lets a caller through to what their role may do. A route that declares nothing is closed to everybody. */
@Injectable()
export class RoleGuard implements CanActivate {
  readonly #reflector: Reflector;

  constructor(reflector: Reflector) {
    this.#reflector = reflector;
  }

  /** @throws {HttpException} 403 */
  canActivate(context: ExecutionContext): boolean {
    const handler = context.getHandler();
    if (this.#reflector.get<boolean | undefined>(OPEN, handler)) return true;
    const need = this.#reflector.get<RouteNeed | undefined>(NEED, handler);
    const { principal } = context.switchToHttp().getRequest<FastifyRequest>();
    if (need && principal && satisfies(principal.role, need)) return true;
    throw forbidden(need);
  }
}

function forbidden(need: RouteNeed | undefined): HttpException {
  return new HttpProblem(
    403,
    'forbidden',
    need ? `this needs a key with the role ${need.role}` : 'nobody may call this',
  );
}
