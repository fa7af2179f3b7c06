// GET /boards/:id?at=: the board as it was at a place of its log, in one statement.

import type { Pool } from 'pg';
import type { Reader } from '../access/claims.ts';
import { PageTurns } from '../http/page-turns.ts';
import type { WaitingBytes } from '../output/waiting-bytes.ts';
import { notFound } from '../problems/problem.ts';
import type { Extent } from './named-place.ts';
import type { Place, SnapshotBytes, SnapshotReader } from './snapshot.ts';
import { SnapshotShelf } from './snapshot-shelf.ts';
import { addPiece, assemble, type RowPieces, types } from './snapshot-store.ts';

export interface PastExtent extends Extent {
  trimmedTo: number;
}

export interface PastStore {
  /** @returns undefined when the reader may not see the board, also for one that does not exist */
  readExtent(reader: Reader, boardId: string): Promise<PastExtent | undefined>;
  /**
   * @param place not behind the head
   * @returns to be released; undefined when the log does not show the board there
   * @throws Problem TB_TOO_MANY_PAGES when the user asks for too many at once, TB_UNAVAILABLE when there is no room now
   */
  read(reader: Reader, boardId: string, place: Place): Promise<SnapshotReader | undefined>;
}

const extentSql = `
  select :schema.current_epoch() as epoch, head::float8 as head, trimmed_to::float8 as "trimmedTo"
  from :schema.board_log, :schema.access_to($1, $2, $3) where board_log.board_id = $1`;

/** How large it was, about: each event says by how much it has made the board larger. */
const bytesSql = `
  select (item_bytes - coalesce(later.bytes, 0) + 400 * (item_count - coalesce(later.count, 0)))::float8 as bytes
  from :schema.board_log cross join lateral (
    select sum(grown) as bytes,
      count(*) filter (where resource = 'item' and action = 'created')
        - count(*) filter (where resource = 'item' and action = 'deleted') as count
    from :schema.board_events where board_events.board_id = $1 and seq > $2::bigint
  ) later
  where board_log.board_id = $1`;

/**
 * What no event after the place has touched is as it was. Of all else, what it was before the first of these events is what
 * it was then: so that each is undone at once, however often it has changed. What is made by the first of them was not there.
 *
 * The two are put together by grouping, which costs the same whatever the planner takes their numbers for. The items follow
 * in rows of 64, as in a snapshot of now, those of published tables too, and what is long is read only when their order is known. `lost` counts what
 * cannot be told: an event that is older than the migration which made events keep what was before.
 */
const pastSql = `
  with here as materialized (
    select :schema.current_epoch() as epoch from :schema.board_log where board_id = $1 and trimmed_to <= $2::bigint
  ), touched as materialized (
    select resource, resource_id as id, min(seq) as seq from :schema.board_events
    where board_id = $1 and seq > $2::bigint and exists (select from here)
    group by resource, resource_id
  ), member_then as (
    select id, max(seq) as seq from (
      select user_id as id, null::bigint as seq from :schema.members where board_id = $1
      union all
      select id, seq from touched where resource = 'member'
    ) either group by id
  ), member as (
    select member_then.id,
      case when member_then.seq is null then :schema.rfc3339(members.created_at) else object ->> 'createdAt' end as since,
      case when member_then.seq is null then :schema.member_object(members)
        when action = 'updated' then before else object end::text as json
    from member_then
    left join :schema.members on member_then.seq is null and members.board_id = $1 and members.user_id = member_then.id
    left join :schema.board_events event on event.board_id = $1 and event.seq = member_then.seq
    where action is distinct from 'created'
  ), item_then as (
    select id, max(seq) as seq, max(rank) as rank from (
      select id, null::bigint as seq, rank from :schema.items where board_id = $1
      union all
      select id, seq, null from touched where resource = 'item'
    ) either group by id
  ), placed as (
    select id, item_then.seq,
      case when item_then.seq is null then rank else coalesce(before ->> 'rank', object ->> 'rank') end collate "C" as rank
    from item_then left join :schema.board_events event on event.board_id = $1 and event.seq = item_then.seq
    where action is distinct from 'created'
  ), numbered as (
    select *, ((row_number() over (order by rank, id) - 1) / 64)::int as part from placed
  ), told as (
    select part, numbered.rank, numbered.id,
      case when numbered.seq is null then :schema.item_object(items)
        when action = 'deleted' or before is not null then :schema.undone_item(
          was, large.text, large.data, action = 'updated', before_by, before_at) end::text as json
    from numbered
    left join :schema.items on numbered.seq is null and items.board_id = $1 and items.id = numbered.id
    left join :schema.board_events event on event.board_id = $1 and event.seq = numbered.seq
    left join lateral json_populate_record(
      json_populate_record(cast(null as :schema.public_item), object), coalesce(before, '{}')) was on numbered.seq is not null
    left join lateral (
      select
        (select value from :schema.large_values where id = case
          when action = 'deleted' or 'text' <> all(changes) then event.text_value
          when before -> 'text' is null then last_of[1] end) as text,
        (select value from :schema.large_values where id = case
          when action = 'deleted' or 'data' <> all(changes) then event.data_value
          when before -> 'data' is null then last_of[cardinality(last_of)] end) as data
      offset 0
    ) large on numbered.seq is not null
  ), row_then as (
    select resource, id, max(source) as source, max(seq) as seq from (
      select resource, row_hash as id, source, null::bigint as seq from :schema.published_rows where board_id = $1
      union all
      select resource, id, null, seq from touched where resource not in ('board', 'item', 'member')
    ) either group by resource, id
  ), told_row as (
    select resource, id collate "C" as id, json,
      ((row_number() over (partition by resource order by id collate "C") - 1) / 64)::int as part
    from (
      select row_then.resource, case when row_then.seq is null then kept.id else event.row_id end as id,
        case when row_then.seq is null then kept.object when action = 'updated' then before else event.object end::text as json
      from row_then
      left join :schema.published_rows kept
        on row_then.seq is null and kept.source = row_then.source and kept.row_hash = row_then.id
      left join :schema.board_events event on event.board_id = $1 and event.seq = row_then.seq
      where action is distinct from 'created'
    ) each_row
  )
  select -1 as part, null as resource, $2::float8 as seq, epoch, (
      select case when event.seq is null then :schema.board_object(boards) when action = 'updated' then before end::text
      from :schema.boards left join touched on touched.resource = 'board'
      left join :schema.board_events event on event.board_id = $1 and event.seq = touched.seq
      where boards.id = $1
    )::varchar as json,
    (select coalesce(string_agg(json, ',' order by since, id), '') from member)::varchar as members,
    (select count(*) from member where json is null)::int as lost
  from here
  union all
  select part, null, null, null, string_agg(json, ',' order by rank, id)::varchar, null,
    count(*) filter (where json is null)::int
  from told, here
  group by part
  union all
  select part, resource, null, null, string_agg(concat('{"id":', to_json(id), ',"object":', json, '}'), ',' order by id)::varchar,
    null, 0
  from told_row, here
  group by resource, part`;

