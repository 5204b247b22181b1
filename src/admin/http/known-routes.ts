/** Tells a wrong method from a wrong path, which Fastify answers alike. */
import type { FastifyInstance, RouteOptions } from 'fastify';
import { HttpProblem } from './problem.ts';

export interface KnownRoute {
  method: string;
  url: string;
}

export class KnownRoutes {
  readonly all: KnownRoute[] = [];

  /** Notes every route that is added from now on. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', (route: RouteOptions) => {
      for (const method of [route.method].flat()) this.all.push({ method, url: route.url });
    });
  }

  /** Throws 405 where the path takes other methods, 404 where it is none. */
  refuse(method: string, path: string): never {
    const allowed = this.all.filter((route) => patternOf(route.url).test(path)).map((route) => route.method);
    if (allowed.length === 0) throw new HttpProblem(404, 'not_found', `there is nothing at ${path}`);
    const allow = [...new Set(allowed)].toSorted().join(', ');
    throw new HttpProblem(405, 'method_not_allowed', `${path} takes ${allow}, not ${method}`, { allow });
  }
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+';
    return part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('/')}/?$`);
}
