-- Everything of ours, in the order of its subjects: what all share; the log's tables; accounts; boards, members and
-- items; what the log is told, and how; limits; sharing; deletion; renames; repeats; the epoch; switched-off triggers.
--
-- It runs with a search_path of our schema alone, and names nothing else. Whoever writes later has another one: so each
-- function in PL/pgSQL keeps this one (`set search_path from current`), and each in SQL has a body that was bound to
-- what it names when it was created (`return`), which also lets PostgreSQL put a simple one in the place of its call.
--
-- What must never be wrong, whoever writes (this API, another service, psql), is a constraint or a trigger here and not a
-- rule of the API: version, times, palette, sizes, names. The tables refuse what the API refuses: a row that no client
-- could be shown stops the board that it is on.
--
-- Whoever writes is heard, also by ways on which ordinary triggers are silent: logical replication, and sessions with
-- session_replication_role = replica. So each trigger is `enable always` (restore_triggers, at the end). The one that
-- stands in the place of a foreign key is none of them: a copy may bring items before their boards.

-- ---------------------------------------------------------------------------------------------------------------------
-- What all share
-- ---------------------------------------------------------------------------------------------------------------------

-- RFC 9562, version 7: PostgreSQL has its own only from 18 on. 48 bits of milliseconds over a random UUID, whose
-- version bits 0100 become 0111.
create function uuid_v7() returns uuid
language sql volatile
return encode(
  set_bit(set_bit(
    overlay(uuid_send(gen_random_uuid())
      placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
    52, 1), 53, 1), 'hex')::uuid;

-- RFC 3339 in UTC with milliseconds, in every session's time zone.
create function rfc3339(at timestamptz) returns text
language sql immutable parallel safe
return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- What an RFC 3339 time can say.
create function is_time(at timestamptz) returns boolean
language sql immutable parallel safe
return at >= '0001-01-01 00:00:00+00' and at < '10000-01-01 00:00:00+00';

-- What a name is, whoever writes it: one line without control characters that shows something. As src/http/name.ts;
-- regular expressions know no Unicode classes here, so the ranges are those of Z, Cc, Cf, Default_Ignorable_Code_Point and
-- the blank of Braille. A test compares the two, code point by code point.
create function is_name(name text) returns boolean
language sql immutable parallel safe
return name !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]' and name ~ ('[^'
  '\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160\u1680'
  '\u17b4-\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0'
  '\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a'
  '\U000e0000-\U000e0fff]');

-- Who a transaction writes for. A writer says it with
--   select set_config('teamboard.actor', '<user id>', true)
-- in its transaction; one that says nothing writes for no user.
create function current_actor() returns uuid
language sql stable
return nullif(current_setting('teamboard.actor', true), '')::uuid;

-- The limit that the transaction has named; null: none.
create function named_limit(name text) returns bigint
language sql stable
return nullif(current_setting('teamboard.' || name, true), '')::bigint;

-- What a transaction of our own nodes says first: for whom it writes, which request it is, which stream it came from
-- (so that it is not told back to the page that made it), what the board may hold, and that the node notifies after the
-- commit. Transaction-local, so that it is safe behind a transaction pooler.
create function begin_write(
  actor uuid, mutation_id text, stream_id text, items_per_board bigint, bytes_per_board bigint
) returns void language plpgsql set search_path from current as $$
begin
  perform set_config('teamboard.actor', coalesce(actor::text, ''), true),
    set_config('teamboard.mutation_id', coalesce(mutation_id, ''), true),
    set_config('teamboard.stream_id', coalesce(stream_id, ''), true),
    set_config('teamboard.items_per_board', items_per_board::text, true),
    set_config('teamboard.bytes_per_board', bytes_per_board::text, true),
    set_config('teamboard.notify', 'deferred', true);
end $$;

-- TRUNCATE fires no row trigger: it would empty boards unheard.
create function refuse_truncate() returns trigger language plpgsql set search_path from current as $$
begin
  raise exception 'TRUNCATE of % would be heard by nobody', tg_table_name
    using errcode = 'feature_not_supported', hint = 'Use DELETE: each deleted row is then an event of its board.';
end $$;

-- A trigger function that runs with the rights of its owner asks first whether it is on a table of ours. Whoever may call
-- it could attach it to a table of their own, whose columns have types with casts of their own: and these would run with
-- the owner's rights. Nobody but the owner may (close_functions); this stands where somebody has granted it, and where
-- the schema has got another name, so that nothing is recorded in another schema of the old one.
create function refuse_table(relation regclass) returns void language plpgsql set search_path from current as $$
begin
  raise exception 'a trigger of Teamboard (%) does not belong on %', coalesce(current_schema(), 'nowhere'), relation
    using errcode = 'object_not_in_prerequisite_state',
      hint = 'When the schema was renamed: run `teamboard migrate` with DATABASE_SCHEMA set to its new name.';
end $$;

-- Work that one node does for all, now and then: when it was begun last, by whichever node.
create table background_turns (
  work     text primary key,
  taken_at timestamptz not null
);

-- ---------------------------------------------------------------------------------------------------------------------
-- The log of each board
-- ---------------------------------------------------------------------------------------------------------------------
-- Every committed change of boards, items and members is one row of board_events, numbered from 1 without a gap in the
-- order of commits, whoever wrote it.

-- One narrow row a board, apart from boards, so that taking a number rewrites few bytes and stays HOT.
create table board_log (
  board_id   uuid primary key,
  head       bigint not null default 0,
  trimmed_to bigint not null default 0,
  -- Of the items, as of the head: so many, and so many bytes of their texts and data. Whoever opens a board is sent all
  -- of it, so that it must have an end.
  item_count integer not null default 0,
  item_bytes bigint not null default 0,
  -- Of all events.
  event_bytes bigint not null default 0,
  -- When `board deleted`, the last event, was written. Never changes once it is set, so that its index keeps HOT.
  deleted_at timestamptz(3)
) with (fillfactor = 50);
create index board_log_deleted on board_log (board_id) where deleted_at is not null;

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
  text_value  uuid, -- of large_values, which `object` has null in place of
  data_value  uuid,
  last_of     uuid[], -- values that no later event shows
  cost        integer not null default 0, -- bytes, with those of the values that came with it
  grown       integer, -- by how many bytes it has made the items of its board larger; null when it is of no item
  actor_id    uuid,
  actor_name  text,
  -- An Idempotency-Key, as the API takes it.
  mutation_id text constraint board_events_mutation_id check (mutation_id collate "C" ~ '^[\x21-\x7e]{1,64}$'),
  stream_id   text constraint board_events_stream_id check (octet_length(stream_id) <= 36),
  at          timestamptz(3) not null,
  primary key (board_id, seq)
);
create trigger refuse_truncate before truncate on board_events execute function refuse_truncate();
-- Finds ids that are used up: see record_item.
create index board_events_deleted_items on board_events (board_id, resource_id)
  where resource = 'item' and action = 'deleted';

