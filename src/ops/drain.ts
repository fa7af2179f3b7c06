// The time between the order to end and the end: the streams go, and the port stays open for those who do not know yet.

import { setTimeout as delay } from 'node:timers/promises';

/** Without a request for so long, those who saw that this node is unready are taken to have gone elsewhere. */
const QUIET_MS = 2000;
const LOOK_MS = 100;

export interface DrainOptions {
  streams: {
    /** See `OpenStreams.drain`. */
    drain(overMs: number): Promise<void>;
  };
}

/**
 * A proxy sends requests here until it has asked /readyz, which it does every few seconds. A port that is closed before
 * that makes it answer 502, and any answer but 200 ends an EventSource for good.
 */
export class Drain {
  readonly #streams: DrainOptions['streams'];
  #isDraining = false;
  #wasSeen = false;
  #lastRequestAt = 0;

  constructor({ streams }: DrainOptions) {
    this.#streams = streams;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Somebody was told that this node should be sent nothing more. */
  seen(): void {
    if (this.#isDraining) this.#wasSeen = true;
  }

  /** A request other than a look at the node's health has come. */
  requested(): void {
    this.#lastRequestAt = performance.now();
  }

  /**
   * Takes no new streams and closes the open ones, spread over the time.
   *
   * @param overMs 0 closes them now
   * @returns when the port can be closed: no stream is left, and the time is over or {@link seen} was called and no
   *   request came for 2 s
   */
  async run(overMs: number): Promise<void> {
    const startedAt = performance.now();
    this.#isDraining = true;
    this.#lastRequestAt = startedAt;
    await this.#streams.drain(overMs);
    for (;;) {
      const now = performance.now();
      if (now - startedAt >= overMs || (this.#wasSeen && now - this.#lastRequestAt >= QUIET_MS)) return;
      await delay(LOOK_MS);
    }
  }
}
