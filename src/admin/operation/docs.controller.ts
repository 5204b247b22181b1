import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Controller, Get, Header, Injectable, Param, Res } from '@nestjs/common';
import { ApiExcludeController, type OpenAPIObject } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { assert } from '../../kernel/assert.ts';
import { notFound } from '../http/identifiers.ts';
import { Route, textAs } from '../http/route.ts';

/** Holds the description of the API, which can be made only when the application stands. */
@Injectable()
export class ApiDescription {
  #make: (() => OpenAPIObject) | undefined;
  #made: string | undefined;

  madeBy(make: () => OpenAPIObject): void {
    this.#make = make;
  }

  json(): string {
    assert(this.#make, 'the API was not described before it was asked for');
    return (this.#made ??= JSON.stringify(this.#make()));
  }
}

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width" />
    <title>Plafond: API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

/** The description comes with the script: a page that was opened with the key in its address may not fetch it. */
const startOf = (description: string) =>
  `SwaggerUIBundle({ spec: ${description}, dom_id: '#swagger-ui', deepLinking: true, docExpansion: 'list' });\n`;

// The pages come along with @nestjs/swagger, wherever that was installed.
const require = createRequire(createRequire(import.meta.url).resolve('@nestjs/swagger'));

const FILES: Record<string, { type: string; text: (description: string) => string }> = {
  'start.js': { type: 'text/javascript', text: startOf },
  'swagger-ui.css': {
    type: 'text/css',
    text: () => readFileSync(require.resolve('swagger-ui-dist/swagger-ui.css'), 'utf8'),
  },
  'swagger-ui-bundle.js': {
    type: 'text/javascript',
    text: () => readFileSync(require.resolve('swagger-ui-dist/swagger-ui-bundle.js'), 'utf8'),
  },
};

/** The documentation as a page; served here, where the guard stands, and not beside the controllers. */
@ApiExcludeController()
@Controller()
export class DocsController {
  readonly #description: ApiDescription;

  constructor(description: ApiDescription) {
    this.#description = description;
  }

  @Get('docs')
  @Header('content-type', 'text/html; charset=utf-8')
  @Route({
    needs: 'viewer',
    alsoFor: 'feed',
    summary: 'The documentation',
    answers: 'A page',
    content: textAs('text/html'),
  })
  page(): string {
    return PAGE;
  }

  @Get('docs/:file')
  @Route({
    needs: 'viewer',
    alsoFor: 'feed',
    summary: 'What its page is made of',
    answers: 'A file',
    content: textAs('text/*'),
  })
  file(@Param('file') name: string, @Res({ passthrough: true }) reply: FastifyReply): string {
    const file = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
    if (!file) throw notFound(`file ${name}`);
    void reply.headers({ 'content-type': `${file.type}; charset=utf-8`, 'cache-control': 'private, max-age=3600' });
    return file.text(this.#description.json());
  }

  @Get('docs-json')
  @Header('content-type', 'application/json; charset=utf-8')
  @Route({ needs: 'viewer', alsoFor: 'feed', summary: 'The description of the API', answers: 'OpenAPI 3.0' })
  json(): string {
    return this.#description.json();
  }
}
