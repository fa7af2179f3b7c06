// The SQL of users and their credentials. Whatever makes or changes an account signs in by the same statement.

import type { Pool } from 'pg';
import { uuidv7 } from 'uuidv7';
import { Problem } from '../problems/problem.ts';
import { unauthenticated } from './challenge.ts';
import { hashSecret, newSecret } from './secret.ts';
import { firstEndSql, MAX_SESSIONS, userColumns } from './session-store.ts';
import type { User } from './user.ts';

const UNIQUE_VIOLATION = '23505';
const FOREIGN_KEY_VIOLATION = '23503';

/** A new session: the secret goes into the cookie and is kept nowhere else. */
export interface SignIn {
  user: User;
  secret: string;
}

export interface StoredCredentials {
  userId: string;
  passwordHash: string;
}

export interface NewCredentials {
  email: string;
  passwordHash: string;
}

/** What is undefined stays as it is. */
export interface AccountChange {
  name: string | undefined;
  email: string | undefined;
  passwordHash: string | undefined;
}

export interface AccountStore {
  createGuest(name: string): Promise<SignIn>;
  /**
   * @param replaced the secrets of the sessions that the new one takes the place of
   * @throws Problem TB_EMAIL_TAKEN
   */
  createUser(name: string, credentials: NewCredentials, replaced: string[]): Promise<SignIn>;
  /** However the address is written. */
  findCredentials(email: string): Promise<StoredCredentials | undefined>;
  /** @returns undefined for a guest */
  findPasswordHash(userId: string): Promise<string | undefined>;
  /**
   * @param replaced the secrets of the sessions that the new one takes the place of
   * @returns undefined when the password is another one by now
   */
  signIn(credentials: StoredCredentials, replaced: string[]): Promise<SignIn | undefined>;
  /**
   * Makes a guest's account one that lasts, and ends the guest's sessions.
   *
   * @returns undefined when the user is no guest any more
   * @throws Problem TB_EMAIL_TAKEN
   */
  keepGuest(userId: string, credentials: NewCredentials, name: string | undefined): Promise<SignIn | undefined>;
  /** @returns undefined when the account has been deleted */
  rename(userId: string, name: string): Promise<User | undefined>;
  /**
   * Ends all sessions of the user.
   *
   * @returns undefined when the password is another one by now
   * @throws Problem TB_EMAIL_TAKEN
   */
  change(credentials: StoredCredentials, change: AccountChange): Promise<SignIn | undefined>;
  /**
   * Deletes the account and all that hangs on it, with the boards that nobody else is on.
   *
   * @param passwordHash undefined for a guest
   * @returns the boards that stand against it: others are on them and nobody else owns them, and nothing was deleted;
   *   undefined when the account is not as it was checked any more
   */
  delete(userId: string, passwordHash: string | undefined): Promise<string[] | undefined>;
}

/** Ends a statement whose WITH queries `users` and `credentials` are the account. @param secret placeholder of its hash */
const signInSql = (secret: string) => `
  session as (
    insert into :schema.sessions (token_hash, user_id, expires_at) select ${secret}, id, ${firstEndSql} from users
  )
  select ${userColumns} from users left join credentials on credentials.user_id = users.id`;

/**
 * A condition that always holds, of whatever may change a name: it tells the logs of the user's boards who did it.
 *
 * @param userId placeholder of the user, which the statement compares with a uuid before
 */
const actingSql = (userId: string) => `set_config('teamboard.actor', ${userId}::text, true) is not null`;

