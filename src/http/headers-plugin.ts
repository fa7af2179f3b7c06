// The header fields that every answer carries: what a browser may do with it, and that no shared cache may keep it.

import fastifyHelmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';

/** JSON and streams load nothing and belong in no frame. A page (/docs) has a policy of its own. */
const policy = "default-src 'none';frame-ancestors 'none'";

/** For answers to what is no request of a route, which no hook sees. */
export const bareHeaders = {
  'content-security-policy': policy,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

/** @param options `overTls`: browsers reach this server by https, and may be told to insist on it */
export default fastifyPlugin(
  async (app: FastifyInstance, { overTls }: { overTls: boolean }) => {
    await app.register(fastifyHelmet, {
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
      strictTransportSecurity: overTls,
      xFrameOptions: { action: 'deny' },
    });
    // Answers depend on who asks: they may be kept by that browser only, which asks again each time.
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('cache-control', 'private, no-cache');
    });
  },
  { name: 'headers' },
);