-- Large texts and data, stored once for all events that show them.
--
-- An event tells the whole item, and a batch that moves 500 large notes sends a few bytes for each of them. Stored as it
-- is told, it cost a thousand times what was sent. So a text or data above a bound is stored apart when it is written,
-- and the events and the answers kept for repeats name it. What was sent once is then stored twice, in its item and
-- here, and each event or answer that shows it costs below 1 KB. (A patch inside `data` makes new data, of 16 KiB at
-- most.)
create table large_values (
  id         uuid primary key,
  value      text not null, -- JSON
  expires_at timestamptz(3) -- null while an event or an item shows it
);
-- Serves the removal of what has expired.
create index large_values_expires_at on large_values (expires_at) where expires_at is not null;
create trigger refuse_truncate before truncate on large_values execute function refuse_truncate();

-- Below this an event that has the value costs little more than one that names it.
create function is_large(bytes integer) returns boolean
language sql immutable parallel safe
return bytes > 200;

-- Part of every cursor, beside what names the database server and its timeline. Whoever restores a backup onto a
-- server where those two may stay the same changes it: update log_epoch set value = gen_random_uuid().
create table log_epoch (
  one   boolean primary key default true check (one),
  value uuid not null default gen_random_uuid()
);
insert into log_epoch default values;

-- Which history of the database a seq belongs to, asked for in the statement that reads the seq.
--
-- A failover that loses rows, or a restore, hands out their numbers again. The epoch changes with both, so that a
-- cursor from before is answered with `reset` and never taken for the event that has its number now. It is a hash of
-- * the system identifier: another for each initdb, the same in a copy (some managed servers deny it);
-- * the timeline, which every promotion and every point-in-time recovery begins anew. It is read from the name of the
--   WAL file in use and not from pg_control_checkpoint(), which still has the old one until the first checkpoint
--   after a promotion;
-- * log_epoch.value, that restore instructions can change where both stay the same.
--
-- Fails on a standby: what it holds may not become the history.
create function current_epoch() returns text language plpgsql stable set search_path from current as $$
declare
  system text := '';
