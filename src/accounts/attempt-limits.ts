// How often somebody may guess: a limit for each account and one for each address, on this node.

import { LRUCache } from 'lru-cache';
import { Problem } from '../errors.ts';

const WINDOW_MS = 60_000;
/** Failures within a minute. An address has more, because an office may be behind one. */
const PER_ACCOUNT = 10;
const PER_ADDRESS = 30;
/** Keys that are remembered; the one that was used longest ago makes room. Some 10 MB at most. */
const MAX_KEYS = 20_000;

interface Window {
  failures: number;
  /** On the clock `now`. */
  endsAt: number;
}

/**
 * Counts failures only, so that those who know their password are never in the way of each other, however many share an
 * address. Counts for itself, in memory: @fastify/rate-limit counts requests by one key, before the body with the
 * account is read, and takes nothing back. Behind n nodes the limit is up to n times as high.
 */
export class AttemptLimits {
  readonly #windows = new LRUCache<string, Window>({ max: MAX_KEYS });
  readonly #now: () => number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Runs an attempt. It counts from its beginning, so that many at once are no way round the limit, and no longer when it
   * succeeds or fails by a fault of the server.
   *
   * @param account what is guessed at, existing or not; undefined when there is none yet
   * @param act throws a Problem below 500 when it has failed by a fault of the client
   * @throws Problem TB_TOO_MANY_ATTEMPTS
   */
  async run<Result>(address: string, account: string | undefined, act: () => Promise<Result>): Promise<Result> {
    const taken = [this.#take(`address ${address}`, PER_ADDRESS)];
    if (account !== undefined) taken.push(this.#take(`account ${account}`, PER_ACCOUNT));
    const giveBack = () => {
      for (const window of taken) window.failures -= 1;
    };
    try {
      const result = await act();
      giveBack();
      return result;
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) giveBack();
      throw error;
    }
  }

  #take(key: string, limit: number): Window {
    const now = this.#now();
    let window = this.#windows.get(key);
    if (!window || window.endsAt <= now) {
      window = { failures: 0, endsAt: now + WINDOW_MS };
      this.#windows.set(key, window);
    }
    if (window.failures >= limit) throw tooManyAttempts(Math.ceil((window.endsAt - now) / 1000));
    window.failures += 1;
    return window;
  }
}

function tooManyAttempts(seconds: number): Problem {
  return new Problem('TB_TOO_MANY_ATTEMPTS', `Wait ${seconds} s before you try again.`, {
    headers: { 'retry-after': String(seconds) },
  });
}
