// So many at a time for each of many keys, first come, first served.

import pLimit, { type LimitFunction } from 'p-limit';

export class Turns {
  readonly #atOnce: number;
  readonly #keys = new Map<string, LimitFunction>();

  /** @param atOnce of one key */
  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** How many of the key are under way or wait for their turn. */
  count(key: string): number {
    const turns = this.#keys.get(key);
    return turns ? turns.activeCount + turns.pendingCount : 0;
  }

  /** @returns what the work returns. @throws what it throws */
  async take<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const turns = this.#keys.get(key) ?? pLimit(this.#atOnce);
    this.#keys.set(key, turns);
    try {
      return await turns(work);
    } finally {
      // The turn itself is over a moment later. By then the key may have other turns, which are not these to forget.
      setImmediate(() => {
        const isIdle = turns.activeCount + turns.pendingCount === 0;
        if (isIdle && this.#keys.get(key) === turns) this.#keys.delete(key);
      });
    }
  }
}
