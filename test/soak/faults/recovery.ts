// How long after a fault the fast readers get what was written after it.

import type { FaultKind } from './schedule.ts';

interface Wait {
  kind: FaultKind;
  since: number;
  /** Readers that have not got anything newer yet. */
  waiting: Set<string>;
}

/** What the design promises, in milliseconds, when nothing else is broken at the same time. */
export const promisedMs: Partial<Record<FaultKind, number>> = {
  'LISTEN terminated': 1000,
  'LISTEN half-open': 10_000,
  UNLISTEN: 10_000,
  // The client's `retry:`, at most 3 s here, and 2 s.
  'node killed': 5000,
};

export class Recovery {
  readonly #waits = new Set<Wait>();
  readonly #times = new Map<FaultKind, number[]>();
  /** Of faults that came alone. */
  readonly #timesAlone = new Map<FaultKind, number[]>();
  readonly #alone = new WeakMap<Wait, () => boolean>();

  /**
   * @param since when the fault came, or ended, by performance.now()
   * @param readers whom it concerns
   * @param isAlone whether, when asked later, nothing else was broken since
   */
  begin(kind: FaultKind, since: number, readers: Iterable<string>, isAlone: () => boolean): void {
    const wait: Wait = { kind, since, waiting: new Set(readers) };
    this.#alone.set(wait, isAlone);
    if (wait.waiting.size > 0) this.#waits.add(wait);
  }

  /** A reader got an event of a write that began at `writtenAt`. */
  delivered(reader: string, writtenAt: number, now: number): void {
    for (const wait of this.#waits) {
      if (writtenAt < wait.since || !wait.waiting.delete(reader)) continue;
      const { kind, since } = wait;
      this.#times.set(kind, [...(this.#times.get(kind) ?? []), now - since]);
      if (this.#alone.get(wait)?.()) this.#timesAlone.set(kind, [...(this.#timesAlone.get(kind) ?? []), now - since]);
      if (wait.waiting.size === 0) this.#waits.delete(wait);
    }
  }

  /** @returns milliseconds, one for each fault and reader */
  times(kind: FaultKind): readonly number[] {
    return this.#times.get(kind) ?? [];
  }

  timesAlone(kind: FaultKind): readonly number[] {
    return this.#timesAlone.get(kind) ?? [];
  }
}
