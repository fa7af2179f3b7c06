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

/** @returns the version of the server; undefined when it has gone meanwhile */
export async function versionOf(pool: Pool): Promise<string | undefined> {
  const answer = pool.query<{ version: string }>(`select current_setting('server_version') as version`);
  return (await answer.catch(() => undefined))?.rows[0]?.version;
}
