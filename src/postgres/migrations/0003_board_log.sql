-- The log of each board. Every committed change of boards, items and members is one row of board_events, numbered
-- from 1 without a gap in the order of commits, whoever wrote it.

-- One narrow row a board, apart from boards, so that taking a number rewrites few bytes and stays HOT.
create table board_log (
  board_id   uuid primary key,
  head       bigint not null default 0,
  trimmed_to bigint not null default 0
) with (fillfactor = 50);

-- No foreign key to boards: the log outlives a deleted board long enough to say so.
create table board_events (
  board_id    uuid not null,
  seq         bigint not null,
  opens       boolean not null, -- the first event of its transaction
  resource    text not null,
  action      text not null,
  resource_id uuid not null,
  object      json not null,
  changes     text[],
  actor_id    uuid,
  actor_name  text,
  mutation_id text,
  at          timestamptz(3) not null,
  primary key (board_id, seq)
);

-- Part of every cursor, beside what names the database server and its timeline. Whoever restores a backup onto a
-- server where those two may stay the same changes it: update log_epoch set value = gen_random_uuid().
create table log_epoch (
  one   boolean primary key default true check (one),
  value uuid not null default gen_random_uuid()
);
insert into log_epoch default values;

-- RFC 3339 in UTC with milliseconds, in every session's time zone.
create function rfc3339(at timestamptz) returns text
language sql immutable parallel safe
return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- The public JSON of each resource, in one place: events, snapshots and single reads all come from here. `json` and
-- not `jsonb` keeps the order of the fields, and a composite type with the public names makes each function one
-- expression: a subquery, or a function in SQL, would be planned again for every row of a large write.
create type public_board as (
  id uuid, name text, layout text, version integer,
  "createdBy" uuid, "createdAt" text, "updatedBy" uuid, "updatedAt" text);

create function board_object(board boards) returns json language plpgsql stable as $$
begin
  return row_to_json(row(
    board.id, board.name, board.layout, board.version,
    board.created_by, rfc3339(board.created_at), board.updated_by, rfc3339(board.updated_at))::public_board);
end $$;

create type public_item as (
  id uuid, "boardId" uuid, text text, x double precision, y double precision, color text, rank text, data jsonb,
  version integer, "createdBy" uuid, "createdAt" text, "updatedBy" uuid, "updatedAt" text);

create function item_object(item items) returns json language plpgsql stable as $$
begin
  return row_to_json(row(
    item.id, item.board_id, item.text, item.x, item.y, item.color, item.rank, item.data, item.version,
    item.created_by, rfc3339(item.created_at), item.updated_by, rfc3339(item.updated_at))::public_item);
end $$;

create type public_person as (id uuid, name text);
create type public_member as ("boardId" uuid, "user" public_person, role text, "createdAt" text);

create function member_object(member members) returns json language plpgsql stable as $$
begin
  return row_to_json(row(
    member.board_id,
    row(member.user_id, coalesce((select users.name from users where users.id = member.user_id), 'Deleted user')),
    member.role, rfc3339(member.created_at))::public_member);
end $$;

-- Takes the next number of the board's log. Called from deferred triggers only, thus at commit, when the transaction
-- holds all its row locks: locks are always taken rows first, head last, so two writers of one board cannot
-- deadlock over it, and the head is held only for the commit itself.
--
-- The number follows the newest event and not the head, and the head is moved once per transaction, by
-- announce_events: moving it for each row would leave a chain of row versions that every later row has to walk,
-- which makes a transaction of n rows cost n². A head that had to be waited for is read as it is after the wait;
-- the newest event may then be an older one, hence the greater of the two.
create function append_event(
  board uuid, resource text, action text, resource_id uuid, object json, changes text[]
) returns void language plpgsql as $$
declare
  actor uuid := current_actor();
begin
  loop
    insert into board_events
      select board, greatest(log.head, log.newest) + 1, coalesce(log.head >= log.newest, true),
        resource, action, resource_id, object, changes,
        actor, (select name from users where id = actor),
        nullif(current_setting('teamboard.mutation_id', true), ''), clock_timestamp()
      from (
        select head, (select seq from board_events where board_id = board order by seq desc limit 1) as newest
        from board_log where board_id = board for no key update
      ) log;
    exit when found;
    insert into board_log (board_id) values (board) on conflict do nothing;
  end loop;
end $$;

