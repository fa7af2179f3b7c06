// Which history of the database a seq belongs to.

import { createHash } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';

const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * A failover that loses rows, or a restore, hands out their numbers again. The epoch changes with both, so that a
 * cursor from before is answered with `reset` and never taken for the event that has its number now. It is a hash of
 * - the system identifier: another for each initdb, the same in a copy (some managed servers deny it);
 * - the timeline, which every promotion and every point-in-time recovery begins anew. It is read from the name of the
 *   WAL file in use and not from pg_control_checkpoint(), which still has the old one until the first checkpoint
 *   after a promotion;
 * - a value in the database, that restore instructions can change where both stay the same.
 *
 * @returns 8 hex digits
 * @throws when the server is a standby, which has no WAL of its own
 */
export async function readEpoch(client: Pool | ClientBase): Promise<string> {
  const { rows } = await client.query<{ timeline: string; stored: string }>(
    'select left(pg_walfile_name(pg_current_wal_lsn()), 8) as timeline, value as stored from log_epoch',
  );
  const identity = [await readSystemIdentifier(client), rows[0]?.timeline, rows[0]?.stored].join('/');
  return createHash('sha256').update(identity).digest('hex').slice(0, 8);
}

async function readSystemIdentifier(client: Pool | ClientBase): Promise<string> {
  try {
    const { rows } = await client.query<{ id: string }>(
      'select system_identifier::text as id from pg_control_system()',
    );
    return rows[0]?.id ?? '';
  } catch (error) {
    if ((error as { code?: string }).code === INSUFFICIENT_PRIVILEGE) return '';
    throw error;
  }
}
