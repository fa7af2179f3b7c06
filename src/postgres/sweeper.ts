// Removes rows whose time is over, in the background and a few at a time.

import { LoggedFailures } from '../background/failures.ts';
import { Task } from '../background/task.ts';
import type { Logger } from '../logger.ts';
import { isUnavailable } from './database-problem.ts';

const BATCH = 500;
const FIRST_RETRY_MS = 5000;

/** Removes rows of one kind. @returns how many it has removed, at most `limit` */
export type RemoveExpired = (limit: number) => Promise<number>;

export interface SweeperOptions {
  /** By what they are called in the log. */
  removeExpired: Record<string, RemoveExpired>;
  intervalMs: number;
  log: Logger;
}

/** Every node has them. An expired row counts no more whether it has been removed or not, so it may come late or fail. */
export class Sweeper {
  readonly #tasks: Task[];

  constructor({ removeExpired, intervalMs, log }: SweeperOptions) {
    // Kinds do not wait for each other: one that fails holds up none.
    this.#tasks = Object.entries(removeExpired).map(
      ([what, remove]) =>
        new Task({
          run: async (stopping) => {
            await removeAll(remove, stopping);
            return intervalMs;
          },
          failures: new LoggedFailures({
            log,
            owner: 'sweeper',
            failing: `expired ${what} stay until the next sweep`,
            healed: `expired ${what} are removed again`,
            isOutage: isUnavailable,
          }),
          backoff: { firstMs: Math.min(intervalMs, FIRST_RETRY_MS), lastMs: intervalMs },
        }),
    );
  }

  /** Begins with a sweep, for nodes that seldom live for an interval. Waits for nothing. */
  start(): void {
    for (const task of this.#tasks) void task.start();
  }

  /** Resolves when the batch under way has ended. */
  async stop(): Promise<void> {
    await Promise.all(this.#tasks.map((task) => task.stop()));
  }
}

async function removeAll(remove: RemoveExpired, stopping: AbortSignal): Promise<void> {
  let removed = BATCH;
  while (removed === BATCH && !stopping.aborted) removed = await remove(BATCH);
}