-- Moves the head over all events of the transaction. NOTIFY only wakes: the payload is the new head, and readers
-- take the events from the log. Our own nodes set teamboard.notify to 'deferred' and notify after the commit,
-- because a NOTIFY inside a transaction holds a lock of the whole cluster until it has committed. A writer that
-- knows nothing of this is notified for here.
create function announce_events() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
  new_head bigint;
begin
  update board_log
    set head = (select seq from board_events where board_id = new.board_id order by seq desc limit 1)
    where board_id = new.board_id
    returning head into strict new_head;
  if current_setting('teamboard.notify', true) is distinct from 'deferred' then
    perform pg_notify('board_' || new.board_id, new_head::text);
  end if;
  return null;
end $$;

-- Fires after the triggers that record, because those are what queues it.
create constraint trigger announce_events after insert on board_events
  deferrable initially deferred for each row when (new.opens) execute function announce_events();

create function record_board() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
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
  end case;
  return null;
end $$;

-- What a deleted board takes with it is no event of its own: `board deleted` says it all and is the last one of the
-- log, also after a cascade over ten thousand items.
create function record_item() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if tg_op = 'DELETE' and not exists (select from boards where id = old.board_id) then
    return null;
  end if;
  case tg_op
  when 'INSERT' then
    perform append_event(new.board_id, 'item', 'created', new.id, item_object(new), null);
  when 'UPDATE' then
    perform append_event(new.board_id, 'item', 'updated', new.id, item_object(new), array_remove(array[
      case when new.text is distinct from old.text then 'text' end,
      case when new.x is distinct from old.x then 'x' end,
      case when new.y is distinct from old.y then 'y' end,
      case when new.color is distinct from old.color then 'color' end,
      case when new.rank is distinct from old.rank then 'rank' end,
      case when new.data is distinct from old.data then 'data' end], null));
  else
    perform append_event(old.board_id, 'item', 'deleted', old.id, item_object(old), null);
  end case;
  return null;
end $$;

create function record_member() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if tg_op = 'DELETE' and not exists (select from boards where id = old.board_id) then
    return null;
  end if;
  case tg_op
  when 'INSERT' then
    perform append_event(new.board_id, 'member', 'created', new.user_id, member_object(new), null);
  when 'UPDATE' then
    perform append_event(new.board_id, 'member', 'updated', new.user_id, member_object(new), array['role']);
  else
    perform append_event(old.board_id, 'member', 'deleted', old.user_id, member_object(old), null);
  end case;
  return null;
end $$;

create constraint trigger record_created_or_deleted after insert or delete on boards
  deferrable initially deferred for each row execute function record_board();
create constraint trigger record_updated after update on boards
  deferrable initially deferred for each row when (new.version <> old.version) execute function record_board();

create constraint trigger record_created_or_deleted after insert or delete on items
  deferrable initially deferred for each row execute function record_item();
create constraint trigger record_updated after update on items
  deferrable initially deferred for each row when (new.version <> old.version) execute function record_item();

create constraint trigger record_created_or_deleted after insert or delete on members
  deferrable initially deferred for each row execute function record_member();
create constraint trigger record_updated after update on members
  deferrable initially deferred for each row when (new.role <> old.role) execute function record_member();

-- TRUNCATE fires no row trigger: it would empty boards unheard.
create function refuse_truncate() returns trigger language plpgsql as $$
begin
  raise exception 'TRUNCATE of % would be heard by nobody', tg_table_name
    using errcode = 'feature_not_supported', hint = 'Use DELETE: each deleted row is then an event of its board.';
end $$;

create trigger refuse_truncate before truncate on boards execute function refuse_truncate();
create trigger refuse_truncate before truncate on items execute function refuse_truncate();
create trigger refuse_truncate before truncate on members execute function refuse_truncate();
create trigger refuse_truncate before truncate on board_events execute function refuse_truncate();

-- What a transaction of our own nodes says first: for whom it writes, which request it is, and that the node
-- notifies after the commit. Transaction-local, so that it is safe behind a transaction pooler.
create function begin_write(actor uuid, mutation_id text) returns void language plpgsql as $$
begin
  perform set_config('teamboard.actor', coalesce(actor::text, ''), true),
    set_config('teamboard.mutation_id', coalesce(mutation_id, ''), true),
    set_config('teamboard.notify', 'deferred', true);
end $$;
