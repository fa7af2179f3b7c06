// Removes rows whose time is over, in the background and a few at a time.

import type { Logger } from '../logging/logger.ts';
import { LoggedFailures } from './failures.ts';
import { Task } from './task.ts';

const BATCH = 500;
const FIRST_RETRY_MS = 5000;

/** Removes rows of one kind. @returns how many it has removed, at most `limit` */
export type RemoveExpired = (limit: number) => Promise<number>;

export interface ExpiryOptions {
  /** By what they are called in the log. */
  removeExpired: Record<string, RemoveExpired>;
  intervalMs: number;
  log: Logger;
  /** True for what passes by itself, as a database that is away. */
  isOutage: (error: unknown) => boolean;
}

/** Every node has them. An expired row counts no more whether it has been removed or not, so it may come late or fail. */
export class Expiry {
  readonly #tasks: Task[];

  constructor({ removeExpired, intervalMs, log, isOutage }: ExpiryOptions) {
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
            owner: 'expiry',
            failing: `expired ${what} stay until the next round`,
            healed: `expired ${what} are removed again`,
            isOutage,
          }),
          backoff: { firstMs: Math.min(intervalMs, FIRST_RETRY_MS), lastMs: intervalMs },
        }),
    );
  }

  /** Begins with a round, for nodes that seldom live for an interval. Waits for nothing. */
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
