-- What was before: each event of an update keeps what it has overwritten, and each event of an item when the item had been
-- changed before. By the one a board is put back to any place that its log still reaches, by the other an item's events are
-- found one after the other, without an index: that would cost each write of each board for what few ask for.

set local lock_timeout = '2s';

alter table board_events
  -- Of an update of a board or a member: the whole as it was. Of an item: those of the fields in `changes` that are not
  -- large; the values of the others are in `last_of`, that of the text first.
  add before json,
  -- Of an item: whose its version before this event was, and since when. Null: none, or the event is older than this.
  add before_by uuid,
  add before_at timestamptz(3);

-- ---------------------------------------------------------------------------------------------------------------------
-- What writes it: as in the baseline, but for the three columns
-- ---------------------------------------------------------------------------------------------------------------------

drop function append_event;

create function append_event(
  board uuid, resource text, action text, resource_id uuid, object json, changes text[],
  text_value uuid default null, data_value uuid default null, last_of uuid[] default null, brought integer default 0,
  grown integer default null,
  before json default null, before_by uuid default null, before_at timestamptz default null
) returns void language plpgsql set search_path from current as $$
declare
  actor uuid := current_actor();
begin
  loop
    insert into board_events (board_id, seq, opens, resource, action, resource_id, object, changes,
        text_value, data_value, last_of, before, before_by, before_at,
        cost, grown, actor_id, actor_name, mutation_id, stream_id, at)
      select board, greatest(log.head, log.newest) + 1, coalesce(log.head >= log.newest, true),
        resource, action, resource_id, object, changes,
        text_value, data_value, last_of, before, before_by, before_at,
        -- Beside the object a row takes some 150 bytes, and its place in the index.
        octet_length(object::text) + coalesce(octet_length(before::text), 0) + brought + 200, grown,
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
language plpgsql security definer set search_path from current as $$
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  case tg_op
  when 'INSERT' then
    perform append_event(new.id, 'board', 'created', new.id, board_object(new), null);
  when 'UPDATE' then
    perform append_event(new.id, 'board', 'updated', new.id, board_object(new), array_remove(array[
      case when new.name is distinct from old.name then 'name' end,
      case when new.layout is distinct from old.layout then 'layout' end], null), before => board_object(old));
  else
    perform append_event(old.id, 'board', 'deleted', old.id, board_object(old), null);
    update board_log set deleted_at = now(), item_count = 0, item_bytes = 0 where board_id = old.id;
  end case;
  return null;
end $$;

create or replace function record_item() returns trigger
language plpgsql security definer set search_path from current set extra_float_digits = 1 as $$
declare
  is_text_new boolean := true;
  is_data_new boolean := true;
  brought integer := 0;
  changes text[];
  last_of uuid[];
  before json;
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  if tg_op = 'DELETE' then
    if exists (select from boards where id = old.board_id) then
      perform append_event(old.board_id, 'item', 'deleted', old.id, cut_item(old), null,
        old.text_value, old.data_value, array_remove(array[old.text_value, old.data_value], null),
        0, -old.text_bytes - old.data_bytes, before_at => old.updated_at);
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
    -- Only where no value apart from the item has it: of a large one `last_of` has the name.
    before := '{' || concat_ws(',',
      case when is_text_new and old.text_value is null then '"text":' || to_json(old.text)::text end,
      case when new.x is distinct from old.x then '"x":' || old.x::text end,
      case when new.y is distinct from old.y then '"y":' || old.y::text end,
      case when new.color is distinct from old.color then '"color":"' || old.color || '"' end,
      case when new.rank is distinct from old.rank then '"rank":"' || old.rank || '"' end,
      case when is_data_new and old.data_value is null then '"data":' || old.data::text end) || '}';
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
    if current_setting('session_replication_role') <> 'replica' and exists (
      select from board_events
      where board_id = new.board_id and resource_id = new.id and resource = 'item' and action = 'deleted')
    then
      raise exception 'the item % of this board was deleted, and its id is used up', new.id
        using errcode = 'unique_violation', constraint = 'items_id_used_up', hint = 'Take a new id.',
          detail = format('Key (board_id, id)=(%s, %s) is used up.', new.board_id, new.id);
    end if;
    perform append_event(new.board_id, 'item', 'created', new.id, item_object(new), null,
      new.text_value, new.data_value, null, brought, new.text_bytes + new.data_bytes);
  else
    perform append_event(new.board_id, 'item', 'updated', new.id, item_object(new), changes,
      new.text_value, new.data_value, nullif(last_of, '{}'), brought,
      new.text_bytes + new.data_bytes - old.text_bytes - old.data_bytes,
      before, old.updated_by, old.updated_at);
  end if;
  return null;
end $$;

