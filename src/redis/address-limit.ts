// How often one address may do what costs something before anybody is known: together on all nodes where there is a Redis,
// else on this one.

import { attempt, type LoggedFailures } from '../background/failures.ts';
import { RateLimit } from '../http/rate-limit.ts';
import type { SharedRateLimit } from './shared-rate-limit.ts';

export interface AddressLimitOptions {
  /** Of the keys in Redis, and of the header fields of a refusal. */
  name: string;
  perMinute: number;
  /** Undefined: this node counts for itself. */
  shared: SharedRateLimit | undefined;
  failures: LoggedFailures;
  /** @returns what a refused client is told */
  refuse: (seconds: number, headers: Record<string, string>) => Error;
}

export class AddressLimit {
  readonly #options: AddressLimitOptions;
  readonly #local: RateLimit;

  constructor(options: AddressLimitOptions) {
    this.#options = options;
    this.#local = new RateLimit(options.perMinute / 60, undefined, options.perMinute);
  }

  /** @throws what `refuse` makes */
  async take(address: string): Promise<void> {
    // Always, so that an address which has used up its share here has none left when Redis goes away.
    const localWaitMs = this.#local.take(address);
    const waitMs = (await this.#takeShared(address)) ?? localWaitMs;
    if (waitMs === 0) return;
    const { name, perMinute, refuse } = this.#options;
    const seconds = Math.ceil(waitMs / 1000);
    throw refuse(seconds, {
      'retry-after': String(seconds),
      ratelimit: `"${name}";r=0;t=${seconds}`,
      'ratelimit-policy': `"${name}";q=${perMinute};w=60`,
    });
  }

  /** @returns undefined when nobody answers */
  async #takeShared(address: string): Promise<number | undefined> {
    const { name, perMinute, shared, failures } = this.#options;
    return shared && attempt(failures, () => shared.take(`${name}:${address}`, perMinute));
  }
}
