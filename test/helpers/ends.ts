// What was started and has to end, the last first.

import type { Teardown } from './teardown.ts';

export class Ends implements Teardown {
  readonly #ends: Array<() => unknown> = [];

  teardown(end: () => unknown): void {
    this.#ends.push(end);
  }

  /** Ends everything, whatever fails on the way. */
  async run(): Promise<void> {
    for (let end = this.#ends.pop(); end; end = this.#ends.pop()) {
      try {
        await end();
      } catch (error) {
        console.error(`not ended: ${(error as Error).message}`);
      }
    }
  }
}
