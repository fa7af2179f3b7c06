// The public keys of one issuer, from an address or a file, and read again when they may be others.

import { readFile } from 'node:fs/promises';
import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { Problem } from '../errors.ts';
import type { Logger } from '../logger.ts';

/** Older ones are good, but read again beside the requests: what the issuer has withdrawn must end some time. */
const MAX_AGE_MS = 10 * 60_000;
/** So long they are good at most while they cannot be read again. */
const KEEP_MS = 24 * 60 * 60_000;
/** After a reading, before an unknown key is a reason for the next: anybody can make up names of keys. */
const COOLDOWN_MS = 5000;
/** After a reading that failed. */
const RETRY_MS = 2000;
const TIMEOUT_MS = 3000;
const MAX_BYTES = 256 * 1024;

export interface IssuerKeysOptions {
  issuer: string;
  /** `file:` or an address. */
  source: URL;
  log: Logger;
  /** Milliseconds of a clock that never goes back. */
  now?: () => number;
}

/**
 * jose's own remote set forgets its keys every ten minutes, also while the address is away, and then asks it again for
 * each request. Here the known keys stay good, and it is asked at most every two seconds.
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
    const keys = await this.#current();
    try {
      return await keys(header, token);
    } catch (error) {
      const mayBeNew = error instanceof errors.JWKSNoMatchingKey && this.#now() - this.#readAt >= COOLDOWN_MS;
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
    if (this.#now() - this.#failedAt < RETRY_MS) throw keysAway();
    this.#reading ??= this.#readNow().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readNow(): Promise<JWTVerifyGetKey> {
    const { issuer, source, log } = this.#options;
    try {
      const keys = createLocalJWKSet(JSON.parse(await readSource(source)));
      this.#keys = keys;
      this.#readAt = this.#now();
      if (this.#isAway) log.info({ issuer }, 'the keys of an issuer of JWTs can be read again');
      this.#isAway = false;
      return keys;
    } catch (error) {
      this.#failedAt = this.#now();
      if (!this.#isAway) {
        const { message, cause } = error as Error;
        const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
        log.warn({ issuer, reason }, 'the keys of an issuer of JWTs cannot be read; those that are known stay good');
      }
      this.#isAway = true;
      throw keysAway();
    }
  }
}

/** Never a 401, which would end an EventSource for good. */
function keysAway(): Problem {
  const detail = 'The keys of the application that made this token cannot be read. Try again in a moment.';
  return new Problem('TB_UNAVAILABLE', detail, { headers: { 'retry-after': `${RETRY_MS / 1000}` }, isLogged: true });
}

async function readSource(source: URL): Promise<string> {
  if (source.protocol === 'file:') return readFile(source, 'utf8');
  const response = await fetch(source, {
    // What was configured is what is believed, and nobody whom it names.
    redirect: 'error',
    headers: { accept: 'application/json, application/jwk-set+json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the address answers ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(`the address answers more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
