// GET /client.js, and what lies beside it: what the build has made of src/client/, for pages of any site.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FastifyPluginAsync } from 'fastify';
import { isKnown, sendNotModified } from './entity-tags.ts';

/** Beside the compiled code. Sources that run as they are have none. */
const folder = fileURLToPath(new URL('../client/', import.meta.url));

const types: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.js.map': 'application/json; charset=utf-8',
  '.d.ts': 'text/plain; charset=utf-8',
};

/** The name stays when the content changes: so soon all pages have what an upgrade has brought. */
const CACHE_SECONDS = 300;

export const clientRoutes: FastifyPluginAsync = async (app) => {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  for (const name of names) {
    const [, ending = ''] = /^client[a-z-]*(\.js|\.js\.map|\.d\.ts)$/.exec(name) ?? [];
    const type = types[ending];
    if (type === undefined) continue;
    const content = readFileSync(folder + name);
    const tag = createHash('sha256').update(content).digest('base64url').slice(0, 22);
    app.get(`/${name}`, { schema: { hide: true } }, async (request, reply) => {
      reply.headers({
        'cache-control': `public, max-age=${CACHE_SECONDS}`,
        etag: `"${tag}"`,
        // Any page may import it, also one that lets in only what says so. It is the same for all, and says nothing.
        'cross-origin-resource-policy': 'cross-origin',
      });
      if (ending === '.js') reply.header('sourcemap', `${name}.map`);
      // A page of the list that sends its cookie is named already.
      if (!reply.hasHeader('access-control-allow-origin')) reply.header('access-control-allow-origin', '*');
      if (isKnown(request.headers['if-none-match'], tag)) return sendNotModified(reply);
      return reply.type(type).send(content);
    });
  }
};
