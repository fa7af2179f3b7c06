// Whether the role that serves may use what the role that migrates has made: they need not be one.

import { UnsupportedDatabaseError } from '../supported.ts';
import { type Target, withClients } from './connect.ts';

/** What `grant_serving` gives. Trigger functions are not called by who writes, and so are not among them. */
const missingSql = `
  with ours as (select oid, nspname from pg_namespace where nspname = $1)
  select quote_ident(current_user) as role, missing,
    format('select %I.grant_serving(%L);', $1::text, quote_ident(current_user)) as cure
  from (
    select 1 as place, format('use the schema %I', nspname) as missing
    from ours where not has_schema_privilege(oid, 'usage')
    union all
    select 2, format('read and write %I.%I', nspname, relname)
    from pg_class join ours on ours.oid = relnamespace
    where relkind in ('r', 'p') and relname <> 'schema_migrations'
      and not (has_table_privilege(pg_class.oid, 'select') and has_table_privilege(pg_class.oid, 'insert')
        and has_table_privilege(pg_class.oid, 'update') and has_table_privilege(pg_class.oid, 'delete'))
    union all
    select 3, format('call %I.%I(%s)', nspname, proname, pg_get_function_identity_arguments(pg_proc.oid))
    from pg_proc join ours on ours.oid = pronamespace
    where prorettype <> 'trigger'::regtype and not has_function_privilege(pg_proc.oid, 'execute')
  ) found order by place, missing limit 1`;

/** @throws UnsupportedDatabaseError when a request would be refused */
export async function checkRights(target: Target, schema: string): Promise<void> {
  const { rows } = await withClients(target, [undefined], (client) =>
    client.query<{ role: string; missing: string; cure: string }>(missingSql, [schema]),
  );
  const [found] = rows;
  if (!found) return;
  const { role, missing, cure } = found;
  throw new UnsupportedDatabaseError(
    `${target.setting} connects as ${role}, who may not ${missing}: ${cure} by its owner.`,
  );
}
