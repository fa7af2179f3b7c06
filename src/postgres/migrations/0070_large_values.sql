-- Large texts and data, stored once for all events that show them.
--
-- An event tells the whole item, and a batch that moves 500 large notes sends a few bytes for each of them. Stored as it
-- is told, it cost a thousand times what was sent. So a text or data above a bound is stored apart when it is written,
-- and the events and the answers kept for repeats name it. What was sent once is then stored twice, in its item and
-- here, and each event or answer that shows it costs below 1 KB. (A patch inside `data` makes new data, of 16 KiB at
-- most.)

-- The columns lock tables that are in use.
set local lock_timeout = '2s';

create table large_values (
  id         uuid primary key,
  value      text not null, -- JSON
  expires_at timestamptz(3) -- null while an event or an item shows it
);
-- Serves the removal of what has expired.
create index large_values_expires_at on large_values (expires_at) where expires_at is not null;
create trigger refuse_truncate before truncate on large_values execute function refuse_truncate();
alter table large_values enable always trigger refuse_truncate;

-- Where the value is; null while it is small, and each event has it itself.
alter table items add column text_value uuid, add column data_value uuid;
alter table board_events
  add column text_value uuid, add column data_value uuid, -- which `object` has null in place of
  add column last_of uuid[],                               -- values that no later event shows
  add column cost integer not null default 0;              -- bytes, with those of the values that came with it
-- Of all events. (Those that are there already are not counted, and go by their number and age.)
alter table board_log add column event_bytes bigint not null default 0;
-- Which `result` has null in place of: of its item, or of each operation's.
alter table idempotency_keys add column text_values uuid[], add column data_values uuid[];

-- Below this an event that has the value costs little more than one that names it.
create function is_large(bytes integer) returns boolean
language sql immutable parallel safe
return bytes > 200;

create or replace function stamp_item() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    new.version := 1;
    new.created_by := coalesce(current_actor(), new.created_by);
    new.created_at := clock_timestamp();
    new.updated_by := new.created_by;
    new.updated_at := new.created_at;
    new.text_bytes := octet_length(to_json(new.text)::text);
    new.data_bytes := octet_length(new.data::text);
    new.text_value := case when is_large(new.text_bytes) then uuid_v7() end;
    new.data_value := case when is_large(new.data_bytes) then uuid_v7() end;
    return new;
  end if;
  if new.x is not distinct from old.x and new.y is not distinct from old.y and new.color is not distinct from old.color
    and new.rank is not distinct from old.rank and new.text is not distinct from old.text
    and new.data is not distinct from old.data
  then
    return old;
  end if;
  new.version := old.version + 1;
  new.created_by := old.created_by;
  new.created_at := old.created_at;
  new.updated_by := current_actor();
  -- Never back in time, also when the clock was set back.
  new.updated_at := greatest(clock_timestamp(), old.updated_at);
  new.text_bytes := old.text_bytes;
  new.data_bytes := old.data_bytes;
  new.text_value := old.text_value;
  new.data_value := old.data_value;
  if new.text is distinct from old.text then
    new.text_bytes := octet_length(to_json(new.text)::text);
    new.text_value := case when is_large(new.text_bytes) then uuid_v7() end;
  end if;
  if new.data is distinct from old.data then
    new.data_bytes := octet_length(new.data::text);
    new.data_value := case when is_large(new.data_bytes) then uuid_v7() end;
  else
    -- 1.0 in the place of 1 is the same number, and would be another text than that of the last event.
    new.data := old.data;
  end if;
  return new;
end $$;

drop trigger stamp_version on items;
-- A check that is `not valid` spares what was there before it, but not from being written again: such checks stand aside.
do $$
declare
  definition text;
  aside text[] := array(
    select format('%I %s', conname, pg_get_constraintdef(oid)) from pg_constraint
    where conrelid = 'items'::regclass and contype = 'c' and not convalidated
    order by conname);
begin
  foreach definition in array aside loop
    execute 'alter table items drop constraint ' || split_part(definition, ' ', 1);
  end loop;
  update items set text_value = case when is_large(text_bytes) then uuid_v7() end,
    data_value = case when is_large(data_bytes) then uuid_v7() end
    where is_large(text_bytes) or is_large(data_bytes);
  foreach definition in array aside loop
    execute 'alter table items add constraint ' || definition;
  end loop;
end $$;
insert into large_values (id, value)
  select text_value, to_json(text)::text from items where text_value is not null
  union all
  select data_value, data::text from items where data_value is not null;
create trigger stamp_version before insert or update on items for each row execute function stamp_item();
alter table items enable always trigger stamp_version;

-- The item without its large values, as events and kept answers have it.
create function cut_item(item items) returns json language plpgsql stable as $$
begin
  if item.text_value is not null then
    item.text := null;
  end if;
  if item.data_value is not null then
    item.data := null;
  end if;
  return item_object(item);
