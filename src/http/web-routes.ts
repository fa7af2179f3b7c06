// The board application: one page at each of its addresses, and what that loads. To programs `/` says what this server is.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isKnown, sendNotModified } from './entity-tags.ts';
import { ifNoneMatch, notModified } from './schemas.ts';
import { readWebFiles, readWebPages, type WebFile } from './web-files.ts';

/** Of the page alone: what it runs and shows is of this server, and no text becomes markup, but by the templates of Lit. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types lit-html teamboard-worker',
].join(';');

/** Of the worker: it may ask this server. */
const workerPolicy = "default-src 'none';connect-src 'self'";

/** What has a name for ever. */
const FOR_EVER = 'public, max-age=31536000, immutable';
/** The name stays when the content changes: so soon all have what an upgrade has brought. */
const FOR_A_WHILE = 'public, max-age=300';

const HTML = 'text/html';
const JSON_TYPE = 'application/json';

export interface WebRoutesOptions {
  version: string;
  /** Below which browsers see this server. */
  basePath: string;
}

const aboutSchema = {
  tags: ['Service'],
  operationId: 'getAbout',
  summary: 'What this server is',
  description: 'For `Accept: application/json`; a browser gets the board that people see.',
  headers: ifNoneMatch,
  response: {
    200: {
      description: 'What it is, and where its API is described; or the page.',
      content: {
        [JSON_TYPE]: {
          schema: Type.Object({
            name: Type.String(),
            version: Type.String(),
            description: Type.String(),
            openapi: Type.String({ description: 'The path of this document.' }),
            docs: Type.String({ description: 'The path of its rendering.' }),
          }),
        },
        [HTML]: { schema: Type.String() },
      },
    },
    304: notModified,
  },
};

export const webRoutes: FastifyPluginAsync<WebRoutesOptions> = async (app, { version, basePath }) => {
  const pages = readWebPages(basePath);
  const about = {
    name: 'Teamboard',
    version,
    description: 'Shared boards over plain HTTP: REST in, Server-Sent Events out.',
    openapi: `${basePath}/openapi.json`,
    docs: `${basePath}/docs`,
  };

  function sendPage(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    // A browser that was told nothing would take the page of an older version, whose files are gone.
    reply.header('cache-control', 'no-cache').header('content-security-policy', policy);
    if (!pages) return reply.send(about);
    const page = request.headers.cookie === undefined ? pages.ofStranger : pages.page;
    reply.header('etag', `"${page.tag}"`);
    if (isKnown(request.headers['if-none-match'], page.tag)) return sendNotModified(reply);
    return reply.type(`${HTML}; charset=utf-8`).send(page.content);
  }

  app.get('/', { schema: aboutSchema }, async (request, reply) => {
    reply.header('vary', 'Accept, Cookie');
    return request.type([HTML, JSON_TYPE]) === JSON_TYPE ? reply.send(about) : sendPage(request, reply);
  });
  app.get('/debug/streams', { schema: { hide: true } }, async (request, reply) => {
    reply.header('vary', 'Cookie');
    return sendPage(request, reply);
  });
  for (const path of ['/b/:name', '/i/:name']) {
    app.get<{ Params: { name: string } }>(path, { schema: { hide: true } }, async (request, reply) => {
      // The router takes nothing for a name too.
      if (request.params.name === '') return reply.callNotFound();
      reply.header('vary', 'Cookie');
      return sendPage(request, reply);
    });
  }
  for (const file of readWebFiles()) {
    app.get(file.path, { schema: { hide: true } }, async (request, reply) => sendFile(file, request, reply));
  }
};

function sendFile(file: WebFile, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { type, content, gzipped, isImmutable, tag } = file;
  reply.headers({
    'cache-control': isImmutable ? FOR_EVER : FOR_A_WHILE,
    etag: `"${tag}"`,
    // Any page may have `<team-board>` from here, also one that lets in only what says so.
    'cross-origin-resource-policy': 'cross-origin',
  });
  // A page of the list that sends its cookie is named already.
  if (!reply.hasHeader('access-control-allow-origin')) reply.header('access-control-allow-origin', '*');
  if (file.path === '/worker.js') reply.header('content-security-policy', workerPolicy);
  if (gzipped) reply.header('vary', vary(reply, 'Accept-Encoding'));
  if (isKnown(request.headers['if-none-match'], tag)) return sendNotModified(reply);
  reply.type(type);
  if (!gzipped || request.encoding(['gzip', 'identity']) !== 'gzip') return reply.send(content);
  return reply.header('content-encoding', 'gzip').send(gzipped);
}

/** What an answer depends on already, and this. */
function vary(reply: FastifyReply, field: string): string {
  const before = reply.getHeader('vary');
  return before === undefined ? field : `${String(before)}, ${field}`;
}
