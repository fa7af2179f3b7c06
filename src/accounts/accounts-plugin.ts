// Who is calling: finds the user of a request, for every route that asks for one.

import fastifyCookie from '@fastify/cookie';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { LoggedFailures } from '../background/failures.ts';
import { Problem } from '../errors.ts';
import { problemResponses } from '../http/schemas.ts';
import type { JwtIssuer } from '../jwt-issuers.ts';
import { isUnavailable } from '../postgres/database-problem.ts';
import { Sweeper } from '../postgres/sweeper.ts';
import { RecentAnswers } from '../recent-answers.ts';
import { AccountLimit } from './account-limit.ts';
import { createAccountStore } from './account-store.ts';
import { Accounts } from './accounts.ts';
import { AttemptLimits } from './attempt-limits.ts';
import type { Caller } from './caller.ts';
import { createCallerFinder } from './caller-finder.ts';
import { type CredentialStore, createCredentialStore } from './credential-store.ts';
import { createGuestRemoval } from './guest-removal.ts';
import { createGuestStore } from './guest-store.ts';
import { createIdentityStore } from './identity-store.ts';
import { createJwtVerifier } from './jwt-verifier.ts';
import { createPasswords } from './passwords.ts';
import { createSessionCookie, type SessionCookie } from './session-cookie.ts';
import { createSessionStore, type SessionStore } from './session-store.ts';
import { createTicketStore, type TicketStore } from './ticket-store.ts';
import { createTokenStore, type TokenStore } from './token-store.ts';

const SWEEP_INTERVAL_MS = 5 * 60_000;
/** Callers who are remembered for a moment. 5 MB. */
const MAX_RECENT = 5000;

declare module 'fastify' {
  interface FastifyInstance {
    accounts: Accounts;
    sessionCookie: SessionCookie;
    sessions: SessionStore;
    tokens: TokenStore;
    credentials: CredentialStore;
    tickets: TicketStore;
    /** An onRequest hook (or a later one): the route is for those who say who they are. Sets `request.session`. */
    requireSession: (request: FastifyRequest) => Promise<void>;
    /**
     * The same for a route that each client calls many times a second: what was found out is believed for 0.8 s, and so
     * a session or token that has ended still opens it for that long.
     */
    requireRecentSession: (request: FastifyRequest) => Promise<void>;
  }
  interface FastifyRequest {
    /**
     * Who is calling, by cookie, by token, by the JWT of an issuer or (its maker) by ticket.
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

export interface AccountsPluginOptions {
  /** The session's cookie goes over TLS only. */
  secureCookies: boolean;
  /** Applications that send their own users. */
  jwtIssuers: readonly JwtIssuer[];
  /** That one address may make. */
  accountsPerMinute: number;
  tokensPerUser: number;
  /** How old the account of a guest must be to be removed when it is of no use to anybody. */
  guestDays: number;
  /** Undefined: this node counts for itself. */
  redisUrl: string | undefined;
}

export default fastifyPlugin(
  async (app: FastifyInstance, options: AccountsPluginOptions) => {
    const { secureCookies, jwtIssuers, accountsPerMinute, tokensPerUser, guestDays, redisUrl } = options;
    await app.register(fastifyCookie);
    const store = createAccountStore(app.pool);
    const failures = (owner: string, failing: string, healed: string) =>
      new LoggedFailures({ log: app.log, owner, failing, healed, isOutage: isUnavailable });
    const sessions = createSessionStore(
      app.pool,
      failures(
        'sessions',
        'ends of sessions are not put off; their next requests try again',
        'ends of sessions are put off again',
      ),
    );
    const tokens = createTokenStore(app.pool, tokensPerUser);
    const limit = new AccountLimit({ perMinute: accountsPerMinute, redisUrl, log: app.log });
    app.decorate(
      'accounts',
      new Accounts({ store, passwords: await createPasswords(), attempts: new AttemptLimits(), limit }),
    );
    const sessionCookie = createSessionCookie(secureCookies);
    app.decorate('sessionCookie', sessionCookie);
    app.decorate('sessions', sessions);
    app.decorate('tokens', tokens);
    // The end of access must not wait behind writers that hold the whole of the other pool (E6).
    app.decorate('credentials', createCredentialStore(app.livePool));
    const tickets = createTicketStore(app.pool);
    app.decorate('tickets', tickets);

    const findCaller = createCallerFinder({
      sessionCookie,
      sessions,
      tokens,
      tickets,
      identities: createIdentityStore(
        app.pool,
        failures(
          'identities',
          'names are not taken over; the next requests of their users try again',
          'names are taken over again',
        ),
      ),
      verifyJwt: createJwtVerifier(jwtIssuers, app.log, (reason) => app.log.debug({ reason }, 'a JWT was refused')),
    });

    app.decorate('requireSession', async (request: FastifyRequest) => {
      callers.set(request, await findCaller(request));
    });
    const recent = new RecentAnswers<Caller>(MAX_RECENT);
    app.decorate('requireRecentSession', async (request: FastifyRequest) => {
      const caller = await recent.get(credentialsOf(request), () => findCaller(request));
      if (caller) callers.set(request, caller);
    });
    app.decorateRequest('session', {
      getter(this: FastifyRequest) {
        const caller = callers.get(this);
        if (!caller) throw new Problem('TB_INTERNAL', 'This route asks for a caller that nobody has looked up.');
        return caller;
      },
    });
    documentCredentials(app);

    const sweeper = new Sweeper({
      removeExpired: {
        sessions: sessions.removeExpired,
        tokens: tokens.removeExpired,
        tickets: tickets.removeExpired,
      },
      intervalMs: SWEEP_INTERVAL_MS,
      log: app.log,
    });
    const guestRemoval = createGuestRemoval({ store: createGuestStore(app.pool, guestDays), log: app.log });
    app.addHook('onReady', async () => {
      limit.start();
      guestRemoval.wake();
      sweeper.start();
    });
    app.addHook('onClose', async () => {
      limit.stop();
      await guestRemoval.stop();
      await sweeper.stop();
    });
  },
  { name: 'accounts', dependencies: ['postgres'] },
);

/** All that a `findCaller` goes by on a route that no ticket opens. */
function credentialsOf(request: FastifyRequest): string {
  const { headers, routeOptions, server } = request;
  return [routeOptions.url, headers.authorization, ...server.sessionCookie.secretsOf(request)].join('\n');
}

/** Whatever a cookie opens a token opens, and the OpenAPI document says so, unless the route refuses tokens. */
function documentCredentials(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { schema, config } = route;
    if (!schema?.security?.some((way) => 'session' in way)) return;
    route.schema = config?.refusesTokens
      ? { ...schema, response: { ...(schema.response as object), ...problemResponses(403) } }
      : { ...schema, security: [...schema.security, { token: [] }, ...(config?.takesTickets ? [{ ticket: [] }] : [])] };
  });
}
