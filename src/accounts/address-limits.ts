// What an address may do in a minute before anybody is known who could be held to a limit of their own.

import { LoggedFailures } from '../background/failures.ts';
import type { Logger } from '../logging/logger.ts';
import { Problem, unavailable } from '../problems/problem.ts';
import { AddressLimit, type AddressLimitOptions } from '../redis/address-limit.ts';
import { SharedRateLimit } from '../redis/shared-rate-limit.ts';

export interface AddressLimitsOptions {
  accountsPerMinute: number;
  signInsPerMinute: number;
  openingsPerMinute: number;
  lookupsPerMinute: number;
  redisUrl: string | undefined;
  redisPrefix: string;
  log: Logger;
}

export class AddressLimits {
  /**
   * New accounts: an account is all that the other limits go by. Users whom another application sends are not counted:
   * it vouches for them, and all of them may come from its address.
   */
  readonly accounts: AddressLimit;
  /** Attempts to sign in, good ones too: each costs a hash. */
  readonly signIns: AddressLimit;
  /** Of streams, by those whose account anybody could have made just now. Refused so that an EventSource comes back. */
  readonly openings: AddressLimit;
  /** Of what a stranger holds a secret link to. */
  readonly lookups: AddressLimit;
  readonly #shared: SharedRateLimit | undefined;

  constructor(options: AddressLimitsOptions) {
    const { accountsPerMinute, signInsPerMinute, openingsPerMinute, lookupsPerMinute, redisUrl, redisPrefix, log } =
      options;
    const shared = redisUrl ? new SharedRateLimit({ url: redisUrl, prefix: redisPrefix }) : undefined;
    const failures = new LoggedFailures({
      log,
      owner: 'address-limits',
      failing: 'redis is not asked how often an address has come: each node counts for itself',
      healed: 'redis counts again how often an address has come',
      isOutage: () => true,
    });
    const limit = (name: string, perMinute: number, refuse: AddressLimitOptions['refuse']) =>
      new AddressLimit({ name, perMinute, shared, failures, refuse });
    this.#shared = shared;
    this.accounts = limit(
      'accounts',
      accountsPerMinute,
      (seconds, headers) =>
        new Problem('TB_TOO_MANY_ACCOUNTS', `Wait ${seconds} s, or sign in to the account that you have.`, { headers }),
    );
    this.signIns = limit(
      'sign-ins',
      signInsPerMinute,
      (seconds, headers) => new Problem('TB_TOO_MANY_ATTEMPTS', `Wait ${seconds} s before you try again.`, { headers }),
    );
    this.openings = limit('openings', openingsPerMinute, () =>
      unavailable('This address opens streams more often than new accounts may.'),
    );
    this.lookups = limit(
      'lookups',
      lookupsPerMinute,
      (seconds, headers) => new Problem('TB_TOO_MANY_LOOKUPS', `Wait ${seconds} s, or sign in.`, { headers }),
    );
  }

  start(): void {
    this.#shared?.start();
  }

  stop(): void {
    this.#shared?.stop();
  }
}