begin
  if pg_is_in_recovery() then
    raise exception 'a standby has no history of its own' using errcode = 'read_only_sql_transaction';
  end if;
  begin
    select system_identifier::text into system from pg_control_system();
  exception when insufficient_privilege then null;
  end;
  return left(encode(sha256(convert_to(
    system || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/' || (select value from log_epoch), 'UTF8')),
    'hex'), 8);
end $$;

-- Whether the log itself comes by logical replication, as when the whole database is copied to another server: the
-- events of all rows come with it, under their numbers, and none must be made here a second time.
--
-- Each trigger that records asks for it, behind the cheap question whether this is a replica at all: written out, since
-- a condition that is a function would be looked up for each statement.
create function log_is_replicated() returns boolean
language sql stable
return current_setting('session_replication_role') = 'replica'
  and exists (select from pg_subscription_rel where srrelid = 'board_events'::regclass);

-- ---------------------------------------------------------------------------------------------------------------------
-- Accounts: users, and what they sign in with
-- ---------------------------------------------------------------------------------------------------------------------

create table users (
  id         uuid primary key default uuid_v7(),
  name       text not null check (char_length(name) between 1 and 100) constraint users_name check (is_name(name)),
  guest      boolean not null,
  created_at timestamptz(3) not null default now() constraint users_created_at check (is_time(created_at))
);
-- In pages, for the removal of guests whom nobody can be any more.
create index users_guests on users (created_at, id) where guest;

-- Apart from users, which other services may read for the names. A guest has no row here.
create table credentials (
  user_id       uuid primary key references users on delete cascade,
  email         text not null
                constraint credentials_email_length check (char_length(email) between 3 and 254)
                constraint credentials_email_form check (
                  email collate "C" ~* ('^[a-z0-9.!#$%&''*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
                    '(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$')),
  password_hash text not null check (password_hash like '$argon2id$%')
);
-- One account for one address however it is written. The collation, because in a Turkish one I is no i.
create unique index credentials_email on credentials (lower(email collate "C"));

-- The cookie carries the secret, the table only its SHA-256: whoever reads the table can sign in as nobody. What others
-- say a session is, is its id: its hash, which is what a cookie is looked up by, should not stand there.
create table sessions (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  id         uuid not null default uuid_v7() constraint sessions_id unique,
  user_id    uuid not null references users on delete cascade,
  created_at timestamptz(3) not null default now() constraint sessions_created_at check (is_time(created_at)),
  expires_at timestamptz(3) not null constraint sessions_expires_at_time check (is_time(expires_at))
);
create index sessions_user_id on sessions (user_id);
create index sessions_expires_at on sessions (expires_at);

-- Personal API tokens. As with sessions: only the SHA-256 of the secret.
create table tokens (
  id         uuid primary key default uuid_v7(),
  user_id    uuid not null references users on delete cascade,
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  name       text not null check (char_length(name) between 1 and 100) constraint tokens_name check (is_name(name)),
  created_at timestamptz(3) not null default now() constraint tokens_created_at check (is_time(created_at)),
  expires_at timestamptz(3) constraint tokens_expires_at_time check (is_time(expires_at)) -- null: never
);
create index tokens_user_id on tokens (user_id, id);
-- Serves the removal of what has expired.
create index tokens_expires_at on tokens (expires_at) where expires_at is not null;

-- Users whom another application sends. An email is no part of it: whoever can name one at an issuer would have the
-- account of another.
create table identities (
  issuer     text collate "C" not null check (char_length(issuer) between 1 and 255),
  subject    text collate "C" not null check (char_length(subject) between 1 and 255),
  user_id    uuid not null references users on delete cascade,
  -- By the token that the user's name is from.
  named_at   timestamptz(3) not null,
  created_at timestamptz(3) not null default now(),
  primary key (issuer, subject)
);
create index identities_user_id on identities (user_id);

-- Whoever ends a session or a token (this API, another service, psql, the cascade of a deleted user) wakes the nodes
-- that have streams open by it. As on the channels of the boards, what is announced is a hint: each node reads the
-- tables before it closes anything, and reads them now and then without a hint.
--
-- A channel begins with the name of the schema, so that two installations in one database do not hear each other
-- (events/channel.ts). 200 ids a payload: 7.4 KB, of the 8,000 bytes at which pg_notify fails the writer's transaction.
create function announce_access_ended(schema text, ids uuid[]) returns void
language plpgsql set search_path from current as $$
begin
  perform pg_notify(schema || '_access_ended', string_agg(id::text, ','))
    from unnest(ids) with ordinality as ended (id, place)
    group by (place - 1) / 200;
end $$;

-- For a statement and not for each row: a statement that ends ten thousand sessions sends fifty announcements.
-- What had expired anyway has been closed by the time, and is swept away unheard.
create function announce_deleted_access() returns trigger language plpgsql set search_path from current as $$
begin
  perform announce_access_ended(tg_table_schema,
    array(select id from gone where expires_at is null or expires_at > now()));
  return null;
end $$;

create function announce_shortened_access() returns trigger language plpgsql set search_path from current as $$
begin
  perform announce_access_ended(tg_table_schema, array(
    select was.id from was left join became on became.id = was.id
    where became.id is null
      or coalesce(became.expires_at, 'infinity') < coalesce(was.expires_at, 'infinity')));
  return null;
end $$;

-- TRUNCATE shows no trigger what it takes: so it is asked before.
create function announce_truncated_access() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  ids uuid[];
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  execute format('select array(select id from %I)', tg_table_name) into ids;
  perform announce_access_ended(tg_table_schema, ids);
  return null;
end $$;

create trigger announce_deleted after delete on sessions referencing old table as gone
  for each statement execute function announce_deleted_access();
create trigger announce_shortened after update on sessions referencing old table as was new table as became
  for each statement execute function announce_shortened_access();
create trigger announce_truncated before truncate on sessions
  for each statement execute function announce_truncated_access();

create trigger announce_deleted after delete on tokens referencing old table as gone
  for each statement execute function announce_deleted_access();
create trigger announce_shortened after update on tokens referencing old table as was new table as became
  for each statement execute function announce_shortened_access();
create trigger announce_truncated before truncate on tokens
  for each statement execute function announce_truncated_access();

-- ---------------------------------------------------------------------------------------------------------------------
-- Boards, who may see them, and what is on them
-- ---------------------------------------------------------------------------------------------------------------------

create table boards (
  id         uuid primary key default uuid_v7(),
  name       text not null check (char_length(name) between 1 and 200) constraint boards_name check (is_name(name)),
  layout     text not null default 'canvas' check (layout in ('canvas', 'list')),
  version    integer not null default 1,
  created_by uuid,
  created_at timestamptz(3) not null default now(),
  updated_by uuid,
  updated_at timestamptz(3) not null default now()
);
create index boards_created_by on boards (created_by);

create table members (
  board_id   uuid not null references boards on delete cascade,
  user_id    uuid not null references users on delete cascade,
  role       text not null check (role in ('owner', 'editor', 'viewer')),
  -- As the log of the board has told it. (Not `name`: that would have two meanings where boards and members are joined.)
  told_name  text,
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

-- The bytes of the document without the blank that PostgreSQL writes behind each colon and comma.
create function compact_length(document jsonb) returns integer
language sql immutable parallel safe
return octet_length(document::text) - (
  select octet_length(bare) - octet_length(replace(bare, ' ', ''))
  from regexp_replace(document::text, '"(?:[^"\\]|\\.)*"', '', 'g') as bare);

-- Whether a double keeps each number: it is the shortest decimal that names its double. Every other one (1e500,
-- 12345678901234567890) comes back from a client's JSON.parse as another number. A number of fewer than 16 characters
-- is always kept, thus only long ones are looked at: PostgreSQL writes all of them without exponents.
create function are_doubles(document jsonb) returns boolean
language sql immutable parallel safe set extra_float_digits = 1
return not exists (
  select
  from regexp_matches(regexp_replace(document::text, '"(?:[^"\\]|\\.)*"', '', 'g'), '[0-9.]{16,}', 'g') as long,
    lateral (select long[1]::numeric as number) as parsed
  where case
    when number > 1.7976931348623157e308 or (number > 0 and number < 4.9e-324) then true
    else number::float8::text::numeric <> number
  end);

-- Whether no member has a name by which a careless parser of JavaScript changes what it knows of all objects.
create function is_harmless(document jsonb) returns boolean
language sql immutable parallel safe
return not jsonb_path_exists(document, '$.**."__proto__"')
  and not jsonb_path_exists(document, '$.**."constructor"."prototype"');

create table items (
  id         uuid not null default uuid_v7(),
  board_id   uuid not null, -- of boards: see check_board_of_item
  text       text not null constraint items_text check (char_length(text) <= 10000),
  x          double precision not null default 0 constraint items_x check (x > '-Infinity' and x < 'Infinity'),
  y          double precision not null default 0 constraint items_y check (y > '-Infinity' and y < 'Infinity'),
  color      text not null default 'yellow' constraint items_color
             check (color in ('yellow', 'orange', 'red', 'pink', 'purple', 'blue', 'green', 'gray')),
  rank       text collate "C" not null default 'a0' constraint items_rank check (is_rank(rank)),
  -- Asked in the order of their names: size bounds what the others cost.
  data       jsonb not null default '{}'
             constraint items_data check (jsonb_typeof(data) = 'object'
               and (octet_length(data::text) <= 16384 or compact_length(data) <= 16384))
             constraint items_data_depth check (not jsonb_path_exists(data, 'strict $.**{100}'))
             constraint items_data_values check (data::text !~ '[0-9.]{16}|"(__proto__|constructor)": '
               or (are_doubles(data) and is_harmless(data))),
  version    integer not null default 1,
  created_by uuid,
  created_at timestamptz(3) not null default now(),
  updated_by uuid,
  updated_at timestamptz(3) not null default now(),
  -- Of the two fields that may be large, as JSON, which is how everyone gets them: how many bytes, and where the value
  -- is; null while it is small, and each event has it itself.
  text_bytes integer not null default 0,
  data_bytes integer not null default 0,
  text_value uuid,
  data_value uuid,
  -- Clients may choose ids. One that is taken on another board is nobody's business here: neither would they learn of it,
  -- nor could somebody take it away from them.
  primary key (board_id, id)
);
-- Serves the board in list order, and finds its last rank.
create index items_board_rank on items (board_id, rank, id);

-- In the place of a foreign key, with its name and its lock: who adds an item waits for who deletes the board, or the
-- other way round. The cascade of a foreign key over hundreds of thousands of items took longer than a statement may, so
-- that nobody could delete such a board (see Deletion).
create function check_board_of_item() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  perform from boards where id = new.board_id for key share;
  if not found then
    raise exception 'there is no board %', new.board_id
      using errcode = 'foreign_key_violation', table = 'items', constraint = 'items_board_id_fkey';
  end if;
  return null;
end $$;
create constraint trigger items_board_id_fkey after insert on items
  for each row execute function check_board_of_item();

-- `version`, the times and the names beside them are the database's doing, so that no writer can forget or forge
-- them. An update that changes nothing keeps its version, and is no event.
create function stamp_version() returns trigger language plpgsql set search_path from current as $$
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

-- As stamp_version, for items alone. Compared field by field, the small ones first: to compare the records as a whole
-- would read values that are stored out of line into `new`, and each move of a large note would store its text anew.
create function stamp_item() returns trigger language plpgsql set search_path from current as $$
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

-- When somebody joined is the database's doing, as all times that it shows: a change of it alone would be no event. Nor
-- does anybody write the name but by writing the user's. A new member takes a lock against renames that are under way:
-- whichever comes second, the rename or the membership, then knows of the first.
create function stamp_member() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  if tg_op = 'INSERT' then
    new.created_at := clock_timestamp();
    new.told_name := (select name from users where id = new.user_id for share);
  else
    new.created_at := old.created_at;
    new.told_name := (select name from users where id = new.user_id);
  end if;
  return new;
end $$;

create trigger stamp_version before insert or update on boards for each row
  when (current_setting('session_replication_role') <> 'replica' or not log_is_replicated())
  execute function stamp_version();
create trigger stamp_version before insert or update on items for each row
  when (current_setting('session_replication_role') <> 'replica' or not log_is_replicated())
  execute function stamp_item();
create trigger stamp_member before insert or update on members for each row
  when (current_setting('session_replication_role') <> 'replica' or not log_is_replicated())
  execute function stamp_member();

-- What is equal stays the text that it was: 1.0 in the place of 1 is no change, thus no event tells of it, and a snapshot
-- would yet show another text than the events. Our own writers keep to it by merge_patch, and are not asked here: to
-- compare large data would read them, each time a note is moved.
create function keep_text() returns trigger language plpgsql set search_path from current as $$
begin
  -- Of a negative zero nothing remains.
  new.x := new.x + 0;
  new.y := new.y + 0;
  if tg_op = 'UPDATE' and new.data is not distinct from old.data then
    new.data := old.data;
  end if;
  return new;
end $$;
create trigger keep_text before insert or update of x, y, data on items for each row
  when (current_setting('teamboard.notify', true) is distinct from 'deferred'
    and (current_setting('session_replication_role') <> 'replica' or not log_is_replicated()))
  execute function keep_text();

-- An identity that changes would be an event of two boards at once. Delete and create instead.
create function refuse_new_identity() returns trigger language plpgsql set search_path from current as $$
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

create trigger refuse_truncate before truncate on boards execute function refuse_truncate();
create trigger refuse_truncate before truncate on items execute function refuse_truncate();
create trigger refuse_truncate before truncate on members execute function refuse_truncate();

-- RFC 7396, in one pass. In the database, so that two edits of different members of one object never undo each other: an
-- UPDATE that waited for a lock evaluates this again on the row that it then finds.
create function merge_patch(target jsonb, patch jsonb) returns jsonb
language plpgsql immutable parallel safe set search_path from current as $$
declare
  stripped jsonb;
begin
  if jsonb_typeof(patch) is distinct from 'object' then
    return patch;
  end if;
  if jsonb_typeof(target) is distinct from 'object' then
    -- Nothing to merge with. What removes nothing stays as it is, without a call for each object in it. (The built-in
    -- function looks into arrays as well, which RFC 7396 takes as they are.)
    stripped := jsonb_strip_nulls(patch);
    if stripped = patch or strpos(patch::text, '[') = 0 then
      return stripped;
    end if;
    target := '{}';
  end if;
  return (
    select coalesce(jsonb_object_agg(key, case
      when jsonb_typeof(theirs.value) = 'object' then merge_patch(ours.value, theirs.value)
      when theirs.value is null or theirs.value = ours.value then ours.value
      else theirs.value
    end), '{}')
    from jsonb_each(target) as ours full join jsonb_each(patch) as theirs using (key)
    where jsonb_typeof(theirs.value) is distinct from 'null');
end $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- The public JSON of each resource
-- ---------------------------------------------------------------------------------------------------------------------
-- In one place: events, snapshots and single reads all come from here. `json` and not `jsonb` keeps the order of the
-- fields, and a composite type with the public names makes each function one expression, which PostgreSQL puts in the
-- place of the call: a subquery would be planned again for every row of a large write.

create type public_board as (
  id uuid, name text, layout text, version integer,
  "createdBy" uuid, "createdAt" text, "updatedBy" uuid, "updatedAt" text);

create function board_object(board boards) returns json
language sql stable
return row_to_json(row(
  board.id, board.name, board.layout, board.version,
  board.created_by, rfc3339(board.created_at), board.updated_by, rfc3339(board.updated_at))::public_board);

create type public_item as (
  id uuid, "boardId" uuid, text text, x double precision, y double precision, color text, rank text, data jsonb,
  version integer, "createdBy" uuid, "createdAt" text, "updatedBy" uuid, "updatedAt" text);

create function item_json(item items, text text, data jsonb) returns json
language sql stable
return row_to_json(row(
  item.id, item.board_id, item_json.text, item.x, item.y, item.color, item.rank, item_json.data, item.version,
  item.created_by, rfc3339(item.created_at), item.updated_by, rfc3339(item.updated_at))::public_item);

create function item_object(item items) returns json
language sql stable
return item_json(item, item.text, item.data);

-- The item without its large values, as events and kept answers have it.
create function cut_item(item items) returns json
language sql stable
return item_json(item,
  case when item.text_value is null then item.text end, case when item.data_value is null then item.data end);

-- The JSON of an item with its large values in their places, byte for byte as item_object makes it; null when a value is
-- lost. Inside a text each quote has a backslash before it, so what is looked for stands in one place only.
create function whole_object(object json, text_value uuid, data_value uuid) returns text
language plpgsql stable set search_path from current as $$
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

create type public_person as (id uuid, name text);
create type public_member as ("boardId" uuid, "user" public_person, role text, "createdAt" text);

create function member_object(member members) returns json
language plpgsql stable set search_path from current as $$
begin
  return row_to_json(row(
    member.board_id,
    row(member.user_id, coalesce((select member.told_name from users where users.id = member.user_id), 'Deleted user')),
    member.role, rfc3339(member.created_at))::public_member);
end $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- What the log is told
-- ---------------------------------------------------------------------------------------------------------------------

-- Takes the next number of the board's log. Called from deferred triggers only, thus at commit, when the transaction
-- holds all its row locks: locks are always taken rows first, head last, so two writers of one board cannot
-- deadlock over it, and the head is held only for the commit itself.
--
-- The number follows the newest event and not the head, and the head is moved once per transaction, by
-- announce_events: moving it for each row would leave a chain of row versions that every later row has to walk,
-- which makes a transaction of n rows cost n². A head that had to be waited for is read as it is after the wait;
-- the newest event may then be an older one, hence the greater of the two.
--
-- text_value, data_value: what `object` has null in place of. last_of: values that no later event shows. brought: bytes of
-- the values that came with the event. grown: by how much it has made the items of its board larger.
create function append_event(
  board uuid, resource text, action text, resource_id uuid, object json, changes text[],
  text_value uuid default null, data_value uuid default null, last_of uuid[] default null, brought integer default 0,
  grown integer default null
) returns void language plpgsql set search_path from current as $$
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

-- A limit that the transaction names (begin_write) holds at its commit, under the lock of the head, and so exactly. One
-- that names none, as another service or psql, is its operator's business, and may go past it: afterwards the API lets
-- such a board only shrink.
create function check_board_limit(what text, held bigint) returns void
language plpgsql set search_path from current as $$
declare
  most bigint := named_limit(what || '_per_board');
begin
  if held > most then
    raise exception 'A board holds % % at most, and this write would make it %.', most, what, held
      using errcode = 'check_violation', constraint = 'board_' || what;
  end if;
end $$;

-- Moves the head over all events of the transaction. NOTIFY only wakes: the payload is the new head, and readers
-- take the events from the log. Our own nodes set teamboard.notify to 'deferred' and notify after the commit,
-- because a NOTIFY inside a transaction holds a lock of the whole cluster until it has committed. A writer that
-- knows nothing of this is notified for here.
create function announce_events() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  added record;
  log board_log;
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  -- Who writes for what they have seen of the board names the head that they have seen. It is known to be that one when
  -- they write, and again here, where it is held.
  if new.seq - 1 <> nullif(current_setting('teamboard.seen_head', true), '')::bigint then
    raise exception 'the board % has changed since', new.board_id
      using errcode = 'check_violation', constraint = 'board_seen_head';
  end if;
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
    perform pg_notify(tg_table_schema || '_board_' || new.board_id, log.head::text);
  end if;
  return null;
end $$;

-- Fires after the triggers that record, because those are what queues it.
create constraint trigger announce_events after insert on board_events
  deferrable initially deferred for each row
  when (new.opens and (current_setting('session_replication_role') <> 'replica' or not log_is_replicated()))
  execute function announce_events();

-- What came with the log is only told.
create function announce_replicated() returns trigger language plpgsql set search_path from current as $$
begin
  perform pg_notify(tg_table_schema || '_board_' || new.board_id, new.seq::text);
  return null;
end $$;
create trigger announce_replicated after insert on board_events for each row
  when (new.opens and current_setting('session_replication_role') = 'replica' and log_is_replicated())
  execute function announce_replicated();

create function record_board() returns trigger
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
      case when new.layout is distinct from old.layout then 'layout' end], null));
  else
    perform append_event(old.id, 'board', 'deleted', old.id, board_object(old), null);
    update board_log set deleted_at = now(), item_count = 0, item_bytes = 0 where board_id = old.id;
  end case;
  return null;
