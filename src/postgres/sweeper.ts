// Removes rows whose time is over, in the background and a few at a time.

import type { Logger } from '../logger.ts';

const BATCH = 500;

export interface SweeperOptions {
  /** By what they are called in the log. Each returns how many rows it has removed, at most `limit`. */
  removeExpired: Record<string, (limit: number) => Promise<number>>;
  intervalMs: number;
  log: Logger;
}

/** Every node has them. An expired row counts no more whether it has been removed or not, so it may come late or fail. */
export class Sweeper {
  readonly #options: SweeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;
  #stopping = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** Begins with a sweep, for nodes that seldom live for an interval. Waits for nothing. */
  start(): void {
    if (this.#timer || this.#stopping) return;
    this.#timer = setInterval(() => this.#begin(), this.#options.intervalMs).unref();
    this.#begin();
  }

  /** Resolves when the batch under way has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  #begin(): void {
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = undefined;
    });
  }

  async #sweep(): Promise<void> {
    const { removeExpired, log } = this.#options;
    for (const [what, remove] of Object.entries(removeExpired)) {
      try {
        let removed = BATCH;
        while (removed === BATCH && !this.#stopping) removed = await remove(BATCH);
      } catch (error) {
        log.warn({ reason: (error as Error).message }, `expired ${what} stay until the next sweep`);
      }
    }
  }
}
