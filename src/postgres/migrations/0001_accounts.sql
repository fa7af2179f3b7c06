-- Who is calling: users and their sign-ins.

-- RFC 9562, version 7: PostgreSQL has its own only from 18 on. 48 bits of milliseconds over a random UUID, whose
-- version bits 0100 become 0111.
create function uuid_v7() returns uuid
language sql volatile
return encode(
  set_bit(set_bit(
    overlay(uuid_send(gen_random_uuid())
      placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
    52, 1), 53, 1), 'hex')::uuid;

create table users (
  id         uuid primary key default uuid_v7(),
  name       text not null check (char_length(name) between 1 and 100),
  guest      boolean not null,
  created_at timestamptz(3) not null default now()
);

-- The cookie carries the secret, the table only its SHA-256: whoever reads the table can sign in as nobody.
create table sessions (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  user_id    uuid not null references users on delete cascade,
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) not null
);
create index sessions_user_id on sessions (user_id);
create index sessions_expires_at on sessions (expires_at);