end $$;

create constraint trigger record_created_or_deleted after insert or delete on boards
  deferrable initially deferred for each row
  when (current_setting('session_replication_role') <> 'replica' or not log_is_replicated())
  execute function record_board();
create constraint trigger record_updated after update on boards
  deferrable initially deferred for each row
  when (new.version <> old.version
    and (current_setting('session_replication_role') <> 'replica' or not log_is_replicated()))
  execute function record_board();

-- What a deleted board takes with it is no event of its own: `board deleted` says it all and is the last one of the
-- log, also after a cascade over ten thousand items.
--
-- A large value has its own id from the moment it is written (stamp_item), so two with one id are one value, and need
-- not be read to be compared. Cutting `new` and `old` before they are handed on keeps them from being read there.
--
-- An id names one item for as long as the log tells of it. Versions of a new item count from 1 again: an ETag that somebody
-- holds of the old one would be one of the new, and a create that is sent again would undo the deletion by somebody else.
-- (What comes by replication was allowed elsewhere. To refuse it would stop the replication.)
--
-- Nor does a writer whose session shows fewer digits write other numbers into the log.
create function record_item() returns trigger
language plpgsql security definer set search_path from current set extra_float_digits = 1 as $$
declare
  is_text_new boolean := true;
  is_data_new boolean := true;
  brought integer := 0;
  changes text[];
  last_of uuid[];
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
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
      new.text_bytes + new.data_bytes - old.text_bytes - old.data_bytes);
  end if;
  return null;
