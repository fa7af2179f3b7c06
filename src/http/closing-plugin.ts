// What happens to requests and connections while the server closes.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Problem } from '../errors.ts';

/** How long requests under way may take to finish. A client that reads nothing would hold up the end for ever. */
const FINISH_MS = 1500;

export default fastifyPlugin(
  async (app: FastifyInstance) => {
    let closing = false;
    let cutOff: NodeJS.Timeout | undefined;

    app.addHook('preClose', async () => {
      closing = true;
      cutOff = setTimeout(() => app.server.closeAllConnections(), FINISH_MS);
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
  },
  { name: 'closing' },
);
