// The turns of all who read JSON pages of this node, of whichever kind.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { PageTurns } from './page-turns.ts';

declare module 'fastify' {
  interface FastifyInstance {
    pageTurns: PageTurns;
  }
}

export default fastifyPlugin(
  async (app: FastifyInstance) => {
    app.decorate('pageTurns', new PageTurns({ ofUser: 2, ofNode: 4 }));
  },
  { name: 'page-turns' },
);
