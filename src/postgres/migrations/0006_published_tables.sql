-- Tables of an application whose rows are told on boards.
--
-- Each row that is told has a copy here, written by triggers on the application's table in its statement; what changes in the
-- copies is an event at the commit, as of items. So a snapshot and the log say the same, nothing of the application's is read
-- by us, no right on our tables is needed to write theirs, and no deferred trigger stands in the way of who alters them.
--
-- All of it is on the way of somebody else's writes, and so written for its cost: few calls, and none of a function in SQL that
-- PostgreSQL plans anew each time, as it does with each that is no plain expression.

set local lock_timeout = '2s';

-- The same answer as before, but no longer put in the place of its call: the conditions of our triggers name it behind a
-- question that is nearly always answered, and to put it there cost a third of the write of each row that they are on.
create or replace function log_is_replicated() returns boolean
language plpgsql stable set search_path from current as $$
begin
  return current_setting('session_replication_role') = 'replica'
    and exists (select from pg_subscription_rel where srrelid = 'board_events'::regclass);
end $$;

-- The id of a row of a published table, as its events tell it; resource_id is a hash of it.
alter table board_events add row_id text;
-- Rows of published tables that are told on the board, as of the head. Their bytes are among item_bytes.
alter table board_log add row_count integer not null default 0;

create table published_tables (
  id           bigint generated always as identity primary key,
  relation     regclass unique, -- null: of a table that is gone, of which rows are still told
  resource     text not null check (is_name(resource) and char_length(resource) <= 63
               and resource not in ('board', 'item', 'member')),
  -- Names, and the places by which a column is found that has got another name.
  board_column name not null,
  board_place  smallint not null,
  key_columns  name[] not null,
  key_places   smallint[] not null,
  columns      name[], -- null: all
  places       smallint[]
);

create unique index published_tables_resource on published_tables (resource) where relation is not null;

create sequence published_row_versions;
create table published_rows (
  source      bigint not null, -- of published_tables, which may be forgotten before the commit that tells so
  resource    text not null,
  row_hash    uuid not null,
  id          text not null,
  board       text not null, -- as the row says
  board_id    uuid, -- on which it is told; null until the commit when that board is still to be made, and where it has no room
  object      json not null,
  version     bigint not null default nextval('published_row_versions'),
  -- What readers knew of the row before the transaction that has changed the copy last; null: nothing.
  changed_in  xid8 not null default pg_current_xact_id(),
  told_on     uuid,
  told_object json,
  primary key (source, row_hash)
) with (fillfactor = 80);
create index published_rows_board_id on published_rows (board_id);
create trigger refuse_truncate before truncate on published_rows execute function refuse_truncate();

-- What keys begin with that only SQL may make boards by: an application's, whose rows will be told on them. Whoever made such
-- a board by HTTP would own it.
create table reserved_keys (
  prefix text collate "C" primary key check (prefix ~ '^[A-Za-z0-9._:-]{1,128}$')
);

-- Our own nodes are known by what they say at the beginning of each write.
create function refuse_reserved_key() returns trigger language plpgsql set search_path from current as $$
begin
  if current_setting('teamboard.notify', true) = 'deferred'
    and exists (select from reserved_keys where starts_with(new.key, prefix))
  then
    raise exception 'the key % is reserved', new.key using errcode = 'unique_violation', constraint = 'boards_key';
  end if;
  return new;
end $$;
create trigger refuse_reserved_key before insert on boards for each row when (new.key is not null)
  execute function refuse_reserved_key();

drop function append_event;

-- As before. or_nothing: returns false where the board is gone, and does not fail.
create function append_event(
  board uuid, resource text, action text, resource_id uuid, object json, changes text[],
  text_value uuid default null, data_value uuid default null, last_of uuid[] default null, brought integer default 0,
  grown integer default null,
  before json default null, before_by uuid default null, before_at timestamptz default null,
  row_id text default null, or_nothing boolean default false
) returns boolean language plpgsql set search_path from current as $$
declare
  actor uuid := current_actor();
