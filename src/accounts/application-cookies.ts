// The user of an application, by the cookie that its own pages have: a JWT, or the session of Rails.

import { cookiesNamed } from '../http/cookies.ts';
import type { Identity, VerifyJwt } from './jwt-verifier.ts';
import type { ReadRailsCookie } from './rails-cookie.ts';

/** RFC 7515, 7.1. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** As Rails writes it into the header: base64, with `%` for what a cookie may not have. */
const RAILS = /^[\w%+/=-]+$/;

export interface ApplicationCookiesOptions {
  /** Undefined: a JWT comes in `Authorization` only. */
  jwtCookie: string | undefined;
  verifyJwt: VerifyJwt;
  /** Undefined: no cookie of Rails is read. */
  rails: { cookie: string; read: ReadRailsCookie } | undefined;
}

/**
 * One that is wrong is none: the browser sends it also when its time is over.
 *
 * @param header `Cookie`
 * @throws Problem TB_UNAVAILABLE when nobody can tell at the moment
 */
export type FindByCookie = (header: string | undefined) => Promise<Identity | undefined>;

export function createFindByCookie({ jwtCookie, verifyJwt, rails }: ApplicationCookiesOptions): FindByCookie {
  return async (header) => {
    for (const jwt of jwtCookie === undefined ? [] : cookiesNamed(jwtCookie, header, JWT)) {
      const identity = await verifyJwt(jwt);
      if (identity) return identity;
    }
    for (const value of rails ? cookiesNamed(rails.cookie, header, RAILS) : []) {
      const identity = rails?.read(value);
      if (identity) return identity;
    }
    return undefined;
  };
}
