// Whether a JWT is one of a configured issuer, and whom it names.

import { KeyObject } from 'node:crypto';
import { decodeJwt, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose';
import { type Claims, readClaims } from '../access/claims.ts';
import type { JwtIssuer } from '../config/jwt-issuers.ts';
import { cleanName } from '../http/name.ts';
import type { Logger } from '../logging/logger.ts';
import { Problem } from '../problems/problem.ts';
import type { Timings } from '../timings.ts';
import { IssuerKeys } from './issuer-keys.ts';
import { MAX_NAME_LENGTH } from './user.ts';

/** How far the issuer's clock may be from ours. */
const CLOCK_TOLERANCE_SECONDS = 5;
export const MAX_SUBJECT_LENGTH = 255;
/** RFC 3339 has years of four digits. */
const LAST_SECOND = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;
/** Of OpenID Connect Core, 5.1. No email: that is for its user to show. */
const nameClaims = ['name', 'preferred_username', 'nickname'];

/** A user of another application, as it says. */
export interface Identity {
  issuer: string;
  /** Who it is there: unique for that issuer only. */
  subject: string;
  /** As a name of ours; undefined when the token has none. */
  name: string | undefined;
  /** When the name was good; the beginning of time for a token that does not say when it was made. */
  namedAt: Date;
  expiresAt: string;
  /** The boards that it lets its user in to. */
  claims?: Claims | undefined;
}

/**
 * @returns undefined for a token that is no good
 * @throws Problem TB_UNAVAILABLE when nobody can tell at the moment
 */
export type VerifyJwt = (token: string) => Promise<Identity | undefined>;

export interface JwtVerifierOptions {
  log: Logger;
  /** Hears why a token is no good, which is for the operator to know and not for its sender. */
  onRefusal: (reason: string) => void;
  timings: Timings['issuerKeys'];
}

export function createJwtVerifier(
  issuers: readonly JwtIssuer[],
  { log, onRefusal, timings }: JwtVerifierOptions,
): VerifyJwt {
  const entries = issuers.map((issuer) => createEntry(issuer, log, timings));
  return async (token) => {
    const claimed = readIssuer(token);
    // Several with one name: a secret that is being changed, or a second audience.
    const candidates = entries.filter(({ issuer }) => issuer === claimed.issuer);
    if (candidates.length === 0) onRefusal(claimed.fault);
    let unavailable: Problem | undefined;
    for (const { issuer, verify } of candidates) {
      try {
        return readIdentity(issuer, await verify(token));
      } catch (error) {
        if (error instanceof Problem) unavailable = error;
        else onRefusal((error as Error).message);
      }
    }
    if (unavailable) throw unavailable;
    return undefined;
  };
}

interface Entry {
  issuer: string;
  verify: (token: string) => Promise<JWTPayload>;
}

function createEntry({ issuer, audience, keys }: JwtIssuer, log: Logger, timings: Timings['issuerKeys']): Entry {
  // The algorithm goes with the kind of key and never with what the token says: a public key is no secret.
  const isSecret = keys instanceof KeyObject;
  const options: JWTVerifyOptions = {
    issuer,
    audience,
    algorithms: isSecret ? ['HS256'] : ['RS256', 'ES256'],
    requiredClaims: ['exp', 'sub'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  };
  const find: JWTVerifyGetKey = isSecret
    ? async () => keys
    : new IssuerKeys({ issuer, source: keys, log, timings }).find;
  return { issuer, verify: async (token) => (await jwtVerify(token, find, options)).payload };
}

/** @returns what the token says, which proves nothing yet; and what is wrong with it when no entry has that name */
function readIssuer(token: string): { issuer: string | undefined; fault: string } {
  try {
    const { iss } = decodeJwt(token);
    if (typeof iss !== 'string') return { issuer: undefined, fault: 'it has no "iss"' };
    // Whoever sends it chooses how long it is.
    return { issuer: iss, fault: `"iss" is ${JSON.stringify(iss.slice(0, 255))}, which is no issuer of JWT_ISSUERS` };
  } catch {
    return { issuer: undefined, fault: 'it is no JWT' };
  }
}

/** @throws Error for what is signed and is yet nobody */
function readIdentity(issuer: string, { sub, exp = 0, iat, ...claims }: JWTPayload): Identity {
  if (typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT_LENGTH || !isStorable(sub)) {
    throw new Error(`"sub" must be a text of 1 to ${MAX_SUBJECT_LENGTH} characters`);
  }
  if (exp > LAST_SECOND) throw new Error('"exp" must be a time before the year 10000');
  // Of a clock that is ahead, it would be newer than the names to come.
  const seconds = typeof iat === 'number' && iat > 0 ? Math.min(iat, Date.now() / 1000) : 0;
  return {
    issuer,
    subject: sub,
    name: nameClaims.map((claim) => readName(claims[claim])).find((name) => name !== undefined),
    namedAt: new Date(seconds * 1000),
    expiresAt: new Date(exp * 1000).toISOString(),
    claims: readClaims(claims.boards),
  };
}

/** NUL and lone surrogates are JSON but no PostgreSQL text. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** @returns the claim as a user's name can be; undefined when nothing is left of it */
function readName(claim: unknown): string | undefined {
  return typeof claim === 'string' ? cleanName(claim, MAX_NAME_LENGTH) : undefined;
}
