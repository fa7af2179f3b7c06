// Brings the database's schema to what this version of the code expects.

import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import type { Logger } from '../logger.ts';
import { checkSchema, checkServer } from './supported.ts';

const directory = fileURLToPath(new URL('./migrations', import.meta.url));

/**
 * Applies the numbered SQL files of `migrations/` that the database does not have yet, each in a transaction. Nodes
 * that start at once take turns by an advisory lock: the second finds nothing left to do.
 *
 * @param connectionString a direct connection: the lock belongs to a session, which a transaction pooler does not keep
 * @returns the names of the files that were applied
 * @throws UnsupportedDatabaseError for a server that is too old, or a schema of a later version of this code
 */
export async function migrate(connectionString: string, log: Logger): Promise<string[]> {
  const client = new pg.Client({
    connectionString,
    application_name: 'teamboard migrate',
    connectionTimeoutMillis: 5000,
  });
  // The statement under way fails, or the next one. Without a listener (the runner's own client has none) the loss of the
  // connection would end the process without a word to the operator.
  client.on('error', () => {});
  await client.connect();
  try {
    await checkServer(client);
    const known = (await readdir(directory)).map((file) => file.replace(/\.sql$/, ''));
    await checkSchema(client, known);
    const names = await apply(client, log);
    // While this one waited for its turn, a later version may have had its own.
    await checkSchema(client, known);
    if (names.length > 0) log.info({ applied: names }, 'database migrated');
    await restoreTriggers(client, log);
    return names;
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * After a `pg_restore --disable-triggers`, and whatever else switches triggers off. What was written meanwhile is in no
 * log: so each stream begins anew, with a `reset`.
 */
async function restoreTriggers(client: pg.Client, log: Logger): Promise<void> {
  const { rows } = await client.query<{ count: number }>('select restore_triggers() as count');
  const count = rows[0]?.count ?? 0;
  if (count === 0) return;
  log.warn({ triggers: count }, 'triggers had been switched off: they are on again, and every stream begins anew');
}

async function apply(dbClient: pg.Client, log: Logger): Promise<string[]> {
  const quiet = () => {};
  const applied = await runner({
    dbClient,
    dir: directory,
    direction: 'up',
    migrationsTable: 'schema_migrations',
    advisoryLockMode: 'wait',
    singleTransaction: false,
    logger: { debug: quiet, info: quiet, warn: (message) => log.warn({}, String(message)), error: quiet },
  });
  return applied.map(({ name }) => name);
}
