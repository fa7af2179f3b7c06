// GET /boards/:id/items/:itemId/history: the events of one item, the newest first.

import type { Pool } from 'pg';
import type { Reader } from '../access/claims.ts';
import { type EventRow, toLogEntry } from '../events/board-event.ts';
import { eventColumns } from '../events/event-log-store.ts';
import type { Extent } from './named-place.ts';

/** A page ends with the event that makes it as large. */
const PAGE_BYTES = 1024 * 1024;
/** Events of others that are looked at for one page, where it is not known at once which is the next. */
const MOST_LOOKS = 50_000;

export interface ItemEventPage {
  epoch: string;
  /** Each as one line of JSON. */
  events: string[];
  /** Behind which seq the next page begins, when there may be one. */
  next: number | undefined;
}

export interface ItemHistoryStore {
  /** @returns undefined when the user is no member, also of a board that does not exist */
  readExtent(reader: Reader, boardId: string): Promise<Extent | undefined>;
  /**
   * @param below only events before this seq; undefined: all
   * @returns undefined when the user is no member, or the board has no such item and its log knows of none
   */
  read(
    reader: Reader,
    boardId: string,
    itemId: string,
    page: { below: number | undefined; limit: number },
  ): Promise<ItemEventPage | undefined>;
}

// Large values are not read until it is known which events there is room for: to ask for the length of one reads nothing of it.
const pageSql = `
  with here as materialized (
    select :schema.current_epoch() as epoch from :schema.access_to($1, $2, $6)
    where (
      exists (select from :schema.items where board_id = $1 and id = $3)
      or exists (
        select from :schema.board_events
        where board_id = $1 and resource_id = $3 and resource = 'item' and action = 'deleted'))
  ), found as materialized (
    select seqs, stopped_at::float8 as "stoppedAt"
    from here, :schema.find_item_events($1, $3, $4, $5::int + 1, ${MOST_LOOKS})
  ), weighed as materialized (
    select seq, sum(octet_length(object::text)
        + coalesce((select octet_length(value) from :schema.large_values where id = text_value), 0)
        + coalesce((select octet_length(value) from :schema.large_values where id = data_value), 0))
      over (order by seq desc rows between unbounded preceding and 1 preceding) as bytes_before
    from found cross join unnest(seqs) seq join :schema.board_events using (seq)
    where board_id = $1
    order by seq desc limit $5
  )
  select here.epoch, found."stoppedAt", cardinality(found.seqs) as total, event.*
  from here cross join found left join lateral (
    select ${eventColumns}
    from weighed join :schema.board_events using (seq)
    where board_id = $1 and (bytes_before is null or bytes_before < ${PAGE_BYTES})
  ) event on true
  order by event.seq desc`;

type Row = { epoch: string; stoppedAt: number | null; total: number } & (EventRow | { seq: null });

export function createItemHistoryStore(pool: Pool): ItemHistoryStore {
  return {
    async readExtent({ userId, claims }, boardId) {
      const { rows } = await pool.query<Extent>({
        name: 'item-events-extent',
        text: `select :schema.current_epoch() as epoch, head::float8 as head
               from :schema.board_log, :schema.access_to($1, $2, $3) where board_log.board_id = $1`,
        values: [boardId, userId, claims?.json],
      });
      return rows[0];
    },

    async read({ userId, claims }, boardId, itemId, { below, limit }) {
      const { rows } = await pool.query<Row>({
        name: 'item-events',
        text: pageSql,
        values: [boardId, userId, itemId, below ?? null, limit, claims?.json],
      });
      const [first] = rows;
      if (!first) return undefined;
      const { epoch, stoppedAt, total } = first;
      const found = rows.filter((row): row is Row & EventRow => row.seq !== null);
      // What is no single line of JSON cannot be told, here as on a stream.
      const events = found.flatMap((row) => toLogEntry(row).json ?? []);
      const next = total > found.length ? found.at(-1)?.seq : stoppedAt;
      return { epoch, events, next: next ?? undefined };
    },
  };
}
