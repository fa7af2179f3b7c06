-- Webhooks: readers of a board's log that are told by HTTP. Each has its place in the log here, and of all nodes one tells it.

set local lock_timeout = '2s';

-- Nodes that tell webhooks. One that has not renewed its claim in time is taken out by any other, and what it held is free.
create table webhook_leases (
  node       uuid primary key,
  expires_at timestamptz not null
);

-- No foreign key to boards: it outlives its board until it has told `board deleted`.
create table webhooks (
  id              uuid primary key default uuid_v7(),
  board_id        uuid not null,
  -- On whose right to the board it hangs: who made it, has set its address, or has resumed it last.
  owner_id        uuid not null,
  name            text constraint webhooks_name check (is_name(name) and char_length(name) between 1 and 200),
  url             text not null check (char_length(url) between 1 and 2000),
  -- null: every change of the board
  events          text[] check (cardinality(events) between 1 and 50),
  -- A signature needs the secret itself. The one before signs beside it for as long as this says.
  secret          text not null,
  previous_secret text,
  previous_until  timestamptz(3),
  -- The last event that it was told, in which history of the database.
  epoch           text not null,
  seq             bigint not null,
  state           text not null default 'active' check (state in ('active', 'paused')),
  pause_reason    text check (pause_reason in ('owner', 'failing', 'gone', 'access')),
  paused_at       timestamptz(3),
  -- Attempts in a row that failed, and what the last of them met.
  failures        integer not null default 0,
  failing_since   timestamptz(3),
  last_failure    text,
  next_attempt_at timestamptz(3),
  delivered_at    timestamptz(3),
  -- Which tells it now. A lease that goes frees it.
  node            uuid references webhook_leases on delete set null,
  created_at      timestamptz(3) not null default now(),
  check ((state = 'paused') = (pause_reason is not null))
) with (fillfactor = 70);
create index webhooks_board_id on webhooks (board_id);
create index webhooks_node on webhooks (node);
create index webhooks_free on webhooks (id) where node is null and state = 'active';

create type public_webhook as (
  id uuid, "boardId" uuid, name text, url text, events text[], state text, "pauseReason" text, "pausedAt" text,
  cursor text, failures integer, "failingSince" text, "lastFailure" text, "nextAttemptAt" text, "deliveredAt" text,
  "previousSecretUntil" text, "ownerId" uuid, "createdAt" text);

-- A cursor as `cursor.ts` has it.
create function webhook_object(webhook webhooks) returns json
language sql stable
return row_to_json(row(
  webhook.id, webhook.board_id, webhook.name, webhook.url, webhook.events, webhook.state, webhook.pause_reason,
  rfc3339(webhook.paused_at),
  left(encode(sha256(convert_to(webhook.epoch || '/' || webhook.board_id, 'UTF8')), 'hex'), 8) || '-' || webhook.seq,
  webhook.failures, rfc3339(webhook.failing_since), webhook.last_failure, rfc3339(webhook.next_attempt_at),
  rfc3339(webhook.delivered_at),
  case when webhook.previous_until > now() then rfc3339(webhook.previous_until) end,
  webhook.owner_id, rfc3339(webhook.created_at))::public_webhook);

-- Under the lock of the board, so that it is exact whichever nodes make them at once.
create function limit_webhooks() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  most bigint := named_limit('webhooks_per_board');
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  if most is null then
    return null;
  end if;
  perform from boards where id = new.board_id for no key update;
  if (select count(*) from (select from webhooks where board_id = new.board_id limit most + 1) held) > most then
    raise exception 'A board has % webhooks at most.', most
      using errcode = 'check_violation', constraint = 'board_webhooks';
  end if;
  return null;
end $$;
create trigger limit_webhooks after insert on webhooks for each row execute function limit_webhooks();
alter table webhooks enable always trigger limit_webhooks;

-- An owner's webhooks stop with the ownership, in its transaction: nothing later than a removal leaves by them. Those of a
-- board that goes itself are still to tell so.
create function pause_webhooks() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  if tg_table_schema is distinct from current_schema() then
    perform refuse_table(tg_relid);
  end if;
  update webhooks set state = 'paused', pause_reason = 'access', paused_at = now(), node = null
    where board_id = old.board_id and owner_id = old.user_id and state = 'active'
      and exists (select from boards where id = old.board_id);
  return null;
end $$;
create trigger pause_webhooks_of_removed after delete on members
  for each row when (old.role = 'owner') execute function pause_webhooks();
alter table members enable always trigger pause_webhooks_of_removed;
create trigger pause_webhooks_of_demoted after update on members
  for each row when (old.role = 'owner' and new.role <> 'owner') execute function pause_webhooks();
alter table members enable always trigger pause_webhooks_of_demoted;

select close_functions();
