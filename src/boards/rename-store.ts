// The SQL that tells boards of the new names of their members.

import type { Pool } from 'pg';

/** Of one transaction, which holds their logs for some 20 ms. */
const BOARDS = 100;

/**
 * @param wake tells the readers of the board's log
 * @returns false when nothing is left that could be told now
 */
export async function tellRenames(pool: Pool, wake: (boardId: string) => void): Promise<boolean> {
  const { rows } = await pool.query<{ board: string | null }>('select :schema.tell_renames($1) as board', [BOARDS]);
  for (const { board } of rows) if (board !== null) wake(board);
  return rows.every(({ board }) => board !== null);
}
