// From an address to a database that this version of the code can work on.

import type { Logger } from '../../logging/logger.ts';
import type { Database } from '../database.ts';
import { migrate } from '../migrate.ts';
import { checkAddresses } from './check-addresses.ts';
import { asStartError } from './connect.ts';
import { checkRights } from './rights.ts';
import { untilReachable } from './until-reachable.ts';

export interface Prepared {
  /** The names of the migrations that were applied. */
  applied: string[];
  /** Whether the pools can state what they rely on. */
  takesSettings: boolean;
}

export interface PrepareOptions {
  schema: string;
  /** Whoever only migrates makes what the role that serves gets its rights on. */
  isServing: boolean;
  log: Logger;
  /** Ends the waiting. */
  stopping: AbortSignal;
}

/**
 * Checks where the addresses lead, and migrates. What cannot be reached is waited for, for ever; so is what goes away in
 * the middle of it.
 *
 * @throws UnsupportedDatabaseError for what an operator has to mend; the reason of the signal
 */
export async function prepareDatabase(
  { url, directUrl, isEmbedded }: Pick<Database, 'url' | 'directUrl' | 'isEmbedded'>,
  { schema, isServing, log, stopping }: PrepareOptions,
): Promise<Prepared> {
  // Ours, and up: nobody has given an address that could lead elsewhere.
  if (isEmbedded) return { applied: await migrate(directUrl, schema, log), takesSettings: true };
  const setting = url === directUrl ? 'DATABASE_URL' : 'DATABASE_DIRECT_URL';
  const attempt = async () => {
    const takesSettings = await checkAddresses({ url, directUrl }, log);
    const applied = await migrate(directUrl, schema, log).catch((error) => {
      throw asStartError(error, { setting, url: directUrl });
    });
    if (isServing) await checkRights({ setting: 'DATABASE_URL', url }, schema);
    return { applied, takesSettings };
  };
  return untilReachable(attempt, log, stopping);
}