interface HeadRow extends Place {
  part: -1;
  json: Buffer | null;
  members: Buffer;
  lost: number;
}

interface PieceRow {
  part: number;
  /** Of the published table whose rows these are; null: they are items. */
  resource: string | null;
  json: Buffer | null;
  lost: number;
}

export function createPastStore(pool: Pool, waiting: WaitingBytes): PastStore {
  /** Each looks through as much of the log as there is after the place, and so costs more than a page. */
  const turns = new PageTurns({ ofUser: 1, ofNode: 2 });
  const shelf = new SnapshotShelf({
    waiting,
    readWhole: (key) => {
      const [boardId = '', seq] = key.split(' ');
      return readPast(pool, boardId, Number(seq));
    },
  });

  async function readExtent({ userId, claims }: Reader, boardId: string): Promise<PastExtent | undefined> {
    const { rows } = await pool.query<PastExtent>({
      name: 'past-extent',
      text: extentSql,
      values: [boardId, userId, claims?.json],
    });
    return rows[0];
  }

  return {
    readExtent,

    async read(reader, boardId, place) {
      const snapshot = await turns.take(reader.userId, async () => {
        const { rows } = await pool.query<{ bytes: number }>({
          name: 'past-bytes',
          text: bytesSql,
          values: [boardId, place.seq],
        });
        return shelf.take(`${boardId} ${place.seq}`, place, rows[0]?.bytes ?? 0);
      });
      if (!snapshot) return undefined;
      // It may have waited for its turn, longer than an access may outlive its end (E6).
      let maySee = false;
      try {
        maySee = (await readExtent(reader, boardId)) !== undefined;
      } finally {
        if (!maySee) snapshot.release();
      }
      if (!maySee) throw notFound();
      return snapshot;
    },
  };
}

/** @returns undefined when the log does not show the board there */
async function readPast(pool: Pool, boardId: string, seq: number): Promise<SnapshotBytes | undefined> {
  const { rows } = await pool.query<HeadRow | PieceRow>({
    name: 'past-read',
    text: pastSql,
    values: [boardId, seq],
    types,
  });
  let head: HeadRow | undefined;
  const pieces: RowPieces = new Map();
  for (const row of rows) {
    if (row.json === null || row.lost > 0) return undefined;
    if (isHead(row)) head = row;
    else addPiece(pieces, row, row.json);
  }
  return head?.json ? assemble(boardId, { ...head, json: head.json }, head.members, pieces) : undefined;
}

function isHead(row: HeadRow | PieceRow): row is HeadRow {
  return row.part === -1;
}
