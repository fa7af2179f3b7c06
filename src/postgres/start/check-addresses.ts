// Whether the addresses of the database lead where they should.

import type { Logger } from '../../logging/logger.ts';
import { readServerVersion, refuseOldServer, type ServerVersion, UnsupportedDatabaseError } from '../supported.ts';
import { type Target, withClients } from './connect.ts';
import { inspectPooling } from './pooling.ts';
import { checkSameDatabase } from './same-database.ts';
import { checkSettings } from './settings-in-force.ts';

export interface Addresses {
  url: string;
  /** The same, where there is no other. */
  directUrl: string;
}

/** By each of its settings: `direct` is `pooled` where there is no other. */
export interface Targets {
  pooled: Target;
  direct: Target;
}

export function targetsOf({ url, directUrl }: Addresses): Targets {
  const pooled = { setting: 'DATABASE_URL', url };
  return { pooled, direct: url === directUrl ? pooled : { setting: 'DATABASE_DIRECT_URL', url: directUrl } };
}

/**
 * @returns as {@link checkSettings}
 * @throws UnsupportedDatabaseError, UnreachableError
 */
export async function checkAddresses(addresses: Addresses, log: Logger): Promise<boolean> {
  const targets = targetsOf(addresses);
  const { pooled, direct } = targets;
  await checkDatabase(direct);
  await checkListening(targets);
  if (direct !== pooled) {
    await checkDatabase(pooled);
    await checkSameDatabase(direct, pooled);
    await checkStatements(pooled);
  }
  return checkSettings(pooled, log);
}

async function checkDatabase(target: Target): Promise<void> {
  const facts = await readFacts(target);
  refuseOldServer(facts);
  refuseStandby(target, facts);
  refuseEncoding(target, facts);
}

export interface DatabaseFacts extends ServerVersion {
  encoding: string;
  standby: boolean;
  /** What another database might be called, as one writes it in SQL. */
  copy: string;
}

/** @throws UnsupportedDatabaseError, UnreachableError when it cannot be asked */
export async function readFacts(target: Target): Promise<DatabaseFacts> {
  return withClients(target, [undefined], async (client) => {
    const version = await readServerVersion(client);
    const { rows } = await client.query<Omit<DatabaseFacts, keyof ServerVersion>>(
      `select current_setting('server_encoding') as encoding, pg_is_in_recovery() as standby,
         quote_ident(current_database() || '_utf8') as copy`,
    );
    const { encoding = '', standby = false, copy = '' } = rows[0] ?? {};
    return { ...version, encoding, standby, copy };
  });
}

/** @throws UnsupportedDatabaseError */
export function refuseStandby({ setting }: Target, { standby }: DatabaseFacts): void {
  if (!standby) return;
  throw new UnsupportedDatabaseError(
    `${setting} leads to a standby, which takes no writes: name the primary, or promote it.`,
  );
}

/** @throws UnsupportedDatabaseError */
export function refuseEncoding({ setting }: Target, { encoding, copy }: DatabaseFacts): void {
  if (encoding === 'UTF8') return;
  throw new UnsupportedDatabaseError(
    `${setting} leads to a database in ${encoding}, and it must be in UTF8: create database ${copy} ` +
      `encoding 'UTF8' template template0; and name that.`,
  );
}

/** @throws UnsupportedDatabaseError for a pooler that keeps no session, UnreachableError */
export async function checkListening({ pooled, direct }: Targets): Promise<void> {
  const { mode } = await inspectPooling(direct);
  if (mode === 'session') return;
  throw new UnsupportedDatabaseError(
    direct === pooled
      ? `DATABASE_URL leads through a pooler in ${mode} mode, which keeps no LISTEN: set DATABASE_DIRECT_URL to an address past it.`
      : `DATABASE_DIRECT_URL leads through a pooler in ${mode} mode, which keeps no LISTEN: let it lead past that, or to a pool in session mode.`,
  );
}

/** @throws UnsupportedDatabaseError for a pooler that loses what was prepared, UnreachableError */
export async function checkStatements(pooled: Target): Promise<void> {
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
