// What a node has written to its streams and their clients have not taken: how much more each may be given.

/** API.md: the bytes that a stream may have waiting. */
const MOST_PER_STREAM = 256 * 1024;
/** What each may have whatever the others have, so that those who keep up are not held up by those who do not (E5). */
const LEAST_PER_STREAM = 16 * 1024;
/** A stream may have this share of what is free. */
const SHARE = 256;
const COUNT_INTERVAL_MS = 100;

/** What is counted of a stream's connection. */
export interface Waiting {
  /** Bytes that were written and that the kernel has not taken yet. */
  readonly waitingBytes: number;
}

/**
 * The budget of a node, shared by the rule that switches use for their buffers (dynamic thresholds, Choudhury and
 * Hahne 1998): each stream may have a share of what is still free. So one slow client among few gets its full 256 KiB,
 * and ten thousand get less each, but never more than the budget together. (Besides, each may always have 16 KiB, and
 * one event if nothing waits.)
 */
export class WaitingBytes {
  readonly #budget: number;
  /** Of all others nothing waits. */
  readonly #lagging = new Set<Waiting>();
  #total = 0;
  #countedAt = 0;

  /** @param budget bytes that all streams of the node together may have waiting; 64 MiB give one stream 256 KiB */
  constructor(budget: number) {
    this.#budget = budget;
  }

  /** How many bytes one stream may have waiting now. */
  get allowance(): number {
    const free = this.#budget - this.#count();
    return Math.max(LEAST_PER_STREAM, Math.min(MOST_PER_STREAM, Math.floor(free / SHARE)));
  }

  /** Call after a write that the kernel did not take whole. */
  add(connection: Waiting, bytes: number): void {
    this.#lagging.add(connection);
    this.#total += bytes;
  }

  /** Call when the connection has gone. */
  remove(connection: Waiting): void {
    this.#lagging.delete(connection);
  }

  /** Nothing says when the kernel takes bytes, so it is looked at now and then; in between only writes count. */
  #count(): number {
    const now = performance.now();
    if (now - this.#countedAt < COUNT_INTERVAL_MS) return this.#total;
    this.#countedAt = now;
    this.#total = 0;
    for (const connection of this.#lagging) {
      const { waitingBytes } = connection;
      if (waitingBytes === 0) this.#lagging.delete(connection);
      this.#total += waitingBytes;
    }
    return this.#total;
  }
}
