// A table of an application whose rows are told on the boards of a run.

import type { SteadyClient } from './steady-client.ts';

/** Its name, and the `resource` of its events. */
export const soakTable = 'soak_rows';

export async function publishTable(sql: SteadyClient): Promise<void> {
  await sql.query(
    `create table public.${soakTable} (id uuid primary key default gen_random_uuid(), board_id uuid, text text)`,
  );
  await sql.query(`create index on public.${soakTable} (board_id)`);
  await sql.query(`select teamboard.publish('public.${soakTable}', board => 'board_id')`);
}