begin
  loop
    insert into board_events (board_id, seq, opens, resource, action, resource_id, object, changes,
        text_value, data_value, last_of, before, before_by, before_at, row_id,
        cost, grown, actor_id, actor_name, mutation_id, stream_id, at)
      select board, greatest(log.head, log.newest) + 1, coalesce(log.head >= log.newest, true),
        resource, action, resource_id, object, changes,
        text_value, data_value, last_of, before, before_by, before_at, row_id,
        -- Beside the object a row takes some 150 bytes, and its place in the index.
        octet_length(object::text) + coalesce(octet_length(before::text), 0) + brought + 200, grown,
        actor, (select name from users where id = actor),
        nullif(current_setting('teamboard.mutation_id', true), ''),
        nullif(current_setting('teamboard.stream_id', true), ''), clock_timestamp()
      from (
        select head, (select seq from board_events where board_id = board order by seq desc limit 1) as newest
        from board_log where board_id = board and deleted_at is null for no key update
      ) log;
    if found then
      return true;
    end if;
    -- Its log begins with its making.
    if or_nothing and not exists (select from board_log where board_id = board) then
      return false;
    end if;
    insert into board_log (board_id) values (board) on conflict do nothing;
    -- Behind `board deleted` nothing is written: not what was changed while the board was deleted, and no new board of
    -- the same id while there are items of the old one.
    if not found and exists (select from board_log where board_id = board and deleted_at is not null) then
      if or_nothing then
        return false;
      end if;
      raise exception 'the board % has been deleted', board
        using errcode = 'foreign_key_violation', table = 'items', constraint = 'items_board_id_fkey';
    end if;
  end loop;
end $$;

-- As before, in one statement, and with the number of rows. What came with the log is only told.
create or replace function announce_events() returns trigger
language plpgsql security definer set search_path from current set plan_cache_mode = force_generic_plan as $$
declare
  log record;
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  if current_setting('session_replication_role') = 'replica' and log_is_replicated() then
    perform pg_notify(tg_table_schema || '_board_' || new.board_id, new.seq::text);
    return null;
  end if;
  -- Who writes for what they have seen of the board names the head that they have seen. It is known to be that one when
  -- they write, and again here, where it is held.
  if new.seq - 1 <> nullif(current_setting('teamboard.seen_head', true), '')::bigint then
    raise exception 'the board % has changed since', new.board_id
      using errcode = 'check_violation', constraint = 'board_seen_head';
  end if;
  update board_log
    set head = added.head, item_count = item_count + added.count, row_count = row_count + added.rows,
      item_bytes = item_bytes + added.bytes, event_bytes = event_bytes + added.cost
    from (
      select max(seq) as head, coalesce(sum(grown), 0) as bytes, sum(cost) as cost,
        count(*) filter (where resource = 'item' and action = 'created')
          - count(*) filter (where resource = 'item' and action = 'deleted') as count,
        count(*) filter (where row_id is not null and action = 'created')
          - count(*) filter (where row_id is not null and action = 'deleted') as rows
      from board_events where board_id = new.board_id and seq >= new.seq
    ) added
    where board_id = new.board_id
    returning added.*, item_count, item_bytes into strict log;
  if log.count > 0 then
    perform check_board_limit('items', log.item_count);
  end if;
  if log.bytes > 0 and named_limit('bytes_per_board') is not null then
    perform check_board_limit('bytes', log.item_bytes);
  end if;
  if current_setting('teamboard.notify', true) is distinct from 'deferred' then
    perform pg_notify(tg_table_schema || '_board_' || new.board_id, log.head::text);
  end if;
  return null;
end $$;

-- Of conditions the shortest: PostgreSQL reads their text anew for each event.
drop trigger announce_replicated on board_events;
drop function announce_replicated;
drop trigger announce_events on board_events;
create constraint trigger announce_events after insert on board_events
  deferrable initially deferred for each row when (new.opens) execute function announce_events();