end $$;

create constraint trigger record_created_or_deleted after insert or delete on items
  deferrable initially deferred for each row
  when (current_setting('session_replication_role') <> 'replica' or not log_is_replicated())
  execute function record_item();
create constraint trigger record_updated after update on items
  deferrable initially deferred for each row
  when (new.version <> old.version
    and (current_setting('session_replication_role') <> 'replica' or not log_is_replicated()))
  execute function record_item();

create function record_member() returns trigger
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
      case when new.role is distinct from old.role then 'role' end], null));
  else
    perform append_event(old.board_id, 'member', 'deleted', old.user_id, member_object(old), null);
  end case;
  return null;
end $$;

create constraint trigger record_created_or_deleted after insert or delete on members
  deferrable initially deferred for each row
  when (current_setting('session_replication_role') <> 'replica' or not log_is_replicated())
  execute function record_member();
create constraint trigger record_updated after update on members
  deferrable initially deferred for each row
  when ((new.role <> old.role or new.told_name is distinct from old.told_name)
    and (current_setting('session_replication_role') <> 'replica' or not log_is_replicated()))
  execute function record_member();

-- ---------------------------------------------------------------------------------------------------------------------
-- Owners
-- ---------------------------------------------------------------------------------------------------------------------

-- A board keeps an owner. Checked at commit, under the lock of the head of the board's log, which the event of the change
-- takes then anyway: so two owners who leave at once take turns, and the second sees that the first has gone. A
-- transaction that makes another owner, before or after, is fine, and so is one that deletes the board.
create function keep_owner() returns trigger language plpgsql security definer set search_path from current as $$
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  perform from board_log where board_id = old.board_id for no key update;
  if exists (select from boards where id = old.board_id)
    and not exists (select from members where board_id = old.board_id and role = 'owner') then
    raise exception 'board % would have no owner', old.board_id
      using errcode = 'restrict_violation', constraint = 'members_keep_owner',
        hint = 'Make somebody else an owner in the same transaction, or delete the board.';
  end if;
  return null;
end $$;

create constraint trigger keep_owner_on_delete after delete on members
  deferrable initially deferred for each row
  when (old.role = 'owner' and (current_setting('session_replication_role') <> 'replica' or not log_is_replicated()))
  execute function keep_owner();
