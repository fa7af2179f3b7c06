// GET /boards/:id/items: the items of a board in pages, each of them one snapshot of the database.

import type { Pool } from 'pg';
import type { Reader } from '../access/claims.ts';
import type { Place } from './snapshot.ts';

/** A page ends with the item that makes it as large: its reader may be in no hurry to take it. */
export const PAGE_BYTES = 1024 * 1024;

export interface ItemPage extends Place {
  /** JSON texts. */
  items: string[];
  /** Of the last of them, when others follow. */
  next: string | undefined;
}

export interface ItemPageRequest {
  /** Only those behind this id. */
  after: string | undefined;
  /** Only those that were changed later than this. */
  updatedAfter: Date | undefined;
  limit: number;
}

/** @returns undefined when the reader may not see the board, also for one that does not exist */
export type ReadItemPage = (reader: Reader, boardId: string, request: ItemPageRequest) => Promise<ItemPage | undefined>;

// By the primary key. The largest board is looked through once where nothing on it was changed later: no index on the times
// is there, which each write would pay for. How large an item is, is known without a look at its texts.
const pageSql = `
  with here as materialized (
    select head::float8 as seq, :schema.current_epoch() as epoch
    from :schema.board_log, :schema.access_to($1, $2, $6)
    where board_log.board_id = $1
  )
  select here.seq, here.epoch, page.id, page.json, page.total::int
  from here left join lateral (
    select id, :schema.item_object(item)::text as json, total
    from (
      select item, (item).id, count(*) over () as total, row_number() over (order by (item).id) as place,
        sum((item).text_bytes + (item).data_bytes + 400) over (
          order by (item).id rows between unbounded preceding and 1 preceding) as bytes_before
      from (
        select items as item from :schema.items
        where board_id = $1 and ($3::uuid is null or id > $3) and ($4::timestamptz is null or updated_at > $4)
        order by id limit $5::int + 1
      ) candidates
    ) weighed
    where place <= $5 and (bytes_before is null or bytes_before < ${PAGE_BYTES})
  ) page on true
  order by page.id`;

type Row = Place & ({ id: string; json: string; total: number } | { id: null; json: null; total: null });

export function createReadItemPage(pool: Pool): ReadItemPage {
  return async ({ userId, claims }, boardId, { after, updatedAfter, limit }) => {
    const { rows } = await pool.query<Row>({
      name: 'item-page',
      text: pageSql,
      values: [boardId, userId, after ?? null, updatedAfter?.toISOString() ?? null, limit, claims?.json],
    });
    const [first] = rows;
    if (!first) return undefined;
    const found = rows.flatMap(({ id, json, total }) => (id === null ? [] : [{ id, json, total }]));
    const last = found.at(-1);
    return {
      seq: first.seq,
      epoch: first.epoch,
      items: found.map(({ json }) => json),
      next: last && last.total > found.length ? last.id : undefined,
    };
  };
}
