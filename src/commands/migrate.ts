// teamboard migrate: brings the database's schema up to date.

import type { Command } from 'commander';
import { loadConfig } from '../config/config.ts';
import { refuseMissingDatabase } from '../config/database-choice.ts';
import { createLogger } from '../logging/create-logger.ts';
import { LogOutput } from '../logging/log-output.ts';
import type { Logger } from '../logging/logger.ts';
import { type Database, openDatabase } from '../postgres/database.ts';
import { findMissing } from '../postgres/migrate.ts';
import { asStartError } from '../postgres/start/connect.ts';
import { prepareDatabase } from '../postgres/start/prepare-database.ts';
import type { Context } from './context.ts';
import { write } from './print.ts';

interface Options {
  dryRun?: boolean;
  json?: boolean;
}

export function migrateCommand(program: Command, context: Context): void {
  program
    .command('migrate')
    .description("bring the database's schema up to date, then end; waits for a database that is not there yet")
    .option('--dry-run', 'say what would be applied, and change nothing')
    .option('--json', 'one line of JSON')
    .addHelpText('after', '\nExample:\n  DATABASE_URL=postgres://localhost/boards teamboard migrate --dry-run')
    .action((options: Options) => migrate(context, options));
}

async function migrate(context: Context, { dryRun = false, json = false }: Options): Promise<void> {
  const config = loadConfig(context.environment);
  refuseMissingDatabase(context.environment, true);
  const log = createLogger(config.logLevel, new LogOutput({ fd: 2 }), false);
  const database = await openDatabase(config, log, () => {});
  try {
    const names = dryRun
      ? await look(database, config.databaseSchema)
      : await apply(database, config.databaseSchema, log, context.stopping);
    if (json) return await write(context, `${JSON.stringify({ [dryRun ? 'missing' : 'applied']: names })}\n`);
    const done = `${dryRun ? 'Would apply' : 'Applied'} ${names.join(', ')}.\n`;
    await write(context, names.length > 0 ? done : 'Nothing to do.\n');
  } finally {
    await database.stop();
  }
}

async function apply(database: Database, schema: string, log: Logger, stopping: AbortSignal): Promise<string[]> {
  return (await prepareDatabase(database, { schema, isServing: false, log, stopping })).applied;
}

async function look({ url, directUrl }: Database, schema: string): Promise<string[]> {
  const setting = url === directUrl ? 'DATABASE_URL' : 'DATABASE_DIRECT_URL';
  return findMissing(directUrl, schema).catch((error) => {
    throw asStartError(error, { setting, url: directUrl });
  });
}
