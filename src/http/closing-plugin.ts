// What happens to requests and connections while the server closes.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Problem } from '../problems/problem.ts';
import { documentProblems, isDocumented } from './route-problems.ts';

export interface ClosingOptions {
  /** How long requests under way may take to finish. A client that reads nothing would hold up the end for ever. */
  finishMs: number;
}

export default fastifyPlugin(
  async (app: FastifyInstance, { finishMs }: ClosingOptions) => {
    let closing = false;
    let cutOff: NodeJS.Timeout | undefined;

    app.addHook('preClose', async () => {
      closing = true;
      cutOff = setTimeout(() => app.server.closeAllConnections(), finishMs);
    });
    app.addHook('onClose', async () => clearTimeout(cutOff));

    // On connections that are kept alive requests still come in. Fastify's own answer to them (`return503OnClosing`)
    // is no problem+json, and a stream's route must be able to answer in its own way.
    app.addHook('onRequest', async () => {
      if (!closing) return;
      throw new Problem('TB_UNAVAILABLE', 'This node is going down. Try again in a moment.', {
        headers: { 'retry-after': '1' },
      });
    });
    app.addHook('onRoute', (route) => {
      if (isDocumented(route)) documentProblems(route, 'TB_UNAVAILABLE');
    });
  },
  { name: 'closing' },
);
