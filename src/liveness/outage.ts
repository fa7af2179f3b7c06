// Whether Redis answers, as seen by everything that uses it for the registry; says so in the log once per outage, and
// once more when Redis is there and refuses.

import type { Failures } from '../background/failures.ts';
import type { Logger } from '../logging/logger.ts';
import { explainRefusal } from '../redis/redis-refusal.ts';

/** Each of them works, or Redis counts as away. */
export const parts = ['server', 'lease', 'changes', 'reaper', 'databases'] as const;
type Part = (typeof parts)[number];

export class Outage {
  readonly #log: Logger;
  readonly #isCluster: boolean;
  // Nothing is known to work before it has.
  readonly #failing = new Set<Part>(parts);
  #cause: Error | undefined;
  #since: number | undefined;
  #toldFault = false;

  constructor({ log, isCluster = false }: { log: Logger; isCluster?: boolean }) {
    this.#log = log;
    this.#isCluster = isCluster;
  }

  get down(): boolean {
    return this.#failing.size > 0;
  }

  /** Hears why a connection broke: the commands that fail for it only say that there is none. */
  explain(cause: Error): void {
    this.#cause = cause;
  }

  /** @returns one line for what somebody has to mend, as the error or what broke the connection last says */
  refusalOf(error: Error): string | undefined {
    return explainRefusal(error, this.#isCluster) ?? explainRefusal(this.#cause, this.#isCluster);
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
    const refusal = this.refusalOf(error);
    if (refusal !== undefined || isOurs(error)) this.#tellFault(part, refusal, error);
    else if (this.#since === undefined) {
      const reason = (this.#cause ?? error).message;
      this.#log.warn({ reason, part }, `redis is away: ${reason}; streams go on, presence is unknown until it is back`);
    }
    this.#since ??= performance.now();
  }

  recovered(part: Part): void {
    this.#failing.delete(part);
    if (this.#failing.size > 0) return;
    this.#cause = undefined;
    this.#toldFault = false;
    if (this.#since === undefined) return;
    const awayMs = Math.round(performance.now() - this.#since);
    this.#since = undefined;
    this.#log.info({ awayMs }, 'redis is back');
  }

  /** What somebody has to mend is told also when Redis was away before. Never with the error of Redis: it names the password. */
  #tellFault(part: Part, refusal: string | undefined, error: Error): void {
    if (this.#toldFault) return;
    this.#toldFault = true;
    if (refusal === undefined)
      this.#log.warn({ part, err: error }, `redis is not used as it should be: ${error.message}`);
    else
      this.#log.warn(
        { reason: refusal, part },
        `redis refuses: ${refusal} Streams go on, presence is unknown until then`,
      );
  }
}

/** @returns true for a fault of this program */
function isOurs(error: Error): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}
