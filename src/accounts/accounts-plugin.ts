// Who is calling: finds the user of a request, for every route that asks for one.

import fastifyCookie from '@fastify/cookie';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Problem } from '../errors.ts';
import { type AccountSession, type AccountStore, createAccountStore } from './account-store.ts';

export const SESSION_COOKIE = 'tb_session';

declare module 'fastify' {
  interface FastifyInstance {
    accounts: AccountStore;
    /** An onRequest hook (or a later one): the route is for those who are signed in. Sets `request.session`. */
    requireSession: (request: FastifyRequest) => Promise<void>;
  }
  interface FastifyRequest {
    /** @throws Problem TB_INTERNAL on a route without the hook `requireSession` */
    readonly session: AccountSession;
  }
}

const sessions = new WeakMap<FastifyRequest, AccountSession>();

export default fastifyPlugin(
  async (app: FastifyInstance) => {
    await app.register(fastifyCookie);
    const accounts = createAccountStore(app.pool);
    app.decorate('accounts', accounts);

    app.decorate('requireSession', async (request: FastifyRequest) => {
      const token = request.cookies[SESSION_COOKIE];
      const session = token === undefined ? undefined : await accounts.findSession(token);
      if (!session) throw unauthenticated();
      sessions.set(request, session);
    });

    app.decorateRequest('session', {
      getter(this: FastifyRequest) {
        const session = sessions.get(this);
        if (!session) throw new Problem('TB_INTERNAL', 'This route asks for a session that nobody has looked up.');
        return session;
      },
    });
  },
  { name: 'accounts', dependencies: ['postgres'] },
);

export function unauthenticated(): Problem {
  return new Problem('TB_UNAUTHENTICATED', 'Sign in first: POST /guests gives you a cookie.', {
    // RFC 9110, 11.6.1: a 401 names a scheme. The cookie has no registered one; browsers ignore a name they don't know.
    headers: { 'www-authenticate': `Cookie realm="teamboard", cookie-name="${SESSION_COOKIE}"` },
  });
}
