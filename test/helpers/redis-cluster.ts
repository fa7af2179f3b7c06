// A Redis Cluster for tests: three masters, and a replica of the one whose slot is asked for.

import type { Redis } from 'ioredis';
import { findFreePort } from './free-port.ts';
import { startRedisOnPort } from './redis.ts';
import type { Teardown } from './teardown.ts';
import { until } from './until.ts';

const SLOTS = 16_384;
/** After which a master that is silent is replaced. */
const NODE_TIMEOUT_MS = 1000;

export interface ClusterMember {
  port: number;
  /** Ends it without a word. */
  kill: () => Promise<void>;
  client: Redis;
  id: string;
}

/** @param key of the slot whose master has a replica */
export async function startRedisCluster(t: Teardown, key: string) {
  const members: ClusterMember[] = [];
  for (let count = 0; count < 4; count += 1) {
    const settings = ['--cluster-enabled', 'yes', '--cluster-port', `${await findFreePort()}`];
    const timeout = ['--cluster-node-timeout', `${NODE_TIMEOUT_MS}`, '--cluster-replica-validity-factor', '0'];
    const { port, client, kill } = await startRedisOnPort(
      t,
      ...settings,
      ...timeout,
      '--repl-diskless-sync-delay',
      '0',
    );
    members.push({ port, client, kill, id: String(await client.cluster('MYID')) });
  }
  const [first, ...others] = members as [ClusterMember, ...ClusterMember[]];
  const masters = members.slice(0, 3);
  const replica = members[3] as ClusterMember;
  const share = Math.ceil(SLOTS / masters.length);
  for (const [index, { client }] of masters.entries()) {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', index * share, Math.min(SLOTS, (index + 1) * share) - 1);
    // Or two masters may claim the same epoch, and have to settle that first.
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  }
  for (const { port } of others) {
    const { bus } = await addressOf(members.find((member) => member.port === port) as ClusterMember);
    await first.client.call('CLUSTER', 'MEET', '127.0.0.1', port, bus);
  }
  const slot = Number(await first.client.call('CLUSTER', 'KEYSLOT', key));
  const master = masters[Math.floor(slot / share)] as ClusterMember;
  const isWell = async ({ client }: ClusterMember) => /cluster_state:ok/.test(String(await client.cluster('INFO')));
  const knowsAll = async ({ client }: ClusterMember) =>
    String(await client.cluster('NODES'))
      .trim()
      .split('\n').length === 4;
  await until(async () => (await Promise.all(members.map(knowsAll))).every(Boolean), 'the members to know each other');
  await replica.client.call('CLUSTER', 'REPLICATE', master.id);
  await until(async () => (await Promise.all(members.map(isWell))).every(Boolean), 'the cluster to be well');
  await until(
    async () => /master_link_status:up/.test(await replica.client.info('replication')),
    'the replica to follow',
  );
  return { members, masters, master, replica, slot };
}

async function addressOf({ client }: ClusterMember): Promise<{ bus: string }> {
  const [, bus = ''] = (await client.config('GET', 'cluster-port')) as string[];
  return { bus };
}