create or replace function record_member() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  if tg_op = 'DELETE' and not exists (select from boards where id = old.board_id) then
    return null;
  end if;
  case tg_op
  when 'INSERT' then
    perform append_event(new.board_id, 'member', 'created', new.user_id, member_object(new), null);
  when 'UPDATE' then
    perform append_event(new.board_id, 'member', 'updated', new.user_id, member_object(new), array_remove(array[
      case when new.told_name is distinct from old.told_name then 'user' end,
      case when new.role is distinct from old.role then 'role' end], null), before => member_object(old));
  else
    perform append_event(old.board_id, 'member', 'deleted', old.user_id, member_object(old), null);
  end case;
  return null;
end $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- What reads it
-- ---------------------------------------------------------------------------------------------------------------------

-- An item as item_object made it before an event that deleted or updated it; null when a large value of it is lost.
--
-- was: the object of the event, with the small fields as they were. text, data: the large ones, as JSON; null: it had none.
create function undone_item(
  was public_item, text text, data text, is_update boolean, before_by uuid, before_at timestamptz
) returns json
language sql stable
return case when num_nulls(coalesce(text, was.text), coalesce(data, was.data::text)) = 0 then
  row_to_json(row(
    was.id, was."boardId", coalesce(text::json #>> '{}', was.text), was.x, was.y, was.color, was.rank,
    coalesce(data::jsonb, was.data), was.version - is_update::int, was."createdBy", was."createdAt",
    case when is_update then before_by else was."updatedBy" end,
    case when is_update then rfc3339(before_at) else was."updatedAt" end)::public_item)
end;

-- The seqs of the newest events of an item that come before the place `below` (null: of all), the newest first.
--
-- Each event says when the item had been changed before (before_at), and was written at the commit of its change. As times
-- rise with the seq, the place of that time is found by halving the log, and the event is the first one behind it that
-- is of that version: soon, unless many were written by one transaction. Where there is none (a clock was set back, events
-- are older than this migration, `below` is no event of the item) the log is looked through backwards. `most_looks`
-- events are looked at in all, each way; then `stopped_at` says where to go on. Step by step: of a long way at once the
-- planner reads the whole before it takes the first.
create function find_item_events(
  board uuid, item uuid, below bigint, most integer, most_looks integer, out seqs bigint[], out stopped_at bigint
) language plpgsql stable set search_path from current as $$
declare
  log board_log;
  wanted integer; -- the version whose event is looked for, and since when it was there; null: any
  since timestamptz;
  low bigint;
  high bigint;
  middle bigint;
  step bigint;
  most_ahead bigint := most_looks;
  found_event record;
begin
  seqs := '{}';
  select * into log from board_log where board_id = board;
  if below is null or below > log.head then
    below := log.head + 1;
    select items.version, updated_at into wanted, since from items where board_id = board and id = item;
    if not found then
      -- There is an index for the ends of items.
      select seq into below from board_events
        where board_id = board and resource_id = item and resource = 'item' and action = 'deleted'
        order by seq desc limit 1;
      if not found then
        return;
      end if;
      seqs := array[below];
    end if;
  end if;
  if wanted is null then
    select case action when 'updated' then (object ->> 'version')::int - 1 when 'deleted' then (object ->> 'version')::int
        else 0 end as version, before_at into found_event
      from board_events where board_id = board and seq = below and resource = 'item' and resource_id = item;
    wanted := found_event.version;
    since := found_event.before_at;
  end if;

  while cardinality(seqs) < most and wanted is distinct from 0 and below > log.trimmed_to + 1 loop
    found_event := null;
    if since is not null and most_ahead > 0 then
      low := log.trimmed_to + 1;
      high := below;
      while low < high loop
        middle := (low + high) / 2;
        if (select at from board_events where board_id = board and seq = middle) < since then
          low := middle + 1;
        else
          high := middle;
        end if;
      end loop;
      high := least(below, low + most_ahead);
      most_ahead := most_ahead - (high - low);
      step := 50;
      while found_event is null and low < high loop
        select seq, action, before_at, object into found_event from board_events
          where board_id = board and seq >= low and seq < least(high, low + step)
            and resource = 'item' and resource_id = item and (object ->> 'version')::int = wanted
          order by seq limit 1;
        low := least(high, low + step);
        step := step * 2;
      end loop;
      most_ahead := most_ahead + (high - low);
    end if;
    if found_event is null then
      low := greatest(log.trimmed_to, below - 1 - most_looks);
      high := below;
      step := 50;
      while found_event is null and high > low + 1 loop
        select seq, action, before_at, object into found_event from board_events
          where board_id = board and seq > greatest(low, high - 1 - step) and seq < high
            and resource = 'item' and resource_id = item
          order by seq desc limit 1;
        high := greatest(low + 1, high - step);
        step := step * 2;
      end loop;
      if found_event is null then
        if low > log.trimmed_to then
          stopped_at := low + 1;
        end if;
        return;
      end if;
      most_looks := most_looks - (below - found_event.seq);
    end if;
    seqs := seqs || found_event.seq;
    below := found_event.seq;
    wanted := case found_event.action
      when 'updated' then (found_event.object ->> 'version')::int - 1 when 'deleted' then (found_event.object ->> 'version')::int
      else 0 end;
    since := found_event.before_at;
  end loop;
end $$;

select close_functions();
