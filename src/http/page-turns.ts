// Bulkheads between the readers of JSON pages: however many are asked for at once, few are read at a time.

import pLimit, { type LimitFunction } from 'p-limit';
import { Turns } from '../background/turns.ts';
import { Problem, unavailable } from '../problems/problem.ts';

/** Under way or waiting. */
const MOST_PER_USER = 20;
const MOST_PER_NODE = 200;

/** First come, first served, of one user and of all: who asks for hundreds at once waits for himself. */
export class PageTurns {
  readonly #users: Turns;
  readonly #reads: LimitFunction;
  #count = 0;

  /** @param atOnce how many are read at a time, of the ten connections that requests have */
  constructor(atOnce: { ofUser: number; ofNode: number }) {
    this.#users = new Turns(atOnce.ofUser);
    this.#reads = pLimit(atOnce.ofNode);
  }

  /**
   * @throws Problem TB_TOO_MANY_PAGES when the user has too many under way, TB_UNAVAILABLE when all users together have;
   *   the page is then not read
   */
  async take<Result>(userId: string, read: () => Promise<Result>): Promise<Result> {
    if (this.#users.count(userId) >= MOST_PER_USER) {
      throw new Problem('TB_TOO_MANY_PAGES', `${MOST_PER_USER} at once is what a user may ask for: read one by one.`, {
        headers: { 'retry-after': '1' },
      });
    }
    if (this.#count >= MOST_PER_NODE) throw unavailable('Too many pages are being read. Try again in a moment.');
    this.#count += 1;
    try {
      return await this.#users.take(userId, () => this.#reads(read));
    } finally {
      this.#count -= 1;
    }
  }
}
