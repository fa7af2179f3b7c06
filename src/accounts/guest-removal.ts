// Removes guests whom nobody can be any more, in the background and a few at a time.

import { LoggedFailures } from '../background/failures.ts';
import { Task } from '../background/task.ts';
import type { Logger } from '../logging/logger.ts';
import { isUnavailable } from '../postgres/database-problem.ts';
import type { GuestPosition, GuestStore } from './guest-store.ts';

const PAGE = 100;
/** Between two pages, so that others find a connection. */
const PAUSE_MS = 100;
/** Between two walks through all old guests. */
const WALK_MS = 60 * 60_000;

export interface GuestRemovalOptions {
  store: GuestStore;
  log: Logger;
}

/** Each node has one. Two that meet at one guest take turns, and the second finds nobody. */
export function createGuestRemoval({ store, log }: GuestRemovalOptions): Task {
  let after: GuestPosition | undefined;
  return new Task({
    run: async (stopping) => {
      const page = await store.removeUnused(after, PAGE, stopping);
      after = page.after;
      if (page.failure !== undefined) throw page.failure;
      return after ? PAUSE_MS : WALK_MS;
    },
    failures: new LoggedFailures({
      log,
      owner: 'guest-removal',
      failing: 'unused guests stay',
      healed: 'unused guests are removed again',
      isOutage: isUnavailable,
    }),
    backoff: { firstMs: 1000, lastMs: 60_000 },
  });
}
