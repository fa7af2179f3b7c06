// Refuses what pages of other sites make a browser send: it would come with the user's cookie.

import type { FastifyInstance, RouteOptions } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Problem } from '../problems/problem.ts';
import { bearerOf } from './bearer.ts';
import { explainCrossSite, isCrossSite, type TrustedOrigins } from './cross-site.ts';
import { documentProblems, isDocumented } from './route-problems.ts';
import { ticketOf } from './ticket-of-request.ts';
import { ToldOrigins } from './told-origins.ts';
import { isUnsafe, methodsOf } from './unsafe-methods.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** This GET opens a stream: no page of another site may, though it could not read it. */
    opensStream?: boolean;
  }
}

/**
 * Looks at every request that changes something or opens a stream, signed in or not: a page that signs its visitor in
 * as somebody else (login CSRF) needs no cookie. Register before the routes.
 */
export default fastifyPlugin(
  async (app: FastifyInstance, trusted: TrustedOrigins) => {
    const told = new ToldOrigins(app.log);
    app.addHook('onRequest', async (request) => {
      const { method, headers, host, routeOptions } = request;
      const provenance = { site: headers['sec-fetch-site']?.toString(), origin: headers.origin, host };
      // Also what is answered, and the question in advance: no page of that origin gets to read it.
      if (headers.origin !== undefined && isCrossSite(provenance, trusted)) told.refused(headers.origin);
      if (!isGuarded(method, routeOptions.config)) return;
      // A browser adds neither by itself; and beside a token or a ticket the cookie does not count.
      if (bearerOf(headers.authorization) !== undefined || ticketOf(request) !== undefined) return;
      if (isCrossSite(provenance, trusted)) throw new Problem('TB_CROSS_SITE', explainCrossSite(provenance, trusted));
    });
    app.addHook('onRoute', (route) => {
      if (!isDocumented(route) || !methodsOf(route).some((method) => isGuarded(method, route.config))) return;
      documentProblems(route, 'TB_CROSS_SITE');
    });
  },
  { name: 'cross-site' },
);

function isGuarded(method: string, config: RouteOptions['config']): boolean {
  return isUnsafe(method) || config?.opensStream === true;
}
