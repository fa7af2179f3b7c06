// The SQL that removes what was on deleted boards and was too much to go with them at once, and rows of tables that are gone.

import type { Pool } from 'pg';

/**
 * A small transaction that waits for nobody, whichever nodes do it at once.
 *
 * @returns how many items it has removed, at most `limit`
 */
export async function removeOrphans(pool: Pool, limit: number): Promise<number> {
  const { rows } = await pool.query<{ removed: number }>({
    name: 'orphans-remove',
    text: `select :schema.remove_orphans(array(
             select board_id from :schema.board_log
             where deleted_at is not null and exists (select from :schema.items where items.board_id = board_log.board_id)
             limit 100), $1) as removed`,
    values: [limit],
  });
  return rows[0]?.removed ?? 0;
}

/** @returns how many rows of published tables that were dropped are no longer told, at most `limit` */
export async function forgetDroppedTables(pool: Pool, limit: number): Promise<number> {
  const { rows } = await pool.query<{ count: number }>({
    name: 'published-forget-dropped',
    text: 'select :schema.forget_dropped_tables($1) as count',
    values: [limit],
  });
  return rows[0]?.count ?? 0;
}
