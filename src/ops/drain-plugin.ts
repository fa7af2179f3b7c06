// Wires the drain into the requests that come while it lasts.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Drain } from './drain.ts';

declare module 'fastify' {
  interface FastifyInstance {
    drain: Drain;
  }
  interface FastifyContextConfig {
    /** Asks how this node is, and is sent by whoever decides about its traffic. */
    isProbe?: boolean;
  }
}

/** Decorates `app.drain`. Register before the routes. */
export default fastifyPlugin(
  async (app: FastifyInstance) => {
    const drain = new Drain({ streams: app.openStreams });
    app.decorate('drain', drain);
    app.addHook('onRequest', async (request, reply) => {
      if (!drain.isDraining || request.routeOptions.config.isProbe) return;
      drain.requested();
      // The next one goes over a new connection, and so to a node that stays. A request on a connection that is kept
      // could meet its end.
      reply.header('connection', 'close');
    });
  },
  { name: 'drain', dependencies: ['streams'] },
);
