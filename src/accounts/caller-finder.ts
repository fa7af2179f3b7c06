// Who is calling: the user of a request, by what it carries.

import type { FastifyRequest } from 'fastify';
import { Problem } from '../errors.ts';
import { bearerOf } from '../http/bearer.ts';
import { forgetTicket, ticketOf } from '../http/ticket.ts';
import { canonicalUuid } from '../http/uuid.ts';
import type { Caller } from './caller.ts';
import { unauthenticated, wrongTicket, wrongToken } from './challenge.ts';
import type { IdentityStore } from './identity-store.ts';
import type { VerifyJwt } from './jwt-verifier.ts';
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
}

/** @throws Problem TB_UNAUTHENTICATED, TB_SESSION_REQUIRED or TB_UNAVAILABLE */
export type FindCaller = (request: FastifyRequest) => Promise<Caller>;

export function createCallerFinder(options: CallerFinderOptions): FindCaller {
  const { sessionCookie, sessions, tokens, tickets, identities, verifyJwt } = options;
  const findByJwt = async (jwt: string): Promise<Caller | undefined> => {
    const identity = await verifyJwt(jwt);
    if (!identity) return undefined;
    return { user: await identities.findUser(identity), credentialId: undefined, expiresAt: identity.expiresAt };
  };

  /** A token or ticket that is wrong is refused also beside a good cookie: its sender means to be somebody else. */
  return async (request) => {
    const ticket = ticketOf(request);
    if (ticket !== undefined) forgetTicket(request);
    const bearer = bearerOf(request.headers.authorization);
    if (bearer !== undefined) {
      const caller = await (bearer.startsWith(TOKEN_PREFIX) ? tokens.find(bearer) : findByJwt(bearer));
      if (!caller) throw wrongToken();
      if (request.routeOptions.config.refusesTokens) throw tokenRefused();
      return caller;
    }
    if (ticket !== undefined) {
      // No schema has seen the address yet.
      const boardId = canonicalUuid((request.params as { id: string }).id);
      const caller = boardId === undefined ? undefined : await tickets.find(ticket, boardId);
      if (!caller) throw wrongTicket();
      return caller;
    }
    for (const secret of sessionCookie.secretsOf(request)) {
      const caller = await sessions.find(secret);
      if (caller) return caller;
    }
    throw unauthenticated();
  };
}

function tokenRefused(): Problem {
  return new Problem('TB_SESSION_REQUIRED', 'Sign in with email and password, and use the cookie here.');
}
