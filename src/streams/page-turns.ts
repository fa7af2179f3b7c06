// Bulkheads between the readers of JSON pages: however many are asked for at once, few are read at a time.

import pLimit from 'p-limit';
import { Turns } from '../background/turns.ts';
import { Problem, unavailable } from '../errors.ts';

/** Of the ten connections that requests have. */
const READS_PER_NODE = 4;
const READS_PER_USER = 2;
/** Under way or waiting. */
const MOST_PER_USER = 20;
const MOST_PER_NODE = 200;

/** First come, first served, of one user and of all: who asks for hundreds at once waits for himself. */
export class PageTurns {
  readonly #users = new Turns(READS_PER_USER);
  readonly #reads = pLimit(READS_PER_NODE);
  #count = 0;

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
