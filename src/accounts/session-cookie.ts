// The cookie that carries a session's secret.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { cookiesNamed } from '../http/cookies.ts';
import type { SignIn } from './account-store.ts';
import { SESSION_DAYS } from './session-store.ts';

const SESSION_COOKIE = 'tb_session';
/** Behind TLS: a browser takes it from this host only, and not from one that shares its domain, or from plain HTTP. */
const HOST_COOKIE = `__Host-${SESSION_COOKIE}`;
/** The same for a cookie with a path, which the other prefix forbids. One that shares the domain can set it, too. */
const SECURE_COOKIE = `__Secure-${SESSION_COOKIE}`;
/** What no session has is no question to the database. */
const SECRET = /^[\w-]{1,100}$/;

type Asked = Pick<FastifyRequest, 'headers' | 'isOverTls'>;

export interface SessionCookie {
  /** As the document says it. */
  readonly name: string;
  /** As whoever sends this request has it. */
  nameFor(request: Pick<Asked, 'isOverTls'>): string;
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
  secretsOf(request: Asked): string[];
}

export interface SessionCookieOptions {
  /** It goes over TLS only. */
  secure: boolean;
  /** Below which browsers see this server: what else is on its host gets no cookie of ours. */
  basePath: string;
}

/** Under whichever of its names. */
export function isOurCookie(name: string): boolean {
  return name === SESSION_COOKIE || name === HOST_COOKIE || name === SECURE_COOKIE;
}

export function sessionCookieName({ secure, basePath }: SessionCookieOptions): string {
  if (!secure) return SESSION_COOKIE;
  return basePath === '' ? HOST_COOKIE : SECURE_COOKIE;
}

/** @param options `secure`: as far as the document is concerned; else it goes by the request */
export function createSessionCookie({ secure, basePath }: SessionCookieOptions): SessionCookie {
  const optionsFor = ({ isOverTls }: Pick<Asked, 'isOverTls'>) =>
    ({ path: basePath || '/', httpOnly: true, sameSite: 'lax', secure: isOverTls }) as const;
  const nameFor = ({ isOverTls }: Pick<Asked, 'isOverTls'>) => sessionCookieName({ secure: isOverTls, basePath });
  // As long as a session can last at all. When it ends sooner, the server knows: so no answer has to renew the cookie.
  const maxAge = SESSION_DAYS * 24 * 60 * 60;
  return {
    name: sessionCookieName({ secure, basePath }),
    nameFor,
    set: (reply, { secret }) =>
      reply.setCookie(nameFor(reply.request), secret, { ...optionsFor(reply.request), maxAge }),
    clear: (reply) => {
      const options = optionsFor(reply.request);
      // Also the one from before there was TLS.
      if (options.secure) reply.clearCookie(SESSION_COOKIE, options);
      return reply.clearCookie(nameFor(reply.request), options);
    },
    secretsOf: (request) => cookiesNamed(nameFor(request), request.headers.cookie, SECRET),
  };
}