-- As before, but for boards whose making has been told: see place_row. That of an id whose board was deleted is refused.
create or replace function record_board() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  case tg_op
  when 'INSERT' then
    if not exists (select from board_events where board_id = new.id and seq = 1 and resource = 'board')
      or exists (select from board_log where board_id = new.id and deleted_at is not null) then
      perform append_event(new.id, 'board', 'created', new.id, board_object(new), null);
    end if;
  when 'UPDATE' then
    perform append_event(new.id, 'board', 'updated', new.id, board_object(new), array_remove(array[
      case when new.name is distinct from old.name then 'name' end,
      case when new.layout is distinct from old.layout then 'layout' end,
      case when new.key is distinct from old.key then 'key' end], null), before => board_object(old));
  else
    perform append_event(old.id, 'board', 'deleted', old.id, board_object(old), null);
    update board_log set deleted_at = now(), item_count = 0, item_bytes = 0, row_count = 0 where board_id = old.id;
  end case;
  return null;
end $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- From the copies to the log
-- ---------------------------------------------------------------------------------------------------------------------

-- The board that a row names: by its id, or by its key.
create function board_named(named text) returns uuid language plpgsql stable set search_path from current as $$
declare
  place uuid;
begin
  if named ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    select id into place from boards where id = named::uuid;
    if found then
      return place;
    end if;
  end if;
  select id into place from boards where key = named;
  return place;
end $$;

-- The board of a row whose place is not known or gone: made where there is none, and then nobody's, since who may write rows
-- need not own what they are told on. Its making is told before the row: its own trigger would fire after it.
create function place_row(named text) returns uuid language plpgsql set search_path from current as $$
declare
  place uuid;
  board boards;
  actor text := coalesce(current_setting('teamboard.actor', true), '');
begin
  for attempt in 1 .. 10 loop
    place := board_named(named);
    if place is null then
      perform set_config('teamboard.actor', '', true);
      insert into boards (key, name) values (named, named) on conflict do nothing returning id into place;
      perform set_config('teamboard.actor', actor, true);
    end if;
    if place is not null then
      -- Held from here on, so that it is not deleted before the commit.
      perform from board_log where board_id = place and deleted_at is null for no key update;
      if found then
        return place;
      end if;
      select * into board from boards where id = place for key share;
      if found then
        perform append_event(place, 'board', 'created', place, board_object(board), null);
        return place;
      end if;
    end if;
  end loop;
  return null;
end $$;

-- How much of published tables a board holds at most: `GET /boards/:id` gives all of it.
create function most_rows() returns bigint
language sql stable
return coalesce(nullif(current_setting('teamboard.rows_per_board', true), '')::bigint, 20000);
create function most_row_bytes() returns bigint
language sql immutable
return 67108864;

-- Whether the board may hold one more row. What this transaction has written there may have been made or changed: it is
-- counted where it could be too much, once, and from there on by the events that follow.
create function has_room(place uuid) returns boolean language plpgsql set search_path from current as $$
declare
  log board_log;
  newest bigint;
  counted text[] := string_to_array(current_setting('teamboard.rows_counted', true), ' ');
begin
  select * into log from board_log where board_id = place;
  select coalesce(max(seq), 0) into newest from board_events where board_id = place;
  if log.item_bytes >= most_row_bytes() then
    return false;
  end if;
  if counted[1] = place::text then
    if counted[3]::bigint + newest - counted[2]::bigint < most_rows() then
      return true;
    elsif counted[2]::bigint = newest then
      return false;
    end if;
  elsif log.row_count + newest - log.head < most_rows() then
    return true;
  end if;
  select log.row_count + count(*) filter (where action = 'created') - count(*) filter (where action = 'deleted')
    into log.row_count
    from board_events where board_id = place and seq > log.head and row_id is not null;
  perform set_config('teamboard.rows_counted', concat_ws(' ', place, newest, log.row_count), true);
  return log.row_count < most_rows();
end $$;

create function is_copy(kept published_rows) returns boolean language plpgsql set search_path from current as $$
begin
  return exists (
    select from published_rows where source = kept.source and row_hash = kept.row_hash and version = kept.version);
end $$;

