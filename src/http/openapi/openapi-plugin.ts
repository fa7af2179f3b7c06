// The OpenAPI 3.1 document, made from the schemas of the routes, and its rendering.

import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { TSchema } from 'typebox';
import { MAX_VALUES } from '../json-body.ts';
import { completeDocument, describeRoute } from './document.ts';

const description = `
Shared boards over plain HTTP: REST in, Server-Sent Events out, PostgreSQL in between.

1. \`POST /guests\` with \`{"name": "Ada"}\` makes you somebody: keep the cookie of the answer.
2. \`POST /boards\` makes a board. \`GET /boards/{id}\` shows all that is on it, and a \`cursor\`.
3. \`GET /boards/{id}/events\` follows it from there: \`new EventSource('/boards/…/events?lastEventId=<cursor>')\`.
4. \`POST /boards/{id}/items\` with \`{"text": "Hi"}\` puts a note on it, and everyone's stream says so.

A body is JSON in UTF-8, without \`Content-Encoding\`, and has at most ${MAX_VALUES} members and elements, all in all.
A condition that an operation does not have among its parameters is refused (400), and nothing is done: \`If-Match\`
anywhere, \`If-None-Match\` on what writes. But \`If-Match: *\` holds for whatever is read, changed or deleted, and
\`If-None-Match: *\` for whatever is made (201): it is never there before. And any request may carry
\`User-Id\`: when somebody else is signed in it is refused (401 \`TB_OTHER_USER\`), and nothing is done.

Each answer has an \`X-Request-Id\`, by which its lines in the log are found: that of the request, or a new one.

Every error is \`application/problem+json\` (RFC 9457) with a stable \`code\`: see the schema \`ProblemCode\`.

The pages that come with the code say more: \`docs/streams.md\` what a stream sends and how it resumes,
\`docs/clients.md\` what authors of clients must know, \`docs/accounts.md\` who is calling, and \`README.md\` what else there is.
`.trim();

/** In the order in which a newcomer asks for them. */
const tags = [
  { name: 'Stream', description: 'What happens on a board, as it happens; who has it open; and what is only told.' },
  { name: 'Boards', description: 'A board is a list or a canvas of items, with members and a log of its changes.' },
  { name: 'Items', description: 'The notes on a board, one by one or many at once.' },
  { name: 'Members', description: 'Who is on a board, in which role, and the links that invite to it.' },
  { name: 'Webhooks', description: 'What happens on a board, told to a server of yours by requests.' },
  { name: 'Accounts', description: 'Who is calling: guests, users, sessions, API tokens, and tickets for streams.' },
  { name: 'Application', description: 'For the application beside this server, by a token of its own.' },
  { name: 'Service', description: 'For whoever runs the server.' },
];

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
  /** What stands before each path for browsers. */
  basePath: string;
  /** By which a session is taken. */
  cookieName: string;
  /** Whether there is a `GET /metrics` beside the other routes. */
  hasMetrics: boolean;
  /** With a `$id`, so that routes can refer to them and the document names them. */
  schemas: TSchema[];
}

/** Register before the routes: it collects them as they come. */
export default fastifyPlugin(
  async (app: FastifyInstance, { version, publicUrl, basePath, cookieName, hasMetrics, schemas }: OpenApiOptions) => {
    for (const schema of schemas) app.addSchema(schema);
    await app.register(fastifySwagger, {
      openapi: {
        openapi: '3.1.0',
        info: { title: 'Teamboard', version, description, license: { name: 'MIT', identifier: 'MIT' } },
        servers: serversOf(publicUrl),
        tags,
        components: {
          securitySchemes: {
            session: {
              type: 'apiKey',
              in: 'cookie',
              name: cookieName,
              description:
                'Set by `POST /guests`, `POST /users` and `POST /session`. Taken by that name only, which begins with ' +
                '`__Host-` for whoever comes by https (`__Secure-` below a path).',
            },
            token: {
              type: 'http',
              scheme: 'bearer',
              description: 'A personal API token `tb_…`, made by `POST /tokens`. It wins over a cookie.',
            },
            jwt: {
              type: 'http',
              scheme: 'bearer',
              bearerFormat: 'JWT',
              description:
                'Of an application that the operator has configured (`JWT_ISSUERS`). Its user is made on first sight. ' +
                'It wins over a cookie; where the operator has named one (`JWT_COOKIE`), it may come in that. Where the ' +
                'application is asked (`AUTH_URL`), any token that it knows will do.',
            },
            ...(hasMetrics && {
              metrics: { type: 'http', scheme: 'bearer', description: 'The operator has set it (`METRICS_TOKEN`).' },
            }),
            ticket: {
              type: 'apiKey',
              in: 'query',
              name: 'ticket',
              description: 'Made by `POST /boards/:id/tickets`, for the stream of that board. It wins over a cookie.',
            },
          },
        },
      },
      transform: ({ schema, url }) => ({ schema: describeRoute(schema), url }),
      transformObject: (document) => completeDocument('openapiObject' in document ? document.openapiObject : {}),
      // The names of the schemas and not def-0, def-1, …
      refResolver: { buildLocalReference: (schema, _base, _fragment, index) => String(schema.$id ?? `schema${index}`) },
    });
    await app.register(fastifySwaggerUi, {
      routePrefix: '/docs',
      indexPrefix: basePath,
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

/** The last is where the document came from: /docs may ask nobody else, also where it was opened past the proxy. */
function serversOf(publicUrl: string | undefined): Array<{ url: string; description: string }> {
  const node = { url: '/', description: 'The server that this document came from.' };
  if (publicUrl === undefined) return [node];
  return [
    { url: publicUrl.replace(/\/$/, ''), description: 'By its public address.' },
    { ...node, description: 'A node by itself, when this document came from there, past the proxy.' },
  ];
}
