// The SQL of personal API tokens.

import type { Pool } from 'pg';
import { uuidv7 } from 'uuidv7';
import { endedAMinuteAgo, removeExpiredFrom } from '../postgres/remove-expired.ts';
import { explainDeleted } from './account-store.ts';
import type { Caller } from './caller.ts';
import { hashSecret, newSecret } from './secret.ts';
import { streamsColumn, userColumns } from './session-store.ts';
import { TOKEN_PREFIX, type Token } from './token.ts';
import type { User } from './user.ts';

export interface TokenStore {
  /**
   * @param expiresInDays undefined: never
   * @returns the token, and the secret that is kept nowhere
   * @throws the error of the database, for TB_LIMIT_REACHED
   */
  create(userId: string, name: string, expiresInDays?: number): Promise<{ token: Token; secret: string }>;
  /** Those that have not ended, the newest first. */
  list(userId: string): Promise<Token[]>;
  /** @returns false when the user has no such token */
  delete(userId: string, id: string): Promise<boolean>;
  /** @returns undefined when the secret is of no token, or of one that has ended */
  find(secret: string): Promise<Caller | undefined>;
  /** See `Expiry`. */
  removeExpired(limit: number): Promise<number>;
}

interface TokenGrant {
  grantId: string;
  streamsId: string;
  expiresAt: string | null;
  isApplication: boolean;
}

const tokenColumns = `tokens.id, tokens.name, :schema.rfc3339(tokens.created_at) as "createdAt",
  :schema.rfc3339(tokens.expires_at) as "expiresAt"`;
const isAlive = '(tokens.expires_at is null or tokens.expires_at > now())';

/** @param mostTokens that one user may have */
export function createTokenStore(pool: Pool, mostTokens: number): TokenStore {
  return {
    async create(userId, name, expiresInDays) {
      const secret = TOKEN_PREFIX + newSecret();
      const { rows } = await pool
        .query<Token>(
          `with limited as materialized (
             select set_config('teamboard.tokens_per_user', $6::integer::text, true)
           )
           insert into :schema.tokens (id, user_id, token_hash, name, expires_at)
           select $1, $2::uuid, $3, $4, now() + make_interval(days => $5) from limited
           returning ${tokenColumns}`,
          [uuidv7(), userId, hashSecret(secret), name, expiresInDays ?? null, mostTokens],
        )
        .catch(explainDeleted);
      return { token: rows[0] as Token, secret };
    },

    async list(userId) {
      const { rows } = await pool.query<Token>(
        `select ${tokenColumns} from :schema.tokens where user_id = $1 and ${isAlive} order by id desc`,
        [userId],
      );
      return rows;
    },

    async delete(userId, id) {
      const { rowCount } = await pool.query(
        `delete from :schema.tokens where user_id = $1 and id = $2 and ${isAlive}`,
        [userId, id],
      );
      return rowCount === 1;
    },

    async find(secret) {
      const { rows } = await pool.query<User & TokenGrant>({
        name: 'token-find',
        text: `select ${userColumns}, ${streamsColumn}, tokens.id as "grantId", is_application as "isApplication", :schema.rfc3339(tokens.expires_at) as "expiresAt"
               from :schema.tokens join :schema.users on users.id = tokens.user_id
                 left join :schema.credentials on credentials.user_id = users.id
               where token_hash = $1 and ${isAlive}`,
        values: [hashSecret(secret)],
      });
      if (!rows[0]) return undefined;
      const { grantId, streamsId, expiresAt, isApplication, ...user } = rows[0];
      return { user, grant: { id: grantId, streamsId, expiresAt }, isApplication };
    },

    removeExpired: removeExpiredFrom(pool, 'tokens', endedAMinuteAgo),
  };
}
