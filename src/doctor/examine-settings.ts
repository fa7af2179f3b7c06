// The settings: each that is wrong, in the words of a start, and what can be checked without it.

import { type Config, loadConfig } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { refuseMissingDatabase } from '../config/database-choice.ts';
import { findMisspelt } from '../config/misspelt-settings.ts';
import { settingNames } from '../config/settings.ts';
import type { Report } from './report.ts';

type Environment = Record<string, string | undefined>;

export interface ReadSettings {
  /** Without those that are wrong. */
  config: Readonly<Config>;
  /** What they were about cannot be checked. */
  isDatabaseKnown: boolean;
  isRedisKnown: boolean;
}

const CHECK = 'settings';
/** Leads nowhere: so that what hangs on a database is read, where its address cannot be. */
const unread = { DATABASE_URL: 'postgres://unread.invalid/unread' };

/** @returns undefined when nothing can be made of them */
export async function examineSettings(report: Report, environment: Environment): Promise<ReadSettings | undefined> {
  const wrong: string[] = [];
  let left = environment;
  let config = read(left);
  while (config instanceof ConfigError) {
    const { message } = config;
    wrong.push(message);
    await report.tell(CHECK, 'fail', message);
    const [name = ''] = /^\w+/.exec(message) ?? [];
    const next = { ...left, [name]: undefined, ...(message.includes('DATABASE_URL') && unread) };
    // It is about nothing that could be left out.
    if (!left[name] && next.DATABASE_URL === left.DATABASE_URL) return undefined;
    left = next;
    config = read(left);
  }
  const misspelt = findMisspelt(environment, settingNames).filter(
    ({ name }) => !wrong.some((message) => message.startsWith(`${name} `)),
  );
  for (const { name, setting } of misspelt) {
    await report.tell(CHECK, 'warn', `${name} is no setting, and is not read: is ${setting} meant?`);
  }
  if (wrong.length + misspelt.length === 0) await report.tell(CHECK, 'ok', 'each can be what it is');
  const isAbout = (names: RegExp) => wrong.some((message) => names.test(message));
  return { config, isDatabaseKnown: !isAbout(/\bDATABASE_/), isRedisKnown: !isAbout(/^REDIS_/) };
}

function read(environment: Environment): Readonly<Config> | ConfigError {
  try {
    const config = loadConfig(environment);
    refuseMissingDatabase(environment, false);
    return config;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}
