// The SQL of `teamboard new-epoch`.

import type { ClientBase } from 'pg';

/** @returns the history that the database is in from now on, as `current_epoch` has it */
export async function renewEpoch(client: ClientBase): Promise<string> {
  await client.query('update :schema.log_epoch set value = gen_random_uuid()');
  const { rows } = await client.query<{ epoch: string }>('select :schema.current_epoch() as epoch');
  return rows[0]?.epoch ?? '';
}
