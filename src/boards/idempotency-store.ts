// The SQL that forgets what was remembered for repeats of writes. Remembering is a part of each write.

import type { Pool } from 'pg';

/**
 * A small transaction that waits for nobody: it skips what others are about to delete. So nodes need not take turns,
 * and nobody who writes waits for more than one batch, and only when they use an expired key again.
 *
 * @returns how many it has removed, at most `limit`
 */
export async function removeExpiredKeys(pool: Pool, limit: number): Promise<number> {
  const { rowCount } = await pool.query({
    name: 'idempotency-remove-expired',
    text: `delete from idempotency_keys where ctid = any (array(
             select ctid from idempotency_keys where expires_at <= now()
             order by expires_at limit $1 for update skip locked))`,
    values: [limit],
  });
  return rowCount ?? 0;
}
