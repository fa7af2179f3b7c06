// What the registry needs of a Redis.

import { commandsOf, type RedisNeeds } from '../redis/redis-inspection.ts';
import { takeTokenScript } from '../redis/shared-rate-limit.ts';
import { type RegistryClient, registryScripts } from './registry-client.ts';

/** All that nodes send: what their scripts call, and what needs no script. */
export function needsOf({ keys }: RegistryClient, prefix: string, isCluster: boolean): RedisNeeds {
  const { changes } = keys;
  return {
    isCluster,
    probeKey: `${keys.nodes}:probe`,
    commands: [
      ...Object.values(registryScripts).flatMap((lua) => commandsOf(lua, keys.nodes)),
      ...commandsOf(takeTokenScript, `${prefix}:accounts:probe`),
      ['HGETALL', keys.nodes],
      ['HRANDFIELD', keys.nodes, '1', 'WITHVALUES'],
      ['EVALSHA', '0', '1', keys.nodes],
      ['XREVRANGE', changes, '+', '-', 'COUNT', '1'],
      ['XRANGE', changes, '-', '+'],
      ['XREAD', 'COUNT', '1', 'BLOCK', '1', 'STREAMS', changes, '0'],
    ],
  };
}
