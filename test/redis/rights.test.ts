// The user of docs/redis.md can do everything, and every right that is named there is needed; installations with other
// prefixes do not meet, and those with one and the same are told.

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import t from 'tap';
import { OtherDatabases } from '../../src/liveness/other-databases.ts';
import { Outage } from '../../src/liveness/outage.ts';
import { RedisStreamRegistry } from '../../src/liveness/redis-stream-registry.ts';
import { RegistryClient } from '../../src/liveness/registry-client.ts';
import { SharedRateLimit } from '../../src/redis/shared-rate-limit.ts';
import { startNode as startWholeNode, useDatabase } from '../helpers/node.ts';
import { blocksOf } from '../helpers/pages.ts';
import { noPrivateRedis, startRedisOnPort } from '../helpers/redis.ts';
import { plantDeadNode, record, recordingLog, silent, startNode, streamOf, times } from '../helpers/registry.ts';
import { until } from '../helpers/until.ts';

const page = blocksOf('docs/redis.md').filter(({ heading }) => heading === 'A user with few rights');
const line = page[0]?.text ?? '';

t.test('with the least rights all of it works', { skip: noPrivateRedis }, async (t) => {
  const { port, client } = await startRedisOnPort(t);
  execFileSync('sh', ['-ec', line.replace('redis-cli', `redis-cli -p ${port}`)]);
  const url = `redis://teamboard:password@127.0.0.1:${port}`;
  const prefix = 'teamboard';
  const database = () => 'of the installation';
  const [first, second] = [
    await startNode(t, { url, prefix, database }),
    await startNode(t, { url, prefix, database }),
  ];
  const heard = record(second);
  const stream = streamOf(randomUUID());
  first.add(stream);
  await until(() => heard.joins(stream.boardId) === 1, 'the other node to hear of it');
  const [dead] = [streamOf(stream.boardId)];
  await plantDeadNode({ client, prefix, streams: [dead], expiresInMs: 0 });
  await until(() => heard.leave(stream.boardId, dead.userId), 'a dead node to be reaped');
  t.strictSame(
    (await second.list(stream.boardId)).map(({ streamId }) => streamId),
    [stream.streamId],
  );
  // So that the next beat compares.
  await client.hdel((await client.keys('*:node:*'))[0] ?? '', stream.streamId);
  await until(async () => (await client.keys('*:node:*')).length === 1, 'what was lost to be registered again');
  await first.stop();
  await until(() => heard.leave(stream.boardId, stream.userId), 'a node that stops to hand over its streams');
  const limit = new SharedRateLimit({ url, prefix });
  t.teardown(() => limit.stop());
  limit.start();
  await until(
    () =>
      limit.take('x', 1).then(
        (waitMs) => waitMs > 0,
        () => false,
      ),
    'a limit that is used up',
  );
  t.strictSame(await client.call('ACL', 'LOG'), [], 'nothing was refused');
  t.strictSame(
    (await client.keys('*')).filter((key) => !key.startsWith('teamboard:')),
    [],
  );
});

t.test('without any one of them the start is refused', { skip: noPrivateRedis }, async (t) => {
  const { port } = await startRedisOnPort(t);
  execFileSync('sh', ['-ec', line.replace('redis-cli', `redis-cli -p ${port}`)]);
  const admin = new Redis(port);
  t.teardown(() => admin.disconnect());
  const rights = [...line.matchAll(/ \+([a-z]+)(?= |$)/gm)].map(([, name = '']) => name);
  t.ok(rights.length > 20, `${rights.length} rights`);
  for (const right of rights) {
    await admin.call('ACL', 'SETUSER', 'teamboard', `-${right}`);
    const url = `redis://teamboard:password@127.0.0.1:${port}`;
    const registry = new RedisStreamRegistry({ url, prefix: 'teamboard', log: silent, ...times });
    // What is needed to ask for the others is not named.
    const isNamed = !['eval', 'evalsha', 'info', 'set'].includes(right);
    await t.rejects(registry.start(), {
      name: 'RedisRefusedError',
      message: isNamed ? new RegExp(`may not do ${right.toUpperCase()} with`) : /may not do|lacks a right/,
    });
    await registry.stop();
    await admin.call('ACL', 'SETUSER', 'teamboard', `+${right}`);
  }
});

