// Time that passes only when a test lets it.

interface Timer {
  at: number;
  order: number;
  callback: () => void;
}

const BEGIN = Date.parse('2026-05-04T09:00:00Z');

export class Clock {
  now = BEGIN;
  #timers: Timer[] = [];
  #count = 0;

  /** @returns what ends it */
  after(ms: number, callback: () => void): () => void {
    this.#count += 1;
    const timer = { at: this.now + Math.max(0, ms), order: this.#count, callback };
    // Sorted by time: from the back, for most come behind all that there are.
    let index = this.#timers.length;
    while (index > 0 && (this.#timers[index - 1] as Timer).at > timer.at) index -= 1;
    this.#timers.splice(index, 0, timer);
    return () => {
      const place = this.#timers.indexOf(timer);
      if (place >= 0) this.#timers.splice(place, 1);
    };
  }

  /** Runs all that is due until then, each with what follows from it at once. */
  async run(ms: number): Promise<void> {
    const end = this.now + ms;
    await settle();
    for (let [next] = this.#timers; next && next.at <= end; [next] = this.#timers) {
      this.#timers.shift();
      this.now = Math.max(this.now, next.at);
      next.callback();
      await settle();
    }
    this.now = end;
  }

  /** @returns whether it came to hold within that time */
  async runUntil(condition: () => boolean, ms: number): Promise<boolean> {
    const end = this.now + ms;
    while (!condition() && this.now < end) await this.run(Math.min(1000, end - this.now));
    return condition();
  }
}

/** All promises that can be kept are. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Mulberry32: the same numbers for the same seed, from 0 to 1. */
export function numbersOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
