// The SQL that finds, in the log, what has happened to a board itself since a version of it, or since a place of the log.

import type { Pool } from 'pg';
import type { Reader } from '../access/claims.ts';
import type { Board } from './board.ts';
import type { BoardCondition } from './board-condition.ts';
import type { FieldChange, History } from './conflict.ts';
import { known, LOOK_BACK } from './conflict-store.ts';
import { mayWrite } from './write-store.ts';

/** @returns undefined when there is no such board or the reader may not write there */
export type ReadBoardHistory = (
  reader: Reader,
  boardId: string,
  since: Pick<BoardCondition, 'versions' | 'seqs'>,
) => Promise<History<Board> | undefined>;

// Each version is one event. As of a place of the log, the board had as many versions less as there are events of it since.
const historySql = `
  with board as materialized (
    select boards.*, greatest(board_log.trimmed_to, board_log.head - ${LOOK_BACK}) as known_from
    from :schema.access_to($2, $1, $5) access, :schema.boards
    join :schema.board_log on board_log.board_id = boards.id
    where boards.id = $2 and ${mayWrite}
  ), told as materialized (
    select seq, object, (object ->> 'version')::int as version, changes, actor_id, actor_name, at
    from board, :schema.board_events
    where board_events.board_id = $2 and seq > known_from and resource = 'board'
  ), since as materialized (
    select greatest($3::int, case
      when $4::bigint >= known_from then version - (select count(*) from told where seq > $4)::int
    end) as version from board
  )
  select :schema.board_object(boards)::text as current,
    case when since.version = boards.version then :schema.board_object(boards)::text
      else (select object::text from told where told.version = since.version) end as base,
    (select coalesce(json_agg(change order by change.field), '[]') from (
       select distinct on (field) field, :schema.rfc3339(at) as at,
         case when actor_id is not null
           then json_build_object('id', actor_id, 'name', coalesce(actor_name, 'Deleted user')) end as actor
       from told cross join unnest(changes) as field
       where told.version > since.version
       order by field, seq desc
     ) change) as changes
  from :schema.boards join board using (id) cross join since`;

export function createReadBoardHistory(pool: Pool): ReadBoardHistory {
  return async ({ userId, claims }, boardId, { versions, seqs }) => {
    const newest = (numbers: number[]) => (numbers.length > 0 ? Math.max(...numbers) : null);
    const { rows } = await pool.query<{ current: string; base: string | null; changes: FieldChange[] }>({
      name: 'board-history',
      text: historySql,
      values: [userId, boardId, newest(versions), newest(seqs), claims?.json],
    });
    if (!rows[0]) return undefined;
    const { current, base, changes } = rows[0];
    return { current: known<Board>(current), base: known<Board | null>(base ?? 'null'), changes };
  };
}
