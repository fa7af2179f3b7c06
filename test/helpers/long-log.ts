// A board with a long log, written past the triggers, which would take many times as long.

import type { TestDatabase } from './node.ts';

/** The first events of a board: `board created`, and its owner. */
const BEGUN = 2;

export interface LongLog {
  /** Of the note with this number, from 1. */
  idOf(note: number): string;
  /** Of the event in which a note moved to `x` = turn; made by turn 0. */
  seqOf(turn: number, note: number): number;
  head: number;
}

/**
 * Notes are made one after the other, and then each moves once in each turn, one after the other: an event every
 * millisecond.
 *
 * @param boardId of a board that was made just now
 * @param owner who does all of it
 */
export async function writeLongLog(
  { sql }: Pick<TestDatabase, 'sql'>,
  boardId: string,
  owner: { id: string; name: string },
  { notes, turns }: { notes: number; turns: number },
): Promise<LongLog> {
  const idOf = (note: number) => `00000000-0000-7000-8000-${String(note).padStart(12, '0')}`;
  const seqOf = (turn: number, note: number) => BEGUN + turn * notes + note;
  const head = seqOf(turns, notes);
  const when = `timestamptz '2026-05-04 09:00:00Z' + interval '1 ms' *`;
  for (const table of ['items', 'board_events']) await sql(`alter table teamboard.${table} disable trigger user`);
  await sql(
    `insert into teamboard.items (board_id, id, text, x, version, created_by, created_at, updated_by, updated_at,
       text_bytes, data_bytes)
     select $1, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Note ' || n, $4::int, $4::int + 1,
       $2, ${when} (${BEGUN} + n), $2, ${when} (${BEGUN} + $4::int * $3::int + n), 7 + length(n::text), 2
     from generate_series(1, $3::int) n`,
    [boardId, owner.id, notes, turns],
  );
  await sql(
    `insert into teamboard.board_events (board_id, seq, opens, resource, action, resource_id, object, changes,
       before, before_by, before_at, cost, grown, actor_id, actor_name, at)
     select items.board_id, ${BEGUN} + turn * $3::int + n, true, 'item', case turn when 0 then 'created' else 'updated' end,
       items.id, teamboard.item_object(then_item), case when turn > 0 then '{x}'::text[] end,
       case when turn > 0 then json_build_object('x', turn - 1) end, case when turn > 0 then $2::uuid end,
       case when turn > 0 then ${when} (${BEGUN} + (turn - 1) * $3::int + n) end,
       600, case when turn = 0 then items.text_bytes + 2 else 0 end, $2, $5, ${when} (${BEGUN} + turn * $3::int + n)
     from generate_series(0, $4::int) turn
     cross join generate_series(1, $3::int) n
     join teamboard.items on board_id = $1 and id = ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid
     cross join lateral jsonb_populate_record(items, jsonb_build_object('x', turn, 'version', turn + 1,
       'updated_at', ${when} (${BEGUN} + turn * $3::int + n))) then_item
     order by turn, n`,
    [boardId, owner.id, notes, turns, owner.name],
  );
  await sql(
    `update teamboard.board_log set head = $2, item_count = $3, event_bytes = $2::bigint * 600,
       item_bytes = (select sum(text_bytes + data_bytes) from teamboard.items where board_id = $1)
     where board_id = $1`,
    [boardId, head, notes],
  );
  await sql('select teamboard.restore_triggers()');
  await sql('analyze teamboard.items, teamboard.board_events');
  return { idOf, seqOf, head };
}
