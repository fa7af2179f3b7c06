// The SQL that forgets what has expired, a batch at a time.

import type { Pool } from 'pg';

/** For what streams hang on: each of them looks once it has ended, and finds no end in a row that is gone. */
export const endedAMinuteAgo = `expires_at <= now() - interval '1 minute' order by expires_at`;

/**
 * A small transaction that waits for nobody: it skips what others are about to delete. So nodes need not take turns,
 * and nobody who writes waits for more than one batch, and only for a row that has expired.
 *
 * @param which condition and order, of which there is an index; a constant
 * @returns what removes at most `limit` of them, and answers how many it has removed
 */
export function removeExpiredFrom(
  pool: Pool,
  table: string,
  which = 'expires_at <= now() order by expires_at',
): (limit: number) => Promise<number> {
  return async (limit) => {
    const { rowCount } = await pool.query({
      name: `${table}-remove-expired`,
      text: `delete from :schema.${table} where ctid = any (array(
               select ctid from :schema.${table} where ${which} limit $1 for update skip locked))`,
      values: [limit],
    });
    return rowCount ?? 0;
  };
}
