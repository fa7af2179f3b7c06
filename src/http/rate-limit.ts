// How often one user (or address) may do something: a bucket of tokens for each, on this node.

import { newest } from '../background/newest.ts';

/** What a full bucket holds, unless told otherwise: the tokens of so many seconds. */
export const BURST_SECONDS = 2;
/** Users who are remembered; the one who came longest ago makes room, and would have a full bucket mostly. 2 MB. */
const MAX_USERS = 20_000;

/**
 * A token comes back every `1 / perSecond`, so that a client which keeps to the rate never waits, whenever it began.
 * (@fastify/rate-limit and rate-limiter-flexible count in windows, at whose end everybody is let in at once.) Kept as
 * one number for each user (generic cell rate algorithm, ITU-T I.371): when the bucket will be full again.
 */
export class RateLimit {
  readonly burst: number;
  readonly #intervalMs: number;
  readonly #now: () => number;
  readonly #fullAt = newest<number>(MAX_USERS);

  /**
   * @param now milliseconds of a clock that never goes back
   * @param burst what a full bucket holds
   */
  constructor(perSecond: number, now: () => number = () => performance.now(), burst = perSecond * BURST_SECONDS) {
    this.burst = burst;
    this.#intervalMs = 1000 / perSecond;
    this.#now = now;
  }

  /**
   * What costs more than the bucket holds is let through when the bucket is full, and leaves a debt: refused, it would
   * be refused for ever.
   *
   * @param tokens what it costs, fractions too
   * @param taken what the same request has taken before
   * @returns 0 when they were taken; else how many milliseconds it takes until the whole request can be done, and none
   *   was taken
   */
  take(userId: string, tokens = 1, taken = 0): number {
    const now = this.#now();
    const fullAt = Math.max(now, this.#fullAt.get(userId) ?? now);
    const needed = Math.min(tokens, this.burst - taken);
    const waitMs = fullAt - now - (this.burst - needed) * this.#intervalMs;
    // A token that is due in a millionth of a millisecond is there: the sum of many intervals is not exact.
    if (waitMs > 1e-6) return waitMs + taken * this.#intervalMs;
    this.charge(userId, tokens);
    return 0;
  }

  /** For what has been done already, and only then shows what it costs: what the bucket does not hold is a debt. */
  charge(userId: string, tokens: number): void {
    const now = this.#now();
    const fullAt = Math.max(now, this.#fullAt.get(userId) ?? now);
    this.#fullAt.set(userId, fullAt + tokens * this.#intervalMs);
  }
}
