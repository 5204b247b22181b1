import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { toJSONSchema } from 'zod';
import { problem } from '../http/problem.ts';

const DESCRIPTION = `Watches what telecom customers spend, warns them, and suspends international routes before the bill explodes.

Amounts are decimal strings, never floats; instants are RFC 3339 with an offset. Lists come in pages: pass \`next\` as \`cursor\`.
Errors are problem+json (RFC 9457) and name every field that is wrong.`;

/** The API as OpenAPI: forms and answers come from the schemas by which they are checked. */
export function describeApi(app: INestApplication): OpenAPIObject {
  const { $schema: _, ...problemSchema } = toJSONSchema(problem, { target: 'openapi-3.0' });
  const base = new DocumentBuilder()
    .setTitle('Plafond')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'a key: plf_…' })
    .build();
  base.components = { ...base.components, schemas: { Problem: problemSchema as Record<string, unknown> } };
  return SwaggerModule.createDocument(app, base);
}
