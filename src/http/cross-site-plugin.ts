// Refuses what pages of other sites make a browser send: it would come with the user's cookie.

import type { FastifyInstance, RouteOptions } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Problem } from '../errors.ts';
import { bearerOf } from './bearer.ts';
import { isCrossSite, type TrustedOrigins } from './cross-site.ts';
import { problemResponses } from './schemas.ts';
import { ticketOf } from './ticket.ts';
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
    app.addHook('onRequest', async (request) => {
      const { method, headers, host, routeOptions } = request;
      if (!isGuarded(method, routeOptions.config)) return;
      // A browser adds neither by itself; and beside a token or a ticket the cookie does not count.
      if (bearerOf(headers.authorization) !== undefined || ticketOf(request) !== undefined) return;
      const site = headers['sec-fetch-site'];
      if (!isCrossSite({ site: site?.toString(), origin: headers.origin, host }, trusted)) return;
      throw new Problem(
        'TB_CROSS_SITE',
        'A page of another site sent this. CORS_ORIGINS can allow it; a token may always.',
      );
    });
    app.addHook('onRoute', (route) => {
      const { schema, config } = route;
      if (!schema || schema.hide || !methodsOf(route).some((method) => isGuarded(method, config))) return;
      route.schema = { ...schema, response: { ...(schema.response as object), ...problemResponses(403) } };
    });
  },
  { name: 'cross-site' },
);

function isGuarded(method: string, config: RouteOptions['config']): boolean {
  return isUnsafe(method) || config?.opensStream === true;
}
