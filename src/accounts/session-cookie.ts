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
  /**
   * A browser may send several cookies of one name (of other paths, of the domain above), in an order that nobody can rely
   * on: any of them may be the good one. Behind TLS another name is no cookie of ours: whoever shares the domain could have
   * set it, or anyone on a plain connection, and signed a visitor in as themselves.
   *
   * @returns what may be a session's secret
   */
  secretsOf(request: Pick<FastifyRequest, 'headers'>): string[];
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
    secretsOf: ({ headers }) => valuesOf(name, headers.cookie ?? '').slice(0, MOST_SECRETS),
  };
}

/** @returns those that can be a secret, each once */
function valuesOf(name: string, cookies: string): string[] {
  const pairs = cookies.matchAll(/(?:^|;) *([\w-]+)="?([\w-]{1,100})"? *(?=;|$)/g);
  const values = new Set<string>();
  for (const [, found, value = ''] of pairs) if (found === name) values.add(value);
  return [...values];
}
