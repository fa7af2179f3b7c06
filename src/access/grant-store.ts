// The SQL of grants, sessions and tokens alike, and of what the streams of a user hang on: how long each still holds.

import type { Pool } from 'pg';

export interface GrantStore {
  /**
   * @returns for each that there is, how many milliseconds are left of it by the clock of the database: 0 when it has
   *   expired, and never more than a day
   */
  readRemaining(ids: string[]): Promise<Map<string, number>>;
}

// Between now and a day on, because 'infinity' cannot be subtracted from; `least` passes over the null of what never ends.
const DAY_MS = 86_400_000;
const leftSql = `extract(epoch from greatest(now(), least(expires_at, now() + interval '1 day')) - now())::float8 * 1000`;

export function createGrantStore(pool: Pool): GrantStore {
  return {
    async readRemaining(ids) {
      const { rows } = await pool.query<{ id: string; leftMs: number }>({
        name: 'grant-read-remaining',
        text: `select id, ${leftSql} as "leftMs" from :schema.sessions where id = any($1::uuid[])
               union all
               select id, ${leftSql} from :schema.tokens where id = any($1::uuid[])
               union all
               select streams_id, ${DAY_MS} from :schema.users where streams_id = any($1::uuid[])
               union all
               select id, ${DAY_MS} from :schema.users where id = any($1::uuid[]) and streams_id is null`,
        values: [ids],
      });
      return new Map(rows.map(({ id, leftMs }) => [id, leftMs]));
    },
  };
}
