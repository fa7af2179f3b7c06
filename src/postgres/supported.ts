// Whether this version of the code can work on the database that it was given.

import type { ClientBase } from 'pg';

const LEAST_MAJOR = 15;

/** The database answers, and will not do. The message is one line that says why. */
export class UnsupportedDatabaseError extends Error {
  override readonly name = 'UnsupportedDatabaseError';
}

/** @throws UnsupportedDatabaseError for a server that is too old */
export async function checkServer(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ number: number; version: string }>(
    `select current_setting('server_version_num')::integer as number, current_setting('server_version') as version`,
  );
  const { number = 0, version = '' } = rows[0] ?? {};
  if (Math.floor(number / 10_000) >= LEAST_MAJOR) return;
  throw new UnsupportedDatabaseError(
    `DATABASE_URL leads to PostgreSQL ${version}, and ${LEAST_MAJOR} or newer is needed: upgrade it, or name another.`,
  );
}

/**
 * What a later version has added may be what this one must know of: a constraint that its writes do not keep, a trigger
 * that counts on a setting. A node that runs already goes on, see README.md; but none begins.
 *
 * @param known the names of the migrations that this version of the code has
 * @throws UnsupportedDatabaseError for a schema of a later version
 */
export async function checkSchema(client: ClientBase, known: readonly string[]): Promise<void> {
  const { rows: found } = await client.query<{ exists: boolean }>(
    `select to_regclass('public.schema_migrations') is not null as exists`,
  );
  if (!found[0]?.exists) return;
  const { rows } = await client.query<{ name: string }>(
    'select name from public.schema_migrations where name <> all ($1::text[]) order by name',
    [known],
  );
  if (rows.length === 0) return;
  throw new UnsupportedDatabaseError(
    `the database's schema is of a later version of Teamboard (${rows.map(({ name }) => name).join(', ')}): start that ` +
      'version, or restore a backup from before it.',
  );
}
