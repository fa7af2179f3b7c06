// What was found to be wrong, with what was going on then.

const KEPT = 12;

export interface Violation {
  /** Since the beginning, in seconds. */
  seconds: number;
  /** The promise that was broken. */
  rule: string;
  detail: string;
  faults: string[];
  /** What came before it, as its witness saw it. */
  before: readonly string[];
}

export class Violations {
  readonly first: Violation[] = [];
  readonly counts = new Map<string, number>();
  readonly #startedAt = performance.now();
  readonly #activeFaults: () => string[];

  /** @param activeFaults what is broken on purpose at the moment, or was a few seconds ago */
  constructor(activeFaults: () => string[]) {
    this.#activeFaults = activeFaults;
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Keeps the first of each rule, so that a flood of one does not hide another. */
  add(rule: string, detail: string, before: readonly string[] = []): void {
    const count = (this.counts.get(rule) ?? 0) + 1;
    this.counts.set(rule, count);
    if (count > KEPT / 4 || this.first.length >= 4 * KEPT) return;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    this.first.push({ seconds, rule, detail, faults: this.#activeFaults(), before: [...before] });
  }
}
