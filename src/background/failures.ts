// What fails in the background, told in the log once, by its owner, and once more when it works again.

import type { Logger } from '../logging/logger.ts';

/** Whoever hears how work in the background goes. Called for each attempt. */
export interface Failures {
  failed(error: unknown): void;
  worked(): void;
}

export interface LoggedFailuresOptions {
  log: Logger;
  /** Whose work it is, on both lines. */
  owner: string;
  /** What does not work, and what that means until it does again. */
  failing: string;
  healed: string;
  /**
   * True for what passes by itself, as a database that is away. All else is a fault that somebody has to mend, and is
   * told also while there is an outage, with its stack.
   */
  isOutage: (error: unknown) => boolean;
}

/** One line when it begins, one when it is over, however many parts of the same work fail in between. */
export class LoggedFailures implements Failures {
  readonly #options: LoggedFailuresOptions;
  readonly #failing = new Set<unknown>();
  #failures = 0;
  #toldOutage = false;
  #toldFault = false;

  constructor(options: LoggedFailuresOptions) {
    this.#options = options;
  }

  /** @param part of the work, when there are several which may fail or work independently of each other */
  failed(error: unknown, part: unknown = this): void {
    const { log, owner, failing, isOutage } = this.#options;
    this.#failing.add(part);
    this.#failures += 1;
    if (isOutage(error)) {
      if (!this.#toldOutage) log.warn({ owner, reason: reasonOf(error) }, failing);
      this.#toldOutage = true;
    } else {
      if (!this.#toldFault) log.warn({ owner, reason: reasonOf(error), err: error }, failing);
      this.#toldFault = true;
    }
  }

  /** Call also for a part that is done away with. */
  worked(part: unknown = this): void {
    if (!this.#failing.delete(part) || this.#failing.size > 0) return;
    const { log, owner, healed } = this.#options;
    log.info({ owner, failures: this.#failures }, healed);
    this.#failures = 0;
    this.#toldOutage = false;
    this.#toldFault = false;
  }

  of(part: unknown): Failures {
    return { failed: (error) => this.failed(error, part), worked: () => this.worked(part) };
  }
}

/**
 * For what a request does by the way, and does not fail for.
 *
 * @returns undefined when it has failed, which was told then
 */
export async function attempt<Value>(failures: Failures, work: () => Promise<Value>): Promise<Value | undefined> {
  try {
    const value = await work();
    failures.worked();
    return value;
  } catch (error) {
    failures.failed(error);
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