-- What a transaction has made of a row is one event, as it is at the commit, however often the row was written: of all
-- versions of a copy the last one is told, and it has with it what was known before.
--
-- A transaction that writes rows of several boards takes their heads in the order of its writes. Two of them would deadlock,
-- so they take turns, from their first event to the end of their commits. Those of one board hold one head alone.
create function record_row() returns trigger
language plpgsql security definer set search_path from current set plan_cache_mode = force_generic_plan as $$
declare
  was uuid;
  was_object json;
  place uuid;
  is_update boolean;
  changes text[];
  actor uuid;
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  if current_setting('session_replication_role') = 'replica' and log_is_replicated()
    or tg_op = 'UPDATE' and new.version = old.version
  then
    return null;
  end if;
  if current_setting('teamboard.many_boards', true) = 'on' then
    perform pg_advisory_xact_lock(hashtextextended(current_schema() || ' rows of many boards', 0));
  end if;
  if tg_op = 'DELETE' then
    if old.changed_in = pg_current_xact_id() then
      was := old.told_on;
      was_object := old.told_object;
    else
      was := old.board_id;
      was_object := old.object;
    end if;
    if was is not null then
      perform append_event(was, old.resource, 'deleted', old.row_hash, was_object, null,
        grown => -octet_length(was_object::text), row_id => old.id, or_nothing => true);
    end if;
    return null;
  end if;

  was := new.told_on;
  was_object := new.told_object;
  place := new.board_id;
  is_update := coalesce(was = place, false);
  if is_update then
    if was_object::text = new.object::text then
      return null;
    end if;
    changes := array(
      select key from json_each_text(new.object) as now (key, value)
        full join json_each_text(was_object) as then_ (key, value) using (key)
      where now.value is distinct from then_.value order by key);
  else
    if was is not null then
      if not is_copy(new) then
        return null;
      end if;
      perform append_event(was, new.resource, 'deleted', new.row_hash, was_object, null,
        grown => -octet_length(was_object::text), row_id => new.id, or_nothing => true);
    end if;
    was_object := null;
  end if;

  -- As append_event, and on the spot what is true of nearly all: this is the last version, the board is there and has room.
  actor := current_actor();
  insert into board_events (board_id, seq, opens, resource, action, resource_id, object, changes, before, row_id,
      cost, grown, actor_id, actor_name, mutation_id, stream_id, at)
    select place, greatest(log.head, log.newest) + 1, coalesce(log.head >= log.newest, true),
      new.resource, case when is_update then 'updated' else 'created' end, new.row_hash, new.object, changes, was_object, new.id,
      octet_length(new.object::text) + coalesce(octet_length(was_object::text), 0) + 200,
      octet_length(new.object::text) - coalesce(octet_length(was_object::text), 0),
      actor, case when actor is not null then (select name from users where id = actor) end,
      nullif(current_setting('teamboard.mutation_id', true), ''),
      nullif(current_setting('teamboard.stream_id', true), ''), clock_timestamp()
    from (
      select head, item_bytes, row_count,
        (select seq from board_events where board_id = place order by seq desc limit 1) as newest
      from board_log where board_id = place and deleted_at is null for no key update
    ) log
    where exists (
        select from published_rows where source = new.source and row_hash = new.row_hash and version = new.version)
      and (is_update or item_bytes < most_row_bytes() and row_count + coalesce(newest, 0) - head < most_rows());
  if found or not is_copy(new) then
    return null;
  end if;
  place := place_row(new.board);
  if place is not null and has_room(place) then
    perform append_event(place, new.resource, 'created', new.row_hash, new.object, null,
      grown => octet_length(new.object::text), row_id => new.id);
  else
    place := null;
  end if;
  update published_rows set board_id = place
    where source = new.source and row_hash = new.row_hash and board_id is distinct from place;
  return null;
end $$;
-- Without a condition: PostgreSQL would read its text anew for each write.
create constraint trigger record_row after insert or update or delete on published_rows
  deferrable initially deferred for each row execute function record_row();

-- ---------------------------------------------------------------------------------------------------------------------
-- On the tables of the application
-- ---------------------------------------------------------------------------------------------------------------------

-- The same with the names that the columns have now; of one that is gone the name is null. A name that is there is believed.
create function with_names_of_now(published published_tables) returns published_tables
language plpgsql stable set search_path from current as $$
declare
  name_now constant text := 'select array_agg(coalesce(
      (select attname from pg_attribute where attrelid = $1 and attname = known.name and not attisdropped),
      (select attname from pg_attribute where attrelid = $1 and attnum = known.place and not attisdropped)) order by nth)
    from unnest($2, $3) with ordinality as known (name, place, nth)';
  board name[];
