// Who is calling: finds the user of a request, for every route that asks for one.

import fastifyCookie from '@fastify/cookie';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Problem } from '../errors.ts';
import { bearerOf } from '../http/bearer.ts';
import { problemResponses } from '../http/schemas.ts';
import { Sweeper } from '../postgres/sweeper.ts';
import { type AccountStore, createAccountStore } from './account-store.ts';
import { Accounts } from './accounts.ts';
import { AttemptLimits } from './attempt-limits.ts';
import type { Caller } from './caller.ts';
import { SESSION_COOKIE, unauthenticated, wrongToken } from './challenge.ts';
import { type CredentialStore, createCredentialStore } from './credential-store.ts';
import { createPasswords } from './passwords.ts';
import { createSessionStore, type SessionStore } from './session-store.ts';
import { TOKEN_PREFIX } from './token.ts';
import { createTokenStore, type TokenStore } from './token-store.ts';

const SWEEP_INTERVAL_MS = 5 * 60_000;

declare module 'fastify' {
  interface FastifyInstance {
    accounts: Accounts;
    accountStore: AccountStore;
    sessions: SessionStore;
    tokens: TokenStore;
    credentials: CredentialStore;
    /** An onRequest hook (or a later one): the route is for those who say who they are. Sets `request.session`. */
    requireSession: (request: FastifyRequest) => Promise<void>;
  }
  interface FastifyRequest {
    /**
     * Who is calling, by cookie or by token.
     *
     * @throws Problem TB_INTERNAL on a route without the hook `requireSession`
     */
    readonly session: Caller;
  }
  interface FastifyContextConfig {
    /**
     * The route is about the account itself: no token opens it, so that one that has leaked can neither make others nor
     * lock its user out.
     */
    refusesTokens?: boolean;
  }
}

const callers = new WeakMap<FastifyRequest, Caller>();

export default fastifyPlugin(
  async (app: FastifyInstance) => {
    await app.register(fastifyCookie);
    const store = createAccountStore(app.pool);
    const sessions = createSessionStore(app.pool, ({ message }) => {
      app.log.warn({ reason: message }, 'the end of a session was not put off; its next request tries again');
    });
    const tokens = createTokenStore(app.pool);
    app.decorate('accountStore', store);
    app.decorate(
      'accounts',
      new Accounts({ store, passwords: await createPasswords(), attempts: new AttemptLimits() }),
    );
    app.decorate('sessions', sessions);
    app.decorate('tokens', tokens);
    // The end of access must not wait behind writers that hold the whole of the other pool (E6).
    app.decorate('credentials', createCredentialStore(app.logPool));

    app.decorate('requireSession', async (request: FastifyRequest) => {
      callers.set(request, await findCaller(request, sessions, tokens));
    });
    app.decorateRequest('session', {
      getter(this: FastifyRequest) {
        const caller = callers.get(this);
        if (!caller) throw new Problem('TB_INTERNAL', 'This route asks for a caller that nobody has looked up.');
        return caller;
      },
    });
    documentTokens(app);

    const sweeper = new Sweeper({
      removeExpired: { sessions: sessions.removeExpired, tokens: tokens.removeExpired },
      intervalMs: SWEEP_INTERVAL_MS,
      log: app.log,
    });
    app.addHook('onReady', async () => sweeper.start());
    app.addHook('onClose', () => sweeper.stop());
  },
  { name: 'accounts', dependencies: ['postgres'] },
);

/** A token that is wrong is refused also beside a good cookie: its sender means to be somebody else. */
async function findCaller(request: FastifyRequest, sessions: SessionStore, tokens: TokenStore): Promise<Caller> {
  const bearer = bearerOf(request.headers.authorization);
  if (bearer !== undefined) {
    const caller = bearer.startsWith(TOKEN_PREFIX) ? await tokens.find(bearer) : undefined;
    if (!caller) throw wrongToken();
    if (request.routeOptions.config.refusesTokens) throw tokenRefused();
    return caller;
  }
  const cookie = request.cookies[SESSION_COOKIE];
  const caller = cookie === undefined ? undefined : await sessions.find(cookie);
  if (!caller) throw unauthenticated();
  return caller;
}

function tokenRefused(): Problem {
  return new Problem('TB_SESSION_REQUIRED', 'Sign in with email and password, and use the cookie here.');
}

/** Whatever a cookie opens a token opens, and the OpenAPI document says so, unless the route refuses tokens. */
function documentTokens(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { schema, config } = route;
    if (!schema?.security?.some((way) => 'session' in way)) return;
    route.schema = config?.refusesTokens
      ? { ...schema, response: { ...(schema.response as object), ...problemResponses(403) } }
      : { ...schema, security: [...schema.security, { token: [] }] };
  });
}
