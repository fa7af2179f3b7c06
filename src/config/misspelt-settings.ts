// Names in the environment that are none of ours, and were meant to be.

import leven from 'leven';
import { ConfigError } from './config-error.ts';

/** Two letters that have changed places, or two slips. */
const MAX_DISTANCE = 2;
/** HOME and HOST are two letters apart. */
const MIN_LENGTH = 8;
/** What others call it. */
const namesOfDatabase = ['POSTGRES_URL', 'POSTGRESQL_URL', 'POSTGRES_URI', 'PG_URL', 'DB_URL', 'DATABASE'];

type Environment = Record<string, string | undefined>;

/**
 * @param settings the names of all settings
 * @returns each name that may be meant for a setting, which is not set itself
 */
export function findMisspelt(
  environment: Environment,
  settings: readonly string[],
): Array<{ name: string; setting: string }> {
  const isSet = (name: string) => Boolean(environment[name]?.trim());
  const unset = settings.filter((setting) => !isSet(setting) && setting.length >= MIN_LENGTH);
  return Object.keys(environment).flatMap((name) => {
    if (settings.includes(name) || !isSet(name)) return [];
    const setting = unset.find((each) => isNear(name, each));
    if (setting !== undefined) return [{ name, setting }];
    return namesOfDatabase.includes(name) && !isSet('DATABASE_URL') ? [{ name, setting: 'DATABASE_URL' }] : [];
  });
}

/** @throws ConfigError: an embedded database would take the place of the one that was meant, and nobody would notice */
export function refuseMisspeltDatabase(environment: Environment, settings: readonly string[]): void {
  const found = findMisspelt(environment, settings).find(
    ({ name, setting }) => setting === 'DATABASE_URL' && isNear(name, setting),
  );
  if (found) throw new ConfigError(`${found.name} is no setting: is DATABASE_URL meant? Set that, or take it away.`);
}

function isNear(name: string, setting: string): boolean {
  const upper = name.toUpperCase();
  return leven(upper, setting) <= MAX_DISTANCE || upper === `TEAMBOARD_${setting}`;
}