create constraint trigger keep_owner_on_update after update on members
  deferrable initially deferred for each row
  when (old.role = 'owner' and new.role <> 'owner'
    and (current_setting('session_replication_role') <> 'replica' or not log_is_replicated()))
  execute function keep_owner();

-- A board that somebody has made by SQL, and that has nobody at the commit, is its actor's: nobody could open it
-- otherwise. Whoever adds members in the same transaction, as the API does, has said whose it is; and a copy has no
-- actor: nor is one made up there, where a default of the database may name one. Its boards keep the members that come.
--
-- Fires before the trigger that records the board, as its name is the lesser one: the board and its member are then told
-- together.
create function give_owner() returns trigger language plpgsql security definer set search_path from current as $$
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  insert into members (board_id, user_id, role)
    select boards.id, users.id, 'owner' from boards, users
    where boards.id = new.id and users.id = current_actor() and not exists (select from members where board_id = new.id);
  return null;
end $$;

create constraint trigger give_owner after insert on boards
  deferrable initially deferred for each row
  when (current_setting('teamboard.actor', true) <> '' and current_setting('session_replication_role') <> 'replica')
  execute function give_owner();

-- ---------------------------------------------------------------------------------------------------------------------
-- Sharing: links that invite to a board, and tickets to its stream
-- ---------------------------------------------------------------------------------------------------------------------

-- No event tells of invites: the log is for all members, and these are the owners' business.
create table invites (
  id         uuid primary key default uuid_v7(),
  board_id   uuid not null references boards on delete cascade,
  role       text not null check (role in ('editor', 'viewer')),
  -- null: no limit
  max_uses   integer check (max_uses > 0) constraint invites_max_uses check (max_uses <= 10000),
  uses       integer not null default 0 constraint invites_uses check (uses >= 0),
  created_by uuid not null,
  created_at timestamptz(3) not null default now() constraint invites_created_at check (is_time(created_at)),
  expires_at timestamptz(3) not null,
  revoked_at timestamptz(3),
  check (uses <= max_uses),
  constraint invites_expires_at check (expires_at <= created_at + interval '8760 hours')
);
create index invites_board_id on invites (board_id);
create index invites_open on invites (board_id, expires_at) where revoked_at is null;
-- Those that have ended are kept for a week, for a link that says why it lets nobody in, and go then.
create index invites_ended_at on invites (least(expires_at, revoked_at));

-- The link carries the token, the table only its SHA-256: whoever reads the table can join nothing. For the same reason
-- a repeat of the request that made the invite cannot be told the token again; it gets another link to the same invite.
create table invite_links (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  invite_id  uuid not null references invites on delete cascade
);
create index invite_links_invite_id on invite_links (invite_id);

create type public_invite as (
  id uuid, "boardId" uuid, role text, "maxUses" integer, uses integer,
  "createdBy" uuid, "createdAt" text, "expiresAt" text);

create function invite_object(invite invites) returns json
language sql stable
return row_to_json(row(
  invite.id, invite.board_id, invite.role, invite.max_uses, invite.uses,
  invite.created_by, rfc3339(invite.created_at), rfc3339(invite.expires_at))::public_invite);

-- Why an invite lets nobody in any more; null while it does. An owner's invites end with their ownership: else who
-- was removed could come back by a link of their own.
create function invite_end(invite invites) returns text
language sql stable
return case
  when invite.revoked_at is not null then 'revoked'
  when invite.expires_at <= clock_timestamp() then 'expired'
  when invite.uses >= invite.max_uses then 'used'
  when not exists (
    select from members
    where board_id = invite.board_id and user_id = invite.created_by and role = 'owner') then 'unbacked'
end;

-- Whether a role gives at least what an invite would.
create function covers_role(had text, offered text) returns boolean
language sql immutable parallel safe
return had is not null and (had = 'owner' or had = offered or offered = 'viewer');

-- Lets somebody in, and returns the role that they then have; null when the invite is unknown or has ended. Whoever has
-- that role or a higher one keeps it and uses nothing up, also when the invite has ended since.
--
-- All who come by one invite take turns at its row, and each query here has a snapshot of its own, younger than that
-- turn: so it is used as often as it may be, and no more. The board is locked first, in the order in which its deletion
-- takes locks.
create function use_invite(hash bytea, guest uuid) returns text language plpgsql set search_path from current as $$
declare
  invited uuid := (select invite_id from invite_links where token_hash = hash);
  invite invites;
  had text;
begin
  perform from boards where id = (select board_id from invites where id = invited) for key share;
  select * into invite from invites where id = invited for no key update;
  select role into had from members where board_id = invite.board_id and user_id = guest;
  if covers_role(had, invite.role) then
    return had;
  end if;
  if invite.id is null or invite_end(invite) is not null then
    return null;
  end if;
  insert into members (board_id, user_id, role) values (invite.board_id, guest, invite.role)
    on conflict (board_id, user_id) do update set role = excluded.role
    where not covers_role(members.role, excluded.role);
  if found then
    update invites set uses = uses + 1 where id = invite.id;
  end if;
  return (select role from members where board_id = invite.board_id and user_id = guest);
end $$;

-- By which one EventSource opens one board's stream. As with sessions: only the SHA-256 of the secret. A ticket goes with
-- what its maker has come by, and with the membership: who is removed and comes back needs another.
create table tickets (
  ticket_hash bytea primary key check (octet_length(ticket_hash) = 32),
  board_id    uuid not null,
  user_id     uuid not null,
  session_id  uuid references sessions (id) on delete cascade,
  token_id    uuid references tokens on delete cascade,
  jwt_ends_at timestamptz(3), -- of a JWT, which has no row that could take the ticket with it
  expires_at  timestamptz(3) not null, -- until its first use
  used_at     timestamptz(3), -- the last time, to the hour
  constraint tickets_credential check (num_nonnulls(session_id, token_id, jwt_ends_at) = 1),
  constraint tickets_board_id_fkey foreign key (board_id, user_id) references members on delete cascade
);
create index tickets_board_id on tickets (board_id, user_id);
create index tickets_user_id on tickets (user_id, used_at desc);
create index tickets_session_id on tickets (session_id) where session_id is not null;
create index tickets_token_id on tickets (token_id) where token_id is not null;
-- These serve the removal of what has ended.
create index tickets_expires_at on tickets (expires_at) where used_at is null;
create index tickets_jwt_ends_at on tickets (jwt_ends_at) where jwt_ends_at is not null;

-- ---------------------------------------------------------------------------------------------------------------------
-- How much one may have
-- ---------------------------------------------------------------------------------------------------------------------
-- Boards that a user has made, their tokens, a board's members and its open invites. A limit that the transaction names
-- holds, exactly, under a lock that orders all who would go past it; one that names none, as another service or psql, is
-- its operator's business.