begin
  execute name_now into board
    using published.relation, array[published.board_column], array[published.board_place];
  published.board_column := board[1];
  execute name_now into published.key_columns using published.relation, published.key_columns, published.key_places;
  execute name_now into published.columns using published.relation, published.columns, published.places;
  return published;
end $$;

-- The id of a row: its primary key as text; of several columns as a JSON array of texts.
create function row_id_of(known json, key_columns name[]) returns text
language plpgsql immutable set search_path from current as $$
declare
  parts text[];
begin
  if cardinality(key_columns) = 1 then
    return known ->> key_columns[1]::text;
  end if;
  for nth in 1 .. cardinality(key_columns) loop
    parts := parts || (known ->> key_columns[nth]::text);
  end loop;
  return array_to_json(parts)::text;
end $$;

-- A row as JSON that every reader can read. In JSON a line ends between its parts only, and each would end a line of a stream.
-- And a value of the type json may name characters that no text here can hold.
create function readable(known text) returns json language plpgsql immutable set search_path from current as $$
begin
  known := translate(known, E'\r\n', '  ');
  if strpos(known, '\u') > 0 then
    begin
      perform known::jsonb;
    exception when others then
      known := regexp_replace(known, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g');
    end;
  end if;
  return known::json;
end $$;

-- Brings the copy of a row to what the row is now. was, now: the row as JSON; empty: it was not there, is not there, or must not
-- be told. Returns whether there is one.
create function keep_row(published published_tables, was text, now text) returns boolean
language plpgsql set search_path from current as $$
declare
  known json;
  was_id text;
  now_id text;
  hash uuid;
  named text;
  gone text;
  first text := nullif(current_setting('teamboard.first_board', true), '');
  noted text;
  place uuid;
  count integer;
begin
  if was = '' and now = '' then
    return false;
  end if;
  -- Calls are saved here where they would do nothing.
  known := case when now <> '' then now else was end;
  if known::text ~ '[\r\n]|\\u' then
    known := readable(known::text);
  end if;
  if known -> published.board_column::text is null or known -> published.key_columns[1]::text is null then
    published := with_names_of_now(published);
  end if;
  if was <> '' then
    was_id := row_id_of(case when now <> '' then readable(was) else known end, published.key_columns);
  end if;
  if now <> '' then
    named := known ->> published.board_column::text;
    if named ~ '^[A-Za-z0-9._:-]{1,128}$' then
      now_id := case when cardinality(published.key_columns) = 1 then known ->> published.key_columns[1]::text
        else row_id_of(known, published.key_columns) end;
    end if;
  end if;
  if was_id is not null then
    hash := encode(substring(sha256(convert_to(was_id, 'UTF8')) for 16), 'hex');
    -- Of a row that stays the board is asked for alone.
    if was_id is distinct from now_id then
      delete from published_rows where source = published.id and row_hash = hash returning board into gone;
    else
      select board into gone from published_rows where source = published.id and row_hash = hash;
    end if;
  end if;
  -- Which boards the transaction writes on: one, or several.
  if first is null and coalesce(gone, named) is not null and (gone is not null or now_id is not null) then
    first := set_config('teamboard.first_board', coalesce(gone, named), true);
  end if;
  if gone <> first or now_id is not null and named <> first then
    noted := set_config('teamboard.many_boards', 'on', true);
  end if;
  if now_id is null then
    return false;
  end if;
  if was_id is distinct from now_id then
    hash := encode(substring(sha256(convert_to(now_id, 'UTF8')) for 16), 'hex');
  end if;
  if published.columns is not null then
    select '{' || coalesce(string_agg(to_json(key)::text || ':' || value::text, ','), '') || '}', count(*) into now, count
      from json_each(known) where key = any (published.columns::text[]);
    if count < cardinality(published.columns) then
      published := with_names_of_now(published);
      select '{' || coalesce(string_agg(to_json(key)::text || ':' || value::text, ','), '') || '}' into now
        from json_each(known) where key = any (published.columns::text[]);
    end if;
    known := now;
  end if;
  if octet_length(known::text) > 65536 then
    known := '{"tooLarge":true}';
  end if;
  if named ~ '^.{8}-.{4}-' then
    place := board_named(named);
  else
    select id into place from boards where key = named;
  end if;
  insert into published_rows as kept (source, resource, row_hash, id, board, board_id, object)
    values (published.id, published.resource, hash, now_id, named, place, known)
    on conflict on constraint published_rows_pkey do update
    set board = excluded.board, board_id = excluded.board_id, object = excluded.object,
      version = excluded.version, changed_in = excluded.changed_in,
      told_on = case when kept.changed_in = excluded.changed_in then kept.told_on else kept.board_id end,
      told_object = case when kept.changed_in = excluded.changed_in then kept.told_object else kept.object end
    where kept.board <> excluded.board or kept.board_id is distinct from excluded.board_id
      or kept.object::text <> excluded.object::text;
  return true;
end $$;

-- First of two: makes JSON of the row, and asks the condition, with the rights of who writes. Types of the application may
-- have casts of their own, and these must not run as our owner. Whoever writes need have no right on our schema: so nothing
-- of it is named here. A row that no JSON can be made of, or whose condition fails, is not told: its writer goes on.
create function show_row() returns trigger language plpgsql
set search_path from current set timezone = 'UTC' set datestyle = 'ISO' set intervalstyle = 'postgres'
set extra_float_digits = 1 set bytea_output = 'hex' as $$
declare
  is_told boolean := true;
  was text := '';
  now text := '';
begin
  begin
    if tg_op <> 'INSERT' then
      was := row_to_json(old);
    end if;
    if tg_op <> 'DELETE' then
      if tg_argv[1] <> '' then
        perform set_config('search_path', tg_argv[2], true);
        execute format('select (%s) from (select ($1).*) as %I', tg_argv[1], tg_table_name) into is_told using new;
      end if;
      if is_told then
        now := row_to_json(new);
      end if;
    end if;
  exception when others then
    now := '';
  end;
  was := set_config('teamboard.row_was', was, true);
  now := set_config('teamboard.row_now', now, true);
  return null;
end $$;

-- The second: keeps the copy, as our owner, and looks at nothing but that JSON: not at the row, whose types are not ours. On a
-- table that is not published it does nothing, whoever has made a trigger of it: so does one that came with a backup of
-- the table alone.
create function take_row() returns trigger language plpgsql security definer set search_path from current set plan_cache_mode = force_generic_plan as $$
declare
  published published_tables;
  kept boolean;
begin
  select * into published from published_tables where id = tg_argv[0]::bigint;
  if not found or current_setting('session_replication_role') = 'replica' and log_is_replicated()
    or published.relation <> tg_relid
      and not exists (select from pg_partition_ancestors(tg_relid) where relid = published.relation)
  then
    return null;
  end if;
  if tg_op = 'TRUNCATE' then
    perform set_config('teamboard.many_boards', 'on', true);
    delete from published_rows where source = published.id;
  else
    kept := keep_row(published, current_setting('teamboard.row_was', true), current_setting('teamboard.row_now', true));
  end if;
  return null;
end $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- What an application calls
-- ---------------------------------------------------------------------------------------------------------------------

-- Who may publish a table is who owns it.
create function check_owner(relation regclass, who name) returns void language plpgsql set search_path from current as $$
begin
  if not pg_has_role(who, (select relowner from pg_class where oid = relation), 'usage') then
    raise exception 'only the owner of % may publish it', relation using errcode = 'insufficient_privilege';
  end if;
end $$;

-- Deletes what was told of tables that are gone: so many rows at most; null: all. Returns how many there were.
create function forget_dropped_tables(most integer) returns integer
language plpgsql security definer set search_path from current as $$
declare
  count integer;
begin
  update published_tables set relation = null
    where relation is not null and not exists (select from pg_class where oid = relation);
  if not exists (select from published_tables where relation is null) then
    return 0;
  end if;
  perform set_config('teamboard.many_boards', 'on', true);
  delete from published_rows where (source, row_hash) in (
    select source, row_hash from published_rows
    where source in (select id from published_tables where relation is null) limit most);
  get diagnostics count = row_count;
  delete from published_tables
    where relation is null and not exists (select from published_rows where source = published_tables.id);
  return count;
end $$;

create function forget_table(relation regclass) returns void
language plpgsql security definer set search_path from current as $$
begin
  perform check_owner(relation, session_user), set_config('teamboard.many_boards', 'on', true);
  delete from published_rows where source in (
    select id from published_tables where published_tables.relation = forget_table.relation);
  delete from published_tables where published_tables.relation = forget_table.relation;
end $$;

create function register_table(relation regclass, board name, resource text, columns text[]) returns bigint
language plpgsql security definer set search_path from current as $$
declare
  registered bigint;
  class pg_class;
  unknown text := (select name from unnest(array[board::text] || columns) as told (name) where not exists (
    select from pg_attribute where attrelid = relation and attname = name and attnum > 0 and not attisdropped) limit 1);
begin
  perform check_owner(relation, session_user), set_config('teamboard.many_boards', 'on', true);
  select * into class from pg_class where oid = relation;
  if class.relkind not in ('r', 'p') or class.relpersistence <> 'p' or class.relnamespace = current_schema()::regnamespace then
    raise exception '% cannot be published', relation using errcode = 'wrong_object_type',
      hint = 'It must be an ordinary or partitioned table of your own: no view, and none that is temporary or unlogged.';
  end if;
  -- A writer in a snapshot of its own would not see what others have written since it began.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'publish tables in a transaction that is read committed' using errcode = 'invalid_transaction_state';
  end if;
  if unknown is not null then
    raise exception '% has no column %', relation, unknown using errcode = 'undefined_column';
  end if;
  if not exists (select from pg_index where indrelid = relation and indisprimary) then
    raise exception '% has no primary key', relation
      using errcode = 'object_not_in_prerequisite_state', hint = 'Its events have the key as their id: add one.';
  end if;
  perform forget_dropped_tables(null);
  lock table published_tables in share row exclusive mode;
  if (select count(*) from published_tables) >= 100 then
    raise exception 'there are 100 published tables, and may not be more'
      using errcode = 'program_limit_exceeded', hint = 'Unpublish one that nobody reads.';
  end if;
  insert into published_tables (relation, resource, board_column, board_place, key_columns, key_places, columns, places)
    select relation, resource, board,
      (select attnum from pg_attribute where attrelid = relation and attname = board),
      array_agg(attname order by nth), array_agg(pg_attribute.attnum order by nth), columns::name[],
      (select array_agg(place order by nth) from unnest(columns) with ordinality as told (name, nth),
        lateral (select attnum from pg_attribute where attrelid = relation and attname = name) as found (place))
    from pg_index, unnest(indkey::smallint[]) with ordinality as part (attnum, nth), pg_attribute
    where indrelid = relation and indisprimary and attrelid = relation and pg_attribute.attnum = part.attnum
    returning id into registered;
  return registered;
end $$;

-- For a row that is there already.
create function take_first(source bigint, known text) returns void
language plpgsql security definer set search_path from current as $$
declare
  published published_tables;
begin
  select * into published from published_tables where id = source;
  perform check_owner(published.relation, session_user), keep_row(published, '', known);
end $$;

create function unpublish(relation regclass) returns void language plpgsql set search_path from current
set client_min_messages = warning as $$
begin
  perform check_owner(relation, current_user);
  execute format('drop trigger if exists teamboard_1_show on %s', relation);
  execute format('drop trigger if exists teamboard_2_take on %s', relation);
  execute format('drop trigger if exists teamboard_truncate on %s', relation);
  perform forget_table(relation);
end $$;

-- In which a condition is read: the schema of the table, then public.
create function path_for(relation regclass) returns text language plpgsql stable set search_path from current as $$
begin
  return (select quote_ident(nspname) || ', public' from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where pg_class.oid = relation);
end $$;

-- From here on each committed change of a row is an event of the board that its column names, and so is each row that is there.
-- A table that is published already is published anew. Runs as its caller, who owns the table.
create function publish(
  relation regclass, board name, resource text default null, columns text[] default null, "where" text default null
) returns void language plpgsql set search_path from current
  set timezone = 'UTC' set datestyle = 'ISO' set intervalstyle = 'postgres' set extra_float_digits = 1 set bytea_output = 'hex' as $$
declare
  source bigint;
  known text;
  ours text := current_schema();
  class pg_class;
begin
  perform check_owner(relation, current_user);
  perform unpublish(relation);
  select * into class from pg_class where oid = relation;
  source := register_table(relation, board, coalesce(resource, class.relname), columns);
  execute format('create trigger teamboard_1_show after insert or update or delete on %s for each row
    execute function show_row(%L, %L, %L)', relation, source, coalesce("where", ''), path_for(relation));
  execute format('create trigger teamboard_2_take after insert or update or delete on %s for each row
    execute function take_row(%L)', relation, source);
  execute format('create trigger teamboard_truncate after truncate on %s execute function take_row(%L)', relation, source);
  execute format('alter table %s enable always trigger teamboard_1_show, enable always trigger teamboard_2_take,
    enable always trigger teamboard_truncate', relation);
  perform set_config('search_path', path_for(relation), true);
  -- Not those of tables that inherit from it: their writers fire no trigger of this one.
  for known in execute format('select pg_catalog.row_to_json(%2$I)::text from %4$s %1$s as %2$I where %3$s', relation,
    class.relname, coalesce('(' || "where" || ')', 'true'), case class.relkind when 'r' then 'only' else '' end)
  loop
    execute format('select %I.take_first($1, $2)', ours) using source, known;
  end loop;
end $$;

-- As src/broadcasts/payload.ts: everybody who has the board open is told at the commit, and nothing is kept.
create function broadcast(board text, name text, data jsonb) returns void
language plpgsql security definer set search_path from current as $$
declare
  place uuid := board_named(board);
  payload text;
begin
  if name !~ '^[A-Za-z0-9._:-]{1,64}$' then
    raise exception 'the name of a broadcast is 1 to 64 of [A-Za-z0-9._:-]' using errcode = 'invalid_parameter_value';
  end if;
  payload := json_build_array(json_build_array(name, data,
    coalesce(current_actor(), '00000000-0000-0000-0000-000000000000'),
    coalesce((select users.name from users where id = current_actor()), 'Application'), null, rfc3339(clock_timestamp())));
  if octet_length(payload) > 7600 then
    raise exception 'a broadcast has 7 KB at most' using errcode = 'program_limit_exceeded';
  end if;
  if place is not null then
    perform pg_notify(current_schema() || '_board_' || place, payload);
  end if;
end $$;

-- Keeps the keys that begin with the prefix for SQL: nobody makes a board by such a key over HTTP from here on. Returns those
-- of boards that are there and have owners.
create function reserve_keys(prefix text) returns setof text language plpgsql security definer set search_path from current as $$
begin
  insert into reserved_keys values (prefix) on conflict do nothing;
  -- Who is making one has looked before.
  lock table boards in share row exclusive mode;
  return query select key from boards
    where starts_with(key, reserve_keys.prefix) and exists (select from members where board_id = id and role = 'owner')
    order by key;
end $$;

-- Open to a role of the application, and to nobody else: open_board and broadcast write as our owner.
alter function open_board(text, text) security definer;

-- Gives a role of an application what it needs to publish its tables, to open boards and to broadcast, and no more. Whoever
-- only writes the tables needs nothing.
create function grant_application(role regrole) returns void language plpgsql set search_path from current as $$
begin
  execute format('grant usage on schema %I to %s', current_schema(), role);
  execute format('grant execute on function publish(regclass, name, text, text[], text), unpublish(regclass),
    register_table(regclass, name, text, text[]), forget_table(regclass), take_first(bigint, text), show_row(), take_row(),
    check_owner(regclass, name), path_for(regclass),
    open_board(text, text), broadcast(text, text, jsonb), reserve_keys(text) to %s', role);
end $$;

select restore_triggers();
select close_functions();
