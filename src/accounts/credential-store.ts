// The SQL of what callers come with, sessions and tokens alike: how long each of them still holds.

import type { Pool } from 'pg';

export interface CredentialStore {
  /**
   * @returns for each that there is, how many milliseconds are left of it by the clock of the database: 0 when it has
   *   expired, and never more than a day
   */
  readRemaining(ids: string[]): Promise<Map<string, number>>;
}

// Between now and a day on, because 'infinity' cannot be subtracted from; `least` passes over the null of what never ends.
const leftSql = `extract(epoch from greatest(now(), least(expires_at, now() + interval '1 day')) - now())::float8 * 1000`;

export function createCredentialStore(pool: Pool): CredentialStore {
  return {
    async readRemaining(ids) {
      const { rows } = await pool.query<{ id: string; leftMs: number }>({
        name: 'credential-read-remaining',
        text: `select id, ${leftSql} as "leftMs" from sessions where id = any($1::uuid[])
               union all
               select id, ${leftSql} from tokens where id = any($1::uuid[])`,
        values: [ids],
      });
      return new Map(rows.map(({ id, leftMs }) => [id, leftMs]));
    },
  };
}
