// The database of this process: the one that the configuration names, or the embedded one.

import { join, resolve } from 'node:path';
import type { Logger } from '../logging/logger.ts';
import { EmbeddedPostgres } from './embedded/embedded-postgres.ts';

/** Which database is meant. Without an address the embedded one. */
export interface DatabaseOptions {
  databaseUrl: string | undefined;
  databaseDirectUrl: string | undefined;
  /** Where the embedded one keeps its data. */
  dataDir: string;
}

export interface Database {
  /** For ordinary queries; may lead through a transaction pooler. */
  url: string;
  /** For LISTEN and migrations. */
  directUrl: string;
  isEmbedded: boolean;
  /** Ends what was started for it. */
  stop(): Promise<void>;
}

/**
 * @param onLoss called when the embedded server ends by itself
 * @throws EmbeddedPostgresError when there is none for this platform, or it does not start
 */
export async function openDatabase(
  options: DatabaseOptions,
  log: Logger,
  onLoss: (how: { code: number | null; signal: string | null }) => void,
): Promise<Database> {
  const { databaseUrl, databaseDirectUrl, dataDir } = options;
  if (databaseUrl !== undefined) {
    return { url: databaseUrl, directUrl: databaseDirectUrl ?? databaseUrl, isEmbedded: false, stop: async () => {} };
  }
  const postgres = new EmbeddedPostgres({
    dataDir: resolve(join(dataDir, 'postgres')),
    log: { info: (message) => log.info({}, message), warn: (message) => log.warn({}, message) },
    onExit: onLoss,
  });
  const { connectionString } = await postgres.start();
  return { url: connectionString, directUrl: connectionString, isEmbedded: true, stop: () => postgres.stop() };
}
