// Whether what the pools state is so where their statements run: a pooler may refuse it, or drop it.

import type { Logger } from '../../logging/logger.ts';
import { asStartupOptions, meaningSettings, poolSettings } from '../session-settings.ts';
import { UnsupportedDatabaseError } from '../supported.ts';
import { isAboutOptions, type Target, withClients } from './connect.ts';

/**
 * @returns false when a pooler refuses to take what the pools state, which must then connect without
 * @throws UnsupportedDatabaseError when a statement would not mean what it says
 */
export async function checkSettings(target: Target, log: Logger): Promise<boolean> {
  try {
    await compare(target, asStartupOptions(poolSettings), log);
    return true;
  } catch (error) {
    if (!isAboutOptions((error as Error).cause)) throw error;
  }
  await compare(target, undefined, log);
  return false;
}

async function compare(target: Target, options: string | undefined, log: Logger): Promise<void> {
  const { rows } = await withClients(target, [options], (client) =>
    client.query<{ name: string; wanted: string; found: string; role: string }>(
      `select name, wanted, current_setting(name) as found, quote_ident(session_user) as role
       from unnest($1::text[], $2::text[]) stated (name, wanted)
       where current_setting(name) <> wanted and not (name = 'DateStyle' and starts_with(current_setting(name), wanted))
         and not (name = 'extra_float_digits' and current_setting(name)::integer > 0)
         and not (name = 'TimeZone' and current_setting(name) in ('Etc/UTC', 'GMT', 'Etc/GMT', 'UCT', 'Zulu'))`,
      [Object.keys(poolSettings), Object.values(poolSettings)],
    ),
  );
  const cure = rows.map(({ name, wanted, role }) => `alter role ${role} set ${name} = '${wanted}';`).join(' ');
  const other = rows.filter(({ name }) => name in meaningSettings).map(({ name, found }) => `${name} is ${found}`);
  if (other.length > 0) {
    throw new UnsupportedDatabaseError(
      `${target.setting} leads through a pooler that drops our settings, and ${other.join(', ')}: set them for the ` +
        `role (${cure}) and let the pooler connect anew, or use a direct address.`,
    );
  }
  if (rows.length === 0) return;
  log.warn(
    { setting: target.setting, cure },
    'a pooler drops our time limits: set them for the role, or statements may run on for as long as they like',
  );
}
