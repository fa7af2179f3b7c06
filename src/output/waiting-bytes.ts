// What a node has made for its clients and they have not taken: how much more each may be given.

/** The bytes that a stream may have waiting. */
const MOST_PER_STREAM = 256 * 1024;
/** What each may have whatever the others have, so that those who keep up are not held up by those who do not (E5). */
export const LEAST_PER_STREAM = 16 * 1024;
/** A stream may have this share of what is free. */
const SHARE = 256;
/** What answers, and what snapshots, may have of the budget, whatever the others have: so none keeps another out. */
const LEAST_PER_PART = 1 / 4;
const COUNT_INTERVAL_MS = 100;

/** What is counted of a stream's connection, or of all that is not a stream's. */
export interface Waiting {
  /** Bytes that are there for clients and that the kernel has not taken yet. */
  readonly waitingBytes: number;
}

/**
 * The one budget of a node. Its streams share it by the rule that switches use for their buffers (dynamic thresholds,
 * Choudhury and Hahne 1998): each may have a share of what is still free. So one slow client among few gets its full
 * 256 KiB, and ten thousand get less each, but never more than the budget together. (Besides, each may always have
 * 16 KiB, and one event if nothing waits.) The other parts, ordinary answers and the snapshots of boards, know
 * themselves what waits, and ask how much more that may be.
 */
export class WaitingBytes {
  /** How long a client may take nothing at all while something waits for it. Then its connection ends. */
  readonly stallMs: number;
  readonly #budget: number;
  /** Of all other streams nothing waits. */
  readonly #lagging = new Set<Waiting>();
  readonly #parts = new Set<Waiting>();
  #streams = 0;
  #countedAt = 0;

  /** @param budget bytes that may wait on this node in all; 64 MiB give one stream 256 KiB */
  constructor(budget: number, stallMs: number) {
    this.#budget = budget;
    this.stallMs = stallMs;
  }

  /** How many bytes one stream may have waiting now. */
  get allowance(): number {
    const free = this.#budget - this.#countStreams() - this.#countParts();
    return Math.max(LEAST_PER_STREAM, Math.min(MOST_PER_STREAM, Math.floor(free / SHARE)));
  }

  /** What waits now, and for how many streams something does. */
  get figures(): { streamBytes: number; otherBytes: number; lagging: number } {
    return { streamBytes: this.#countStreams(), otherBytes: this.#countParts(), lagging: this.#lagging.size };
  }

  /** How many more bytes one of the parts may have waiting now; less than 0: that it has too many. */
  roomOf(part: Waiting): number {
    const others = this.#countStreams() + this.#countParts() - part.waitingBytes;
    return Math.max(this.#budget * LEAST_PER_PART, this.#budget - others) - part.waitingBytes;
  }

  /** Counts a part of the node's output from now on. Its `waitingBytes` is asked for at each write, so it is cheap. */
  include(part: Waiting): void {
    this.#parts.add(part);
  }

  /** Call after a write to a stream that the kernel did not take whole. */
  add(connection: Waiting, bytes: number): void {
    this.#lagging.add(connection);
    this.#streams += bytes;
  }

  /** Call when the connection has gone. */
  remove(connection: Waiting): void {
    this.#lagging.delete(connection);
  }

  #countParts(): number {
    let bytes = 0;
    for (const { waitingBytes } of this.#parts) bytes += waitingBytes;
    return bytes;
  }

  /** Nothing says when the kernel takes bytes, so it is looked at now and then; in between only writes count. */
  #countStreams(): number {
    const now = performance.now();
    if (now - this.#countedAt < COUNT_INTERVAL_MS) return this.#streams;
    this.#countedAt = now;
    this.#streams = 0;
    for (const connection of this.#lagging) {
      const { waitingBytes } = connection;
      if (waitingBytes === 0) this.#lagging.delete(connection);
      this.#streams += waitingBytes;
    }
    return this.#streams;
  }
}
