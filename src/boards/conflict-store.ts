// The SQL that finds, in the log, what has happened to an item since a version of it.

import type { Pool } from 'pg';
import type { Reader } from '../access/claims.ts';
import type { Item } from './board.ts';
import type { FieldChange, History, Known } from './conflict.ts';
import { mayWrite } from './write-store.ts';

/**
 * How many events of the board are looked through at most. Backwards by the primary key, and no further than to the
 * version that is asked for: so no writer pays for an index that only conflicts would use.
 */
export const LOOK_BACK = 10_000;

/** @returns undefined when there is no such item or the reader may not write there */
export type ReadHistory = (
  reader: Reader,
  boardId: string,
  itemId: string,
  since: number | undefined,
) => Promise<History<Item> | undefined>;

// Each version is one event: the item's newest events, as many as it has versions since, and the one that made the
// version itself, which comes last.
const historySql = `
  with item as (
    select items.*, board_log.head from :schema.access_to($2, $1, $5) access, :schema.items join :schema.board_log using (board_id)
    where items.id = $3 and board_id = $2 and ${mayWrite}
  ), history as materialized (
    select event.*, row_number() over (order by seq desc) as place
    from item cross join lateral (
      select seq, object, text_value, data_value, changes, actor_id, actor_name, at from :schema.board_events
      where board_id = $2 and seq > item.head - ${LOOK_BACK} and resource = 'item' and resource_id = $3
      order by seq desc limit greatest(item.version - $4::int + 1, 0)
    ) event
  )
  select :schema.item_object(items)::text as current,
    (select :schema.whole_object(history.object, history.text_value, history.data_value)::text from history join item on place = item.version - $4 + 1
     where (object ->> 'version')::int = $4) as base,
    (select coalesce(json_agg(change order by change.field), '[]') from (
       select distinct on (field) field, :schema.rfc3339(at) as at,
         case when actor_id is not null
           then json_build_object('id', actor_id, 'name', coalesce(actor_name, 'Deleted user')) end as actor
       from history join item on place < item.version - $4 + 1 cross join unnest(changes) as field
       order by field, seq desc
     ) change) as changes
  from :schema.items join item using (id)`;

export function createReadHistory(pool: Pool): ReadHistory {
  return async ({ userId, claims }, boardId, itemId, since) => {
    const { rows } = await pool.query<{ current: string; base: string | null; changes: FieldChange[] }>({
      name: 'item-history',
      text: historySql,
      values: [userId, boardId, itemId, since, claims?.json],
    });
    if (!rows[0]) return undefined;
    const { current, base, changes } = rows[0];
    return { current: known<Item>(current), base: known<Item | null>(base ?? 'null'), changes };
  };
}

export function known<Value>(json: string): Known<Value> {
  return { value: JSON.parse(json), json };
}
