// Who is calling: the user of a request, by what it carries.

import type { FastifyRequest } from 'fastify';
import type { Grant } from '../access/grant.ts';
import { bearerOf } from '../http/bearer.ts';
import { parseBoards } from '../http/board-list.ts';
import { forgetTicket, ticketOf } from '../http/ticket-of-request.ts';
import { canonicalUuid } from '../http/uuid.ts';
import { Problem } from '../problems/problem.ts';
import type { FindByCookie } from './application-cookies.ts';
import type { FindByApplication } from './application-sessions.ts';
import type { Caller } from './caller.ts';
import { wrongTicket, wrongToken } from './challenge.ts';
import type { IdentityStore } from './identity-store.ts';
import type { Identity, VerifyJwt } from './jwt-verifier.ts';
import type { SessionCookie } from './session-cookie.ts';
import type { SessionStore } from './session-store.ts';
import type { TicketStore } from './ticket-store.ts';
import { TOKEN_PREFIX } from './token.ts';
import type { TokenStore } from './token-store.ts';

export interface CallerFinderOptions {
  sessionCookie: Pick<SessionCookie, 'secretsOf'>;
  sessions: Pick<SessionStore, 'find'>;
  tokens: Pick<TokenStore, 'find'>;
  tickets: Pick<TicketStore, 'find'>;
  identities: IdentityStore;
  verifyJwt: VerifyJwt;
  findByCookie: FindByCookie;
  findByApplication: FindByApplication;
}

/**
 * @returns undefined for a request that says nothing of who is calling, or has a cookie of no session
 * @throws Problem TB_UNAUTHENTICATED for a token or ticket that is wrong, TB_SESSION_REQUIRED or TB_UNAVAILABLE
 */
export type FindCaller = (request: FastifyRequest) => Promise<Caller | undefined>;

export function createCallerFinder(options: CallerFinderOptions): FindCaller {
  const { sessionCookie, sessions, tokens, tickets, identities, verifyJwt, findByCookie, findByApplication } = options;
  /** What an application says of its user ends by its time, or when it says so itself: we keep no row of it. */
  const callerOf = async (identity: Identity | undefined, hold?: Grant['hold']): Promise<Caller | undefined> => {
    if (!identity) return undefined;
    const { user, streamsId } = await identities.findUser(identity);
    const { claims, expiresAt } = identity;
    return { user, grant: { id: undefined, streamsId, expiresAt, claims, ...(hold && { hold }) } };
  };

  const findByAsking = async (request: FastifyRequest): Promise<Caller | undefined> => {
    const found = await findByApplication(request.headers);
    return callerOf(found?.identity, found?.hold);
  };

  const findBySession = async (request: FastifyRequest): Promise<Caller | undefined> => {
    for (const secret of sessionCookie.secretsOf(request)) {
      const caller = await sessions.find(secret);
      if (caller) return caller;
    }
    return undefined;
  };

  /** A token or ticket that is wrong is refused also beside a good cookie: its sender means to be somebody else. */
  return async (request) => {
    const ticket = ticketOf(request);
    if (ticket !== undefined) forgetTicket(request);
    const bearer = bearerOf(request.headers.authorization);
    if (bearer !== undefined) {
      const caller = await (bearer.startsWith(TOKEN_PREFIX)
        ? tokens.find(bearer)
        : ((await callerOf(await verifyJwt(bearer))) ?? findByAsking(request)));
      if (!caller) throw wrongToken();
      if (request.routeOptions.config.refusesTokens) throw tokenRefused();
      return caller;
    }
    if (ticket !== undefined) {
      const boardIds = boardsOf(request);
      const caller = boardIds.length === 0 ? undefined : await tickets.find(ticket, boardIds);
      if (!caller) throw wrongTicket();
      return caller;
    }
    // Who is signed in at the application is who its pages show; but what is of a session is not for its users.
    const findOfApplication = async () => callerOf(await findByCookie(request.headers.cookie));
    if (!request.routeOptions.config.refusesTokens) {
      return (await findOfApplication()) ?? (await findBySession(request)) ?? (await findByAsking(request));
    }
    const caller = await findBySession(request);
    if (!caller && ((await findOfApplication()) ?? (await findByAsking(request)))) throw tokenRefused();
    return caller;
  };
}

/**
 * No schema has seen the address yet; keys have become ids (http/board-names-plugin.ts).
 *
 * @throws Problem TB_INVALID for a list of boards that is none
 */
function boardsOf({ params, query }: FastifyRequest): string[] {
  const { id } = params as { id?: string };
  const { boards } = query as { boards?: unknown };
  if (id === undefined) return typeof boards === 'string' ? [...parseBoards(boards).keys()] : [];
  const boardId = canonicalUuid(id);
  return boardId === undefined ? [] : [boardId];
}

function tokenRefused(): Problem {
  return new Problem('TB_SESSION_REQUIRED', 'Sign in with email and password, and use the cookie here.');
}
