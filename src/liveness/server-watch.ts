// Whether the Redis behind REDIS_URL is one that the registry can work with: asked at the start and on each connection.

import { Task } from '../background/task.ts';
import type { Logger } from '../logging/logger.ts';
import { knock } from '../redis/knock.ts';
import { readRedisAddress } from '../redis/redis-address.ts';
import { connectOnce } from '../redis/redis-client.ts';
import { inspectRedis, type RedisNeeds } from '../redis/redis-inspection.ts';
import { RedisRefusedError } from '../redis/redis-refusal.ts';
import type { Outage } from './outage.ts';
import type { RegistryClient } from './registry-client.ts';
import { needsOf } from './registry-needs.ts';

export interface ServerWatchOptions {
  /** REDIS_URL and REDIS_PREFIX. */
  url: string;
  prefix: string;
  client: RegistryClient;
  retryMs: number;
  outage: Outage;
  log: Logger;
}

export class ServerWatch {
  readonly #options: ServerWatchOptions;
  readonly #needs: RedisNeeds;
  readonly #task: Task;
  #warned: string | undefined;

  constructor(options: ServerWatchOptions) {
    const { url, prefix, client, retryMs, outage } = options;
    this.#options = options;
    this.#needs = needsOf(client, prefix, readRedisAddress(url).kind === 'cluster');
    this.#task = new Task({
      run: () => this.#look(),
      failures: outage.of('server'),
      backoff: { firstMs: retryMs, lastMs: retryMs },
    });
  }

  /**
   * Connects for the first time. Resolves when that has gone well, or could not be done yet.
   *
   * @throws RedisRefusedError
   */
  async meet(): Promise<void> {
    await connectOnce(this.#options.client.redis);
    try {
      await this.#look();
    } catch (error) {
      if (error instanceof RedisRefusedError) throw error;
    }
  }

  async start(): Promise<void> {
    await this.#task.start();
  }

  async stop(): Promise<void> {
    await this.#task.stop();
  }

  /** For when Redis has come back: it may be another one. */
  lookNow(): void {
    this.#task.hurry();
  }

  async #look(): Promise<undefined> {
    const { client, log } = this.#options;
    try {
      if (client.redis.status !== 'ready') throw new Error('there is no connection');
      const warning = await inspectRedis(client.redis, this.#needs);
      if (warning !== undefined && warning !== this.#warned) log.warn({}, warning);
      this.#warned = warning;
    } catch (error) {
      throw await this.#explain(error as Error);
    }
  }

  /** A command that fails for a connection says only that there is none. */
  async #explain(error: Error): Promise<Error> {
    const { url, outage } = this.#options;
    const refusal = outage.refusalOf(error) ?? (await knock(url));
    return refusal === undefined ? error : new RedisRefusedError(refusal);
  }
}
