// Reads the log of each board. Nothing is written here: the triggers of postgres/migrations write it.

import type { Pool } from 'pg';
import { type BoardEvent, type EventRow, toBoardEvent } from './board-event.ts';

/** Where a log begins and ends: events `trimmedTo + 1` to `head` can be read. */
export interface LogExtent {
  head: number;
  trimmedTo: number;
}

/** A place to read on from. */
export interface ReadRequest {
  boardId: string;
  after: number;
  /** Events at most. */
  limit: number;
}

export interface EventLog {
  /** @returns one list per request, in the order of the requests, each rising by seq */
  readAfter(requests: ReadRequest[]): Promise<BoardEvent[][]>;
  /** @returns the extent of each board that has a log */
  extents(boardIds: string[]): Promise<Map<string, LogExtent>>;
}

// One statement for any number of places: load makes the batches larger, not the queue longer.
const readAfterSql = `
  select wanted.place::int as place, event.*
  from unnest($1::uuid[], $2::bigint[], $3::int[]) with ordinality as wanted (board_id, after, most, place)
  cross join lateral (
    select board_id as "boardId", seq::float8 as seq, resource, action, resource_id as "resourceId", object, changes,
      actor_id as "actorId", actor_name as "actorName", mutation_id as "mutationId", rfc3339(at) as at
    from board_events
    where board_id = wanted.board_id and seq > wanted.after
    order by seq
    limit wanted.most
  ) event
  order by wanted.place, event.seq`;

const extentsSql = `
  select board_id as "boardId", head::float8 as head, trimmed_to::float8 as "trimmedTo"
  from board_log where board_id = any($1::uuid[])`;

export function createEventLog(pool: Pool): EventLog {
  return {
    async readAfter(requests) {
      const { rows } = await pool.query<EventRow & { place: number }>({
        name: 'event-log-read-after',
        text: readAfterSql,
        values: [
          requests.map(({ boardId }) => boardId),
          requests.map(({ after }) => after),
          requests.map(({ limit }) => limit),
        ],
      });
      const pages: BoardEvent[][] = requests.map(() => []);
      for (const row of rows) pages[row.place - 1]?.push(toBoardEvent(row));
      return pages;
    },

    async extents(boardIds) {
      const { rows } = await pool.query<LogExtent & { boardId: string }>({
        name: 'event-log-extents',
        text: extentsSql,
        values: [boardIds],
      });
      return new Map(rows.map(({ boardId, head, trimmedTo }) => [boardId, { head, trimmedTo }]));
    },
  };
}
