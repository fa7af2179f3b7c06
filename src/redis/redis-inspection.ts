// Looks whether a Redis can be worked with: version, kind, rights, and whether it takes a write.

import { readLua } from './lua.ts';
import type { RedisClient } from './redis-client.ts';
import { RedisRefusedError } from './redis-refusal.ts';

/** Of Redis; Valkey says that it is 7.2. Older ones do not let a script ask for its user's rights. */
const LEAST_MAJOR = 7;
const PROBE_MS = 1000;

const findMissingRights = readLua(import.meta.url, 'find-missing-rights.lua');

export interface RedisNeeds {
  /** Commands as they are sent, with keys of ours. */
  commands: string[][];
  /** Is written once, and vanishes. */
  probeKey: string;
  /** The client is one of a Redis Cluster. */
  isCluster: boolean;
}

/**
 * @returns a warning about what works and may not for ever, in one line
 * @throws RedisRefusedError when this Redis does not do what is needed; what the client throws when it does not answer
 */
export async function inspectRedis(client: RedisClient, needs: RedisNeeds): Promise<string | undefined> {
  const facts = await readFacts(client);
  refuseUnfit(facts, needs);
  await checkRights(client, needs);
  await checkWrite(client, needs);
  return findRisk(facts);
}

/** What `INFO` says, by its own names. */
export type Facts = Record<string, string | undefined>;

export async function readFacts(client: RedisClient): Promise<Facts> {
  const info = await client.info();
  return Object.fromEntries(info.split(/\r?\n/).map((line) => line.trim().split(/:(.*)/s).slice(0, 2)));
}

/** @throws RedisRefusedError for a version, kind or role of it that will not do */
export function refuseUnfit(facts: Facts, { isCluster }: Pick<RedisNeeds, 'isCluster'>): void {
  const fault = findFault(facts, isCluster);
  if (fault) throw new RedisRefusedError(fault);
}

/** @throws RedisRefusedError when the user lacks some */
export async function checkRights(client: RedisClient, { commands, probeKey }: RedisNeeds): Promise<void> {
  const words = commands.flatMap((command) => [command.length, ...command]);
  const missing = (await client.eval(findMissingRights, 1, probeKey, ...words)) as string[];
  if (missing.length > 0) {
    const names = [...new Set(missing)].sort().join(', ');
    throw new RedisRefusedError(
      `REDIS_URL: its user may not do ${names} with keys that begin with REDIS_PREFIX: give it the rights of ` +
        'docs/redis.md (ACL SETUSER).',
    );
  }
}

/** @throws what Redis answers */
export async function checkWrite(client: RedisClient, { probeKey }: RedisNeeds): Promise<void> {
  await client.set(probeKey, '1', 'PX', PROBE_MS);
}

/** @returns each command that a script calls, with the key in the first place */
export function commandsOf(lua: string, key: string): string[][] {
  const names = [...lua.matchAll(/redis\.call\('([A-Z]+)'/g)].map(([, name = '']) => name);
  return [...new Set(names)].map((name) => {
    if (name === 'TIME') return [name];
    // Each of its arguments is a key.
    if (name === 'EXISTS') return [name, key];
    return [name, key, '1', '1'];
  });
}

function findFault(facts: Facts, isCluster: boolean): string | undefined {
  const { redis_version: version = '', redis_mode: mode, role, cluster_enabled: clusterEnabled } = facts;
  if (mode === 'sentinel') return 'REDIS_URL leads to a Sentinel: name the Redis server that it watches.';
  if (Number.parseInt(version, 10) < LEAST_MAJOR) {
    return `REDIS_URL leads to Redis ${version}, which is too old: Redis ${LEAST_MAJOR}.0 or newer, or Valkey, is needed.`;
  }
  if (clusterEnabled === '1' && !isCluster) {
    return 'REDIS_URL leads to one node of a Redis Cluster: begin it with redis+cluster:// (rediss+cluster:// with TLS).';
  }
  if (role === 'slave' && !isCluster) return 'REDIS_URL leads to a replica, which takes no writes: name the master.';
  return undefined;
}

/**
 * The streams and the log never need Redis, and it throws keys away only when it is full: not worth a start.
 *
 * @returns a warning, in one line
 */
export function findRisk({ maxmemory, maxmemory_policy: policy = '' }: Facts): string | undefined {
  if (maxmemory === '0' || !policy.startsWith('allkeys')) return undefined;
  return (
    `REDIS_URL: this Redis throws away any key when it is full (maxmemory-policy ${policy}), and then presence is wrong: ` +
    'set noeviction, or one that begins with volatile.'
  );
}
