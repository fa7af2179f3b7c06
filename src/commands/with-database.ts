// The configured database, for a command that ends: also the embedded one of a node that runs beside it.

import { join, resolve } from 'node:path';
import { type Config, loadConfig } from '../config/config.ts';
import { refuseMissingDatabase } from '../config/database-choice.ts';
import type { Logger } from '../logging/logger.ts';
import { connectionOptions } from '../postgres/address.ts';
import { type Database, openDatabase } from '../postgres/database.ts';
import { findServed } from '../postgres/embedded/find-served.ts';
import { migrate, missingMigrations } from '../postgres/migrate.ts';
import { clientOfSchema, type SchemaClient } from '../postgres/schema-client.ts';
import { directSettings, stateSettings } from '../postgres/session-settings.ts';
import { asStartError } from '../postgres/start/connect.ts';
import type { Context } from './context.ts';
import { CommandFailure } from './failure.ts';

export interface OpenDatabase {
  /** Its statements may have places for the schema. Of the direct address. */
  client: SchemaClient;
  config: Readonly<Config>;
  /** Where LISTEN is kept. */
  url: string;
}

/** The command says itself what has become of it. */
const quiet: Logger = { info: () => {}, warn: () => {} };

/**
 * @param work is given it; nothing of it may be used afterwards
 * @throws CommandFailure when its schema is not of this version; what {@link asStartError} makes of others
 */
export async function withDatabase<T>(context: Context, work: (database: OpenDatabase) => Promise<T>): Promise<T> {
  const config = loadConfig(context.environment);
  refuseMissingDatabase(context.environment, false);
  const database = await open(config);
  const target = { setting: config.databaseDirectUrl === config.databaseUrl ? 'DATABASE_URL' : 'DATABASE_DIRECT_URL' };
  const Client = clientOfSchema(config.databaseSchema);
  const client = new Client({
    ...connectionOptions(database.directUrl),
    application_name: 'teamboard command',
    connectionTimeoutMillis: 5000,
  });
  // The statement under way fails. Without a listener the loss would end the process with a stack.
  client.on('error', () => {});
  const end = () => void client.end().catch(() => {});
  context.stopping.addEventListener('abort', end);
  try {
    await client.connect().catch((error: Error) => {
      throw asStartError(error, { ...target, url: database.directUrl });
    });
    await stateSettings(client, directSettings);
    if (!database.isEmbedded) await requireMigrated(client, config.databaseSchema);
    return await work({ client, config, url: database.directUrl });
  } finally {
    context.stopping.removeEventListener('abort', end);
    await client.end().catch(() => {});
    await database.stop();
  }
}

/** An embedded one that nobody serves is brought up to date: it is only this version's. */
async function open(config: Readonly<Config>): Promise<Database> {
  const { isServed, ...database } = await findDatabase(config);
  if (!database.isEmbedded || isServed) return database;
  try {
    await migrate(database.directUrl, config.databaseSchema, quiet);
    return database;
  } catch (error) {
    await database.stop();
    throw error;
  }
}

/**
 * An embedded one that nobody serves is started, and no other.
 *
 * @throws EmbeddedPostgresError
 */
export async function findDatabase(config: Readonly<Config>): Promise<Database & { isServed: boolean }> {
  if (config.databaseUrl === undefined) {
    const url = await findServed(resolve(join(config.dataDir, 'postgres')));
    if (url !== undefined) return { url, directUrl: url, isEmbedded: true, stop: async () => {}, isServed: true };
  }
  return { ...(await openDatabase(config, quiet, () => {})), isServed: false };
}

async function requireMigrated(client: SchemaClient, schema: string): Promise<void> {
  const missing = await missingMigrations(client, schema);
  if (missing.length === 0) return;
  throw new CommandFailure(
    'TB_NOT_MIGRATED',
    `the schema ${schema} of the database lacks ${missing.join(', ')}: run 'teamboard migrate' first.`,
  );
}
