// E7 for the registry in Redis: several nodes, of which some die, sleep or lose their lease.

import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { RedisStreamRegistry } from '../../src/liveness/redis-stream-registry.ts';
import { RegistryClient } from '../../src/liveness/registry-client.ts';
import { registryKeys } from '../../src/liveness/registry-keys.ts';
import {
  entryOf,
  type RegisteredStream,
  RegistryUnavailable,
  type StreamRegistry,
} from '../../src/liveness/stream-registry.ts';
import { bestOf, expectWithin, timed } from '../helpers/bounds.ts';
import { noSharedRedis, type TestRedis, useRedis } from '../helpers/redis.ts';
import {
  listedBy,
  manyStreams,
  plantDeadNode,
  record,
  recordingLog,
  silent,
  startNode,
  streamOf,
  times,
} from '../helpers/registry.ts';
import { forkRegistryNode } from '../helpers/registry-node.ts';
import { until } from '../helpers/until.ts';

const shared = noSharedRedis ? undefined : await useRedis();
t.teardown(() => shared?.stop());

// One beside the other: most of each is waiting.
t.jobs = 4;

function redisTest(name: string, body: (t: Test, redis: TestRedis) => Promise<void>) {
  t.test(`redis: ${name}`, { skip: noSharedRedis }, async (t) => shared && body(t, shared));
}

/** A node in a process of its own that holds the streams, all of one board, which are registered by now. */
async function startForked(
  t: Test,
  witness: StreamRegistry,
  options: { url: string; prefix: string; streams: RegisteredStream[]; clockSkewMs?: number },
): Promise<ChildProcess> {
  const { streams, url, prefix, clockSkewMs = 0 } = options;
  const child = await forkRegistryNode({ registry: { url, prefix, ...times }, streams, clockSkewMs });
  t.teardown(() => child.kill('SIGKILL'));
  await until(async () => {
    const listed = await listedBy(witness, streams[0]?.boardId ?? '');
    return streams.every(({ streamId }) => listed.some((held) => held.streamId === streamId));
  }, 'the forked node has registered');
  return child;
}

redisTest('a user on two nodes joins once and leaves once', async (t, { url, newPrefix }) => {
  const prefix = newPrefix();
  const [a, b] = [await startNode(t, { url, prefix }), await startNode(t, { url, prefix })];
  const heard = record(b);
  const [board, user] = [randomUUID(), randomUUID()];
  const [onA, onB] = [streamOf(board, user), streamOf(board, user)];
  a.add(onA);
  b.add(onB);
  await until(async () => (await listedBy(a, board)).length === 2, 'both are listed');
  t.equal(new Set((await listedBy(b, board)).map(({ node }) => node)).size, 2, 'by two nodes');
  a.remove(onA);
  await until(async () => (await listedBy(b, board)).length === 1, 'one is gone');
  b.remove(onB);
  await until(() => heard.leaves(board) === 1, 'the leave is heard');
  await heard.marker();
  t.strictSame(heard.actions(board), ['join', 'leave']);
});

redisTest(
  '2,000 streams at once take a few calls and no key is left of them',
  async (t, { url, client, newPrefix }) => {
    const prefix = newPrefix();
    const keys = registryKeys(prefix);
    const registry = await startNode(t, { url, prefix });
    const board = randomUUID();
    const streams = manyStreams(2000, board);
    const startedAt = performance.now();
    for (const stream of streams) registry.add(stream);
    await until(async () => (await listedBy(registry, board)).length === 2000, 'all are listed');
    t.comment(`registered in ${Math.round(performance.now() - startedAt)} ms`);
    const [node = '', revision] = Object.entries(await client.hgetall(keys.revisions))[0] ?? [];
    t.ok(Number(revision) <= 5, `${revision} batches`);
    for (const stream of streams) registry.remove(stream);
    await until(async () => (await listedBy(registry, board)).length === 0, 'none is listed');
    t.equal(await client.exists(keys.streams(board), keys.users(board), keys.held(node)), 0);
  },
);

redisTest('a node that stops hands its streams over at once', async (t, { url, client, newPrefix }) => {
  const prefix = newPrefix();
  const keys = registryKeys(prefix);
  const leaseMs = 600_000;
  const [stays, goes] = [await startNode(t, { url, prefix, leaseMs }), await startNode(t, { url, prefix, leaseMs })];
  const heard = record(stays);
  const board = randomUUID();
  for (const stream of manyStreams(250, board)) goes.add(stream);
  await until(() => heard.joins(board) === 250, 'all have joined');
  await goes.stop();
  // The other one helps as soon as it comes upon the lease, and finishes alone where Redis is slow to answer.
  await until(async () => (await listedBy(stays, board)).length === 0, 'none is listed');
  await until(() => heard.leaves(board) === 250, 'all have left');
  const waits = new Set(heard.heard.map((change) => 'backWithinMs' in change && change.backWithinMs));
  t.strictSame([...waits].sort(), [10_000, false], 'its clients were told to come back within 10 s');
  t.equal(goes.state, 'down');
  await t.rejects(goes.list(board), RegistryUnavailable);
  t.equal(await client.zcard(keys.nodes), 1, 'its lease is gone');
  t.equal(await client.exists(keys.retired, keys.dying), 0);
});

