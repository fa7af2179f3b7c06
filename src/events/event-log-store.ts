// The SQL that reads the log of each board. Nothing is written here: the triggers of postgres/migrations write it.

import type { Pool } from 'pg';
import { type EventRow, type LogEntry, toLogEntry } from './board-event.ts';
import type { EventLog, LogExtent } from './event-log.ts';
import { IsolatedRead } from './isolated-read.ts';
import type { OnUntold } from './untold-events.ts';

/** Of `board_events`: an {@link EventRow}. */
export const eventColumns = `board_id as "boardId", seq::float8 as seq, resource, action, coalesce(row_id, resource_id::text) as "resourceId",
      case when num_nonnulls(text_value, data_value) = 0 then object::text
        else :schema.whole_object(object, text_value, data_value) end as object,
      array_to_json(changes)::text as changes,
      actor_id as "actorId", actor_name as "actorName", mutation_id as "mutationId", :schema.rfc3339(at) as at,
      stream_id as "streamId"`;

// One statement for any number of places: load makes the batches larger, not the queue longer.
const readAfterSql = `
  select history.epoch, wanted.place::int as place, event.*
  from (select :schema.current_epoch() as epoch offset 0) history
  left join unnest($1::uuid[], $2::bigint[], $3::int[]) with ordinality as wanted (board_id, after, most, place) on true
  left join lateral (
    select ${eventColumns}
    from :schema.board_events
    where board_id = wanted.board_id and seq > wanted.after
    order by seq
    limit wanted.most
  ) event on true
  order by wanted.place, event.seq`;

const extentsSql = `
  select history.epoch, board_id as "boardId", head::float8 as head, trimmed_to::float8 as "trimmedTo"
  from (select :schema.current_epoch() as epoch offset 0) history
  left join :schema.board_log on board_id = any($1::uuid[])`;

export function createEventLog(pool: Pool, onUntold: OnUntold): EventLog {
  const log = createPlainEventLog(pool, onUntold);
  const isolated = new IsolatedRead(log, onUntold);
  return { ...log, readAfter: (requests) => isolated.readAfter(requests) };
}

function createPlainEventLog(pool: Pool, onUntold: OnUntold): EventLog {
  return {
    async readAfter(requests) {
      const { rows } = await pool.query<EventRow & { epoch: string; place: number }>({
        name: 'event-log-read-after',
        text: readAfterSql,
        values: [
          requests.map(({ boardId }) => boardId),
          requests.map(({ after }) => after),
          requests.map(({ limit }) => limit),
        ],
      });
      const entries: LogEntry[][] = requests.map(() => []);
      for (const row of rows) {
        if (row.seq === null) continue;
        const entry = toLogEntry(row);
        if (entry.json === undefined) onUntold(row.boardId, row.seq, 'it is no single line of JSON');
        entries[row.place - 1]?.push(entry);
      }
      return { epoch: rows[0]?.epoch ?? '', entries };
    },

    async extents(boardIds) {
      const { rows } = await pool.query<LogExtent & { epoch: string; boardId: string | null }>({
        name: 'event-log-extents',
        text: extentsSql,
        values: [boardIds],
      });
      const extents = new Map<string, LogExtent>();
      for (const { boardId, head, trimmedTo } of rows) if (boardId !== null) extents.set(boardId, { head, trimmedTo });
      return { epoch: rows[0]?.epoch ?? '', extents };
    },
  };
}
