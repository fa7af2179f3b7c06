// The settings in force, as the log may have them: no secret among them.

import { describeAddress } from '../postgres/address.ts';
import type { Config } from './config.ts';

/** @returns all of them by their names in the code; of a secret only that there is one */
export function settingsTold(config: Config): Record<string, unknown> {
  const { databaseUrl, databaseDirectUrl, redisUrl, jwtIssuers, rails, metricsToken, auth, ...others } = config;
  const isSet = (value: unknown) => (value === undefined ? 'none' : 'set');
  return {
    ...others,
    databaseUrl: databaseUrl === undefined ? 'embedded' : describeAddress(databaseUrl),
    databaseDirectUrl: databaseDirectUrl === undefined ? 'embedded' : describeAddress(databaseDirectUrl),
    redisUrl: isSet(redisUrl),
    jwtIssuers: jwtIssuers.map(({ issuer }) => issuer),
    rails: rails?.cookie ?? 'none',
    metricsToken: isSet(metricsToken),
    // Its query may hold a key.
    auth: auth === undefined ? 'none' : auth.url.origin + auth.url.pathname,
  };
}
