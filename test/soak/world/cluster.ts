// What the soak runs against: a PostgreSQL, a Redis, and nodes that share them.

import { join } from 'node:path';
import { type FaultyProxy, startFaultyProxy } from '../../helpers/faulty-proxy.ts';
import { findFreePort } from '../../helpers/free-port.ts';
import { type PrivatePostgres, startPrivatePostgres } from '../../helpers/private-postgres.ts';
import { type PrivateRedis, startPrivateRedis } from '../../helpers/redis.ts';
import type { Teardown } from '../../helpers/teardown.ts';
import { unlimited } from '../../helpers/unlimited.ts';
import type { Violations } from '../violations.ts';
import { DRAIN_MS, SoakNode } from './soak-node.ts';

/** So that within minutes streams rotate, rings overflow, and the log is trimmed under readers who are away. */
const settings = {
  LOG_LEVEL: 'info',
  HEARTBEAT_SECONDS: '2',
  STREAM_MAX_AGE_MINUTES: '1',
  DRAIN_SECONDS: `${DRAIN_MS / 1000}`,
  STREAMS_PER_USER: '1000',
  // All writers of the soak are one user each, and write as fast as they can; and they all come from one address.
  ...unlimited,
  RING_BYTES_PER_BOARD: '32768',
  RING_BYTES_PER_NODE: '98304',
  RETENTION_EVENTS: '2000',
  RETENTION_DAYS: '0',
};
/** Little to copy at a promotion. */
const postgresSettings = { max_wal_size: '96MB', min_wal_size: '32MB' };

export interface Cluster {
  postgres: PrivatePostgres;
  redis: PrivateRedis;
  nodes: SoakNode[];
  /** Through which each node has its LISTEN and its NOTIFY, in the order of the nodes. */
  directProxies: FaultyProxy[];
}

export interface ClusterOptions {
  nodeCount: number;
  /** Where the nodes' logs go. */
  folder: string;
  violations: Violations;
  /** Whether a node cannot start now, through no fault of its own. */
  cannotStart: () => boolean;
}

/** Starts everything and ends it with `t`; resolves when all nodes answer. */
export async function startCluster(t: Teardown, options: ClusterOptions): Promise<Cluster> {
  const { nodeCount, folder, violations, cannotStart } = options;
  const postgres = await startPrivatePostgres(t, { settings: postgresSettings });
  const redis = await startPrivateRedis();
  t.teardown(() => redis.stop());
  const nodes: SoakNode[] = [];
  const directProxies: FaultyProxy[] = [];
  for (let index = 0; index < nodeCount; index += 1) {
    const proxy = await startFaultyProxy(t, postgres.url);
    directProxies.push(proxy);
    const environment = {
      ...settings,
      PATH: process.env.PATH ?? '',
      HOME: folder,
      DATABASE_URL: postgres.url,
      DATABASE_DIRECT_URL: proxy.url,
      REDIS_URL: redis.url,
    };
    const logFile = join(folder, `node-${index}.log`);
    const node = new SoakNode({ index, port: await findFreePort(), logFile, environment, violations, cannotStart });
    t.teardown(() => node.stop());
    nodes.push(node);
  }
  await Promise.all(nodes.map((node) => node.start()));
  return { postgres, redis, nodes, directProxies };
}
