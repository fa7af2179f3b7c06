// The OpenAPI 3.1 document, made from the schemas of the routes, and its rendering.

import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { TSchema } from 'typebox';
import { problems } from '../errors.ts';
import { MAX_VALUES } from './json-body.ts';

const description = `
Shared boards over plain HTTP: REST in, Server-Sent Events out, PostgreSQL in between.

A body is JSON in UTF-8, without \`Content-Encoding\`, and has at most ${MAX_VALUES} members and elements, all in all.

Every error is \`application/problem+json\` (RFC 9457) with a stable \`code\`:

| code | status | |
| --- | --- | --- |
${Object.entries(problems)
  .map(([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`)
  .join('\n')}
`.trim();

/** Of /docs alone: its scripts, its styles (Swagger UI writes some into attributes), and calls to this server. */
const docsPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join(';');

export interface OpenApiOptions {
  version: string;
  publicUrl: string | undefined;
  /** With a `$id`, so that routes can refer to them and the document names them. */
  schemas: TSchema[];
}

/** Register before the routes: it collects them as they come. */
export default fastifyPlugin(
  async (app: FastifyInstance, { version, publicUrl, schemas }: OpenApiOptions) => {
    for (const schema of schemas) app.addSchema(schema);
    await app.register(fastifySwagger, {
      openapi: {
        openapi: '3.1.0',
        info: { title: 'Teamboard', version, description, license: { name: 'MIT' } },
        ...(publicUrl !== undefined && { servers: [{ url: publicUrl }] }),
        tags: [{ name: 'Who is calling' }, { name: 'Boards and items' }, { name: 'The stream' }, { name: 'Service' }],
        components: {
          securitySchemes: {
            session: {
              type: 'apiKey',
              in: 'cookie',
              name: 'tb_session',
              description:
                'Set by `POST /guests`, `POST /users` and `POST /session`; behind TLS as `__Host-tb_session`, and taken as that only.',
            },
            token: {
              type: 'http',
              scheme: 'bearer',
              description:
                'A personal API token `tb_…`, made by `POST /tokens`; or a JWT of an application that the operator has ' +
                'configured (`JWT_ISSUERS`), whose user is made on first sight. It wins over a cookie.',
            },
            ticket: {
              type: 'apiKey',
              in: 'query',
              name: 'ticket',
              description: 'Made by `POST /boards/:id/tickets`, for the stream of that board. It wins over a cookie.',
            },
          },
        },
      },
      // The names of the schemas and not def-0, def-1, …
      refResolver: { buildLocalReference: (schema, _base, _fragment, index) => String(schema.$id ?? `schema${index}`) },
    });
    await app.register(fastifySwaggerUi, {
      routePrefix: '/docs',
      staticCSP: docsPolicy,
      // Without the bar of Swagger UI, which has another product's name and an address that nobody should change.
      theme: {
        title: 'Teamboard API',
        css: [{ filename: 'teamboard.css', content: '.swagger-ui .topbar { display: none }' }],
      },
    });
    app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  },
  { name: 'openapi' },
);
