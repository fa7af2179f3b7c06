// Whether Redis answers, as seen by everything that uses it for the registry; says so in the log once per outage.

import type { Failures } from '../background/failures.ts';
import type { Logger } from '../logger.ts';

type Part = 'lease' | 'changes' | 'reaper';

export class Outage {
  readonly #log: Logger;
  // Nothing is known to work before it has.
  readonly #failing = new Set<Part>(['lease', 'changes', 'reaper']);
  #cause: Error | undefined;
  #since: number | undefined;

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
    if (this.#since !== undefined) return;
    this.#since = performance.now();
    const reason = (this.#cause ?? error).message;
    this.#log.warn({ reason, part }, `redis is away: ${reason}; streams go on, presence is unknown until it is back`);
  }

  recovered(part: Part): void {
    this.#failing.delete(part);
    if (this.#failing.size > 0) return;
    this.#cause = undefined;
    if (this.#since === undefined) return;
    const awayMs = Math.round(performance.now() - this.#since);
    this.#since = undefined;
    this.#log.info({ awayMs }, 'redis is back');
  }
}
