-- Invites that have ended are kept for a week, for a link that says why it lets nobody in, and go then.

-- The index locks a table that is in use.
set local lock_timeout = '2s';

create index invites_ended_at on invites (least(expires_at, revoked_at));
