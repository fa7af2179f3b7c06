// The cookie that carries a session's secret.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SignIn } from './account-store.ts';
import { SESSION_COOKIE } from './challenge.ts';
import { SESSION_DAYS } from './session-store.ts';

/** Behind TLS: a browser takes it from this host only, and not from one that shares its domain, or from plain HTTP. */
const HOST_COOKIE = `__Host-${SESSION_COOKIE}`;
/** A request is looked up by so many: each is a question to the database. */
const MOST_SECRETS = 4;

export interface SessionCookie {
  /** Puts the new session's secret into the browser. */
  set(reply: FastifyReply, signIn: SignIn): FastifyReply;
  clear(reply: FastifyReply): FastifyReply;
}

/** @param secure the cookie goes over TLS only */
export function createSessionCookie(secure: boolean): SessionCookie {
  const options = { path: '/', httpOnly: true, sameSite: 'lax', secure } as const;
  const name = secure ? HOST_COOKIE : SESSION_COOKIE;
  // As long as a session can last at all. When it ends sooner, the server knows: so no answer has to renew the cookie.
  const maxAge = SESSION_DAYS * 24 * 60 * 60;
  return {
    set: (reply, { secret }) => reply.setCookie(name, secret, { ...options, maxAge }),
    clear: (reply) => {
      // Also the one from before there was TLS.
      if (secure) reply.clearCookie(SESSION_COOKIE, options);
      return reply.clearCookie(name, options);
    },
  };
}

/**
 * A browser may send several cookies of one name (of other paths, of the domain above), in an order that nobody can rely
 * on: any of them may be the good one.
 *
 * @returns what may be a session's secret, those of this host alone first
 */
export function sessionSecretsOf({ headers }: Pick<FastifyRequest, 'headers'>): string[] {
  const secrets: Record<string, string[]> = { [HOST_COOKIE]: [], [SESSION_COOKIE]: [] };
  for (const [, name = '', secret = ''] of (headers.cookie ?? '').matchAll(
    /(?:^|;) *([\w-]+)="?([\w-]{1,100})"? *(?=;|$)/g,
  )) {
    // Not what every object has: a cookie may be called `constructor`.
    if (Object.hasOwn(secrets, name)) secrets[name]?.push(secret);
  }
  return [...new Set(Object.values(secrets).flat())].slice(0, MOST_SECRETS);
}
