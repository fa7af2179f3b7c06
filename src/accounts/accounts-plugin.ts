// Who is calling: finds the user of a request, for every route that asks for one.

import { createHash } from 'node:crypto';
import fastifyCookie from '@fastify/cookie';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Expiry } from '../background/expiry.ts';
import { LoggedFailures } from '../background/failures.ts';
import { RecentAnswers } from '../background/recent-answers.ts';
import type { AuthSource } from '../config/auth-source.ts';
import type { JwtIssuer } from '../config/jwt-issuers.ts';
import type { RailsSession } from '../config/rails-session.ts';
import { documentProblems } from '../http/route-problems.ts';
import { ticketOf } from '../http/ticket-of-request.ts';
import { isUnavailable } from '../postgres/database-problem.ts';
import { Problem } from '../problems/problem.ts';
import type { Timings } from '../timings.ts';
import { createAccountStore } from './account-store.ts';
import { Accounts } from './accounts.ts';
import { AddressLimits, type AddressLimitsOptions } from './address-limits.ts';
import { createFindByCookie } from './application-cookies.ts';
import { createFindByApplication } from './application-sessions.ts';
import { endStreams } from './application-store.ts';
import { AttemptLimits } from './attempt-limits.ts';
import type { Caller } from './caller.ts';
import { createCallerFinder } from './caller-finder.ts';
import { challengeOf, unauthenticated } from './challenge.ts';
import { createGuestRemoval } from './guest-removal.ts';
import { createGuestStore } from './guest-store.ts';
import { createIdentityStore } from './identity-store.ts';
import { createJwtVerifier } from './jwt-verifier.ts';
import { asNamed } from './named-user.ts';
import { createPasswords } from './passwords.ts';
import { createReadRailsCookie } from './rails-cookie.ts';
import { createSessionCookie, type SessionCookie } from './session-cookie.ts';
import { createSessionStore, type SessionStore } from './session-store.ts';
import { createTicketStore, type TicketStore } from './ticket-store.ts';
import { createTokenStore, type TokenStore } from './token-store.ts';
import type { User } from './user.ts';

const EXPIRY_INTERVAL_MS = 5 * 60_000;
/** Callers who are remembered for a moment. 5 MB. */
const MAX_RECENT = 5000;

