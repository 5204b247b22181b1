/** How HTTP is spoken: the order of what every request passes before a controller sees it. */
import { randomUUID } from 'node:crypto';
import helmet from '@fastify/helmet';
import { StandardSchemaValidationPipe } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import { ApiDescription } from './operation/docs.controller.ts';
import { describeApi } from './operation/docs.ts';
import { Gate } from './keys/gate.ts';
import { KnownRoutes } from './http/known-routes.ts';
import { leaveOutEmpty } from './http/paging.ts';
import { Metrics } from './operation/metrics.ts';
import { parseBodies, passOver, refuseNul } from './http/bodies.ts';
import { invalid, ProblemFilter, databaseAnswered, sendProblem } from './http/problem.ts';

/** A large file on a slow line takes its time, but not for ever. */
const REQUEST_MS_MAX = 600_000;

/** An id of 64 characters is up to 128 long, as JavaScript counts; of a longer one its controller says what is wrong. */
const PARAMETER_LENGTH_MAX = 1_024;

/** The adapter that the application is to be created with. */
export function httpAdapter(config?: Pick<Config, 'trustedProxies'>): FastifyAdapter {
  return new FastifyAdapter({
    genReqId: () => randomUUID(),
    requestTimeout: REQUEST_MS_MAX,
    // Whose address counts as the caller's: that of the connection, unless a proxy that is trusted says otherwise.
    trustProxy: config?.trustedProxies ?? false,
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX, ignoreTrailingSlash: true },
    // What no route can be looked for, such as a path that does not decode, never reaches a filter.
    frameworkErrors: sendProblem,
  });
}

/** What the application is to be created with besides: bodies are parsed here. */
export const HTTP_OPTIONS = { bodyParser: false } as const;

/** To be called once, before the application is initialized. */
export async function configureHttp(app: NestFastifyApplication): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const routes = app.get(KnownRoutes);
  const gate = app.get(Gate);
  const metrics = app.get(Metrics);

  // First, so that refusals carry its headers too.
  await app.register(helmet, {
    // Whether a name is reached by TLS alone is for whoever ends TLS to say.
    strictTransportSecurity: false,
    contentSecurityPolicy: {
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        // The page of the documentation sets its styles inline.
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        fontSrc: ["'self'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        scriptSrcAttr: ["'none'"],
        // Plafond speaks plain HTTP behind whatever ends TLS.
        upgradeInsecureRequests: null,
      },
    },
  });
  routes.watch(fastify);
  fastify.decorateRequest('principal', undefined);
  fastify.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id);
    await gate.admit(request);
    refuseNul(request);
    if (request.is404) routes.refuse(request.method, request.url.split('?', 1)[0]!);
    gate.permit(request);
    leaveOutEmpty(request);
  });
  fastify.addHook('onResponse', async (request, reply) => {
    passOver(request);
    if (reply.statusCode < 400 && request.routeOptions.url !== '/health/live') databaseAnswered();
    metrics.answered(request.method, request.routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime);
  });
  parseBodies(fastify);
  app.useGlobalFilters(new ProblemFilter());
  app.useGlobalPipes(new StandardSchemaValidationPipe({ exceptionFactory: invalid }));
  app.get(ApiDescription).madeBy(() => describeApi(app));
}