-- Counts what a board's creator has made and is still there, whoever owns it now: whom a stranger has put on boards, or
-- made an owner of them, has not used up anything.
create function limit_boards() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  most bigint := named_limit('boards_per_user');
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  if most is null or new.created_by is null then
    return null;
  end if;
  perform from users where id = new.created_by for no key update;
  if (select count(*) from (select from boards where created_by = new.created_by limit most + 1) held) > most then
    raise exception 'A user has made % boards at most that are still there.', most
      using errcode = 'check_violation', constraint = 'user_boards';
  end if;
  return null;
end $$;
create trigger limit_boards after insert on boards for each row execute function limit_boards();

create function limit_tokens() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  most bigint := named_limit('tokens_per_user');
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  if most is null then
    return null;
  end if;
  perform from users where id = new.user_id for no key update;
  if (select count(*) from (
    select from tokens where user_id = new.user_id and (expires_at is null or expires_at > now()) limit most + 1
  ) held) > most then
    raise exception 'A user has % tokens at most.', most
      using errcode = 'check_violation', constraint = 'user_tokens';
  end if;
  return null;
end $$;
create trigger limit_tokens after insert on tokens for each row execute function limit_tokens();

create function limit_invites() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  most bigint := named_limit('invites_per_board');
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  if most is null then
    return null;
  end if;
  perform from boards where id = new.board_id for no key update;
  if (select count(*) from (
    select from invites
    where board_id = new.board_id and revoked_at is null and expires_at > now() and (max_uses is null or uses < max_uses)
      -- Those of former owners are shown to nobody, who could then not revoke them.
      and exists (
        select from members
        where members.board_id = invites.board_id and members.user_id = invites.created_by and role = 'owner')
    limit most + 1
  ) held) > most then
    raise exception 'A board has % open invites at most.', most
      using errcode = 'check_violation', constraint = 'board_invites';
  end if;
  return null;
end $$;
create trigger limit_invites after insert on invites for each row execute function limit_invites();

-- At the commit, where the lock of the log's head is taken anyway for the event.
create function limit_members() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  most bigint := named_limit('members_per_board');
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  if most is null then
    return null;
  end if;
  perform from board_log where board_id = new.board_id for no key update;
  if (select count(*) from (select from members where board_id = new.board_id limit most + 1) held) > most then
    raise exception 'A board has % members at most.', most
      using errcode = 'check_violation', constraint = 'board_members';
  end if;
  return null;
end $$;
create constraint trigger limit_members after insert on members
  deferrable initially deferred for each row execute function limit_members();

-- ---------------------------------------------------------------------------------------------------------------------
-- Repeats: what each write with an Idempotency-Key returned
-- ---------------------------------------------------------------------------------------------------------------------

-- For 24 hours: a repeat gets it again and writes nothing. Written in the transaction of the write, so that the two are
-- there together or not at all. No foreign key to users: it would lock the user's row in each of their writes, for rows
-- that go within a day.
create table idempotency_keys (
  user_id      uuid not null,
  key          text collate "C" not null,
  request_hash bytea not null check (octet_length(request_hash) = 32),
  result       json, -- the written resource as it was then, of which the answer is made; null when it was deleted
  text_values  uuid[], -- which `result` has null in place of: of its item, or of each operation's
  data_values  uuid[],
  expires_at   timestamptz(3) not null default now() + interval '24 hours',
  primary key (user_id, key)
);
-- Serves the removal of what has expired.
create index idempotency_keys_expires_at on idempotency_keys (expires_at);

-- Reserves a key for this transaction and returns what is remembered under it; no row means: go on and write.
--
-- All who come with one key take turns here, before they lock anything else and while they hold no other key. So they
-- cannot deadlock, and a repeat that comes while the first is under way (also one whose node has died meanwhile) does
-- not queue for the rows that the first has locked. The query after the lock has a snapshot of its own, younger than
-- that of the statement that calls: it sees what was committed while this one waited.
create function claim_key(owner uuid, name text) returns setof idempotency_keys
language plpgsql set search_path from current as $$
begin
  -- A lock is of the database, and there may be another schema of ours in it.
  perform pg_advisory_xact_lock(hashtextextended(current_schema() || owner::text || name, 0));
  return query select * from idempotency_keys where user_id = owner and key = name and expires_at > now();
  if not found then
    -- One that has expired makes room.
    delete from idempotency_keys where user_id = owner and key = name;
  end if;
end $$;

-- What was answered first, for a repeat: of one resource, or of each operation of a batch.
create function whole_answer(result json, text_values uuid[], data_values uuid[]) returns text
language plpgsql stable set search_path from current as $$
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

-- ---------------------------------------------------------------------------------------------------------------------
-- Deletion: of boards, accounts, and guests whom nobody can be any more
-- ---------------------------------------------------------------------------------------------------------------------

-- A board is deleted at once for everyone, and what was on it goes in pieces: as many as a statement has time for, and
-- the rest in the background, by any node. Removes items of those boards that are deleted, `most` at a time, and waits
-- for nobody.
create function remove_orphans(deleted uuid[], most integer) returns integer
language plpgsql security definer set search_path from current as $$
declare
  removed integer;
begin
  deleted := array(select unnest(deleted) except select id from boards where id = any (deleted));
  delete from items where ctid = any (array(
    select ctid from items where board_id = any (deleted) limit most for update skip locked));
  get diagnostics removed = row_count;
  return removed;
end $$;

create function remove_first_orphans() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  perform remove_orphans(array(select id from gone), 1000);
  return null;
end $$;
create trigger remove_first_orphans after delete on boards referencing old table as gone
  for each statement execute function remove_first_orphans();

-- Deletes an account with all that hangs on it, and the boards that nobody else is on. Each query here has a snapshot
-- of its own, younger than the locks before it.
--
-- hash: of the password that was checked; null for a guest, who has none.
-- Returns null when the account is not as it was checked any more; else the boards that stand against it, because others
-- are on them and nobody else owns them: then nothing is deleted.
create function delete_user(leaver uuid, hash text) returns uuid[] language plpgsql set search_path from current as $$
declare
  mine uuid;
  kept uuid[];
