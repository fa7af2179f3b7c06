-- Users whom another application sends.

-- The foreign keys lock users against writes until the end of this file.
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
