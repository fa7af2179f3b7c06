// GET /boards/:id in one statement, and so in one snapshot of the database.

import type { Pool } from 'pg';
import { formatCursor } from '../events/cursor.ts';

export interface BoardSnapshot {
  /** `{board, items, members, cursor}` as one line of JSON. */
  json: string;
  /** The last event that it holds, and the history in which it has that number. */
  seq: number;
  epoch: string;
}

export interface SnapshotStore {
  /** @returns undefined when the user is no member, also of a board that does not exist */
  read(userId: string, boardId: string): Promise<BoardSnapshot | undefined>;
  /** The place of the last event of the board alone. @returns undefined when the user is no member */
  readPlace(userId: string, boardId: string): Promise<Pick<BoardSnapshot, 'seq' | 'epoch'> | undefined>;
}

// string_agg and not json_agg, which writes a newline between elements: the text is also the data of a stream's frame.
const snapshotSql = `
  select board_object(boards)::text as board,
    (select coalesce(string_agg(item_object(items)::text, ',' order by rank, id), '')
     from items where board_id = boards.id) as items,
    (select coalesce(string_agg(member_object(members)::text, ',' order by created_at, user_id), '')
     from members where board_id = boards.id) as members,
    board_log.head::float8 as seq, current_epoch() as epoch
  from boards
  join board_log on board_log.board_id = boards.id
  where boards.id = $1 and exists (select from members where board_id = $1 and user_id = $2)`;

export function createSnapshotStore(pool: Pool): SnapshotStore {
  return {
    async read(userId, boardId) {
      const { rows } = await pool.query<{ board: string; items: string; members: string; seq: number; epoch: string }>({
        name: 'snapshot-read',
        text: snapshotSql,
        values: [boardId, userId],
      });
      if (!rows[0]) return undefined;
      const { board, items, members, seq, epoch } = rows[0];
      const cursor = JSON.stringify(formatCursor({ epoch, boardId }, seq));
      return { json: `{"board":${board},"items":[${items}],"members":[${members}],"cursor":${cursor}}`, seq, epoch };
    },

    async readPlace(userId, boardId) {
      const { rows } = await pool.query<{ seq: number; epoch: string }>({
        name: 'snapshot-read-place',
        text: `select head::float8 as seq, current_epoch() as epoch from board_log join members using (board_id)
               where board_id = $1 and user_id = $2`,
        values: [boardId, userId],
      });
      return rows[0];
    },
  };
}
