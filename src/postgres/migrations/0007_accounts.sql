-- Accounts that last: an email with a password, and personal API tokens.

-- The foreign keys lock users against writes until the end of this file.
set local lock_timeout = '2s';

-- Apart from users, which other services may read for the names. A guest has no row here.
create table credentials (
  user_id       uuid primary key references users on delete cascade,
  email         text not null constraint credentials_email_length check (char_length(email) between 3 and 254),
  password_hash text not null check (password_hash like '$argon2id$%')
);
-- One account for one address however it is written. The collation, because in a Turkish one I is no i.
create unique index credentials_email on credentials (lower(email collate "C"));

-- As with sessions: only the SHA-256 of the secret.
create table tokens (
  id         uuid primary key default uuid_v7(),
  user_id    uuid not null references users on delete cascade,
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  name       text not null check (char_length(name) between 1 and 100),
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) -- null: never
);
create index tokens_user_id on tokens (user_id, id);
-- Serves the removal of what has expired.
create index tokens_expires_at on tokens (expires_at) where expires_at is not null;
