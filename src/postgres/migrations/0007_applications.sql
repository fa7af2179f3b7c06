-- The application beside which Teamboard runs: a token of its own, users by its names for them, the end of their streams.

set local lock_timeout = '2s';

-- What its token may do that none of a user's may: make users, set the members of every board, act for users. No route
-- makes one: the operator does.
alter table tokens add is_application boolean not null default false;

-- Whether the user is an application, by a token that has not ended: an owner of every board, as far as its members and
-- broadcasts go, without a row for each.
create function is_application(user_id uuid) returns boolean
language sql stable set search_path from current
return exists (
  select from tokens
  where tokens.user_id = is_application.user_id and is_application and (expires_at is null or expires_at > now()));

-- For the operator, who alone may insert into users and tokens. Returns what the application sends as `Authorization:
-- Bearer`: it is kept nowhere. 244 random bits, of which the table has the SHA-256.
create function make_application_token(name text) returns text
language plpgsql set search_path from current as $$
declare
  secret text := 'tb_' || replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
  application uuid;
begin
  insert into users (name, guest) values (make_application_token.name, false) returning id into application;
  insert into tokens (user_id, token_hash, name, is_application)
    values (application, sha256(convert_to(secret, 'UTF8')), make_application_token.name, true);
  return secret;
end $$;

-- The user of an issuer's subject, who is made when there is none; of two who make it at once both get the one. For the
-- owner, and for who is granted it: whoever calls it names users as they like.
create function put_user(issuer text, subject text, name text default null) returns uuid
language plpgsql security definer set search_path from current as $$
declare
  found_id uuid;
begin
  loop
    select identities.user_id into found_id from identities
      where identities.issuer = put_user.issuer and identities.subject = put_user.subject;
    exit when found_id is not null;
    begin
      insert into users (name, guest) values (coalesce(put_user.name, 'Unnamed'), false) returning id into found_id;
      insert into identities (issuer, subject, user_id, named_at)
        values (put_user.issuer, put_user.subject, found_id, clock_timestamp());
      return found_id;
    exception when unique_violation then
      found_id := null;
    end;
  end loop;
  if put_user.name is not null then
    update identities set named_at = clock_timestamp()
      where identities.issuer = put_user.issuer and identities.subject = put_user.subject;
    update users set name = put_user.name where users.id = found_id and users.name <> put_user.name;
  end if;
  return found_id;
end $$;

-- Who a transaction writes for, as it says it by an issuer and a subject, with a blank between them (no issuer has one);
-- null for somebody whom nobody has made: a writer of the application does not fail for that.
create function identity_of(actor text) returns uuid
language plpgsql stable set search_path from current as $$
begin
  return (select user_id from identities
    where issuer = split_part(actor, ' ', 1) and subject = substr(actor, strpos(actor, ' ') + 1));
end $$;

create or replace function current_actor() returns uuid
language sql stable
return case
  when current_setting('teamboard.actor', true) like '% %' then identity_of(current_setting('teamboard.actor', true))
  else nullif(current_setting('teamboard.actor', true), '')::uuid
end;

-- What all streams of a user hang on, beside the session, token or JWT of each: they end together when it is another one.
-- Null: the user's own id, as long as they were never ended.
alter table users add streams_id uuid constraint users_streams_id unique;

create function announce_ended_streams() returns trigger language plpgsql set search_path from current as $$
begin
  perform announce_access_ended(tg_table_schema, array[coalesce(old.streams_id, old.id)]);
  return null;
end $$;
create trigger announce_ended_streams after update on users
  for each row when (new.streams_id is distinct from old.streams_id) execute function announce_ended_streams();
alter table users enable always trigger announce_ended_streams;

-- Ends them on every node, with the tickets by which they would come back; true when there is such a user.
create function end_streams(user_id uuid) returns boolean
language plpgsql security definer set search_path from current as $$
begin
  update users set streams_id = uuid_v7() where users.id = end_streams.user_id;
  if not found then
    return false;
  end if;
  delete from tickets where tickets.user_id = end_streams.user_id;
  return true;
end $$;

-- As before, with who its users are here, for `teamboard.actor`.
create or replace function grant_application(role regrole) returns void
language plpgsql set search_path from current as $$
begin
  execute format('grant usage on schema %I to %s', current_schema(), role);
  execute format('grant select on identities to %s', role);
  execute format('grant execute on function publish(regclass, name, text, text[], text), unpublish(regclass),
    register_table(regclass, name, text, text[]), forget_table(regclass), take_first(bigint, text), show_row(), take_row(),
    check_owner(regclass, name), path_for(regclass),
    open_board(text, text), broadcast(text, text, jsonb), reserve_keys(text),
    put_user(text, text, text), end_streams(uuid), identity_of(text) to %s', role);
end $$;

select close_functions();
