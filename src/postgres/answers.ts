// Whether the database answers, for those who only want to tell.

import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';

/** @returns false when it does not within the time: whoever waits longer for a database that hangs is late as well */
export async function answersWithin(pool: Pool, timeMs: number): Promise<boolean> {
  return Promise.race([
    pool.query('select').then(
      () => true,
      () => false,
    ),
    delay(timeMs, false, { ref: false }),
  ]);
}
