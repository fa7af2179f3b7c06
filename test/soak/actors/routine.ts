// What somebody of the crowd does again and again, until it is told to stop.

import { setTimeout as delay } from 'node:timers/promises';

export abstract class Routine {
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when the turn under way is over. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** Aborted when it has to end. */
  protected get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** @returns the milliseconds before the next turn */
  protected abstract pauseMs(): number;

  protected abstract turn(): Promise<void>;

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await delay(this.pauseMs(), undefined, { signal }).catch(() => {});
      if (!signal.aborted) await this.turn();
    }
  }
}
