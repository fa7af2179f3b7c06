// The SQL of what the application does for its users, and of its token.

import type { Pool } from 'pg';

/**
 * @param name of the application, as its users are shown it
 * @returns what it sends as `Authorization: Bearer`, which is kept nowhere
 */
export async function makeApplicationToken(pool: Pick<Pool, 'query'>, name: string): Promise<string> {
  const { rows } = await pool.query<{ secret: string }>('select :schema.make_application_token($1) as secret', [name]);
  return rows[0]?.secret ?? '';
}

/** @returns false when there is no such user */
export async function endStreams(pool: Pool, userId: string): Promise<boolean> {
  const { rows } = await pool.query<{ ended: boolean }>('select :schema.end_streams($1) as ended', [userId]);
  return rows[0]?.ended === true;
}
