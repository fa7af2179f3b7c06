// What renaming and restoring do to a schema of ours, undone by whoever migrates.

import type { Client } from 'pg';
import type { Logger } from '../logging/logger.ts';

/**
 * Each function keeps the schema's name in its search_path, and so the old one when the schema gets another: it would find
 * nothing, or the tables of another installation. What was written since is in no log: so each stream begins anew, with
 * a `reset`.
 */
export async function adoptName(client: Client, log: Logger): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `select format('alter function %s set search_path = %I, pg_temp', oid::regprocedure, :'schema') as statement
     from pg_proc, unnest(proconfig) as setting
     where pronamespace = (select oid from pg_namespace where nspname = :'schema')
       and starts_with(setting, 'search_path=')
       and setting <> 'search_path=' || quote_ident(:'schema') || ', pg_temp'`,
  );
  if (rows.length === 0) return;
  const statements = rows.map(({ statement }) => statement);
  // Of one transaction, as all that comes in one text.
  await client.query([...statements, 'update :schema.log_epoch set value = gen_random_uuid()'].join(';'));
  log.warn(
    { functions: rows.length },
    'the schema had another name: its functions know the new one, and every stream begins anew',
  );
}

/** After a logical replica was promoted, and some restores. Until then a new board takes its time, and nothing fails. */
export async function advanceBoardNumbers(client: Client, log: Logger): Promise<void> {
  const { rows } = await client.query<{ count: number }>('select :schema.mend_board_numbers()::float8 as count');
  const count = rows[0]?.count ?? 0;
  if (count > 0)
    log.warn({ numbers: count }, 'the numbers of boards went on from one that is taken: they are past it now');
}

/** After a `pg_restore --no-privileges`, a careless grant, and a migration that has added some. */
export async function closeFunctions(client: Client, log: Logger): Promise<void> {
  const { rows } = await client.query<{ count: number }>('select :schema.close_functions() as count');
  const count = rows[0]?.count ?? 0;
  if (count > 0)
    log.warn({ functions: count }, 'everyone could run what runs as the owner of the schema: nobody else can now');
}

/**
 * After a `pg_restore --disable-triggers`, and whatever else switches triggers off. What was written meanwhile is in no
 * log: so each stream begins anew, with a `reset`.
 */
export async function restoreTriggers(client: Client, log: Logger): Promise<void> {
  const { rows } = await client.query<{ count: number }>('select :schema.restore_triggers() as count');
  const count = rows[0]?.count ?? 0;
  if (count === 0) return;
  log.warn({ triggers: count }, 'triggers had been switched off: they are on again, and every stream begins anew');
}
