// Refuses request targets that others read differently than the router does.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Problem } from '../problems/problem.ts';

/** No part of a URI (RFC 3986, 2), or only where it begins the fragment, which no request has. */
const foreign = /[^\x21-\x7e]|["#<>\\]/;

/**
 * Node lets more through than a URI may hold. The router ends a path at its `#`, so that the target of an item's
 * deletion could be that of its board's; and a proxy in front may have judged by another path than this server goes by.
 */
export default fastifyPlugin(
  async (app: FastifyInstance) => {
    app.addHook('onRequest', async ({ raw }) => {
      if (foreign.test(raw.url ?? '')) {
        throw new Problem('TB_INVALID', 'The address has a character that must be percent-encoded, or a fragment.');
      }
    });
  },
  { name: 'request-target' },
);
