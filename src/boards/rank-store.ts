// The SQL that finds places in the order of a board's items.

import { generateNKeysBetween } from 'fractional-indexing';
import type { Pool } from 'pg';
import { MAX_RANK_LENGTH } from './rank.ts';

const lastRankSql = (board: string) =>
  `select rank from :schema.items where board_id = ${board} order by rank desc limit 1`;

/** The first of {@link ranksAtEnd}, in the statement that writes it: $3 is the board. */
export const rankAtEndSql = `:schema.rank_after((${lastRankSql('$3')}))`;

/**
 * Two who append at once get the same rank; the order of their ids then decides, which is that of time unless clients
 * chose them. So does it behind a key that is so long that the next one would not be kept: nobody can close a board for
 * new items by it.
 *
 * @returns the ranks of the next items behind all others
 */
export async function ranksAtEnd(pool: Pool, boardId: string, count: number): Promise<string[]> {
  const { rows } = await pool.query<{ rank: string }>({
    name: 'item-last-rank',
    text: lastRankSql('$1'),
    values: [boardId],
  });
  let last = rows[0]?.rank ?? null;
  return generateNKeysBetween(last, null, count).map((rank) => {
    if (last === null || rank.length <= MAX_RANK_LENGTH) last = rank;
    return last;
  });
}
