-- Users whom another application sends; and tickets, by which one EventSource opens one board's stream.

-- The foreign keys lock their tables against writes until the end of this file.
set local lock_timeout = '2s';

-- An email is no part of it: whoever can name one at an issuer would have the account of another.
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

-- As with sessions: only the SHA-256 of the secret. A ticket goes with what its maker has come by, and with the
-- membership: who is removed and comes back needs another.
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