begin
  -- In the order in which a change of the credentials takes its locks.
  perform from credentials where user_id = leaver and password_hash = hash for update;
  perform from users where id = leaver for update;
  if not found or hash is distinct from (select password_hash from credentials where user_id = leaver) then
    return null;
  end if;
  -- Boards before members, as everywhere, and in one order, so that two who leave at once do not deadlock. Nobody may
  -- come to a board that may go with its owner.
  for mine in select board_id from members where user_id = leaver order by board_id loop
    if exists (select from members where board_id = mine and user_id <> leaver and role = 'owner') then
      perform from boards where id = mine for key share;
    else
      perform from boards where id = mine for update;
    end if;
  end loop;
  kept := array(
    select board_id from members owned
    where user_id = leaver and role = 'owner'
      and exists (select from members where board_id = owned.board_id and user_id <> leaver)
      and not exists (select from members where board_id = owned.board_id and user_id <> leaver and role = 'owner')
    order by board_id);
  if kept <> '{}' then
    return kept;
  end if;
  perform set_config('teamboard.actor', leaver::text, true);
  delete from boards where id in (
    select board_id from members own
    where user_id = leaver and not exists (select from members where board_id = own.board_id and user_id <> leaver));
  -- One by one, and not by the cascade, which takes rows as it finds them: the logs of these boards are locked at the
  -- commit in the order in which the memberships went, and another owner who leaves takes the same locks.
  for mine in select board_id from members where user_id = leaver order by board_id loop
    delete from members where board_id = mine and user_id = leaver;
  end loop;
  delete from idempotency_keys where user_id = leaver;
  delete from users where id = leaver;
  return kept;
end $$;

-- Whether nobody can be this guest any more, and nobody else would miss them.
create function is_unused_guest(who uuid) returns boolean
language sql stable
return exists (select from users where id = who and guest)
  and not exists (select from sessions where user_id = who and expires_at > now())
  and not exists (select from tokens where user_id = who and (expires_at is null or expires_at > now()))
  and not exists (
    select from members mine join members others on others.board_id = mine.board_id and others.user_id <> who
    where mine.user_id = who);

-- Deletes the guest with the boards that nobody else is on. Looks again under the lock without which nobody gets a
-- session, a token or a membership. Returns whether it has.
create function remove_unused_guest(who uuid) returns boolean language plpgsql set search_path from current as $$
begin
  perform from users where id = who for update;
  return is_unused_guest(who) and delete_user(who, null) = '{}';
end $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Renames
-- ---------------------------------------------------------------------------------------------------------------------

-- A user's name that changes is a change of each board that shows it: its log tells of it, and its snapshots show the
-- name that the log has told. Some users are on ten thousand boards, so that this is done after the change and a few
-- boards at a time: `renames` holds what is still to be told.
create table renames (
  id       uuid primary key default uuid_v7(),
  user_id  uuid not null references users on delete cascade,
  actor    uuid,
  tried_at timestamptz not null default clock_timestamp()
);
create index renames_user_id on renames (user_id);
create index renames_tried_at on renames (tried_at);

create function queue_rename() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  if exists (select from members where user_id = new.id) then
    insert into renames (user_id, actor) values (new.id, current_actor());
  end if;
  return null;
end $$;
create trigger queue_rename after update on users for each row
  when (new.name <> old.name and (current_setting('session_replication_role') <> 'replica' or not log_is_replicated()))
  execute function queue_rename();

-- Tells so many boards of a user's new name, in one transaction, and returns them: they are to be woken after its commit.
-- Returns null, as its last row, when no rename is left to be told. Several renames of one user are told as one.
--
-- Waits for nobody: a member or a log that somebody has locked is left for a later turn, in which other users come first.
-- Both are locked before anything is written, so that no lock is waited for at the commit either.
create function tell_renames(most integer) returns setof uuid
language plpgsql security definer set search_path from current as $$
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

-- ---------------------------------------------------------------------------------------------------------------------
-- Triggers that are switched off
-- ---------------------------------------------------------------------------------------------------------------------

-- Puts back the triggers of ours that somebody has switched off: `pg_restore --disable-triggers` does, and switches them
-- on again as ordinary ones. What was written meanwhile is in no log, so no place in any log can be gone on from: all
-- cursors and ETags become those of another history. Returns how many there were. For the owner of the tables.
create function restore_triggers() returns integer language plpgsql set search_path from current as $$
declare
  changed record;
  count integer := 0;
begin
  for changed in
    select tgrelid::regclass as relation, tgname as name, proname = 'check_board_of_item' as is_key
    from pg_trigger join pg_proc on pg_proc.oid = tgfoid join pg_class on pg_class.oid = tgrelid
    where not tgisinternal and tgenabled <> case proname when 'check_board_of_item' then 'O' else 'A' end
      and pronamespace = relnamespace
      and relnamespace = (select relnamespace from pg_class where oid = 'board_log'::regclass)
    order by tgrelid, tgname
  loop
    execute format('alter table %s enable %s trigger %I', changed.relation,
      case when changed.is_key then '' else 'always' end, changed.name);
    count := count + 1;
  end loop;
  if count > 0 then
    update log_epoch set value = gen_random_uuid();
  end if;
  return count;
end $$;

select restore_triggers();

-- ---------------------------------------------------------------------------------------------------------------------
-- Who may call what
-- ---------------------------------------------------------------------------------------------------------------------

-- What runs with the rights of its owner is nobody else's to call, nor a trigger function to attach: PostgreSQL lets
-- everyone, and a restore without privileges does again. A trigger that is there needs no such right of who writes. The
-- others run with the rights of their caller, who may do nothing by them that they may not do without. Called after each
-- migration; returns how many were open. For the owner of the functions.
create function close_functions() returns integer language plpgsql set search_path from current as $$
declare
  door regprocedure;
  count integer := 0;
begin
  for door in
    select oid from pg_proc
    where pronamespace = (select relnamespace from pg_class where oid = 'board_log'::regclass)
      and (prosecdef or prorettype = 'trigger'::regtype)
      and exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0)
  loop
    execute format('revoke execute on function %s from public', door);
    count := count + 1;
  end loop;
  return count;
end $$;

-- Gives a role what a node needs that serves by it, and no more: to be called once, and again after a migration that has
-- added to it. For the owner of all of it.
create function grant_serving(role regrole) returns void language plpgsql set search_path from current as $$
declare
  each record;
begin
  execute format('grant usage on schema %I to %s', current_schema(), role);
  for each in
    select oid::regclass as relation from pg_class
    where relnamespace = (select relnamespace from pg_class where oid = 'board_log'::regclass)
      and relkind in ('r', 'p') and relname <> 'schema_migrations'
  loop
    execute format('grant select, insert, update, delete on %s to %s', each.relation, role);
  end loop;
  -- So that it sees that all is up to date.
  execute format('grant select on schema_migrations to %s', role);
  for each in
    select oid::regprocedure as name from pg_proc
    where pronamespace = (select relnamespace from pg_class where oid = 'board_log'::regclass)
      and prorettype <> 'trigger'::regtype
  loop
    execute format('grant execute on function %s to %s', each.name, role);
  end loop;
end $$;

select close_functions();
