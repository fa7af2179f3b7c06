-- Whoever ends a session or a token (this API, another service, psql, the cascade of a deleted user) wakes the nodes
-- that have streams open by it. As on the channels of the boards, what is announced is a hint: each node reads the
-- tables before it closes anything, and reads them now and then without a hint.

-- A trigger takes a lock that writers of these tables wait for.
set local lock_timeout = '2s';

-- 200 ids a payload: 7.4 KB, of the 8,000 bytes at which pg_notify fails the writer's transaction.
create function announce_access_ended(ids uuid[]) returns void language plpgsql as $$
begin
  perform pg_notify('access_ended', string_agg(id::text, ','))
    from unnest(ids) with ordinality as ended (id, place)
    group by (place - 1) / 200;
end $$;

-- For a statement and not for each row: a statement that ends ten thousand sessions sends fifty announcements.
-- What had expired anyway has been closed by the time, and is swept away unheard.
create function announce_deleted_access() returns trigger language plpgsql as $$
begin
  perform announce_access_ended(array(select id from gone where expires_at is null or expires_at > now()));
  return null;
end $$;

create function announce_shortened_access() returns trigger language plpgsql as $$
begin
  perform announce_access_ended(array(
    select was.id from was left join became on became.id = was.id
    where became.id is null
      or coalesce(became.expires_at, 'infinity') < coalesce(was.expires_at, 'infinity')));
  return null;
end $$;

-- TRUNCATE shows no trigger what it takes: so it is asked before.
create function announce_truncated_access() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  ids uuid[];
begin
  execute format('select array(select id from %I)', tg_table_name) into ids;
  perform announce_access_ended(ids);
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

-- Deletes an account with all that hangs on it, and the boards that nobody else is on. Each query here has a snapshot
-- of its own, younger than the locks before it.
--
-- hash: of the password that was checked; null for a guest, who has none.
-- Returns null when the account is not as it was checked any more; else the boards that stand against it, because others
-- are on them and nobody else owns them: then nothing is deleted.
create function delete_user(leaver uuid, hash text) returns uuid[] language plpgsql as $$
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