end $$;

-- The JSON of an item with its large values in their places, byte for byte as item_object makes it; null when a value is
-- lost. Inside a text each quote has a backslash before it, so what is looked for stands in one place only.
create function whole_object(object json, text_value uuid, data_value uuid) returns text language plpgsql stable as $$
declare
  whole text := object::text;
begin
  if data_value is not null then
    whole := overlay(whole placing (select value from large_values where id = data_value)
      from position('"data":null' in whole) + 7 for 4);
  end if;
  if text_value is not null then
    whole := overlay(whole placing (select value from large_values where id = text_value)
      from position('"text":null' in whole) + 7 for 4);
  end if;
  return whole;
end $$;

-- What was answered first, for a repeat: of one resource, or of each operation of a batch.
create function whole_answer(result json, text_values uuid[], data_values uuid[]) returns text
language plpgsql stable as $$
begin
  if text_values is null then
    return result::text;
  end if;
  if json_typeof(result) = 'object' then
    return whole_object(result, text_values[1], data_values[1]);
  end if;
  return (
    select json_agg(json_build_object('id', value -> 'id',
      'item', whole_object(value -> 'item', text_values[place], data_values[place])::json) order by place)
    from json_array_elements(result) with ordinality as each (value, place));
end $$;

drop function append_event(uuid, text, text, uuid, json, text[], integer);

-- text_value, data_value: what `object` has null in place of. last_of: values that no later event shows. brought: bytes of
-- the values that came with the event. grown: by how much it has made the items of its board larger.
create function append_event(
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
  perform append_event(board, resource, action, resource_id, object, changes, null, null, null, 0, null);
end $$;

create or replace function announce_events() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  added record;
  log board_log;
begin
  select max(seq) as head, coalesce(sum(grown), 0) as bytes, sum(cost) as cost,
      count(*) filter (where resource = 'item' and action = 'created')
        - count(*) filter (where resource = 'item' and action = 'deleted') as count
    into added from board_events where board_id = new.board_id and seq >= new.seq;
  update board_log
    set head = added.head, item_count = item_count + added.count, item_bytes = item_bytes + added.bytes,
      event_bytes = event_bytes + added.cost
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

-- A large value has its own id from the moment it is written (stamp_item), so two with one id are one value, and need
-- not be read to be compared. Cutting `new` and `old` before they are handed on keeps them from being read there.
create or replace function record_item() returns trigger
language plpgsql security definer set search_path = public, pg_temp set extra_float_digits = 1 as $$
declare
  is_text_new boolean := true;
  is_data_new boolean := true;
  brought integer := 0;
  changes text[];
  last_of uuid[];
begin
  if tg_op = 'DELETE' then
    if exists (select from boards where id = old.board_id) then
      perform append_event(old.board_id, 'item', 'deleted', old.id, cut_item(old), null,
        old.text_value, old.data_value, array_remove(array[old.text_value, old.data_value], null),
        0, -old.text_bytes - old.data_bytes);
    else
      -- No event shows them last. Answers that are kept for repeats may, for a day.
      update large_values set expires_at = now() + interval '24 hours' where id in (old.text_value, old.data_value);
    end if;
    return null;
  end if;
  if tg_op = 'UPDATE' then
    is_text_new := new.text_value is distinct from old.text_value
      or new.text_value is null and new.text is distinct from old.text;
    is_data_new := new.data_value is distinct from old.data_value
      or new.data_value is null and new.data is distinct from old.data;
    changes := array_remove(array[
      case when is_text_new then 'text' end,
      case when new.x is distinct from old.x then 'x' end,
      case when new.y is distinct from old.y then 'y' end,
      case when new.color is distinct from old.color then 'color' end,
      case when new.rank is distinct from old.rank then 'rank' end,
      case when is_data_new then 'data' end], null);
    last_of := array_remove(array[
      case when is_text_new then old.text_value end, case when is_data_new then old.data_value end], null);
  end if;
  if new.text_value is not null then
    if is_text_new then
      insert into large_values (id, value) values (new.text_value, to_json(new.text)::text);
      brought := new.text_bytes;
    end if;
    new.text := null;
  end if;
  if new.data_value is not null then
    if is_data_new then
      insert into large_values (id, value) values (new.data_value, new.data::text);
      brought := brought + new.data_bytes;
    end if;
    new.data := null;
  end if;
  if tg_op = 'INSERT' then
    perform append_event(new.board_id, 'item', 'created', new.id, item_object(new), null,
      new.text_value, new.data_value, null, brought, new.text_bytes + new.data_bytes);
  else
    perform append_event(new.board_id, 'item', 'updated', new.id, item_object(new), changes,
      new.text_value, new.data_value, nullif(last_of, '{}'), brought,
      new.text_bytes + new.data_bytes - old.text_bytes - old.data_bytes);
  end if;
  return null;
end $$;
