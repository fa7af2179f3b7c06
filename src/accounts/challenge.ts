// What a 401 says about how to be somebody (RFC 9110, 11.6.1).

import { Problem } from '../problems/problem.ts';

/**
 * For every 401 that says no more than that.
 *
 * @param cookieName of a session
 */
export function challengeOf(cookieName: string): string {
  // The cookie has no registered scheme; browsers ignore a name they don't know.
  return `Bearer realm="teamboard", Cookie realm="teamboard", cookie-name="${cookieName}"`;
}

/** For a request that says nothing of who is calling, or has a cookie of no session. */
export function unauthenticated(): Problem {
  const detail =
    'Sign in (POST /session, /users or /guests give you a cookie), or send a token (Authorization: Bearer).';
  return new Problem('TB_UNAUTHENTICATED', detail);
}

/** For a request that was good when it came. */
export function endedMeanwhile(): Problem {
  const detail = 'The session or token that you came with has ended meanwhile: sign in, or send another token.';
  return new Problem('TB_UNAUTHENTICATED', detail);
}

/** For a token that is none, or none any more (RFC 6750, 3.1). */
export function wrongToken(): Problem {
  return new Problem('TB_UNAUTHENTICATED', 'This token is wrong, or has ended: get another one.', {
    headers: { 'www-authenticate': 'Bearer realm="teamboard", error="invalid_token"' },
  });
}

/** The same for a ticket of another board as for one that nobody has made. */
export function wrongTicket(): Problem {
  const detail = 'This ticket is not of this board, was not used in time, or has ended: make another one.';
  return new Problem('TB_UNAUTHENTICATED', detail);
}
