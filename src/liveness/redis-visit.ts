// A connection to the Redis of an installation, for whoever looks at it from beside.

import { knock } from '../redis/knock.ts';
import { readRedisAddress } from '../redis/redis-address.ts';
import { connectOnce, type RedisClient } from '../redis/redis-client.ts';
import type { RedisNeeds } from '../redis/redis-inspection.ts';
import { explainRefusal, RedisRefusedError } from '../redis/redis-refusal.ts';
import { RegistryClient } from './registry-client.ts';
import { needsOf } from './registry-needs.ts';
import { RegistryUnavailable } from './stream-registry.ts';

const COMMAND_TIMEOUT_MS = 5000;

export interface RedisVisitOptions {
  /** REDIS_URL. */
  url: string;
  prefix: string;
}

export class RedisVisit {
  readonly redis: RedisClient;
  /** What nodes need of it. */
  readonly needs: RedisNeeds;
  readonly #url: string;
  /** Why the connection could not be opened, or broke: the commands say only that there is none. */
  #cause: Error | undefined;

  constructor({ url, prefix }: RedisVisitOptions) {
    const onError = (error: Error) => {
      this.#cause = error;
    };
    const client = new RegistryClient({ url, prefix, name: 'command', commandTimeoutMs: COMMAND_TIMEOUT_MS, onError });
    this.redis = client.redis;
    this.needs = needsOf(client, prefix, readRedisAddress(url).kind === 'cluster');
    this.#url = url;
  }

  /** @throws RedisRefusedError, RegistryUnavailable when it cannot be reached */
  async open(): Promise<void> {
    await connectOnce(this.redis);
    await this.ask(async () => {
      if (this.redis.status !== 'ready') throw new Error('no answer');
      return this.redis.ping();
    });
  }

  /**
   * @param question of the client, once it is open
   * @throws RedisRefusedError, RegistryUnavailable
   */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw await this.#explain(error as Error);
    }
  }

  close(): void {
    this.redis.disconnect();
  }

  async #explain(error: Error): Promise<Error> {
    if (error instanceof RedisRefusedError) return error;
    const { isCluster } = this.needs;
    const refusal =
      explainRefusal(error, isCluster) ?? explainRefusal(this.#cause, isCluster) ?? (await knock(this.#url));
    return refusal === undefined ? noAnswer(error, this.#cause) : new RedisRefusedError(refusal);
  }
}

/** @param cause of it, where it is known */
export function noAnswer(error: Error, cause?: Error): RegistryUnavailable {
  const reason = cause?.message || error.message || 'no answer';
  return new RegistryUnavailable(`REDIS_URL: Redis did not answer (${reason}): start it, or check the address.`, {
    cause: error,
  });
}
