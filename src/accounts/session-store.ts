// The SQL of sessions: who is signed in by which cookie, and until when.

import type { Pool } from 'pg';
import { attempt, type Failures } from '../background/failures.ts';
import { endedAMinuteAgo, removeExpiredFrom } from '../postgres/remove-expired.ts';
import type { Caller } from './caller.ts';
import { hashSecret } from './secret.ts';
import type { User } from './user.ts';

/** A session ends in any case so long after its sign-in, and so its cookie does. */
export const SESSION_DAYS = 90;
const IDLE_DAYS = 30;

/** Of one user: for the next one the oldest ends. */
export const MAX_SESSIONS = 100;

/** Of a new session. It ends after a month without a request: {@link SessionStore.find} puts that off. */
export const firstEndSql = `now() + interval '${IDLE_DAYS} days'`;
const nextEndSql = `least(now() + interval '${IDLE_DAYS} days', sessions.created_at + interval '${SESSION_DAYS} days')`;

/** Of `users` with `credentials` joined to it where there are any. */
export const userColumns = `users.id, users.name, users.guest, credentials.email, :schema.rfc3339(users.created_at) as "createdAt"`;

/** Of a caller's `users`, for the grant. */
export const streamsColumn = 'coalesce(users.streams_id, users.id) as "streamsId"';

export interface SessionStore {
  /**
   * Puts the end of the session off, at most once a day: a read is no write.
   *
   * @returns undefined when the secret is of no session, or of one that has ended
   */
  find(secret: string): Promise<Caller | undefined>;
  end(secrets: string[]): Promise<void>;
  /** Signs the user out everywhere. */
  endAll(userId: string): Promise<void>;
  /** See `Expiry`. */
  removeExpired(limit: number): Promise<number>;
}

/** @param renewals hears when an end is not put off: the session stays as it was, and its next request tries again */
export function createSessionStore(pool: Pool, renewals: Failures): SessionStore {
  return {
    async find(secret) {
      const hash = hashSecret(secret);
      const { rows } = await pool.query<
        User & { grantId: string; streamsId: string; expiresAt: string; isDue: boolean }
      >({
        name: 'session-find',
        text: `select ${userColumns}, ${streamsColumn}, sessions.id as "grantId", :schema.rfc3339(expires_at) as "expiresAt",
                 expires_at + interval '1 day' < ${nextEndSql} as "isDue"
               from :schema.sessions join :schema.users on users.id = sessions.user_id
                 left join :schema.credentials on credentials.user_id = users.id
               where token_hash = $1 and expires_at > now()`,
        values: [hash],
      });
      if (!rows[0]) return undefined;
      const { grantId, streamsId, expiresAt, isDue, ...user } = rows[0];
      const renewed = isDue ? await attempt(renewals, () => renew(pool, hash)) : undefined;
      return { user, grant: { id: grantId, streamsId, expiresAt: renewed ?? expiresAt } };
    },

    async end(secrets) {
      await pool.query('delete from :schema.sessions where token_hash = any ($1)', [secrets.map(hashSecret)]);
    },

    async endAll(userId) {
      await pool.query('delete from :schema.sessions where user_id = $1', [userId]);
    },

    removeExpired: removeExpiredFrom(pool, 'sessions', endedAMinuteAgo),
  };
}

/** @returns undefined when the session has ended meanwhile */
async function renew(pool: Pool, hash: Buffer): Promise<string | undefined> {
  const { rows } = await pool.query<{ expiresAt: string }>({
    name: 'session-renew',
    text: `update :schema.sessions set expires_at = ${nextEndSql}
           where token_hash = $1 and expires_at > now() returning :schema.rfc3339(expires_at) as "expiresAt"`,
    values: [hash],
  });
  return rows[0]?.expiresAt;
}
