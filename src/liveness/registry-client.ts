// The connection that the registry's scripts run on, with one typed method for each script.

import type { Redis } from 'ioredis';
import { createRedisClient, type RedisClientOptions } from '../redis/redis-client.ts';
import { beatScript } from './lua/beat.ts';
import { buryStreamsScript } from './lua/bury-streams.ts';
import { expireLeasesScript } from './lua/expire-leases.ts';
import { retireLeaseScript } from './lua/retire-lease.ts';
import { takeLeaseScript } from './lua/take-lease.ts';
import { writeStreamsScript } from './lua/write-streams.ts';

const scripts = {
  takeLease: takeLeaseScript,
  beat: beatScript,
  writeStreams: writeStreamsScript,
  expireLeases: expireLeasesScript,
  retireLease: retireLeaseScript,
  buryStreams: buryStreamsScript,
};

/** Arguments and answers as each script's header says. The first argument is always the prefix. */
export interface RegistryClient extends Redis {
  takeLease(prefix: string, incarnation: string, leaseMs: number): Promise<null>;
  beat(
    prefix: string,
    incarnation: string,
    leaseMs: number,
    revision: number,
    count: number,
  ): Promise<'kept' | 'differs' | 'lost'>;
  writeStreams(prefix: string, incarnation: string, revision: number, ...pairs: string[]): Promise<number>;
  expireLeases(prefix: string, incarnation: string, leaseMs: number): Promise<string[]>;
  retireLease(prefix: string, incarnation: string, backWithinMs: number): Promise<null>;
  buryStreams(prefix: string, incarnation: string, limit: number): Promise<[finished: 0 | 1, taken: number] | null>;
}

/** As `createRedisClient`. */
export function createRegistryClient(options: RedisClientOptions): RegistryClient {
  const client = createRedisClient(options);
  for (const [name, lua] of Object.entries(scripts)) client.defineCommand(name, { lua, numberOfKeys: 1 });
  return client as RegistryClient;
}
