// Forgets the keys of writes when their time is over.

import type { Logger } from '../logger.ts';

const BATCH = 500;

export interface KeySweeperOptions {
  /** @returns how many it has removed, at most `limit` */
  removeExpired: (limit: number) => Promise<number>;
  intervalMs: number;
  log: Logger;
}

/** Every node has one. An expired key counts no more whether it has been removed or not, so it may come late or fail. */
export class KeySweeper {
  readonly #options: KeySweeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;
  #stopping = false;

  constructor(options: KeySweeperOptions) {
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
    try {
      let removed = BATCH;
      while (removed === BATCH && !this.#stopping) removed = await removeExpired(BATCH);
    } catch (error) {
      log.warn({ reason: (error as Error).message }, 'expired idempotency keys stay until the next sweep');
    }
  }
}
