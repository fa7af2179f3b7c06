// The user of an application, by asking it: what each credential is, as long as it is remembered.

import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import type { Grant } from '../access/grant.ts';
import { LoggedFailures } from '../background/failures.ts';
import type { AuthSource } from '../config/auth-source.ts';
import { withoutCookies } from '../http/cookies.ts';
import { fetchFailure } from '../http/fetch-text.ts';
import type { Logger } from '../logging/logger.ts';
import { ApplicationSession } from './application-session.ts';
import { type ApplicationUser, type Credential, createAskApplication } from './ask-application.ts';
import type { Identity, JwtVerifierOptions } from './jwt-verifier.ts';
import { isOurCookie } from './session-cookie.ts';

/** The issuer of its users in `identities`. */
export const APPLICATION_ISSUER = 'application';
/** Most servers take no more of one header field. */
const MAX_CREDENTIAL_BYTES = 8 * 1024;
/** Of all credentials that are remembered, beside those that streams hang on. */
const MAX_BYTES = 16 * 1024 * 1024;
const ENTRY_BYTES = 500;
/** Of those whom the application has known, and as many of those whom it has not: these may be sent by anybody. */
const QUESTIONS_AT_ONCE = 32;
const MAX_WAITING = 2000;
/** So often at most the log says that it is away, or back: one strange credential may make it fail again and again. */
const HEALED_AFTER_MS = 10_000;
/** A ticket goes without the credential, and nobody can be asked about it: it ends after this time at the latest. */
const TICKET_MS = 30 * 60_000;

export interface Found {
  identity: Identity;
  hold: NonNullable<Grant['hold']>;
}

/**
 * @returns undefined for nobody, and for a request that has nothing of the application's
 * @throws Problem TB_UNAVAILABLE
 */
export type FindByApplication = (headers: IncomingHttpHeaders) => Promise<Found | undefined>;

/** @param source undefined: nobody is asked */
export function createFindByApplication(
  source: AuthSource | undefined,
  { log, onRefusal, timings }: Pick<JwtVerifierOptions, 'log' | 'onRefusal' | 'timings'>,
): FindByApplication {
  if (!source) return async () => undefined;
  const { recheckMs, graceMs } = source;
  const { answerMs, retryMs } = timings;
  const ask = withTurns(createAskApplication(source, answerMs), answerMs);
  const tell = createTeller(log);
  const sessions = new LRUCache<string, ApplicationSession>({ maxSize: MAX_BYTES });

  function sessionOf(credential: Credential, bytes: number): ApplicationSession {
    const key = createHash('sha256').update(JSON.stringify(credential)).digest('base64');
    const known = sessions.get(key);
    if (known) return known;
    const session: ApplicationSession = new ApplicationSession({
      ask: () => tell(() => ask(credential, session.isKnown)),
      recheckMs,
      graceMs,
      retryMs,
    });
    sessions.set(key, session, { size: ENTRY_BYTES + bytes });
    return session;
  }

  return async ({ cookie, authorization }) => {
    // What is ours is no business of theirs.
    const credential = { cookie: withoutCookies(cookie, isOurCookie), authorization };
    const bytes = (credential.cookie?.length ?? 0) + (authorization?.length ?? 0);
    if (bytes === 0) return undefined;
    if (bytes > MAX_CREDENTIAL_BYTES) {
      onRefusal(`its cookies and token are ${bytes} bytes, and the application is asked about ${MAX_CREDENTIAL_BYTES}`);
      return undefined;
    }
    const session = sessionOf(credential, bytes);
    const user = await session.find();
    return user && { identity: identityOf(user), hold: (holder) => session.hold(user, holder) };
  };
}

function identityOf({ subject, name, claims, endsInMs = TICKET_MS }: ApplicationUser): Identity {
  const now = Date.now();
  const expiresAt = new Date(now + Math.min(endsInMs, TICKET_MS)).toISOString();
  return { issuer: APPLICATION_ISSUER, subject, name, namedAt: new Date(now), expiresAt, claims };
}

type Ask = (credential: Credential, isKnown: boolean) => Promise<ApplicationUser | undefined>;

/** So many at a time, and nobody waits longer for a turn than for an answer. */
function withTurns(ask: (credential: Credential) => Promise<ApplicationUser | undefined>, waitMs: number): Ask {
  const known = pLimit(QUESTIONS_AT_ONCE);
  const others = pLimit(QUESTIONS_AT_ONCE);
  return (credential, isKnown) => {
    const turns = isKnown ? known : others;
    if (turns.pendingCount >= MAX_WAITING) throw new Error('more questions wait than it can be asked');
    const since = performance.now();
    return turns(() => {
      if (performance.now() - since > waitMs) throw new Error('it answers more slowly than it has to be asked');
      return ask(credential);
    });
  };
}

function createTeller(log: Logger) {
  const failures = new LoggedFailures({
    log,
    owner: 'application',
    failing:
      'AUTH_URL does not say who is calling; those who are in stay for AUTH_GRACE_SECONDS, and nobody new gets in',
    healed: 'AUTH_URL says again who is calling',
    isOutage: () => true,
  });
  let failedAt = -Infinity;
  return async <Result>(ask: () => Promise<Result>): Promise<Result> => {
    try {
      const answer = await ask();
      if (performance.now() - failedAt > HEALED_AFTER_MS) failures.worked();
      return answer;
    } catch (error) {
      failedAt = performance.now();
      failures.failed(new Error(fetchFailure(error)));
      throw error;
    }
  };
}
