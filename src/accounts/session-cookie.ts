// The cookie that carries a session's secret.

import type { FastifyReply } from 'fastify';
import type { SignIn } from './account-store.ts';
import { SESSION_COOKIE } from './challenge.ts';
import { SESSION_DAYS } from './session-store.ts';

export interface SessionCookie {
  /** Puts the new session's secret into the browser. */
  set(reply: FastifyReply, signIn: SignIn): FastifyReply;
  clear(reply: FastifyReply): FastifyReply;
}

/** @param secure the cookie goes over TLS only */
export function createSessionCookie(secure: boolean): SessionCookie {
  const options = { path: '/', httpOnly: true, sameSite: 'lax', secure } as const;
  // As long as a session can last at all. When it ends sooner, the server knows: so no answer has to renew the cookie.
  const maxAge = SESSION_DAYS * 24 * 60 * 60;
  return {
    set: (reply, { secret }) => reply.setCookie(SESSION_COOKIE, secret, { ...options, maxAge }),
    clear: (reply) => reply.clearCookie(SESSION_COOKIE, options),
  };
}
