// The SQL of users' names.

import type { Pool } from 'pg';

export interface NameStore {
  /** @returns the names of those who exist */
  read(userIds: string[]): Promise<Map<string, string>>;
}

export function createNameStore(pool: Pool): NameStore {
  return {
    async read(userIds) {
      const { rows } = await pool.query<{ id: string; name: string }>({
        name: 'presence-names',
        text: 'select id, name from :schema.users where id = any($1::uuid[])',
        values: [userIds],
      });
      return new Map(rows.map(({ id, name }) => [id, name]));
    },
  };
}
