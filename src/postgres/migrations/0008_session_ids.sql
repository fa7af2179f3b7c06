-- What others say a session is, where its hash, which is what a cookie is looked up by, should not stand.

-- The table is written anew, a row for each sign-in.
set local lock_timeout = '2s';

alter table sessions add column id uuid not null default uuid_v7() constraint sessions_id unique;
