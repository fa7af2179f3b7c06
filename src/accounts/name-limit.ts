// How often one user may take another name, on this node.

import { RateLimit } from '../http/rate-limit.ts';
import { Problem } from '../problems/problem.ts';

/** So many after a pause, and then one each five seconds. */
const BURST = 10;
const PER_SECOND = 0.2;

/**
 * A new name is an event of each board that its user is on, up to thousands, at the expense of what their logs hold: the
 * limit of writes counts none of the routes of the account, so that nobody is kept from signing out.
 */
export class NameLimit {
  readonly #limit = new RateLimit(PER_SECOND, undefined, BURST);

  /** @throws Problem TB_TOO_MANY_RENAMES */
  take(userId: string): void {
    const waitMs = this.#limit.take(userId);
    if (waitMs === 0) return;
    const seconds = Math.ceil(waitMs / 1000);
    throw new Problem('TB_TOO_MANY_RENAMES', `Wait ${seconds} s, or change the rest without the name.`, {
      headers: {
        'retry-after': String(seconds),
        ratelimit: `"renames";r=0;t=${seconds}`,
        'ratelimit-policy': `"renames";q=${BURST};w=${BURST / PER_SECOND}`,
      },
    });
  }
}
