-- Boards, who may see them, and what is on them. What must never be wrong, whoever writes (this API, another
-- service, psql), is a constraint or a trigger here and not a rule of the API: version, times, palette, sizes.

create table boards (
  id         uuid primary key default uuid_v7(),
  name       text not null check (char_length(name) between 1 and 200),
  layout     text not null default 'canvas' check (layout in ('canvas', 'list')),
  version    integer not null default 1,
  created_by uuid,
  created_at timestamptz(3) not null default now(),
  updated_by uuid,
  updated_at timestamptz(3) not null default now()
);

create table members (
  board_id   uuid not null references boards on delete cascade,
  user_id    uuid not null references users on delete cascade,
  role       text not null check (role in ('owner', 'editor', 'viewer')),
  created_at timestamptz(3) not null default now(),
  primary key (board_id, user_id)
);
create index members_user_id on members (user_id, board_id);

-- A fractional-indexing key: the first character says how many digits the integer part has ('a' is 2, 'b' is 3, …,
-- 'Z' is 2, 'Y' is 3, …), and a fraction never ends in '0'. A key outside this form could have no key before or
-- after it, and would break everyone who moves an item next to it.
create function is_rank(rank text) returns boolean
language sql immutable parallel safe
return rank ~ '^[A-Za-z][0-9A-Za-z]{1,199}$'
  and rank <> 'A00000000000000000000000000'
  and char_length(rank) >= case
    when rank collate "C" >= 'a' then ascii(rank) - ascii('a') + 2
    else ascii('Z') - ascii(rank) + 2
  end
  and (
    right(rank, 1) <> '0'
    or char_length(rank) = case
      when rank collate "C" >= 'a' then ascii(rank) - ascii('a') + 2
      else ascii('Z') - ascii(rank) + 2
    end
  );

create table items (
  id         uuid primary key default uuid_v7(),
  board_id   uuid not null references boards on delete cascade,
  text       text not null constraint items_text check (char_length(text) <= 10000),
  x          double precision not null default 0 constraint items_x check (x > '-Infinity' and x < 'Infinity'),
  y          double precision not null default 0 constraint items_y check (y > '-Infinity' and y < 'Infinity'),
  color      text not null default 'yellow' constraint items_color
             check (color in ('yellow', 'orange', 'red', 'pink', 'purple', 'blue', 'green', 'gray')),
  rank       text collate "C" not null default 'a0' constraint items_rank check (is_rank(rank)),
  data       jsonb not null default '{}' constraint items_data
             check (jsonb_typeof(data) = 'object' and octet_length(data::text) <= 16384),
  version    integer not null default 1,
  created_by uuid,
  created_at timestamptz(3) not null default now(),
  updated_by uuid,
  updated_at timestamptz(3) not null default now()
);
-- Serves the board in list order, and finds its last rank.
create index items_board_rank on items (board_id, rank, id);

-- Who a transaction writes for. A writer says it with
--   select set_config('teamboard.actor', '<user id>', true)
-- in its transaction; one that says nothing writes for no user.
create function current_actor() returns uuid
language sql stable
return nullif(current_setting('teamboard.actor', true), '')::uuid;

-- `version`, the times and the names beside them are the database's doing, so that no writer can forget or forge
-- them. An update that changes nothing keeps its version, and is no event.
create function stamp_version() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    new.version := 1;
    new.created_by := coalesce(current_actor(), new.created_by);
    new.created_at := clock_timestamp();
    new.updated_by := new.created_by;
    new.updated_at := new.created_at;
    return new;
  end if;
  new.version := old.version;
  new.created_by := old.created_by;
  new.created_at := old.created_at;
  new.updated_by := old.updated_by;
  new.updated_at := old.updated_at;
  if new is distinct from old then
    new.version := old.version + 1;
    new.updated_by := current_actor();
    -- Never back in time, also when the clock was set back.
    new.updated_at := greatest(clock_timestamp(), old.updated_at);
  end if;
  return new;
end $$;

create trigger stamp_version before insert or update on boards for each row execute function stamp_version();
create trigger stamp_version before insert or update on items for each row execute function stamp_version();

-- An identity that changes would be an event of two boards at once. Delete and create instead.
create function refuse_new_identity() returns trigger language plpgsql as $$
begin
  raise exception 'a row of % keeps its id and its board', tg_table_name
    using errcode = 'restrict_violation', hint = 'Delete the row and insert a new one.';
end $$;

create trigger keep_identity before update on boards for each row
  when (new.id <> old.id) execute function refuse_new_identity();
create trigger keep_identity before update on items for each row
  when (new.id <> old.id or new.board_id <> old.board_id) execute function refuse_new_identity();
create trigger keep_identity before update on members for each row
  when (new.user_id <> old.user_id or new.board_id <> old.board_id) execute function refuse_new_identity();

-- RFC 7396. In the database, so that two edits of different members of one object never undo each other: an UPDATE
-- that waited for a lock evaluates this again on the row that it then finds.
create function merge_patch(target jsonb, patch jsonb) returns jsonb
language plpgsql immutable parallel safe as $$
declare
  merged jsonb := case when jsonb_typeof(target) = 'object' then target else '{}' end;
  name text;
  value jsonb;
begin
  if jsonb_typeof(patch) is distinct from 'object' then
    return patch;
  end if;
  for name, value in select * from jsonb_each(patch) loop
    if jsonb_typeof(value) = 'null' then
      merged := merged - name;
    else
      merged := jsonb_set(merged, array[name], merge_patch(merged -> name, value));
    end if;
  end loop;
  return merged;
end $$;