declare module 'fastify' {
  interface FastifyInstance {
    accounts: Accounts;
    addressLimits: AddressLimits;
    sessionCookie: SessionCookie;
    sessions: SessionStore;
    tokens: TokenStore;
    tickets: TicketStore;
    /** Makes the user of an application when it is new, and names it. */
    putUser: (named: { issuer: string; subject: string; name: string | undefined }) => Promise<User>;
    /** Ends the streams of a user on every node. @returns false when there is no such user */
    endStreams: (userId: string) => Promise<boolean>;
    /** An onRequest hook (or a later one): the route is for those who say who they are. Sets `request.caller`. */
    requireCaller: (request: FastifyRequest) => Promise<void>;
    /** The same for a route that is for nobody in particular, too: what they get depends on `request.callerIfAny`. */
    allowCaller: (request: FastifyRequest) => Promise<void>;
    /**
     * The same for a route that each client calls many times a second: what was found out is believed for 0.8 s, and so
     * a session or token that has ended still opens it for that long, unless the route looks once more. Of a ticket nothing
     * is believed.
     */
    requireRecentCaller: (request: FastifyRequest) => Promise<void>;
  }
  interface FastifyRequest {
    /**
     * Who is calling, by cookie, by token, by the JWT of an issuer or (its maker) by ticket.
     *
     * @throws Problem TB_INTERNAL on a route without the hook `requireCaller`
     */
    readonly caller: Caller;
    /** The same, where that is anybody. */
    readonly callerIfAny: Caller | undefined;
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
  /** The session's cookie goes over TLS only, as far as the document is concerned; else it goes by the request. */
  documentsSecure: boolean;
  /** Below which browsers see this server. */
  basePath: string;
  /** Applications that send their own users. */
  jwtIssuers: readonly JwtIssuer[];
  /** In which their pages send it. */
  jwtCookie: string | undefined;
  /** Whose session cookie says who is calling. */
  rails: RailsSession | undefined;
  /** The application that is asked about who is none of these. */
  auth: AuthSource | undefined;
  addressLimits: Omit<AddressLimitsOptions, 'log'>;
  tokensPerUser: number;
  /** How old the account of a guest must be to be removed when it is of no use to anybody. */
  guestDays: number;
  timings: Timings['issuerKeys'];
}

export default fastifyPlugin(
  async (app: FastifyInstance, options: AccountsPluginOptions) => {
    const {
      documentsSecure,
      basePath,
      jwtIssuers,
      jwtCookie,
      rails,
      auth,
      addressLimits,
      tokensPerUser,
      guestDays,
      timings,
    } = options;
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
    const limits = new AddressLimits({ ...addressLimits, log: app.log });
    app.decorate('addressLimits', limits);
    app.decorate(
      'accounts',
      new Accounts({ store, passwords: createPasswords(), attempts: new AttemptLimits(), limit: limits.accounts }),
    );
    const sessionCookie = createSessionCookie({ secure: documentsSecure, basePath });
    answerWithChallenge(app, (request) => challengeOf(sessionCookie.nameFor(request)));
    app.decorate('sessionCookie', sessionCookie);
    app.decorate('sessions', sessions);
    app.decorate('tokens', tokens);
    const tickets = createTicketStore(app.pool);
    app.decorate('tickets', tickets);

    const verifyJwt = createJwtVerifier(jwtIssuers, {
      log: app.log,
      onRefusal: (reason) => app.log.debug({ reason }, 'a JWT was refused'),
      timings,
    });
    const identities = createIdentityStore(
      app.pool,
      failures(
        'identities',
        'names are not taken over; the next requests of their users try again',
        'names are taken over again',
      ),
    );
    app.decorate('putUser', async (named) => {
      // It is the application that says so, and now.
      const { user } = await identities.findUser({ ...named, namedAt: new Date() });
      return user;
    });
    app.decorate('endStreams', (userId) => endStreams(app.pool, userId));
    const findCaller = createCallerFinder({
      sessionCookie,
      sessions,
      tokens,
      tickets,
      identities,
      verifyJwt,
      findByCookie: createFindByCookie({
        jwtCookie,
        verifyJwt,
        rails: rails && { cookie: rails.cookie, read: createReadRailsCookie(rails) },
      }),
      findByApplication: createFindByApplication(auth, {
        log: app.log,
        onRefusal: (reason) => app.log.debug({ reason }, 'the application was not asked'),
        timings,
      }),
    });

    const findSomebody = async (request: FastifyRequest): Promise<Caller> => {
      const caller = await findCaller(request);
      if (!caller) throw unauthenticated();
      return caller;
    };
    app.decorate('requireCaller', async (request: FastifyRequest) => {
      callers.set(request, asNamed(request, await findSomebody(request)));
    });
    app.decorate('allowCaller', async (request: FastifyRequest) => {
      const isNamed = request.headers['user-id'] !== undefined;
      const caller = await (isNamed ? findSomebody : findCaller)(request);
      if (caller) callers.set(request, asNamed(request, caller));
    });
    const recent = new RecentAnswers<Caller>(MAX_RECENT);
    app.decorate('requireRecentCaller', async (request: FastifyRequest) => {
      const find = () => findSomebody(request);
      const caller = await (ticketOf(request) === undefined ? recent.get(carriedBy(request), find) : find());
      if (caller) callers.set(request, asNamed(request, caller));
    });
    app.decorateRequest('caller', {
      getter(this: FastifyRequest) {
        const caller = callers.get(this);
        if (!caller) throw new Problem('TB_INTERNAL', 'This route asks for a caller that nobody has looked up.');
        return caller;
      },
    });
    app.decorateRequest('callerIfAny', {
      getter(this: FastifyRequest) {
        return callers.get(this);
      },
    });
    documentWays(app);

    const expiry = new Expiry({
      removeExpired: {
        sessions: sessions.removeExpired,
        tokens: tokens.removeExpired,
        tickets: tickets.removeExpired,
      },
      intervalMs: EXPIRY_INTERVAL_MS,
      log: app.log,
      isOutage: isUnavailable,
    });
    const guestRemoval = createGuestRemoval({ store: createGuestStore(app.pool, guestDays), log: app.log });
    app.addHook('onReady', async () => {
      limits.start();
      guestRemoval.wake();
      expiry.start();
    });
    app.addHook('onClose', async () => {
      limits.stop();
      await guestRemoval.stop();
      await expiry.stop();
    });
  },
  { name: 'accounts', dependencies: ['postgres'] },
);

/** Whoever refuses a request for want of a caller need not know how one is made known here. */
function answerWithChallenge(app: FastifyInstance, challenge: (request: FastifyRequest) => string): void {
  app.addHook('onSend', (request, reply, _payload, done) => {
    if (reply.statusCode === 401 && !reply.hasHeader('www-authenticate')) {
      reply.header('www-authenticate', challenge(request));
    }
    done();
  });
}

/** All that a `findCaller` goes by where no ticket is, and as short for who sends 32 KiB of cookies as for anybody. */
function carriedBy({ headers, routeOptions }: FastifyRequest): string {
  const carried = [routeOptions.url, headers.authorization, headers.cookie].join('\n');
  return createHash('sha256').update(carried).digest('base64');
}

/** Whatever a cookie opens a token opens, and the OpenAPI document says so, unless the route refuses tokens. */
function documentWays(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { schema, config } = route;
    if (!schema?.security?.some((way) => 'session' in way)) return;
    documentProblems(route, 'TB_UNAUTHENTICATED', 'TB_OTHER_USER');
    if (config?.refusesTokens) return documentProblems(route, 'TB_SESSION_REQUIRED');
    const ways = [{ token: [] }, { jwt: [] }, ...(config?.takesTickets ? [{ ticket: [] }] : [])];
    route.schema = { ...route.schema, security: [...schema.security, ...ways] };
  });
}
