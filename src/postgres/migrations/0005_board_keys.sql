-- Boards by names that an application gives them: `~<key>` stands in each address in the place of the id.

set local lock_timeout = '2s';

-- Freed when the board is deleted: another one may then be made by it.
alter table boards add key text collate "C"
  constraint boards_key_form check (key ~ '^[A-Za-z0-9._:-]{1,128}$');
alter table boards add constraint boards_key unique (key);

create type public_keyed_board as (
  id uuid, name text, layout text, key text, version integer,
  "createdBy" uuid, "createdAt" text, "updatedBy" uuid, "updatedAt" text);

-- Who asks for no keys is told of none.
create or replace function board_object(board boards) returns json
language sql stable
return case when board.key is null then row_to_json(row(
    board.id, board.name, board.layout, board.version,
    board.created_by, rfc3339(board.created_at), board.updated_by, rfc3339(board.updated_at))::public_board)
  else row_to_json(row(
    board.id, board.name, board.layout, board.key, board.version,
    board.created_by, rfc3339(board.created_at), board.updated_by, rfc3339(board.updated_at))::public_keyed_board)
end;

-- A board may be given a key by SQL, and keeps it then: by a key that wandered, streams and requests of one page would be of
-- two boards.
drop trigger keep_identity on boards;
create trigger keep_identity before update on boards for each row
  when (new.id <> old.id or (old.key is not null and new.key is distinct from old.key))
  execute function refuse_new_identity();

create or replace function refuse_new_identity() returns trigger language plpgsql set search_path from current as $$
begin
  raise exception 'a row of % keeps its id%', tg_table_name,
    case tg_table_name when 'boards' then ' and its key' else ' and its board' end
    using errcode = 'restrict_violation', hint = 'Delete the row and insert a new one.';
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
      case when new.layout is distinct from old.layout then 'layout' end,
      case when new.key is distinct from old.key then 'key' end], null), before => board_object(old));
  else
    perform append_event(old.id, 'board', 'deleted', old.id, board_object(old), null);
    update board_log set deleted_at = now(), item_count = 0, item_bytes = 0 where board_id = old.id;
  end case;
  return null;
end $$;

-- The board of a key, which is made where there is none: then it is named so, and the actor's, where the transaction says
-- for whom it writes (teamboard.actor). With the rights of who calls, who needs those to read and insert boards. Who makes
-- the same board at the same time is waited for, and both get the one.
create function open_board(key text, name text default null) returns uuid
language plpgsql set search_path from current as $$
declare
  found_id uuid;
begin
  loop
    select boards.id into found_id from boards where boards.key = open_board.key;
    exit when found_id is not null;
    insert into boards (key, name) values (open_board.key, coalesce(open_board.name, open_board.key))
      on conflict on constraint boards_key do nothing returning boards.id into found_id;
    exit when found_id is not null;
  end loop;
  return found_id;
end $$;

select restore_triggers();
select close_functions();
