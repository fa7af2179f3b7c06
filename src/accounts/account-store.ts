// The SQL of users and their sessions.

import { createHash, randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { uuidv7 } from 'uuidv7';
import type { User } from './user.ts';

const SESSION_DAYS = 30;

/** A sign-in: the secret goes into the cookie and is kept nowhere else. */
export interface SignIn {
  user: User;
  token: string;
  expiresAt: string;
}

export interface AccountSession {
  user: User;
  expiresAt: string;
}

export interface AccountStore {
  createGuest(name: string): Promise<SignIn>;
  /** @returns undefined when the token is of no session, or of one that has ended */
  findSession(token: string): Promise<AccountSession | undefined>;
  deleteSession(token: string): Promise<void>;
}

const userColumns = `users.id, users.name, users.guest, rfc3339(users.created_at) as "createdAt"`;

export function createAccountStore(pool: Pool): AccountStore {
  return {
    async createGuest(name) {
      const token = randomBytes(32).toString('base64url');
      const { rows } = await pool.query<User & { expiresAt: string }>(
        `with users as (
           insert into users (id, name, guest) values ($1, $2, true) returning *
         ), session as (
           insert into sessions (token_hash, user_id, expires_at)
           select $3, id, now() + make_interval(days => $4) from users returning expires_at
         )
         select ${userColumns}, rfc3339(session.expires_at) as "expiresAt" from users, session`,
        [uuidv7(), name, hash(token), SESSION_DAYS],
      );
      const { expiresAt, ...user } = rows[0] as User & { expiresAt: string };
      return { user, token, expiresAt };
    },

    async findSession(token) {
      const { rows } = await pool.query<User & { expiresAt: string }>({
        name: 'account-find-session',
        text: `select ${userColumns}, rfc3339(sessions.expires_at) as "expiresAt"
               from sessions join users on users.id = sessions.user_id
               where token_hash = $1 and expires_at > now()`,
        values: [hash(token)],
      });
      if (!rows[0]) return undefined;
      const { expiresAt, ...user } = rows[0];
      return { user, expiresAt };
    },

    async deleteSession(token) {
      await pool.query('delete from sessions where token_hash = $1', [hash(token)]);
    },
  };
}

function hash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
