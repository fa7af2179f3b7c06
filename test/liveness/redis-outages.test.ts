// E7 and E8 when Redis hangs, goes and comes back, with its data or without.

import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { RedisStreamRegistry } from '../../src/liveness/redis-stream-registry.ts';
import { RegistryUnavailable } from '../../src/liveness/stream-registry.ts';
import { expectWithin, SECOND_MS, timed } from '../helpers/bounds.ts';
import { noPrivateRedis, type PrivateRedis, startPrivateRedis } from '../helpers/redis.ts';
import {
  checkOutageLogged,
  listedBy,
  manyStreams,
  plantDeadNode,
  record,
  recordingLog,
  startNode,
  streamOf,
  times,
} from '../helpers/registry.ts';
import { until } from '../helpers/until.ts';

const prefix = 'teamboard';
/** Every lease has run out by then. */
const RUN_OUT_MS = times.leaseMs + 2 * times.beatMs;

// One beside the other: most of each is waiting.
t.jobs = 3;

function outageTest(name: string, body: (t: Test, redis: PrivateRedis) => Promise<void>) {
  t.test(`redis outage: ${name}`, { skip: noPrivateRedis }, async (t) => {
    const redis = await startPrivateRedis();
    t.teardown(() => redis.stop());
    await body(t, redis);
  });
}

/** Two nodes with 600 streams each, of as many users, on a board each. */
async function startTwo(t: Test, { url }: PrivateRedis) {
  const log = recordingLog();
  const nodes = [await startNode(t, { url, prefix, log }), await startNode(t, { url, prefix })] as const;
  const boards = [randomUUID(), randomUUID()] as const;
  const heard = record(nodes[1]);
  for (const stream of manyStreams(600, boards[0])) nodes[0].add(stream);
  for (const stream of manyStreams(600, boards[1])) nodes[1].add(stream);
  await until(() => boards.every((board) => heard.joins(board) === 600), 'all have joined');
  const isFull = async (board: string) => (await listedBy(nodes[1], board)).length === 600;
  return {
    log,
    nodes,
    boards,
    heard,
    leaves: () => boards.map((board) => heard.leaves(board)),
    up: () => until(() => nodes.every(({ state }) => state === 'up'), 'both nodes are up'),
    complete: () => until(async () => (await isFull(boards[0])) && (await isFull(boards[1])), 'all are listed'),
  };
}

outageTest('E8: nothing waits for a Redis that hangs, and nobody leaves for it', async (t, redis) => {
  const { log, nodes, boards, heard, leaves, up, complete } = await startTwo(t, redis);
  const deadBoard = randomUUID();
  const dead = { prefix, streams: [streamOf(deadBoard)], expiresInMs: times.leaseMs };
  await plantDeadNode({ client: redis.client, ...dead });
  redis.pause();
  const late = streamOf(randomUUID());
  const startedAt = performance.now();
  t.equal(nodes[0].add(late), undefined, 'add() gives nothing to wait for');
  // It answers nothing: whoever waited for it would wait for ever. A time limit ends the first question of each node.
  await expectWithin(t, { rejectedMs: SECOND_MS }, async () => {
    const took = nodes.map((each) => timed(() => t.rejects(each.list(boards[0]), RegistryUnavailable)));
    return { rejectedMs: Math.min(...(await Promise.all(took))) };
  });
  await until(() => performance.now() - startedAt > RUN_OUT_MS, 'every lease has run out');
  t.equal(nodes[0].state, 'down');
  await t.rejects(nodes[0].list(boards[0]), RegistryUnavailable);
  redis.resume();
  await up();
  await until(() => heard.joins(late.boardId) === 1, 'the stream of the outage has joined');
  await until(() => heard.leaves(deadBoard) === 1, 'the dead node is reaped');
  await heard.marker();
  t.strictSame(leaves(), [0, 0], 'and no other');
  await complete();
  checkOutageLogged(t, log);
});

outageTest('E7: after a restart with old leases only the dead are reaped', async (t, redis) => {
  const { log, nodes, boards, heard, leaves, up, complete } = await startTwo(t, redis);
  const [deadBoard, stay, brief] = [randomUUID(), streamOf(randomUUID()), streamOf(randomUUID())];
  const dead = { prefix, streams: [streamOf(deadBoard)], expiresInMs: times.leaseMs };
  await plantDeadNode({ client: redis.client, ...dead });
  await redis.shutdown({ save: true });
  const goneAt = performance.now();
  await until(() => nodes.every(({ state }) => state === 'down'), 'both have noticed');
  await t.rejects(nodes[1].list(boards[1]), RegistryUnavailable);
  for (const stream of [stay, brief]) nodes[1].add(stream);
  nodes[1].remove(brief);
  await until(() => performance.now() - goneAt > RUN_OUT_MS, 'every lease has run out');
  await redis.boot();
  await up();
  await until(() => heard.leaves(deadBoard) === 1, 'the dead node is reaped');
  await heard.marker();
  t.strictSame(leaves(), [0, 0], 'and no other');
  await complete();
  t.equal(heard.joins(stay.boardId), 1, 'what opened in the outage has joined');
  t.equal(heard.joins(brief.boardId), 0, 'what also closed in it was never there');
  checkOutageLogged(t, log);
});

outageTest('E7: after FLUSHALL every node registers again, and nobody leaves', async (t, redis) => {
  const { heard, leaves, complete } = await startTwo(t, redis);
  await redis.client.flushall();
  await complete();
  await until(() => heard.resyncs() > 0, 'the listeners are told to list again');
  await heard.marker();
  t.strictSame(leaves(), [0, 0]);
});

outageTest('E7: after a restart without data every node registers again, and nobody leaves', async (t, redis) => {
  const { nodes, heard, leaves, up, complete } = await startTwo(t, redis);
  await redis.shutdown({ save: false });
  await until(() => nodes.every(({ state }) => state === 'down'), 'both have noticed');
  await redis.boot();
  await up();
  await complete();
  await until(() => heard.resyncs() > 0, 'the listeners are told to list again');
  await heard.marker();
  t.strictSame(leaves(), [0, 0]);
});

outageTest('E8: a node starts, streams and stops without Redis', async (t, redis) => {
  const { url } = redis;
  await redis.shutdown({ save: false });
  const log = recordingLog();
  const registry = new RedisStreamRegistry({ url, prefix, log, ...times });
  t.teardown(() => registry.stop());
  const heard = record(registry);
  const stream = streamOf(randomUUID());
  registry.add(stream);
  await registry.start();
  t.equal(registry.state, 'down');
  t.equal(registry.size, 1);
  await t.rejects(registry.list(stream.boardId), RegistryUnavailable);
  await redis.boot();
  await until(() => registry.state === 'up', 'it is up');
  await until(async () => (await listedBy(registry, stream.boardId)).length === 1, 'the stream is registered');
  await until(() => heard.resyncs() > 0, 'the listeners are told to list');
  checkOutageLogged(t, log);
  redis.pause();
  // Before it answers again.
  await registry.stop();
  t.equal(log.matching(/not handed over/).length, 1);
  redis.resume();
});
