// E7 and E8 on a Redis Cluster, as a user with few rights: two nodes see each other, a dead one is reaped, a slot that moves
// and a master that dies are an outage and nothing more.

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Cluster } from 'ioredis';
import t from 'tap';
import { registryKeys } from '../../src/liveness/registry-keys.ts';
import { createRedisClient } from '../../src/redis/redis-client.ts';
import { SharedRateLimit } from '../../src/redis/shared-rate-limit.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { blocksOf } from '../helpers/pages.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { startRedisCluster } from '../helpers/redis-cluster.ts';
import { manyStreams, record, recordingLog, startNode as startRegistry, times } from '../helpers/registry.ts';
import { forkRegistryNode } from '../helpers/registry-node.ts';
import { until } from '../helpers/until.ts';

t.test('Redis Cluster', { skip: noPrivateRedis }, async (t) => {
  const prefix = 'teamboard:test';
  const { members, masters, master, replica, slot } = await startRedisCluster(t, registryKeys(prefix).nodes);
  const commands = blocksOf('docs/redis.md').filter(({ heading }) => heading === 'A user with few rights');
  for (const { port } of members) {
    for (const { text } of commands) execFileSync('sh', ['-ec', text.replace('redis-cli', `redis-cli -p ${port}`)]);
  }
  const hosts = masters.map(({ port }) => `127.0.0.1:${port}`);
  const url = `redis+cluster://teamboard:password@${hosts.join()}`;

  const log = recordingLog();
  const nodes = [await startRegistry(t, { url, prefix, log }), await startRegistry(t, { url, prefix })] as const;
  const heard = record(nodes[1]);
  const boards = Array.from({ length: 50 }, () => randomUUID());
  const streams = boards.flatMap((board) => manyStreams(4, board));
  for (const stream of streams) nodes[0].add(stream);
  const joined = () => boards.every((board) => heard.joins(board) === 4);
  const leaves = () => boards.flatMap((board) => heard.actions(board)).filter((action) => action === 'leave').length;
  const complete = async () => {
    const lists = await Promise.all(boards.map((board) => nodes[1].list(board).catch(() => [])));
    return lists.flat().length === streams.length;
  };
  await until(joined, 'the other node to hear of all');

  await t.test('two nodes of Teamboard see each other', async (t) => {
    const database = await useDatabase(t);
    // Several addresses are a cluster too.
    const settings = { redisUrl: `redis://teamboard:password@${hosts.join(',redis://')}`, redisPrefix: 'teamboard' };
    const pair = [await startNode(t, database.url, settings), await startNode(t, database.url, settings)] as const;
    const ada = await Client.signUp(pair[0]);
    const boardId = await ada.createBoard();
    const stream = await openStream(t, pair[0].url, boardId, ada);
    await stream.next('ready');
    await until(async () => {
      const { status, body } = await ada.at(pair[1]).get(`/boards/${boardId}/presence`);
      return status === 200 && body.users.length === 1;
    }, 'the other node to know');
    stream.close();
  });

  await t.test('E7: a node that is killed is reaped', async (t) => {
    const lost = manyStreams(250, randomUUID());
    const child = await forkRegistryNode({ registry: { url, prefix, ...times }, streams: lost });
    t.teardown(() => child.kill('SIGKILL'));
    const [{ boardId = '' } = {}] = lost;
    await until(() => heard.joins(boardId) === 250, 'its streams to be registered');
    child.kill('SIGKILL');
    await until(() => heard.leaves(boardId) === 250, 'them to be taken');
    t.strictSame(await nodes[1].list(boardId), []);
  });

  await t.test('an address counts over all slots', async (t) => {
    const limit = new SharedRateLimit({ url, prefix });
    t.teardown(() => limit.stop());
    limit.start();
    const take = (key: string) => limit.take(key, 1).catch(() => undefined);
    let count = 0;
    for (const address of ['a', 'b', 'c', 'd', 'e', 'f']) {
      let key = '';
      // What nobody has answered in time may have been counted: then it is none that nobody has seen.
      const isFirst = async () => {
        count += 1;
        key = `${address} ${count}`;
        return (await take(key)) === 0;
      };
      t.ok(await until(isFirst, `the first of ${address}`));
      t.ok(await until(async () => Number(await take(key)) > 0, `the second of ${address}`));
    }
  });

  await t.test('E8: who has lost all connections is back soon, also while nothing changes', async (t) => {
    await until(() => nodes.every(({ state }) => state === 'up'), 'both to be up');
    const before = log.matching(/redis is away/).length;
    for (const { client } of members) await client.call('CLIENT', 'KILL', 'TYPE', 'normal');
    await until(() => log.matching(/redis is away/).length > before, 'the loss to be noticed');
    await until(() => nodes.every(({ state }) => state === 'up'), 'both to be up again');
    await heard.marker();
    t.equal(leaves(), 0, 'nobody has left');
  });

  await t.test('who has ended asks for the slots no more, and the process can end', async (t) => {
    const asked: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const client = createRedisClient({ url, name: 'ended', onError: () => {} }) as Cluster;
      // At almost any moment it is asking.
      client.options.slotsRefreshInterval = 1;
      const ask = client.refreshSlotsCache.bind(client);
      client.refreshSlotsCache = (done) => {
        asked[round] = (asked[round] ?? 0) + 1;
        ask(done);
      };
      await client.connect();
      await until(() => (asked[round] ?? 0) > 3, 'it to ask');
      client.disconnect();
    }
    const before = [...asked];
    let turns = 0;
    await until(() => ++turns > 20, 'many a turn of theirs');
    t.strictSame(asked, before);
  });

  await t.test('E7: while its slot moves to another master nothing is half done', async (t) => {
    const target = masters.find((member) => member !== master) as (typeof masters)[number];
    const setSlot = (member: typeof target, ...words: string[]) =>
      member.client.call('CLUSTER', 'SETSLOT', slot, ...words);
    await setSlot(target, 'IMPORTING', master.id);
    await setSlot(master, 'MIGRATING', target.id);
    const keys = (await master.client.call('CLUSTER', 'GETKEYSINSLOT', slot, 1000)) as string[];
    t.ok(keys.length > 100, `${keys.length} keys`);
    const late = manyStreams(4, boards[0] ?? '');
    for (const [index, key] of keys.entries()) {
      await master.client.call('MIGRATE', '127.0.0.1', target.port, key, 0, 1000);
      const stream = index % 30 === 0 && late.pop();
      if (stream) {
        nodes[0].add(stream);
        streams.push(stream);
      }
    }
    for (const member of [target, master, ...masters]) await setSlot(member, 'NODE', target.id);
    await until(complete, 'all to be listed');
    await heard.marker();
    t.equal(leaves(), 0);
    // And back, for the replica is of the first.
    await setSlot(master, 'IMPORTING', target.id);
    await setSlot(target, 'MIGRATING', master.id);
    for (const key of (await target.client.call('CLUSTER', 'GETKEYSINSLOT', slot, 1000)) as string[]) {
      await target.client.call('MIGRATE', '127.0.0.1', master.port, key, 0, 1000);
    }
    for (const member of [master, target, ...masters]) await setSlot(member, 'NODE', master.id);
    await until(complete, 'all to be listed');
  });

  await t.test('E7 E8: a master that dies is an outage, until its replica is promoted', async (t) => {
    await until(() => nodes.every(({ state }) => state === 'up'), 'both to be up');
    const before = log.matching(/redis is away/).length;
    await master.kill();
    const startedAt = performance.now();
    await until(() => nodes[0].state === 'down', 'the outage to be noticed');
    const [stream] = manyStreams(1, boards[1] ?? '');
    if (stream) nodes[0].add(stream);
    if (stream) streams.push(stream);
    await until(async () => /role:master/.test(await replica.client.info('replication')), 'the replica to be promoted');
    await until(() => nodes.every(({ state }) => state === 'up'), 'both to be up again');
    await until(complete, 'all to be listed');
    t.comment(`away for ${Math.round(performance.now() - startedAt)} ms`);
    await heard.marker();
    t.equal(leaves(), 0, 'nobody has left');
    t.ok(log.matching(/redis is away/).length > before);
    t.strictSame(log.matching(/redis refuses|not used as/), [], 'and never a refusal');
  });
});
