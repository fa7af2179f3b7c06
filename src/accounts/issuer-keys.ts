// The public keys of one issuer, from an address or a file, and read again when they may be others.

import { readFile } from 'node:fs/promises';
import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { fetchFailure, fetchText } from '../http/fetch-text.ts';
import type { Logger } from '../logging/logger.ts';
import { Problem } from '../problems/problem.ts';
import type { Timings } from '../timings.ts';

/** Older ones are good, but read again beside the requests: what the issuer has withdrawn must end some time. */
const MAX_AGE_MS = 10 * 60_000;
/** So long they are good at most while they cannot be read again. */
const KEEP_MS = 24 * 60 * 60_000;
const MAX_BYTES = 256 * 1024;

export interface IssuerKeysOptions {
  issuer: string;
  /** `file:` or an address. */
  source: URL;
  log: Logger;
  timings: Timings['issuerKeys'];
  /** Milliseconds of a clock that never goes back. */
  now?: () => number;
}

/**
 * jose's own remote set asks an address that is away again for each request, and goes by the clock of the wall: set back by
 * an hour, it would refuse a new key for an hour, and a 401 ends an EventSource for good. Here the known keys stay good
 * while they cannot be read, and nobody is asked more often than every two seconds.
 */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  readonly #now: () => number;
  #keys: JWTVerifyGetKey | undefined;
  #readAt = -Infinity;
  #failedAt = -Infinity;
  #reading: Promise<JWTVerifyGetKey> | undefined;
  #isAway = false;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * For jose.
   *
   * @throws Problem TB_UNAVAILABLE when the key is not known and the keys cannot be read: it may be a good one
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const { cooldownMs } = this.#options.timings;
    const keys = await this.#current();
    try {
      return await keys(header, token);
    } catch (error) {
      const mayBeNew = error instanceof errors.JWKSNoMatchingKey && this.#now() - this.#readAt >= cooldownMs;
      if (!mayBeNew) throw error;
      const newest = await this.#read();
      return newest(header, token);
    }
  };

  async #current(): Promise<JWTVerifyGetKey> {
    const age = this.#now() - this.#readAt;
    if (!this.#keys || age > KEEP_MS) return this.#read();
    // Its failure is in the log, and no fault of this request.
    if (age > MAX_AGE_MS) this.#read().catch(() => {});
    return this.#keys;
  }

  async #read(): Promise<JWTVerifyGetKey> {
    const { retryMs } = this.#options.timings;
    if (this.#now() - this.#failedAt < retryMs) throw keysAway(retryMs);
    this.#reading ??= this.#readNow().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readNow(): Promise<JWTVerifyGetKey> {
    const { issuer, source, log, timings } = this.#options;
    try {
      const keys = createLocalJWKSet(JSON.parse(await readSource(source, timings.answerMs)));
      this.#keys = keys;
      this.#readAt = this.#now();
      if (this.#isAway) log.info({ issuer }, 'the keys of an issuer of JWTs can be read again');
      this.#isAway = false;
      return keys;
    } catch (error) {
      this.#failedAt = this.#now();
      if (!this.#isAway) {
        log.warn(
          { issuer, reason: fetchFailure(error) },
          'the keys of an issuer of JWTs cannot be read; those that are known stay good',
        );
      }
      this.#isAway = true;
      throw keysAway(timings.retryMs);
    }
  }
}

/** Never a 401, which would end an EventSource for good. */
function keysAway(retryMs: number): Problem {
  const detail = 'The keys of the application that made this token cannot be read. Try again in a moment.';
  const retryAfter = `${Math.ceil(retryMs / 1000)}`;
  return new Problem('TB_UNAVAILABLE', detail, { headers: { 'retry-after': retryAfter }, isLogged: true });
}

async function readSource(source: URL, answerMs: number): Promise<string> {
  if (source.protocol === 'file:') return readFile(source, 'utf8');
  const { status, text } = await fetchText(source, {
    headers: { accept: 'application/json, application/jwk-set+json' },
    answerMs,
    maxBytes: MAX_BYTES,
  });
  if (status !== 200) throw new Error(`the address answers ${status}`);
  return text;
}
