// How many accounts one address may make: together on all nodes where there is a Redis, else on this one.

import { attempt, LoggedFailures } from '../background/failures.ts';
import { Problem } from '../errors.ts';
import { RateLimit } from '../http/rate-limit.ts';
import type { Logger } from '../logger.ts';
import { SharedRateLimit } from '../redis/shared-rate-limit.ts';

/** Beside the keys of the registry. */
const PREFIX = '{tb}:accounts-of';

export interface AccountLimitOptions {
  perMinute: number;
  redisUrl: string | undefined;
  log: Logger;
}

/**
 * An account is all that the other limits go by: whoever can make as many as they like has no limit at all. Users whom
 * another application sends are not counted: it vouches for them, and all of them may come from its address.
 */
export class AccountLimit {
  readonly #perMinute: number;
  readonly #local: RateLimit;
  readonly #shared: SharedRateLimit | undefined;
  readonly #failures: LoggedFailures;

  constructor({ perMinute, redisUrl, log }: AccountLimitOptions) {
    this.#perMinute = perMinute;
    this.#local = new RateLimit(perMinute / 60, undefined, perMinute);
    this.#shared = redisUrl ? new SharedRateLimit({ url: redisUrl, prefix: PREFIX, perMinute }) : undefined;
    this.#failures = new LoggedFailures({
      log,
      owner: 'account-limit',
      failing: 'redis is not asked how many accounts an address has made: each node counts for itself',
      healed: 'redis counts again how many accounts an address has made',
      isOutage: () => true,
    });
  }

  start(): void {
    this.#shared?.start();
  }

  stop(): void {
    this.#shared?.stop();
  }

  /** @throws Problem TB_TOO_MANY_ACCOUNTS */
  async take(address: string): Promise<void> {
    // Always, so that an address which has used up its share here has none left when Redis goes away.
    const localWaitMs = this.#local.take(address);
    const waitMs = (await this.#takeShared(address)) ?? localWaitMs;
    if (waitMs === 0) return;
    const seconds = Math.ceil(waitMs / 1000);
    throw new Problem('TB_TOO_MANY_ACCOUNTS', `Wait ${seconds} s, or sign in to the account that you have.`, {
      headers: {
        'retry-after': String(seconds),
        ratelimit: `"accounts";r=0;t=${seconds}`,
        'ratelimit-policy': `"accounts";q=${this.#perMinute};w=60`,
      },
    });
  }

  /** @returns undefined when nobody answers */
  async #takeShared(address: string): Promise<number | undefined> {
    const shared = this.#shared;
    return shared && attempt(this.#failures, () => shared.take(address));
  }
}
