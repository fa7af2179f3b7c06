// What our connections rely on. The defaults of a server, a database or a role may be anything, so each connection states
// it.

import type { ClientBase } from 'pg';

/** By these a statement means what it says. */
export const meaningSettings = {
  // Under `serializable` writes that run side by side are undone, and the triggers count on seeing what has committed.
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  // Shortest text that gives back the same double. With 0, a figure comes back changed.
  extra_float_digits: '1',
  TimeZone: 'UTC',
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  standard_conforming_strings: 'on',
};

/** For whoever waits no longer than it wants to by itself. Those of a role would cut it off. */
const noTimeLimits = {
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
};

/** Of them, those that every version of the server knows: another one in the startup would be refused. */
const { transaction_timeout: _, ...knownTimeLimits } = noTimeLimits;
/** Of the start, which waits no longer than it wants to by itself, also on a way that is slow. */
export const startSettings = knownTimeLimits;

/** Of a transaction that may wait for long. A pooler keeps it as long as that, and hands it to nobody else. */
export const beginWithoutTimeLimits = `begin; select set_config(name, '0', true) from pg_settings
  where name in (${Object.keys(noTimeLimits)
    .map((name) => `'${name}'`)
    .join(', ')})`;

/** So that a database that hangs makes requests fail and not pile up. */
const requestTimeLimits = {
  statement_timeout: '5s',
  lock_timeout: '2s',
  idle_in_transaction_session_timeout: '10s',
  idle_session_timeout: '0',
};

/** Of the pools, which may lead through a transaction pooler. */
export const poolSettings = { ...meaningSettings, ...requestTimeLimits };
/** Of a connection that is ours alone. */
export const directSettings = { ...meaningSettings, ...noTimeLimits };

/**
 * @returns the startup parameter `options`. A transaction pooler keeps nothing that is set later, and of all startup
 *   parameters this one alone needs one word in its configuration
 */
export function asStartupOptions(settings: Record<string, string>): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replaceAll(/[\\ ]/g, '\\$&')}`)
    .join(' ');
}

/** States them for a connection that is ours alone, which asks nothing of a pooler in session mode. */
export async function stateSettings(client: ClientBase, settings: Record<string, string>): Promise<void> {
  await client.query(
    // A time limit that this version of the server does not know limits nothing.
    `select set_config(name, value, false) from unnest($1::text[], $2::text[]) given (name, value)
     where current_setting(name, true) is not null`,
    [Object.keys(settings), Object.values(settings)],
  );
}
