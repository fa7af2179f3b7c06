// Waiting for a database that is not there yet: in a deployment all starts at once.

import { setTimeout as delay } from 'node:timers/promises';
import { type Backoff, drawBackoffMs } from '../../background/backoff.ts';
import type { Logger } from '../../logging/logger.ts';
import { UnreachableError } from './connect.ts';

const BACKOFF: Backoff = { firstMs: 200, lastMs: 5000 };

/**
 * @param attempt done again after each UnreachableError, until it ends otherwise
 * @param stopping ends the waiting
 * @throws what `attempt` throws, and the reason of the signal
 */
export async function untilReachable<T>(attempt: () => Promise<T>, log: Logger, stopping: AbortSignal): Promise<T> {
  let told: string | undefined;
  for (let failures = 0; ; failures += 1) {
    stopping.throwIfAborted();
    try {
      const result = await attempt();
      if (told !== undefined) log.info({}, 'PostgreSQL is there');
      return result;
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      const { setting, address, reason } = error.details;
      // A name that is not known yet becomes a port that is not open yet: each is news.
      if (reason !== told) log.warn({ setting, address, reason }, 'waiting for PostgreSQL');
      told = reason;
    }
    await delay(drawBackoffMs(failures, BACKOFF), undefined, { signal: stopping });
  }
}
