// Two nodes as processes on one database and one Redis, and a third registry that watches them from outside.

import type { Test } from 'tap';
import { RedisStreamRegistry } from '../../src/liveness/redis-stream-registry.ts';
import type { Timings } from '../../src/timings.ts';
import { Client } from './client.ts';
import { useDatabase } from './node.ts';
import { type NodeProcess, spawnNode } from './process.ts';
import { startPrivateRedis } from './redis.ts';
import { listedBy, record, recordingLog } from './registry.ts';

export interface PairOptions {
  /** Of both. */
  environment?: Record<string, string>;
  /** Of each. */
  environments?: [Record<string, string>, Record<string, string>];
  /** Of both, and of the registry beside them; default: the real ones. */
  timings?: Timings;
}

/** Ends with the test. Two users, of whom the first owns the board and the second is a member. */
export async function startPair(t: Test, { environment, environments = [{}, {}], timings }: PairOptions = {}) {
  const database = await useDatabase(t);
  const redis = await startPrivateRedis();
  t.teardown(() => redis.stop());
  const shared = { DATABASE_URL: database.url, REDIS_URL: redis.url, ...environment };
  const options = timings ? { timings } : {};
  const nodes = (await Promise.all(environments.map((own) => spawnNode(t, { ...shared, ...own }, options)))) as [
    NodeProcess,
    NodeProcess,
  ];
  const log = recordingLog();
  const registry = new RedisStreamRegistry({
    url: redis.url,
    prefix: 'teamboard',
    log,
    ...timings?.leases,
  });
  t.teardown(() => registry.stop());
  const heard = record(registry);
  await registry.start();

  const ada = await Client.signUp(nodes[0], 'Ada');
  const bob = await Client.signUp(nodes[0], 'Bob');
  const boardId = await ada.createBoard();
  await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
    boardId,
    bob.user.id,
  ]);
  return {
    database,
    redis,
    environment: shared,
    nodes,
    ada,
    bob,
    boardId,
    /** The events that the board has had so far. */
    head: 3,
    registry,
    heard,
    /** How many streams were taken from each lease that ended, whoever reaped it. */
    reaped: () =>
      [
        ...log.matching(/was reaped/).map(({ details }) => details as Record<string, unknown>),
        ...nodes.flatMap(({ logged }) => logged.filter(({ msg }) => /was reaped/.test(String(msg)))),
      ].map(({ streams }) => streams),
    listed: async () => (await listedBy(registry, boardId)).map(({ streamId }) => streamId).sort(),
  };
}
