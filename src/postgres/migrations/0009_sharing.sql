-- Sharing: links that invite to a board, and that a board keeps an owner.

-- `members` is in use: rather fail and be tried again than make all its writers wait.
set local lock_timeout = '2s';

-- Checked at commit, under the lock of the head of the board's log, which the event of the change takes then anyway: so
-- two owners who leave at once take turns, and the second sees that the first has gone. A transaction that makes
-- another owner, before or after, is fine, and so is one that deletes the board.
create function keep_owner() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
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
  deferrable initially deferred for each row when (old.role = 'owner') execute function keep_owner();
create constraint trigger keep_owner_on_update after update on members
  deferrable initially deferred for each row when (old.role = 'owner' and new.role <> 'owner')
  execute function keep_owner();

-- No event tells of invites: the log is for all members, and these are the owners' business.
create table invites (
  id         uuid primary key default uuid_v7(),
  board_id   uuid not null references boards on delete cascade,
  role       text not null check (role in ('editor', 'viewer')),
  max_uses   integer check (max_uses > 0), -- null: no limit
  uses       integer not null default 0,
  created_by uuid not null,
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) not null,
  revoked_at timestamptz(3),
  check (uses <= max_uses)
);
create index invites_board_id on invites (board_id);

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

create function invite_object(invite invites) returns json language plpgsql stable as $$
begin
  return row_to_json(row(
    invite.id, invite.board_id, invite.role, invite.max_uses, invite.uses,
    invite.created_by, rfc3339(invite.created_at), rfc3339(invite.expires_at))::public_invite);
end $$;

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
create function use_invite(hash bytea, guest uuid) returns text language plpgsql as $$
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
