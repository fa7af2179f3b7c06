// What is sent to a client as a path of ours gets the path before it below which browsers see this server.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';

/** Register before the routes. */
export default fastifyPlugin(
  async (app: FastifyInstance, { basePath }: { basePath: string }) => {
    if (basePath === '') return;
    app.addHook('onSend', (_request, reply, _payload, done) => {
      const location = reply.getHeader('location');
      if (typeof location === 'string' && location.startsWith('/')) reply.header('location', basePath + location);
      done();
    });
  },
  { name: 'base-path' },
);
