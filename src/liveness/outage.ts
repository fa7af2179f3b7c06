// Whether Redis answers, as seen by everything that uses it for the registry; says so in the log once per outage, and
// once more when Redis is there and refuses.

import type { Failures } from '../background/failures.ts';
import type { Logger } from '../logger.ts';

/** Errors with which Redis answers, and that pass by themselves: while it starts, is a replica, or is busy. */
const passingReplies = /^(LOADING|MASTERDOWN|READONLY|BUSY|TRYAGAIN|CLUSTERDOWN|NOREPLICAS|MISCONF|OOM)\b/;

type Part = 'lease' | 'changes' | 'reaper';

export class Outage {
  readonly #log: Logger;
  // Nothing is known to work before it has.
  readonly #failing = new Set<Part>(['lease', 'changes', 'reaper']);
  #cause: Error | undefined;
  #since: number | undefined;
  #toldRefusal = false;

  constructor({ log }: { log: Logger }) {
    this.#log = log;
  }

  get down(): boolean {
    return this.#failing.size > 0;
  }

  /** Remembers why a connection broke: the commands that fail for it only say that there is none. */
  explain(cause: Error): void {
    this.#cause = cause;
  }

  /** @returns what hears how the work of a part goes */
  of(part: Part): Failures {
    return {
      failed: (error) => this.failed(part, error as Error),
      worked: () => this.recovered(part),
    };
  }

  failed(part: Part, error: Error): void {
    this.#failing.add(part);
    const refusal = [this.#cause, error].find(isRefusal);
    if (this.#since === undefined) {
      const reason = (this.#cause ?? error).message;
      const stack = refusal && { err: refusal };
      this.#log.warn(
        { reason, part, ...stack },
        `redis is away: ${reason}; streams go on, presence is unknown until it is back`,
      );
    } else if (refusal && !this.#toldRefusal) {
      this.#log.warn({ reason: refusal.message, part, err: refusal }, `redis does not work: ${refusal.message}`);
    }
    this.#toldRefusal ||= refusal !== undefined;
    this.#since ??= performance.now();
  }

  recovered(part: Part): void {
    this.#failing.delete(part);
    if (this.#failing.size > 0) return;
    this.#cause = undefined;
    this.#toldRefusal = false;
    if (this.#since === undefined) return;
    const awayMs = Math.round(performance.now() - this.#since);
    this.#since = undefined;
    this.#log.info({ awayMs }, 'redis is back');
  }
}

/** @returns true for what somebody has to mend: a wrong password, a missing right, an error of ours */
function isRefusal(error: Error | undefined): boolean {
  if (error?.name === 'ReplyError') return !passingReplies.test(error.message);
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}
