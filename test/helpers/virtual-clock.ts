// A clock that a test moves.

export class VirtualClock {
  now = Date.UTC(2026, 0, 1);
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  /** @returns what ends it */
  after = (ms: number, callback: () => void): (() => void) => {
    const timer = { at: this.now + ms, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  /** As a user or the network sets it: timers go by the time that passes. @param ms so much later than it is */
  set(ms: number): void {
    this.now += ms;
    for (const timer of this.#timers) timer.at += ms;
  }

  /** Lets all that is due in the meantime happen, in its order, and what follows from it. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
      if (!next) break;
      this.#timers.delete(next);
      this.now = Math.max(this.now, next.at);
      next.callback();
      await settle();
    }
    this.now = end;
  }
}

/** Lets go on what waits for nothing but promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
