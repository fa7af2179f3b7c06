// Whether this version of the code can work on the database that it was given.

import type { ClientBase } from 'pg';

const LEAST_MAJOR = 15;

/** The database answers, and will not do. The message is one line that says why. */
export class UnsupportedDatabaseError extends Error {
  override readonly name = 'UnsupportedDatabaseError';
}

export interface ServerVersion {
  /** As in `server_version_num`. */
  number: number;
  version: string;
}

export async function readServerVersion(client: ClientBase): Promise<ServerVersion> {
  const { rows } = await client.query<ServerVersion>(
    `select current_setting('server_version_num')::integer as number, current_setting('server_version') as version`,
  );
  return rows[0] ?? { number: 0, version: '' };
}

/** @throws UnsupportedDatabaseError for one that is too old */
export function refuseOldServer({ number, version }: ServerVersion): void {
  if (Math.floor(number / 10_000) >= LEAST_MAJOR) return;
  throw new UnsupportedDatabaseError(
    `DATABASE_URL leads to PostgreSQL ${version}, and ${LEAST_MAJOR} or newer is needed: upgrade it, or name another.`,
  );
}

/** @throws UnsupportedDatabaseError for a server that is too old */
export async function checkServer(client: ClientBase): Promise<void> {
  refuseOldServer(await readServerVersion(client));
}

/**
 * What a later version has added may be what this one must know of: a constraint that its writes do not keep, a trigger
 * that counts on a setting. A node that runs already goes on, see README.md; but none begins.
 *
 * @param client whose statements have the schema in its places
 * @param known the names of the migrations that this version of the code has
 * @returns those of them that the database does not have yet
 * @throws UnsupportedDatabaseError for a schema of a later version, or with tables of others
 */
export async function checkSchema(client: ClientBase, schema: string, known: readonly string[]): Promise<string[]> {
  const { rows: tables } = await client.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = (select oid from pg_namespace where nspname = :'schema')
       and relkind in ('r', 'p', 'v', 'm', 'f')`,
  );
  if (tables.length === 0) return [...known];
  if (!tables.some(({ name }) => name === 'schema_migrations')) {
    throw new UnsupportedDatabaseError(
      `the schema ${schema} has tables that are not of Teamboard (${tables[0]?.name}): set DATABASE_SCHEMA to another.`,
    );
  }
  const { rows } = await client.query<{ name: string }>('select name from :schema.schema_migrations order by name');
  const later = rows.filter(({ name }) => !known.includes(name));
  if (later.length === 0) return known.filter((file) => !rows.some(({ name }) => name === file));
  throw new UnsupportedDatabaseError(
    `the database's schema is of a later version of Teamboard (${later.map(({ name }) => name).join(', ')}): start that ` +
      'version, or restore a backup from before it.',
  );
}