redisTest(
  'E7: a killed node is reaped, one leave for each user who has no other stream',
  (t, { url, client, newPrefix }) =>
    expectWithin(t, { goneMs: times.leaseMs + times.reapMs + 2000 }, async () => {
      const prefix = newPrefix();
      const keys = registryKeys(prefix);
      const witness = await startNode(t, { url, prefix });
      const heard = record(witness);
      const board = randomUUID();
      const streams = manyStreams(250, board);
      const staying = streams.slice(0, 50).map(({ userId }) => streamOf(board, userId));
      for (const stream of staying) witness.add(stream);
      const child = await startForked(t, witness, { url, prefix, streams });
      await until(() => heard.joins(board) === 250, 'all have joined');
      child.kill('SIGKILL');
      const isGone = async () => (await listedBy(witness, board)).length === 50;
      const goneMs = await timed(() => until(isGone, 'its streams are gone'));
      await heard.marker();
      t.equal(heard.leaves(board), 200);
      t.equal(
        heard.leave(board, streams.at(-1)?.userId ?? '')?.backWithinMs,
        0,
        'nobody need wait for them any longer',
      );
      t.strictSame(
        staying.filter(({ userId }) => heard.leaves(board, userId) > 0),
        [],
        'none of them has a stream',
      );
      t.equal((await client.keys(keys.held('*'))).length, 1, 'nothing is left of the dead node');
      return { goneMs };
    }),
);

redisTest('E7: four reapers take each of 2,000 streams once', async (t, { url, client, newPrefix }) => {
  const prefix = newPrefix();
  const logs = [recordingLog(), recordingLog(), recordingLog(), recordingLog()];
  const [witness] = await Promise.all(logs.map((log) => startNode(t, { url, prefix, log })));
  if (!witness) return;
  const heard = record(witness);
  const board = randomUUID();
  const streams = manyStreams(2000, board);
  await plantDeadNode({ client, prefix, streams, expiresInMs: 0 });
  await until(() => heard.leaves(board) > 0, 'the reaping has begun');
  const startedAt = performance.now();
  await until(() => heard.leaves(board) >= 2000, 'all have left');
  t.comment(`reaped in ${Math.round(performance.now() - startedAt)} ms`);
  await heard.marker();
  t.equal(heard.leaves(board), 2000);
  t.strictSame(
    streams.filter(({ userId }) => heard.leaves(board, userId) !== 1),
    [],
    'one leave each',
  );
  const reported = logs.flatMap((log) => log.matching(/was reaped/));
  t.strictSame(
    reported.map(({ details }) => 'streams' in details && details.streams),
    [2000],
    'and one line tells it',
  );
});

redisTest(
  'E7: a paused node is reaped, and registers again as another when it wakes',
  async (t, { url, newPrefix }) => {
    const prefix = newPrefix();
    const witness = await startNode(t, { url, prefix });
    const heard = record(witness);
    const board = randomUUID();
    const streams = manyStreams(300, board);
    const child = await startForked(t, witness, { url, prefix, streams });
    const before = (await listedBy(witness, board))[0]?.node;
    child.kill('SIGSTOP');
    await until(() => heard.leaves(board) === 300, 'all have left');
    t.strictSame(await listedBy(witness, board), []);
    child.kill('SIGCONT');
    await until(() => heard.joins(board) >= 600, 'all are back');
    await heard.marker();
    t.equal(heard.joins(board), 600, 'one join each');
    t.equal(heard.leaves(board), 300, 'one leave each');
    const listed = await listedBy(witness, board);
    t.equal(listed.length, 300);
    t.not(listed[0]?.node, before);
  },
);

redisTest('E7: the clock of a node does not matter', async (t, { url, client, newPrefix }) => {
  // A machine that stands still for longer than a lease ends it, whatever the clocks say.
  const lives = await bestOf(
    async () => {
      const prefix = newPrefix();
      const witness = await startNode(t, { url, prefix });
      const heard = record(witness);
      const [board, deadBoard] = [randomUUID(), randomUUID()];
      witness.add(streamOf(board));
      await startForked(t, witness, { url, prefix, streams: manyStreams(2, board), clockSkewMs: 3_600_000 });
      await plantDeadNode({ client, prefix, streams: [streamOf(deadBoard)], expiresInMs: times.leaseMs });
      await until(() => heard.leaves(deadBoard) === 1, 'the dead one is reaped');
      await heard.marker();
      return { left: heard.leaves(board), listed: (await listedBy(witness, board)).length };
    },
    ({ left }) => left === 0,
  );
  t.strictSame(lives, { left: 0, listed: 3 }, 'the dead one is reaped, and no other');
});

