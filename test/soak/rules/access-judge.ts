// How soon the streams of an access that has ended were closed, and when that was too late.

import type { Ground } from '../actors/grounds.ts';
import type { FaultHistory } from '../faults/faults.ts';
import type { Figures } from '../figures.ts';
import type { Violations } from '../violations.ts';
import type { SoakNode } from '../world/soak-node.ts';

/** What the contract promises, while nothing is broken. */
export const PROMISED_END_MS = 1000;
/**
 * When announcement and event are lost, the sweep finds the end, after 5 s. The one before it may hang at what was broken
 * last: 2 s for a connection and 6 s for an answer. And 2 s for a machine that runs all of this at once. Counted from the
 * end of whatever broke the node or the database; LISTEN is none of these, as a sweep needs only the pool.
 */
const BOUND_MS = 15_000;

export interface AccessJudgeOptions {
  history: FaultHistory;
  figures: Figures;
  violations: Violations;
}

export class AccessJudge {
  readonly #options: AccessJudgeOptions;

  constructor(options: AccessJudgeOptions) {
    this.#options = options;
  }

  /** Whether nothing explains any more that the stream is still open. */
  isOverdue({ endedAt = Number.POSITIVE_INFINITY }: Ground, node: SoakNode): boolean {
    const brokenUntil = this.#options.history.brokenUntil(['node', 'postgres'], node.index);
    return performance.now() - Math.max(endedAt, brokenUntil) > BOUND_MS;
  }

  /** `close` has come, `ms` after the end was acknowledged. */
  closed({ endedAt = 0 }: Ground, ms: number, node: SoakNode): void {
    const { history, figures } = this.#options;
    figures.accessEnds.push(ms);
    if (history.wasCalm(node.index, endedAt)) figures.calmAccessEnds.push(ms);
  }
}
