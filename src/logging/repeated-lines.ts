// Lines that would come again and again while the same thing is wrong: the first is told, and then how many more there were.

import { newest } from '../background/newest.ts';

const INTERVAL_MS = 10_000;
/** Kinds that are remembered. The one that was seen first makes room. */
const MAX_KINDS = 1000;

interface Kind {
  /** On the clock `now`. */
  toldAt: number;
  untold: number;
}

/** A thousand requests a second that are refused for one reason would push all else out of a log. */
export class RepeatedLines {
  readonly #kinds = newest<Kind>(MAX_KINDS);
  readonly #now: () => number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * @param kind of what happened; those of one kind count together
   * @param write gets how many were not told since the last one was; not called for one that comes within 10 s of it
   */
  tell(kind: string, write: (repeated: { repeated?: number }) => void): void {
    const now = this.#now();
    const known = this.#kinds.get(kind);
    if (known && now - known.toldAt < INTERVAL_MS) {
      known.untold += 1;
      return;
    }
    this.#kinds.set(kind, { toldAt: now, untold: 0 });
    write(known && known.untold > 0 ? { repeated: known.untold } : {});
  }
}
