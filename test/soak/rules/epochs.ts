// Which histories the database has had during the run, and until when each of them was the present one.

import { createHash } from 'node:crypto';
import type { Violations } from '../violations.ts';

/** How long a node may go on under the old epoch's cursors after a promotion, as far as resets are concerned. */
const SETTLING_MS = 20_000;

interface Epoch {
  name: string;
  /** By the wall clock: when the next one had begun for sure. */
  endedAt?: number;
}

export class Epochs {
  readonly #epochs: Epoch[] = [];
  readonly #violations: Violations;
  #isChanging = false;
  #changedAt = Number.NEGATIVE_INFINITY;

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  get current(): string {
    return this.#epochs.at(-1)?.name ?? '';
  }

  /** True while a promotion is under way and for a while after it. */
  get isUnsettled(): boolean {
    return this.#isChanging || performance.now() - this.#changedAt < SETTLING_MS;
  }

  /** A promotion begins: from here on nodes may know more than this run does. */
  willChange(): void {
    this.#isChanging = true;
  }

  /** @param since wall clock, at or after the promotion; everything that is written from then on is of the new epoch */
  begin(name: string, since: number): void {
    const last = this.#epochs.at(-1);
    if (last?.name === name) this.#violations.add('a promotion begins another epoch', `it is still ${name}`);
    if (last) last.endedAt = since;
    this.#epochs.push({ name });
    this.#isChanging = false;
    this.#changedAt = performance.now();
  }

  /** The cursor that an event came with must name the history of the board in which it was written. */
  check({ boardId, name }: { boardId: string; name: string }, writtenAt: number, describe: () => string): void {
    const epoch = this.#epochs.find((known) => nameOnBoard(known.name, boardId) === name);
    if (epoch?.endedAt !== undefined && writtenAt > epoch.endedAt) {
      const late = writtenAt - epoch.endedAt;
      this.#violations.add('an event carries the epoch in which it was written', `${describe()}: ${late} ms too late`);
    }
    if (!epoch && !this.isUnsettled) this.#violations.add('an epoch is one of the database', `${describe()}: ${name}`);
  }
}

/** What the cursors of a board call a history of the database. */
function nameOnBoard(name: string, boardId: string): string {
  return createHash('sha256').update(`${name}/${boardId}`).digest('hex').slice(0, 8);
}
