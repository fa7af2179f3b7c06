// Whether the addresses of the database lead where they should.

import type { Logger } from '../../logging/logger.ts';
import { checkServer, UnsupportedDatabaseError } from '../supported.ts';
import { type Target, withClients } from './connect.ts';
import { inspectPooling } from './pooling.ts';
import { checkSameDatabase } from './same-database.ts';
import { checkSettings } from './settings-in-force.ts';

export interface Addresses {
  url: string;
  /** The same, where there is no other. */
  directUrl: string;
}

/**
 * @returns as {@link checkSettings}
 * @throws UnsupportedDatabaseError, UnreachableError
 */
export async function checkAddresses({ url, directUrl }: Addresses, log: Logger): Promise<boolean> {
  const pooled = { setting: 'DATABASE_URL', url };
  const isOne = url === directUrl;
  const direct = isOne ? pooled : { setting: 'DATABASE_DIRECT_URL', url: directUrl };
  await checkDatabase(direct);
  const { mode } = await inspectPooling(direct);
  if (mode !== 'session') {
    throw new UnsupportedDatabaseError(
      isOne
        ? `DATABASE_URL leads through a pooler in ${mode} mode, which keeps no LISTEN: set DATABASE_DIRECT_URL to an address past it.`
        : `DATABASE_DIRECT_URL leads through a pooler in ${mode} mode, which keeps no LISTEN: let it lead past that, or to a pool in session mode.`,
    );
  }
  if (!isOne) {
    await checkDatabase(pooled);
    await checkSameDatabase(direct, pooled);
    await checkStatements(pooled);
  }
  return checkSettings(pooled, log);
}

async function checkDatabase(target: Target): Promise<void> {
  const { rows } = await withClients(target, [undefined], async (client) => {
    await checkServer(client);
    return client.query<{ encoding: string; standby: boolean; copy: string }>(
      `select current_setting('server_encoding') as encoding, pg_is_in_recovery() as standby,
         quote_ident(current_database() || '_utf8') as copy`,
    );
  });
  const { encoding = '', standby = false, copy = '' } = rows[0] ?? {};
  if (standby) {
    throw new UnsupportedDatabaseError(
      `${target.setting} leads to a standby, which takes no writes: name the primary, or promote it.`,
    );
  }
  if (encoding !== 'UTF8') {
    throw new UnsupportedDatabaseError(
      `${target.setting} leads to a database in ${encoding}, and it must be in UTF8: create database ${copy} ` +
        `encoding 'UTF8' template template0; and name that.`,
    );
  }
}

async function checkStatements(pooled: Target): Promise<void> {
  const { mode, keepsStatements } = await inspectPooling(pooled);
  if (mode === 'statement') {
    throw new UnsupportedDatabaseError(
      `${pooled.setting} leads through a pooler in statement mode, which knows no transactions: use its session mode, or ` +
        'its transaction mode with max_prepared_statements (of PgBouncer 1.21 or newer) above 0.',
    );
  }
  if (keepsStatements) return;
  throw new UnsupportedDatabaseError(
    `${pooled.setting} leads through a pooler that loses prepared statements: set its max_prepared_statements (of ` +
      'PgBouncer 1.21 or newer) above 0, or use its session mode, or a direct address.',
  );
}
