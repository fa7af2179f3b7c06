// What is done again and again in the background, never twice at once, and never forgotten when it is asked for.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Backoff, drawBackoffMs } from './backoff.ts';
import type { Failures } from './failures.ts';

const DEFAULT_BACKOFF: Backoff = { firstMs: 100, lastMs: 2000 };

export interface TaskOptions {
  /**
   * One run. May end early when the signal is aborted, as nothing comes after it then. Its rejection is told to
   * `failures`, and it is run again after a while.
   *
   * @returns after how many milliseconds it is to be run again without being asked; undefined: only when it is asked
   */
  run: (stopping: AbortSignal) => Promise<number | undefined>;
  failures: Failures;
  /** Default: 0.1 s at first, 2 s at last. */
  backoff?: Backoff;
}

/**
 * The one rule that is easily forgotten where this is written by hand: who asks while a run is under way may have come
 * too late for it, and gets another one after it.
 */
export class Task {
  readonly #options: TaskOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #first: Promise<void> | undefined;
  #isAsked = false;
  /** Since the run under way began, or the last one: if it fails, the next one waits for nothing. */
  #isHurried = false;
  #isBackingOff = false;
  #endPause: (() => void) | undefined;
  #failures = 0;

  constructor(options: TaskOptions) {
    this.#options = options;
  }

  get isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Runs it for the first time. Resolves when that run has ended, well or not; more calls do nothing else. */
  async start(): Promise<void> {
    if (!this.#running) this.wake();
    await this.#first;
  }

  /**
   * Asks for a run that begins after this call: in this turn of the event loop, but not in this tick; after the run that
   * is under way; or, after a failure, when its time has come. Never fails and does nothing after {@link stop}.
   */
  wake(): void {
    if (this.isStopping) return;
    this.#isAsked = true;
    if (!this.#isBackingOff) this.#endPause?.();
    this.#begin();
  }

  /**
   * The same, and at once after a failure too, also of the run under way, which may hang on what was there before: for
   * whoever hears that what failed is back.
   */
  hurry(): void {
    this.wake();
    this.retryNow();
  }

  /** When the last run has failed, or the one under way will, the next one begins at once. Asks for none by itself. */
  retryNow(): void {
    this.#isHurried = true;
    if (this.#isBackingOff) this.#endPause?.();
  }

  /** Resolves when the run under way has ended. None follows it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#endPause?.();
    await this.#running;
  }

  #begin(): void {
    if (this.#running) return;
    const first = this.#runOnce();
    this.#first = first.then(() => {});
    this.#running = this.#runOn(first);
  }

  async #runOn(first: Promise<number>): Promise<void> {
    await this.#pause(await first);
    while (!this.isStopping) await this.#pause(await this.#runOnce());
  }

  /** @returns how long to pause */
  async #runOnce(): Promise<number> {
    // All that is asked for in one tick is one run.
    await Promise.resolve();
    if (this.isStopping) return 0;
    const { run, failures, backoff = DEFAULT_BACKOFF } = this.#options;
    this.#isAsked = false;
    this.#isHurried = false;
    try {
      const pauseMs = await run(this.#stopping.signal);
      this.#failures = 0;
      this.#isBackingOff = false;
      failures.worked();
      return pauseMs ?? Infinity;
    } catch (error) {
      // What ended because it was told to has not failed.
      if (this.isStopping) return 0;
      failures.failed(error);
      this.#isBackingOff = true;
      this.#failures += 1;
      return drawBackoffMs(this.#failures - 1, backoff);
    }
  }

  async #pause(ms: number): Promise<void> {
    if (this.isStopping) return;
    // Never without a turn of the event loop, or a task that has always more to do would be the only one.
    if (ms <= 0 || (this.#isBackingOff ? this.#isHurried : this.#isAsked)) return nextTurn();
    await new Promise<void>((resolve) => {
      const timer = ms === Infinity ? undefined : setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = undefined;
  }
}
