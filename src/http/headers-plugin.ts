// The header fields that every answer carries: what a browser may do with it, and that no shared cache may keep it.

import fastifyHelmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';

/** JSON and streams load nothing and belong in no frame. A page (/docs) has a policy of its own. */
const policy = "default-src 'none';frame-ancestors 'none'";

/** A year, as helmet says it. */
const insist = 'max-age=31536000; includeSubDomains';

/** For answers to what is no request of a route, which no hook sees. */
export const bareHeaders = {
  'content-security-policy': policy,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

export interface HeadersOptions {
  /** Below which browsers see this server. With one the host is also that of others, who are not to be spoken for. */
  basePath: string;
}

export default fastifyPlugin(
  async (app: FastifyInstance, { basePath }: HeadersOptions) => {
    await app.register(fastifyHelmet, {
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
      // Below, for those who have come by https.
      strictTransportSecurity: false,
      xFrameOptions: { action: 'deny' },
    });
    // Answers depend on who asks: they may be kept by that browser only, which asks again each time.
    // And by the name of a request its lines in the log are found.
    app.addHook('onRequest', async (request, reply) => {
      reply.headers({ 'cache-control': 'private, no-cache', 'x-request-id': request.id });
      if (request.isOverTls && basePath === '') reply.header('strict-transport-security', insist);
    });
  },
  { name: 'headers' },
);
