-- The tables refuse what the API refuses, whoever writes: a row that no client could be shown stops the board that it is
-- on. And a document is the same text in events, snapshots and answers.
--
-- `not valid`: what is there already stays until it is written again. A look at all rows would hold up their writers.
set local lock_timeout = '2s';

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

-- In the order of their names, which is the order in which they are asked: size bounds what the others cost.
alter table items
  drop constraint items_data,
  add constraint items_data check (jsonb_typeof(data) = 'object'
    and (octet_length(data::text) <= 16384 or compact_length(data) <= 16384)) not valid,
  add constraint items_data_depth check (not jsonb_path_exists(data, 'strict $.**{100}')) not valid,
  add constraint items_data_values check (data::text !~ '[0-9.]{16}|"(__proto__|constructor)": '
    or (are_doubles(data) and is_harmless(data))) not valid;

-- What an RFC 3339 time can say.
create function is_time(at timestamptz) returns boolean
language sql immutable parallel safe
return at >= '0001-01-01 00:00:00+00' and at < '10000-01-01 00:00:00+00';

alter table users add constraint users_created_at check (is_time(created_at)) not valid;
alter table sessions
  add constraint sessions_created_at check (is_time(created_at)) not valid,
  add constraint sessions_expires_at_time check (is_time(expires_at)) not valid;
alter table tokens
  add constraint tokens_created_at check (is_time(created_at)) not valid,
  add constraint tokens_expires_at_time check (is_time(expires_at)) not valid;
alter table credentials add constraint credentials_email_form check (
  email collate "C" ~* ('^[a-z0-9.!#$%&''*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
    '(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$')) not valid;
alter table invites
  add constraint invites_created_at check (is_time(created_at)) not valid,
  add constraint invites_expires_at check (expires_at <= created_at + interval '8760 hours') not valid,
  add constraint invites_max_uses check (max_uses <= 10000) not valid,
  add constraint invites_uses check (uses >= 0) not valid;

-- An Idempotency-Key, as the API takes it: `mutationId` of the event.
alter table board_events
  add constraint board_events_mutation_id check (mutation_id collate "C" ~ '^[\x21-\x7e]{1,64}$') not valid,
  add constraint board_events_stream_id check (octet_length(stream_id) <= 36) not valid;

-- When somebody joined is the database's doing, as all times that it shows. A change of it alone would be no event.
create function stamp_member() returns trigger language plpgsql as $$
begin
  new.created_at := case when tg_op = 'INSERT' then clock_timestamp() else old.created_at end;
  return new;
end $$;
create trigger stamp_member before insert or update on members for each row execute function stamp_member();

-- What is equal stays the text that it was: 1.0 in the place of 1 is no change, thus no event tells of it, and a snapshot
-- would yet show another text than the events. Our own writers keep to it by merge_patch, and are not asked here: to
-- compare large data would read them, each time a note is moved.
create function keep_text() returns trigger language plpgsql as $$
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
  when (current_setting('teamboard.notify', true) is distinct from 'deferred') execute function keep_text();

create or replace function merge_patch(target jsonb, patch jsonb) returns jsonb
language plpgsql immutable parallel safe as $$
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

-- A writer whose session shows fewer digits writes no other numbers into the log.
alter function record_item() set extra_float_digits = 1;
