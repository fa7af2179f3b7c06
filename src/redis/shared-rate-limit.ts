// A limit that several nodes keep together: a bucket of tokens for each key, in Redis.

import { readLua } from './lua.ts';
import { createRedisClient, type RedisClient } from './redis-client.ts';

/** Whoever is limited waits for it. */
const COMMAND_TIMEOUT_MS = 200;

export const takeTokenScript = readLua(import.meta.url, 'take-token.lua');

type Client = RedisClient & {
  takeToken(key: string, intervalMs: number, fullMs: number): Promise<number>;
};

export interface SharedRateLimitOptions {
  url: string;
  /** Of the keys, which a Redis Cluster may spread over its slots. */
  prefix: string;
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
    this.#client.defineCommand('takeToken', { lua: takeTokenScript, numberOfKeys: 1 });
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
   * @param perMinute how many tokens come back in a minute, and the bucket holds
   * @returns 0 when a token was taken; else how many milliseconds it takes until there is one
   * @throws Error within 0.2 s when Redis does not answer
   */
  async take(key: string, perMinute: number): Promise<number> {
    const { prefix } = this.#options;
    try {
      return await this.#client.takeToken(`${prefix}:${key}`, 60_000 / perMinute, 60_000);
    } catch (error) {
      // The command only says that there is no connection.
      throw this.#client.status === 'ready' ? error : (this.#lastError ?? error);
    }
  }
}
