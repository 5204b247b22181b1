/** What a route declares: who may call it, what it does, what it answers. A route that declares no role answers nobody. */
import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { ZodType } from 'zod';
import { assert } from '../../kernel/assert.ts';
import { actorOf, type NarrowRole, type Principal, type RouteNeed } from '../keys/role.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** who calls; set on every request that came through the gate */
    principal: Principal | undefined;
  }
  interface FastifyContextConfig {
    /** whom the route answers; unset: nobody */
    need?: RouteNeed | 'open';
    /** the content types whose bytes the route reads itself, as they come in; unset: JSON, parsed and bounded */
    streams?: readonly string[];
    /** whether the route takes a browser's form in place of JSON */
    forms?: boolean;
  }
}

type ContentObject = NonNullable<Parameters<typeof ApiResponse>[0]['content']>;

export interface RouteDeclaration {
  needs: RouteNeed['role'];
  /** a narrow role whose keys are let in as well */
  alsoFor?: NarrowRole;
  summary: string;
  description?: string;
  /** see `FastifyContextConfig` */
  streams?: readonly string[];
  /** the status of success, 200 where not said */
  status?: number;
  answers: string;
  schema?: ZodType;
  /** where the answer is not JSON, or not only */
  content?: ContentObject;
}

export function Route(declared: RouteDeclaration): MethodDecorator {
  const need: RouteNeed = { role: declared.needs, alsoFor: declared.alsoFor };
  return applyDecorators(
    RouteConfig({ need, streams: declared.streams }),
    ApiBearerAuth(),
    ApiOperation({
      summary: declared.summary,
      description: [
        declared.description,
        `Needs the role \`${need.role}\`${need.alsoFor ? ` or \`${need.alsoFor}\`` : ''}.`,
      ]
        .filter(Boolean)
        .join(' '),
    }),
    success(declared),
    ApiResponse({
      status: 'default',
      description: 'What was wrong (RFC 9457)',
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    }),
  );
}

/** A route that anybody may call: what machines ask before they can know a key, and what has its key in its path. */
export function OpenRoute(
  declared: Pick<RouteDeclaration, 'summary' | 'answers' | 'schema'> & { forms?: boolean },
): MethodDecorator {
  return applyDecorators(
    RouteConfig({ need: 'open', forms: declared.forms }),
    ApiOperation({ summary: declared.summary }),
    success(declared),
  );
}

type Success = Pick<RouteDeclaration, 'status' | 'answers' | 'schema' | 'content'>;

function success({ status = 200, answers: description, schema, content }: Success): MethodDecorator {
  return content
    ? ApiResponse({ status, description, content })
    : ApiResponse({ status, description, standardSchema: schema });
}

/** An answer that is text of a type. */
export function textAs(type: string, description?: string): ContentObject {
  return { [type]: { schema: { type: 'string', description } } };
}

/** Who calls. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  return callerOf(context.switchToHttp().getRequest<FastifyRequest>());
});

/** Who calls, as it is written down beside what they did. */
export const Actor = createParamDecorator((_: unknown, context: ExecutionContext): string => {
  return actorOf(callerOf(context.switchToHttp().getRequest<FastifyRequest>()));
});

function callerOf(request: FastifyRequest): Principal {
  assert(request.principal, 'a route that asks who calls was reached by nobody');
  return request.principal;
}
