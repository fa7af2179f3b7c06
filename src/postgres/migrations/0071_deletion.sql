-- A board is deleted at once for everyone, and what was on it goes in pieces. The cascade over hundreds of thousands of
-- items took longer than a statement may, so that nobody could delete such a board.

-- The triggers and the foreign key lock tables that are in use.
set local lock_timeout = '2s';

-- When `board deleted`, the last event, was written.
alter table board_log add column deleted_at timestamptz(3);
update board_log set deleted_at = now() where not exists (select from boards where id = board_id);
-- Never changes once it is set, so that taking a number stays HOT.
create index board_log_deleted on board_log (board_id) where deleted_at is not null;

-- Removes items of deleted boards, `most` at a time, and waits for nobody.
create function remove_orphans(deleted uuid[], most integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  removed integer;
begin
  delete from items where ctid = any (array(
    select ctid from items where board_id = any (deleted) limit most for update skip locked));
  get diagnostics removed = row_count;
  return removed;
end $$;

-- As many as a statement has time for. The rest goes in the background, by any node.
create function remove_first_orphans() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform remove_orphans(array(select id from gone), 1000);
  return null;
end $$;
create trigger remove_first_orphans after delete on boards referencing old table as gone
  for each statement execute function remove_first_orphans();

-- In the place of the foreign key, with its name and its lock: who adds an item waits for who deletes the board, or the
-- other way round.
create function check_board_of_item() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform from boards where id = new.board_id for key share;
  if not found then
    raise exception 'there is no board %', new.board_id
      using errcode = 'foreign_key_violation', table = 'items', constraint = 'items_board_id_fkey';
  end if;
  return null;
end $$;
alter table items drop constraint items_board_id_fkey;
create constraint trigger items_board_id_fkey after insert on items
  for each row execute function check_board_of_item();

create or replace function append_event(
  board uuid, resource text, action text, resource_id uuid, object json, changes text[],
  text_value uuid, data_value uuid, last_of uuid[], brought integer, grown integer
) returns void language plpgsql as $$
declare
  actor uuid := current_actor();
begin
  loop
    insert into board_events (board_id, seq, opens, resource, action, resource_id, object, changes,
        text_value, data_value, last_of, cost, grown, actor_id, actor_name, mutation_id, stream_id, at)
      select board, greatest(log.head, log.newest) + 1, coalesce(log.head >= log.newest, true),
        resource, action, resource_id, object, changes,
        text_value, data_value, last_of,
        -- Beside the object a row takes some 150 bytes, and its place in the index.
        octet_length(object::text) + brought + 200, grown,
        actor, (select name from users where id = actor),
        nullif(current_setting('teamboard.mutation_id', true), ''),
        nullif(current_setting('teamboard.stream_id', true), ''), clock_timestamp()
      from (
        select head, (select seq from board_events where board_id = board order by seq desc limit 1) as newest
        from board_log where board_id = board and deleted_at is null for no key update
      ) log;
    exit when found;
    insert into board_log (board_id) values (board) on conflict do nothing;
    -- Behind `board deleted` nothing is written: not what was changed while the board was deleted, and no new board of
    -- the same id while there are items of the old one.
    if not found and exists (select from board_log where board_id = board and deleted_at is not null) then
      raise exception 'the board % has been deleted', board
        using errcode = 'foreign_key_violation', table = 'items', constraint = 'items_board_id_fkey';
    end if;
  end loop;
end $$;

create or replace function record_board() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  case tg_op
  when 'INSERT' then
    perform append_event(new.id, 'board', 'created', new.id, board_object(new), null);
  when 'UPDATE' then
    perform append_event(new.id, 'board', 'updated', new.id, board_object(new), array_remove(array[
      case when new.name is distinct from old.name then 'name' end,
      case when new.layout is distinct from old.layout then 'layout' end], null));
  else
    perform append_event(old.id, 'board', 'deleted', old.id, board_object(old), null);
    update board_log set deleted_at = now(), item_count = 0, item_bytes = 0 where board_id = old.id;
  end case;
  return null;
end $$;
