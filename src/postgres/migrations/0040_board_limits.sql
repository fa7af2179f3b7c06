-- What a board holds, counted: so many items, and so many bytes of their texts and data. Whoever opens a board is sent
-- all of it, so that it must have an end.

-- The triggers of `items` and the columns lock tables that are in use.
set local lock_timeout = '2s';

-- Bytes of the two fields that may be large, as JSON, which is how everyone gets them.
alter table items add column text_bytes integer not null default 0, add column data_bytes integer not null default 0;
-- By how many bytes the event has made the items of its board larger; null when it is of no item.
alter table board_events add column grown integer;
-- Of the items, as of the head.
alter table board_log
  add column item_count integer not null default 0, add column item_bytes bigint not null default 0;

-- As stamp_version, for items alone. Compared field by field, the small ones first: to compare the records as a whole
-- would read values that are stored out of line into `new`, and each move of a large note would store its text anew.
create function stamp_item() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    new.version := 1;
    new.created_by := coalesce(current_actor(), new.created_by);
    new.created_at := clock_timestamp();
    new.updated_by := new.created_by;
    new.updated_at := new.created_at;
    new.text_bytes := octet_length(to_json(new.text)::text);
    new.data_bytes := octet_length(new.data::text);
    return new;
  end if;
  new.version := old.version;
  new.created_by := old.created_by;
  new.created_at := old.created_at;
  new.updated_by := old.updated_by;
  new.updated_at := old.updated_at;
  new.text_bytes := old.text_bytes;
  new.data_bytes := old.data_bytes;
  if new.x is distinct from old.x or new.y is distinct from old.y or new.color is distinct from old.color
    or new.rank is distinct from old.rank or new.text is distinct from old.text or new.data is distinct from old.data
  then
    new.version := old.version + 1;
    new.updated_by := current_actor();
    -- Never back in time, also when the clock was set back.
    new.updated_at := greatest(clock_timestamp(), old.updated_at);
    if new.text is distinct from old.text then
      new.text_bytes := octet_length(to_json(new.text)::text);
    end if;
    if new.data is distinct from old.data then
      new.data_bytes := octet_length(new.data::text);
    end if;
  end if;
  return new;
end $$;

-- Before the new trigger is there, which keeps the sizes; the old one would take them for a change.
drop trigger stamp_version on items;
update items set text_bytes = octet_length(to_json(text)::text), data_bytes = octet_length(data::text);
create trigger stamp_version before insert or update on items for each row execute function stamp_item();
alter table items enable always trigger stamp_version;

update board_log set item_count = held.count, item_bytes = held.bytes
  from (select board_id, count(*), sum(text_bytes + data_bytes) as bytes from items group by board_id) held
  where board_log.board_id = held.board_id;

create function append_event(
  board uuid, resource text, action text, resource_id uuid, object json, changes text[], grown integer
) returns void language plpgsql as $$
declare
  actor uuid := current_actor();
begin
  loop
    insert into board_events (board_id, seq, opens, resource, action, resource_id, object, changes, grown,
        actor_id, actor_name, mutation_id, stream_id, at)
      select board, greatest(log.head, log.newest) + 1, coalesce(log.head >= log.newest, true),
        resource, action, resource_id, object, changes, grown,
        actor, (select name from users where id = actor),
        nullif(current_setting('teamboard.mutation_id', true), ''),
        nullif(current_setting('teamboard.stream_id', true), ''), clock_timestamp()
      from (
        select head, (select seq from board_events where board_id = board order by seq desc limit 1) as newest
        from board_log where board_id = board for no key update
      ) log;
    exit when found;
    insert into board_log (board_id) values (board) on conflict do nothing;
  end loop;
end $$;

create or replace function append_event(
  board uuid, resource text, action text, resource_id uuid, object json, changes text[]
) returns void language plpgsql as $$
begin
  perform append_event(board, resource, action, resource_id, object, changes, null);
end $$;

-- A limit that the transaction names (begin_write) holds at its commit, under the lock of the head, and so exactly. One
-- that names none, as another service or psql, is its operator's business, and may go past it: afterwards the API lets
-- such a board only shrink.
create function check_board_limit(what text, held bigint) returns void language plpgsql as $$
declare
  most bigint := nullif(current_setting('teamboard.' || what || '_per_board', true), '')::bigint;
begin
  if held > most then
    raise exception 'A board holds % % at most, and this write would make it %.', most, what, held
      using errcode = 'check_violation', constraint = 'board_' || what;
  end if;
end $$;

create or replace function announce_events() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  added record;
  log board_log;
begin
  select max(seq) as head, coalesce(sum(grown), 0) as bytes,
      count(*) filter (where resource = 'item' and action = 'created')
        - count(*) filter (where resource = 'item' and action = 'deleted') as count
    into added from board_events where board_id = new.board_id and seq >= new.seq;
  update board_log set head = added.head, item_count = item_count + added.count, item_bytes = item_bytes + added.bytes
    where board_id = new.board_id
    returning * into strict log;
  if added.count > 0 then
    perform check_board_limit('items', log.item_count);
  end if;
  if added.bytes > 0 then
    perform check_board_limit('bytes', log.item_bytes);
  end if;
  if current_setting('teamboard.notify', true) is distinct from 'deferred' then
    perform pg_notify('board_' || new.board_id, log.head::text);
  end if;
  return null;
end $$;

create or replace function record_item() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if tg_op = 'DELETE' and not exists (select from boards where id = old.board_id) then
    return null;
  end if;
  case tg_op
  when 'INSERT' then
    perform append_event(new.board_id, 'item', 'created', new.id, item_object(new), null,
      new.text_bytes + new.data_bytes);
  when 'UPDATE' then
    perform append_event(new.board_id, 'item', 'updated', new.id, item_object(new), array_remove(array[
      case when new.text is distinct from old.text then 'text' end,
      case when new.x is distinct from old.x then 'x' end,
      case when new.y is distinct from old.y then 'y' end,
      case when new.color is distinct from old.color then 'color' end,
      case when new.rank is distinct from old.rank then 'rank' end,
      case when new.data is distinct from old.data then 'data' end], null),
      new.text_bytes + new.data_bytes - old.text_bytes - old.data_bytes);
  else
    perform append_event(old.board_id, 'item', 'deleted', old.id, item_object(old), null,
      -old.text_bytes - old.data_bytes);
  end case;
  return null;
end $$;

-- Those with fewer arguments stay for nodes of the versions before.
create function begin_write(
  actor uuid, mutation_id text, stream_id text, items_per_board bigint, bytes_per_board bigint
) returns void language plpgsql as $$
begin
  perform begin_write(actor, mutation_id, stream_id),
    set_config('teamboard.items_per_board', items_per_board::text, true),
    set_config('teamboard.bytes_per_board', bytes_per_board::text, true);
end $$;