redisTest(
  'what Redis has lost or kept by mistake is repaired by the next beat',
  async (t, { url, client, newPrefix }) => {
    const prefix = newPrefix();
    const keys = registryKeys(prefix);
    const registry = await startNode(t, { url, prefix });
    const heard = record(registry);
    const board = randomUUID();
    const [lost, kept, ghost] = [streamOf(board), streamOf(board), streamOf(board)];
    for (const stream of [lost, kept]) registry.add(stream);
    await until(async () => (await listedBy(registry, board)).length === 2, 'both are listed');
    const node = (await listedBy(registry, board))[0]?.node ?? '';
    // As if an add and a removal had been the last writes before a failover: the numbers agree, the streams don't.
    await client
      .multi()
      .hdel(keys.held(node), entryOf(lost))
      .hdel(keys.streams(board), entryOf(lost))
      .hdel(keys.users(board), lost.userId)
      .hset(keys.held(node), entryOf(ghost), `${board}|${ghost.userId}`)
      .hset(keys.streams(board), entryOf(ghost), `${ghost.userId}|${node}`)
      .hset(keys.users(board), ghost.userId, 1)
      .hincrby(keys.revisions, node, -1)
      .exec();
    await until(() => heard.leaves(board, ghost.userId) === 1, 'the ghost has left');
    await heard.marker();
    const listed = (await listedBy(registry, board)).map(({ streamId }) => streamId).sort();
    t.strictSame(listed, [lost.streamId, kept.streamId].sort());
    t.equal(heard.leaves(board), 1);
    await client.hdel(keys.held(node), entryOf(kept));
    await until(async () => (await client.hlen(keys.held(node))) === 2, 'the number is right');
    await heard.marker();
    t.equal(heard.joins(board, kept.userId), 1, 'who was still counted does not join again');
  },
);

redisTest('E7: a stream that its node registers again under a new lease does not leave', async (t, redis) => {
  const { url, client, newPrefix } = redis;
  const prefix = newPrefix();
  const keys = registryKeys(prefix);
  const registry = await startNode(t, { url, prefix });
  const heard = record(registry);
  const [board, node] = [randomUUID(), (await client.zrange(keys.nodes, '0', '0'))[0]];
  const [moved, left] = [streamOf(board), streamOf(board)];
  // Two streams of an old lease, of which one was registered again before the reaper came.
  await plantDeadNode({ client, prefix, streams: [moved, left], expiresInMs: times.leaseMs });
  registry.add(moved);
  await until(() => heard.leaves(board, left.userId) === 1, 'the other has left');
  await heard.marker();
  t.strictSame(heard.actions(board, moved.userId), []);
  t.strictSame(await listedBy(registry, board), [{ ...moved, node }]);
});

redisTest('E7: a batch that Redis reads late writes nothing', async (t, { url, newPrefix }) => {
  const prefix = newPrefix();
  const keys = registryKeys(prefix);
  const registry = await startNode(t, { url, prefix });
  await record(registry).marker();
  const late = new RegistryClient({ url, prefix, name: 'test', onError: () => {} });
  t.teardown(() => late.redis.disconnect());
  await late.redis.connect();
  const [node = ''] = await late.redis.zrange(keys.nodes, '0', '0');
  const [board, gone] = [randomUUID(), randomUUID()];
  const writes = [{ entry: entryOf(streamOf(board)), boardId: board, value: `${board}|${randomUUID()}` }];
  t.equal(await late.writeStreams(node, 0, writes), -1, 'after later batches');
  t.equal(await late.writeStreams(gone, 0, writes), -1, 'after the lease');
  t.strictSame(await listedBy(registry, board), []);
  t.equal(await late.redis.exists(keys.held(gone)), 0);
});

redisTest('listeners that missed changes are told so', async (t, { url, client, newPrefix }) => {
  const prefix = newPrefix();
  const keys = registryKeys(prefix);
  const registry = await startNode(t, { url, prefix });
  const heard = record(registry);
  await heard.marker();
  t.equal(heard.resyncs(), 0);
  // As if so much had happened during one read that what it would have read next is gone.
  await client.xtrim(keys.changes, 'MAXLEN', 0);
  await until(() => heard.resyncs() === 1, 'a resync is heard');
  await heard.marker();
  t.equal(heard.resyncs(), 1);
});

redisTest('a lease must outlast four beats', async (t, { url, newPrefix }) => {
  t.throws(
    () => new RedisStreamRegistry({ url, log: silent, prefix: newPrefix(), leaseMs: 7999, beatMs: 2000 }),
    RangeError,
  );
  const neverStarted = new RedisStreamRegistry({ url, log: silent, prefix: newPrefix() });
  await neverStarted.stop();
  await neverStarted.start();
  t.equal(neverStarted.state, 'down');
});
