// The SQL that removes what was on deleted boards and was too much to go with them at once.

import type { Pool } from 'pg';

/**
 * A small transaction that waits for nobody, whichever nodes do it at once.
 *
 * @returns how many items it has removed, at most `limit`
 */
export async function removeOrphans(pool: Pool, limit: number): Promise<number> {
  const { rows } = await pool.query<{ removed: number }>({
    name: 'orphans-remove',
    text: `select remove_orphans(array(
             select board_id from board_log
             where deleted_at is not null and exists (select from items where items.board_id = board_log.board_id)
             limit 100), $1) as removed`,
    values: [limit],
  });
  return rows[0]?.removed ?? 0;
}
