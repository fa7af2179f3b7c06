// Whether the embedded database is meant, where no other is named.

import { ConfigError } from './config-error.ts';

/**
 * A node that keeps its data in a folder that nobody knows of looks well until the container goes. `DATA_DIR` says that
 * the folder is meant.
 *
 * @param isMigrating the command has no other use than a database that is there already
 * @throws ConfigError when no database is named where one must be
 */
export function refuseMissingDatabase(environment: Record<string, string | undefined>, isMigrating: boolean): void {
  const isSet = (name: string) => Boolean(environment[name]?.trim());
  const isProduction = environment.NODE_ENV?.trim() === 'production';
  if (isSet('DATABASE_URL') || isSet('DATA_DIR') || !(isProduction || isMigrating)) return;
  throw new ConfigError(
    `DATABASE_URL is not set${isProduction ? ' and NODE_ENV is production' : ''}: name the database, or set DATA_DIR if ` +
      'an embedded one in that folder is meant.',
  );
}
