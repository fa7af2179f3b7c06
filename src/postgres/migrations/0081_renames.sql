-- A user's name that changes is a change of each board that shows it: its log tells of it, and its snapshots show the
-- name that the log has told. Some users are on ten thousand boards, so that this is done after the change and a few
-- boards at a time: `renames` holds what is still to be told.
set local lock_timeout = '2s';

create table renames (
  id       uuid primary key default uuid_v7(),
  user_id  uuid not null references users on delete cascade,
  actor    uuid,
  tried_at timestamptz not null default clock_timestamp()
);
create index renames_user_id on renames (user_id);
create index renames_tried_at on renames (tried_at);

-- As the log of the board has told it. (Not `name`: that would have two meanings where boards and members are joined.)
alter table members add column told_name text;
update members set told_name = users.name from users where users.id = members.user_id;

-- Nobody writes the name but by writing the row. A new member takes a lock against renames that are under way: whichever
-- comes second, the rename or the membership, then knows of the first.
create or replace function stamp_member() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if tg_op = 'INSERT' then
    new.created_at := clock_timestamp();
    new.told_name := (select name from users where id = new.user_id for share);
  else
    new.created_at := old.created_at;
    new.told_name := (select name from users where id = new.user_id);
  end if;
  return new;
end $$;

create or replace function member_object(member members) returns json language plpgsql stable as $$
begin
  return row_to_json(row(
    member.board_id,
    row(member.user_id, coalesce((select member.told_name from users where users.id = member.user_id), 'Deleted user')),
    member.role, rfc3339(member.created_at))::public_member);
end $$;

create or replace function record_member() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if tg_op = 'DELETE' and not exists (select from boards where id = old.board_id) then
    return null;
  end if;
  case tg_op
  when 'INSERT' then
    perform append_event(new.board_id, 'member', 'created', new.user_id, member_object(new), null);
  when 'UPDATE' then
    perform append_event(new.board_id, 'member', 'updated', new.user_id, member_object(new), array_remove(array[
      case when new.told_name is distinct from old.told_name then 'user' end,
      case when new.role is distinct from old.role then 'role' end], null));
  else
    perform append_event(old.board_id, 'member', 'deleted', old.user_id, member_object(old), null);
  end case;
  return null;
end $$;

drop trigger record_updated on members;
create constraint trigger record_updated after update on members
  deferrable initially deferred for each row
  when ((new.role <> old.role or new.told_name is distinct from old.told_name)
    and (current_setting('session_replication_role') <> 'replica' or not log_is_replicated()))
  execute function record_member();
alter table members enable always trigger record_updated;

create function queue_rename() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if exists (select from members where user_id = new.id) then
    insert into renames (user_id, actor) values (new.id, current_actor());
  end if;
  return null;
end $$;
create trigger queue_rename after update on users for each row
  when (new.name <> old.name and (current_setting('session_replication_role') <> 'replica' or not log_is_replicated()))
  execute function queue_rename();
alter table users enable always trigger queue_rename;

-- Tells so many boards of a user's new name, in one transaction, and returns them: they are to be woken after its commit.
-- Returns null, as its last row, when no rename is left to be told. Several renames of one user are told as one.
--
-- Waits for nobody: a member or a log that somebody has locked is left for a later turn, in which other users come first.
-- Both are locked before anything is written, so that no lock is waited for at the commit either.
create function tell_renames(most integer) returns setof uuid
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  rename renames;
  known uuid[];
  board uuid;
  told integer := 0;
begin
  select * into rename from renames order by tried_at limit 1 for update skip locked;
  if not found then
    return query select null::uuid;
    return;
  end if;
  known := array(select id from renames where user_id = rename.user_id);
  perform set_config('teamboard.actor', coalesce(rename.actor::text, ''), true),
    set_config('teamboard.notify', 'deferred', true);
  for board in
    select board_id from members join users on users.id = members.user_id
    where user_id = rename.user_id and members.told_name is distinct from users.name
    order by board_id limit most for no key update of members skip locked
  loop
    perform from board_log where board_id = board for no key update skip locked;
    continue when not found;
    update members set told_name = told_name where board_id = board and user_id = rename.user_id;
    told := told + 1;
    return next board;
  end loop;
  if not exists (
    select from members join users on users.id = members.user_id
    where user_id = rename.user_id and members.told_name is distinct from users.name)
  then
    delete from renames where id = any(known);
  else
    update renames set tried_at = clock_timestamp() where id = any(known);
    if told = 0 then
      return query select null::uuid;
    end if;
  end if;
end $$;
