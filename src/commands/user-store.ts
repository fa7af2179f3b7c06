// The SQL of `teamboard user`.

import type { ClientBase } from 'pg';
import { canonicalUuid } from '../http/uuid.ts';

export interface FoundUser {
  id: string;
  name: string;
  guest: boolean;
  /** Null for a guest, and for a user of another application. */
  email: string | null;
  createdAt: string;
  boards: number;
  sessions: number;
  tokens: number;
}

/** @param who an id, or an email however it is written @returns undefined when there is no such user */
export async function findUser(client: ClientBase, who: string): Promise<FoundUser | undefined> {
  const id = canonicalUuid(who);
  const { rows } = await client.query<FoundUser>(
    `select id, name, guest, email, :schema.rfc3339(created_at) as "createdAt",
       (select count(*)::int from :schema.members where user_id = users.id) as boards,
       (select count(*)::int from :schema.sessions where user_id = users.id and expires_at > now()) as sessions,
       (select count(*)::int from :schema.tokens where user_id = users.id and coalesce(expires_at, 'infinity') > now()) as tokens
     from :schema.users left join :schema.credentials on credentials.user_id = users.id
     where ${id === undefined ? 'lower(email collate "C") = lower($1::text collate "C")' : 'id = $1::uuid'}`,
    [id ?? who.trim()],
  );
  return rows[0];
}

/** Ends all that was signed in by the old one. */
export async function setPassword(client: ClientBase, userId: string, hash: string): Promise<void> {
  await client.query(
    `with changed as (
       update :schema.credentials set password_hash = $2 where user_id = $1::uuid
     )
     delete from :schema.sessions where user_id = $1::uuid`,
    [userId, hash],
  );
}

/** @returns how many sessions have ended; streams end too, and come back where they hang on a token */
export async function signOut(client: ClientBase, userId: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `with ended as (
       delete from :schema.sessions where user_id = $1::uuid returning 1
     ), streams as (
       select :schema.end_streams($1::uuid) as ended
     )
     select (select count(*)::int from ended) as count, (select ended from streams)`,
    [userId],
  );
  return rows[0]?.count ?? 0;
}
