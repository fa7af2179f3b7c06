// A limit that several nodes keep together: a bucket of tokens for each key, in Redis.

import type { Redis } from 'ioredis';
import { createRedisClient } from './redis-client.ts';

/** Whoever is limited waits for it. */
const COMMAND_TIMEOUT_MS = 200;

// KEYS[1] the bucket
// ARGV[1] milliseconds in which one token comes back
// ARGV[2] milliseconds in which an empty bucket is full again
// Takes a token and answers 0; else how many milliseconds it takes until there is one. As `RateLimit`: kept is when the
// bucket will be full, by the time of Redis, so that no node's clock matters.
const takeToken = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local fullAt = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0')) + ARGV[1]
local wait = fullAt - now - ARGV[2]
if wait > 0.001 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.3f', fullAt), 'PX', math.ceil(fullAt - now))
return 0
`;

interface Client extends Redis {
  takeToken(key: string, intervalMs: number, fullMs: number): Promise<number>;
}

export interface SharedRateLimitOptions {
  url: string;
  /** Of the keys. */
  prefix: string;
  /** How many tokens come back in a minute, and the bucket holds. */
  perMinute: number;
}

/** Asks no two questions for one token: one that is not answered in time may have been taken. */
export class SharedRateLimit {
  readonly #client: Client;
  readonly #options: SharedRateLimitOptions;
  #lastError: Error | undefined;

  constructor(options: SharedRateLimitOptions) {
    this.#options = options;
    this.#client = createRedisClient({
      url: options.url,
      name: 'limits',
      commandTimeoutMs: COMMAND_TIMEOUT_MS,
      onError: (error) => {
        this.#lastError = error;
      },
    }) as Client;
    this.#client.defineCommand('takeToken', { lua: takeToken, numberOfKeys: 1 });
  }

  /** Waits for nothing: it connects when Redis is there. */
  start(): void {
    // Rejects if the first attempt fails; it goes on trying, and whoever takes a token hears why there is none.
    this.#client.connect().catch(() => {});
  }

  stop(): void {
    this.#client.disconnect();
  }

  /**
   * @returns 0 when a token was taken; else how many milliseconds it takes until there is one
   * @throws Error within 0.2 s when Redis does not answer
   */
  async take(key: string): Promise<number> {
    const { prefix, perMinute } = this.#options;
    try {
      return await this.#client.takeToken(`${prefix}:${key}`, 60_000 / perMinute, 60_000);
    } catch (error) {
      // The command only says that there is no connection.
      throw this.#client.status === 'ready' ? error : (this.#lastError ?? error);
    }
  }
}
