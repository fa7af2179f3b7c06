// How many events one read of the log may bring: fewer where they are large.

/** What a read should bring at most. It is there several times for a moment: as text, as JSON, as frames. */
const READ_BYTES = 8 * 1024 * 1024;
const FIRST_EVENTS = 400;

/**
 * How large events are is known only when they have been read, but most that follow are like them. So a read of large
 * ones makes the next smaller at once, and a read that was full of small ones lets it grow again to twice its size.
 */
export class ReadSize {
  readonly #least: number;
  readonly #most: number;
  #events = FIRST_EVENTS;

  /** @param bounds events that a read may bring however large, and however small they are */
  constructor({ least, most }: { least: number; most: number }) {
    this.#least = least;
    this.#most = most;
  }

  get events(): number {
    return this.#events;
  }

  /** Call after each read with what it has brought. */
  note(events: number, bytes: number): void {
    if (events === 0) return;
    const fitting = Math.floor((READ_BYTES * events) / Math.max(bytes, 1));
    if (fitting < this.#events) this.#events = Math.max(this.#least, fitting);
    else if (events * 2 >= this.#events) this.#events = Math.min(this.#most, fitting, this.#events * 2);
  }
}