t.test('two installations on one Redis do not meet', { skip: noPrivateRedis }, async (t) => {
  const { url, client } = await startRedisOnPort(t);
  const board = randomUUID();
  const [one, two] = [await startNode(t, { url, prefix: 'one' }), await startNode(t, { url, prefix: 'two' })];
  const [heardOfOne, heardOfTwo] = [record(one), record(two)];
  const stream = streamOf(board);
  one.add(stream);
  await until(() => heardOfOne.joins(board) === 1, 'the stream to be registered');
  await heardOfTwo.marker();
  t.strictSame([await two.list(board), heardOfTwo.actions(board)], [[], []]);
  const [nodes = ''] = await client.keys('one:*:nodes');
  // One that was killed is reaped by its own.
  await plantDeadNode({ client, prefix: 'two', streams: [streamOf(board)], expiresInMs: 0 });
  await until(() => heardOfTwo.leaves(board) === 1, 'the other to reap');
  t.equal(await client.zcard(nodes), 1);
  t.strictSame(
    (await client.keys('*')).filter((key) => !/^(one|two):/.test(key)),
    [],
  );
});

t.test('a copy of an installation that kept its prefix is told at its start', { skip: noPrivateRedis }, async (t) => {
  const { url: redisUrl } = await startRedisOnPort(t);
  // Both from one template: they differ only by which database of the server they are.
  const [original, copy] = [await useDatabase(t), await useDatabase(t)];
  const others = async (node: { url: string }) =>
    ((await (await fetch(`${node.url}/readyz`)).json()) as { otherDatabases: number }).otherDatabases;
  const told = (node: { logged: Array<{ msg?: unknown }> }) =>
    node.logged.filter(({ msg }) => /same REDIS_PREFIX/.test(String(msg))).length;
  const nodes = [
    await startWholeNode(t, original.url, { redisUrl }),
    await startWholeNode(t, original.url, { redisUrl }),
  ];
  t.strictSame(await Promise.all(nodes.map(others)), [0, 0], 'two nodes of one installation');
  await startWholeNode(t, copy.url, { redisUrl, redisPrefix: 'staging' });

  const staging = await startWholeNode(t, copy.url, { redisUrl });
  t.strictSame([await others(staging), told(staging)], [1, 1], 'with one line, before it serves');
  await until(async () => (await Promise.all(nodes.map(others))).every((count) => count === 1), 'the others to see it');
  t.strictSame(nodes.map(told), [0, 0], 'it may be a failover, and they wait how that ends');
  await staging.close();
  await until(async () => (await Promise.all(nodes.map(others))).every((count) => count === 0), 'it to be gone');
  const next = await startWholeNode(t, original.url, { redisUrl });
  t.strictSame([await others(next), told(next)], [0, 0], 'what has ended in order is not seen by the next start');
});

t.test('what lasts longer than a failover is told once, and its end', { skip: noPrivateRedis }, async (t) => {
  const { url } = await startRedisOnPort(t);
  const client = new RegistryClient({ url, prefix: 'x', name: 'registry', onError: () => {} });
  t.teardown(() => client.redis.disconnect());
  await client.redis.connect();
  const follow = (patienceMs: number) => {
    const at = { name: 'one' };
    const log = recordingLog();
    const watch = new OtherDatabases({
      client,
      database: () => at.name,
      leaseMs: 2000,
      beatMs: 20,
      patienceMs,
      outage: new Outage({ log: silent }),
      log,
    });
    t.teardown(() => watch.stop());
    return { at, log, watch };
  };
  const [moved, patient, left] = [follow(0), follow(60_000), follow(0)];
  for (const { watch } of [moved, patient, left]) await watch.start();
  left.at.name = 'promoted';
  await until(() => moved.log.matching(/same REDIS_PREFIX/).length === 1 && patient.watch.count === 1, 'two databases');
  for (const { at } of [moved, patient]) at.name = 'promoted';
  await until(() => moved.log.matching(/on one database$/).length === 1 && patient.watch.count === 0, 'one again');
  t.equal(moved.log.matching(/same REDIS_PREFIX/).length, 1, 'and nothing in between');
  t.strictSame(patient.log.matching(/./), [], 'a failover is over soon');
});
