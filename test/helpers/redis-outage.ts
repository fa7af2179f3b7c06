// What holds while Redis is away, however it is, and when it has come back (E7, E8).

import type { Test } from 'tap';
import { startNodesOnRedis, type Times } from './nodes-on-redis.ts';
import { findFaults } from './seqs.ts';

const WRITES = 40;
/** What waits for Redis takes as long as each command may, 500 ms, and so much longer than what knows of none. */
const LONGER_MS = 250;
const waitsForNothing = ({ own, other }: Times) => own < 2 * other + LONGER_MS;

type NodesOnRedis = Awaited<ReturnType<typeof startNodesOnRedis>>;

interface RedisOutage {
  /** An empty Redis hears of everybody anew. */
  keepsData: boolean;
  begin: (redis: NodesOnRedis['redis']) => unknown;
  /** Asked when writes and new streams have gone on. */
  meanwhile?: (nodes: NodesOnRedis) => Promise<void>;
  end: (redis: NodesOnRedis['redis']) => unknown;
}

/** @returns how soon the registry is complete again */
export async function goThroughOutage(
  t: Test,
  { keepsData, begin, meanwhile, end }: RedisOutage,
): Promise<{ completeMs: number }> {
  const nodes = await startNodesOnRedis(t);
  const { redis, streams, head, allHeard, changes, timeWrites, timeOpenings } = nodes;
  // The first writes prepare their statements.
  await timeWrites(WRITES);
  await allHeard();
  const joined = changes();
  t.strictSame(joined, ['join', 'join'], 'one user, as each node has heard');

  await begin(redis);
  const writes = await timeWrites(WRITES);
  t.comment(`a write took ${writes.own.toFixed(1)} ms, and ${writes.other.toFixed(1)} ms where there is no Redis`);
  t.ok(waitsForNothing(writes), 'a write does not wait for Redis');
  await nodes.registryIs('down');
  t.match(await nodes.readiness(), [{ body: { ready: true } }, { body: { ready: true } }]);
  t.ok(waitsForNothing(await timeOpenings(2)), 'four streams open, one after the other, without waiting');
  streams.shift()?.close();
  await meanwhile?.(nodes);

  await end(redis);
  const backAt = performance.now();
  await nodes.registryIs('up');
  // What is open now, and nothing else.
  await nodes.complete();
  const completeMs = performance.now() - backAt;
  await timeWrites(2);
  const late = streams.splice(-4);
  const to = head + 2 * WRITES + 2;
  t.strictSame(await findFaults(streams, { from: head + 1, to }), [], 'each event once, in order');
  for (const stream of late) {
    // From where the stream says that it starts: its node may not have heard of the newest event yet.
    const from = Number(stream.frames[0]?.data.cursor.split('-')[1]) + 1;
    t.strictSame(await findFaults([stream], { from, to }), [], 'also on one that opened meanwhile');
  }
  await allHeard();
  t.notOk(changes().includes('leave'), 'nobody has left');
  if (keepsData) t.strictSame(changes(), joined, 'and nobody came again');
  t.strictSame(nodes.logged(/a lease has ended and was reaped/), [0, 0]);
  nodes.checkOutageLogged();
  return { completeMs };
}
