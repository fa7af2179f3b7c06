-- How much one may have: boards that a user has made, their tokens, a board's members and its open invites. A limit that
-- the transaction names holds, exactly, under a lock that orders all who would go past it; one that names none, as
-- another service or psql, is its operator's business.

-- The indexes and triggers lock tables that are in use.
set local lock_timeout = '2s';

create index boards_created_by on boards (created_by);
create index invites_open on invites (board_id, expires_at) where revoked_at is null;
-- In pages, for the removal of guests whom nobody can be any more.
create index users_guests on users (created_at, id) where guest;

-- The limit that the transaction has named; null: none.
create function named_limit(name text) returns bigint
language sql stable
return nullif(current_setting('teamboard.' || name, true), '')::bigint;

-- Counts what a board's creator has made and is still there, whoever owns it now: whom a stranger has put on boards, or
-- made an owner of them, has not used up anything.
create function limit_boards() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  most bigint := named_limit('boards_per_user');
begin
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
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  most bigint := named_limit('tokens_per_user');
begin
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
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  most bigint := named_limit('invites_per_board');
begin
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
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  most bigint := named_limit('members_per_board');
begin
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
create function remove_unused_guest(who uuid) returns boolean language plpgsql as $$
begin
  perform from users where id = who for update;
  return is_unused_guest(who) and delete_user(who, null) = '{}';
end $$;
