-- What each write with an Idempotency-Key returned, for 24 hours: a repeat gets it again and writes nothing.

-- Written in the transaction of the write, so that the two are there together or not at all. No foreign key to users:
-- it would lock the user's row in each of their writes, for rows that go within a day.
create table idempotency_keys (
  user_id      uuid not null,
  key          text collate "C" not null,
  request_hash bytea not null check (octet_length(request_hash) = 32),
  result       json, -- the written resource as it was then, of which the answer is made; null when it was deleted
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
create function claim_key(owner uuid, name text) returns setof idempotency_keys language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtextextended(owner::text || name, 0));
  return query select * from idempotency_keys where user_id = owner and key = name and expires_at > now();
  if not found then
    -- One that has expired makes room.
    delete from idempotency_keys where user_id = owner and key = name;
  end if;
end $$;
