// Whether two addresses lead to one database.

import { randomInt } from 'node:crypto';
import type { ClientBase } from 'pg';
import { describeAddress } from '../address.ts';
import { beginWithoutTimeLimits } from '../session-settings.ts';
import { UnsupportedDatabaseError } from '../supported.ts';
import { type Target, UnreachableError, withClients } from './connect.ts';

/**
 * By a lock that is taken through one and looked for through the other, which every role may do, and which no two
 * databases share: names, and even the identifiers of a cluster and its standby, may be equal.
 *
 * @throws UnsupportedDatabaseError when they do not
 */
export async function checkSameDatabase(direct: Target, pooled: Target): Promise<void> {
  const key = [randomInt(2 ** 31), randomInt(2 ** 31)];
  const isSame = await withClients(direct, [undefined], async (holder) => {
    await holder.query(beginWithoutTimeLimits);
    await holder.query('select pg_advisory_xact_lock($1::integer, $2::integer)', key);
    if (await withClients(pooled, [undefined], (onlooker) => isHeld(onlooker, key))) return true;
    // What it had may be gone, with its transaction.
    if (await isHeld(holder, key)) return false;
    throw new UnreachableError(direct, new Error('a transaction was ended meanwhile'));
  });
  if (isSame) return;
  throw new UnsupportedDatabaseError(
    `${pooled.setting} (${describeAddress(pooled.url)}) and ${direct.setting} (${describeAddress(direct.url)}) lead to ` +
      'two databases: what is written in one is not heard in the other. Let both lead to one.',
  );
}

async function isHeld(client: ClientBase, key: number[]): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    `select exists (
       select from pg_locks where locktype = 'advisory' and classid = $1::bigint and objid = $2::bigint
         and database = (select oid from pg_database where datname = current_database())) as found`,
    key,
  );
  return rows[0]?.found ?? false;
}
