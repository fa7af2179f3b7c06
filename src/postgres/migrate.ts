// Brings the database's schema to what this version of the code expects.

import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import type { Logger } from '../logging/logger.ts';
import { connectionOptions } from './address.ts';
import { adoptName, advanceBoardNumbers, closeFunctions, restoreTriggers } from './mend-schema.ts';
import { clientOfSchema } from './schema-client.ts';
import { directSettings, stateSettings } from './session-settings.ts';
import { checkSchema, checkServer, UnsupportedDatabaseError } from './supported.ts';

const INSUFFICIENT_PRIVILEGE = '42501';

const directory = fileURLToPath(new URL('./migrations', import.meta.url));

/**
 * Applies the numbered SQL files of `migrations/` that the database does not have yet, each in a transaction. Nodes
 * that start at once take turns by an advisory lock: the second finds nothing left to do.
 *
 * @param connectionString a direct connection: the lock belongs to a session, which a transaction pooler does not keep
 * @param schema is made when there is none
 * @returns the names of the files that were applied
 * @throws UnsupportedDatabaseError for a server that is too old, or a schema that is of others, of a later version of
 *   this code, or may not be made
 */
export async function migrate(connectionString: string, schema: string, log: Logger): Promise<string[]> {
  return onClient(connectionString, schema, async (client) => {
    await checkServer(client);
    // Until the end of the session.
    await client.query(`select pg_advisory_lock(hashtextextended(:'schema' || ' migrate', 0))`);
    const place = await findPlace(client);
    try {
      const missing = await checkSchema(client, schema, await knownFiles());
      if (place.owner === null) await createSchema(client, place);
      await adoptName(client, log);
      // The runner counts on being the owner, and says otherwise with a stack.
      if (missing.length > 0 && place.isClosed) throw notTheOwner(place, 'it may make nothing there');
      const names = missing.length > 0 ? await apply(client, schema, log) : [];
      if (names.length > 0) log.info({ applied: names }, 'database migrated');
      await closeFunctions(client, log);
      await restoreTriggers(client, log);
      await advanceBoardNumbers(client, log);
      return names;
    } catch (error) {
      if ((error as { code?: string }).code !== INSUFFICIENT_PRIVILEGE) throw error;
      throw notTheOwner(place, (error as Error).message, error as Error);
    }
  });
}

/**
 * As {@link migrate}, but changes nothing.
 *
 * @returns the names of the files that it would apply
 */
export async function findMissing(connectionString: string, schema: string): Promise<string[]> {
  return onClient(connectionString, schema, (client) => missingMigrations(client, schema));
}

async function onClient<T>(connectionString: string, schema: string, work: (client: Client) => Promise<T>): Promise<T> {
  const SchemaClient = clientOfSchema(schema);
  const client = new SchemaClient({
    ...connectionOptions(connectionString),
    application_name: 'teamboard migrate',
    connectionTimeoutMillis: 5000,
  });
  // The statement under way fails, or the next one. Without a listener (the runner's own client has none) the loss of the
  // connection would end the process without a word to the operator.
  client.on('error', () => {});
  await client.connect();
  try {
    await stateSettings(client, directSettings);
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * @param client whose statements have the schema in its places
 * @returns the names of the files that {@link migrate} would apply, in their order
 * @throws UnsupportedDatabaseError as that
 */
export async function missingMigrations(client: Client, schema: string): Promise<string[]> {
  await checkServer(client);
  return (await checkSchema(client, schema, await knownFiles())).sort();
}

async function knownFiles(): Promise<string[]> {
  return (await readdir(directory)).map((file) => file.replace(/\.sql$/, ''));
}

/** As one writes them in SQL. */
interface Place {
  user: string;
  database: string;
  schema: string;
  /** null: there is no such schema yet. */
  owner: string | null;
  /** It is there, and the user may put nothing there. */
  isClosed: boolean;
}

async function findPlace(client: Client): Promise<Place> {
  const { rows } = await client.query<Place>(
    `select quote_ident(current_user) as user, quote_ident(current_database()) as database, quote_ident(:'schema') as schema,
       (select quote_ident(pg_get_userbyid(nspowner)) from pg_namespace where nspname = :'schema') as owner,
       exists (
         select from pg_namespace where nspname = :'schema' and not has_schema_privilege(oid, 'create')) as "isClosed"`,
  );
  return rows[0] as Place;
}

/** Only when there is none: `if not exists` asks for the right to create one yet, and somebody else may have made ours. */
async function createSchema(client: Client, { user, database, schema }: Place): Promise<void> {
  await client.query('create schema :schema').catch((error) => {
    if (error.code !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new UnsupportedDatabaseError(
      `${user} may not make a schema in the database ${database}: let its owner run ` +
        `'create schema ${schema} authorization ${user}'.`,
    );
  });
}

/** A role that only serves may start a node on what is up to date, and change nothing of it. */
function notTheOwner({ user, schema, owner }: Place, reason: string, cause?: Error): UnsupportedDatabaseError {
  return new UnsupportedDatabaseError(
    `${user} may not migrate the schema ${schema} (${reason}): run 'teamboard migrate' as its owner ${owner}, or let ` +
      'DATABASE_DIRECT_URL connect as that.',
    { cause },
  );
}

/**
 * The files name nothing but what is ours, and each function keeps the search_path that it is made under: so nobody's
 * tables are taken for ours, also not temporary ones.
 */
async function apply(dbClient: Client, schema: string, log: Logger): Promise<string[]> {
  await dbClient.query('set search_path = :schema, pg_temp; set standard_conforming_strings = on');
  const quiet = () => {};
  // A tenth of a second of CPU, which most starts are spared: they find nothing to apply.
  const { runner } = await import('node-pg-migrate');
  const applied = await runner({
    dbClient,
    dir: directory,
    direction: 'up',
    migrationsSchema: schema,
    migrationsTable: 'schema_migrations',
    noLock: true,
    singleTransaction: false,
    logger: { debug: quiet, info: quiet, warn: (message) => log.warn({}, String(message)), error: quiet },
  });
  return applied.map(({ name }) => name);
}