export function createAccountStore(pool: Pool): AccountStore {
  /** @param text in which $1 is the hash of the new secret, and `values` begin at $2 */
  const runSignIn = async (text: string, values: unknown[]): Promise<SignIn | undefined> => {
    const secret = newSecret();
    const { rows } = await pool
      .query<User>(`with ${text}, ${signInSql('$1')}`, [hashSecret(secret), ...values])
      .catch(explainDeleted);
    return rows[0] && { user: rows[0], secret };
  };

  return {
    async createGuest(name) {
      const guest = await runSignIn(
        `users as (
           insert into :schema.users (id, name, guest) values ($2, $3, true) returning *
         ), credentials as (
           select * from :schema.credentials where user_id = $2
         )`,
        [uuidv7(), name],
      );
      return guest as SignIn;
    },

    async createUser(name, { email, passwordHash }, replaced) {
      const user = await runSignIn(
        `users as (
           insert into :schema.users (id, name, guest) values ($2, $3, false) returning *
         ), credentials as (
           insert into :schema.credentials (user_id, email, password_hash) select id, $4, $5 from users returning *
         ), replaced as (
           delete from :schema.sessions where token_hash = any ($6)
         )`,
        [uuidv7(), name, email, passwordHash, replaced.map(hashSecret)],
      ).catch(explainTaken);
      return user as SignIn;
    },

    async findCredentials(email) {
      const { rows } = await pool.query<StoredCredentials>({
        name: 'account-find-credentials',
        text: `select user_id as "userId", password_hash as "passwordHash" from :schema.credentials
               where lower(email collate "C") = lower($1::text collate "C")`,
        values: [email],
      });
      return rows[0];
    },

    async findPasswordHash(userId) {
      const { rows } = await pool.query<{ passwordHash: string }>(
        'select password_hash as "passwordHash" from :schema.credentials where user_id = $1',
        [userId],
      );
      return rows[0]?.passwordHash;
    },

    async signIn({ userId, passwordHash }, replaced) {
      return runSignIn(
        `credentials as (
           select * from :schema.credentials where user_id = $2 and password_hash = $3
         ), users as (
           select users.* from :schema.users join credentials on credentials.user_id = users.id
         ), replaced as (
           delete from :schema.sessions where token_hash = any ($4) and exists (select from users)
         ), superseded as (
           delete from :schema.sessions where token_hash in (
             select token_hash from :schema.sessions where user_id = (select id from users)
             order by created_at desc offset ${MAX_SESSIONS - 1})
         )`,
        [userId, passwordHash, replaced.map(hashSecret)],
      );
    },

    async keepGuest(userId, { email, passwordHash }, name) {
      return runSignIn(
        `users as (
           update :schema.users set guest = false, name = coalesce($5, name)
           where id = $2 and guest and ${actingSql('$2')} returning *
         ), credentials as (
           insert into :schema.credentials (user_id, email, password_hash) select id, $3, $4 from users returning *
         ), ended as (
           delete from :schema.sessions using users where sessions.user_id = users.id
         )`,
        [userId, email, passwordHash, name ?? null],
      ).catch(explainTaken);
    },

    async rename(userId, name) {
      const { rows } = await pool.query<User>(
        `with users as (
           update :schema.users set name = $2 where id = $1 and ${actingSql('$1')} returning *
         )
         select ${userColumns} from users left join :schema.credentials on credentials.user_id = users.id`,
        [userId, name],
      );
      return rows[0];
    },

    async change({ userId, passwordHash }, change) {
      return runSignIn(
        `credentials as (
           update :schema.credentials set email = coalesce($4, email), password_hash = coalesce($5, password_hash)
           where user_id = $2 and password_hash = $3 returning *
         ), users as (
           update :schema.users set name = coalesce($6, name) from credentials
           where id = credentials.user_id and ${actingSql('$2')} returning users.*
         ), ended as (
           delete from :schema.sessions using users where sessions.user_id = users.id
         )`,
        [userId, passwordHash, change.email ?? null, change.passwordHash ?? null, change.name ?? null],
      ).catch(explainTaken);
    },

    async delete(userId, passwordHash) {
      const run = () =>
        pool.query<{ kept: string[] | null }>('select :schema.delete_user($1, $2) as kept', [
          userId,
          passwordHash ?? null,
        ]);
      // Two owners who leave at once each see the other, and the second is refused at its commit. Now it sees that the
      // first has gone.
      const { rows } = await run().catch((error) => {
        if ((error as { constraint?: unknown }).constraint !== 'members_keep_owner') throw error;
        return run();
      });
      return rows[0]?.kept ?? undefined;
    },
  };
}

/** For what a user makes whose account was deleted since the look at it. */
export function explainDeleted(error: unknown): never {
  const { code, constraint } = error as { code?: unknown; constraint?: string };
  if (code !== FOREIGN_KEY_VIOLATION || !constraint?.endsWith('_user_id_fkey')) throw error;
  throw unauthenticated();
}

/** The index decides, and not a look before: two who come at once cannot both find the address free. */
function explainTaken(error: unknown): never {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  if (code !== UNIQUE_VIOLATION || constraint !== 'credentials_email') throw error;
  throw new Problem('TB_EMAIL_TAKEN', 'Sign in with it (POST /session), or take another address.');
}
