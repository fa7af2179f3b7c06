// The contract of a stream registry, for each of its implementations.

import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { MemoryStreamRegistry } from '../../src/liveness/memory-stream-registry.ts';
import type { RegisteredStream, StreamRegistry } from '../../src/liveness/stream-registry.ts';
import { noSharedRedis, useRedis } from '../helpers/redis.ts';
import { listedBy, manyStreams, record, silent, startNode, streamOf } from '../helpers/registry.ts';

const shared = noSharedRedis ? undefined : await useRedis();
t.teardown(() => shared?.stop());

contract('memory', false, async (t) => {
  const registry = new MemoryStreamRegistry({ log: silent });
  t.teardown(() => registry.stop());
  await registry.start();
  return registry;
});

contract('redis', noSharedRedis, (t) => startNode(t, { url: shared?.url ?? '', prefix: shared?.newPrefix() ?? '' }));

function contract(name: string, skip: string | false, create: (t: Test) => Promise<StreamRegistry>) {
  t.test(`${name}: a user joins with the first stream and leaves with the last`, { skip }, async (t) => {
    const registry = await create(t);
    const heard = record(registry);
    const [board, user] = [randomUUID(), randomUUID()];
    const [first, second] = [streamOf(board, user), streamOf(board, user)];
    registry.add(first);
    registry.add(second);
    registry.add(streamOf(randomUUID(), user));
    await heard.marker();
    t.strictSame(heard.actions(board), ['join'], 'one join for two streams');
    registry.remove(first);
    await heard.marker();
    t.strictSame(heard.actions(board), ['join'], 'no leave while one is open');
    registry.remove(second);
    await heard.marker();
    t.strictSame(heard.actions(board), ['join', 'leave']);
  });

  t.test(`${name}: adding and removing twice counts once`, { skip }, async (t) => {
    const registry = await create(t);
    const heard = record(registry);
    const stream = streamOf(randomUUID());
    registry.add(stream);
    registry.add(stream);
    t.equal(registry.size, 1);
    await heard.marker();
    registry.remove(stream);
    registry.remove(stream);
    registry.remove(streamOf(randomUUID()));
    t.equal(registry.size, 0);
    await heard.marker();
    t.strictSame(heard.actions(stream.boardId), ['join', 'leave']);
    t.strictSame(await listedBy(registry, stream.boardId), []);
  });

  t.test(`${name}: a leave says how soon the user was told to come back (E7)`, { skip }, async (t) => {
    const registry = await create(t);
    const heard = record(registry);
    const board = randomUUID();
    const waits = [undefined, 0, 5000];
    const streams = waits.map(() => streamOf(board));
    for (const stream of streams) registry.add(stream);
    await heard.marker();
    for (const [index, stream] of streams.entries()) registry.remove(stream, waits[index]);
    await heard.marker();
    const told = streams.map(({ userId }) => heard.leave(board, userId)?.backWithinMs);
    t.strictSame(told, waits);
  });

  t.test(`${name}: lists the streams of a board`, { skip }, async (t) => {
    const registry = await create(t);
    const heard = record(registry);
    const board = randomUUID();
    const streams = manyStreams(3, board);
    for (const stream of [...streams, streamOf(randomUUID())]) registry.add(stream);
    await heard.marker();
    const listed = await listedBy(registry, board);
    const byId = (a: RegisteredStream, b: RegisteredStream) => a.streamId.localeCompare(b.streamId);
    t.match(listed.sort(byId), streams.sort(byId));
    t.equal(listed.length, 3);
    t.equal(new Set(listed.map(({ node }) => node)).size, 1);
    t.ok(listed[0]?.node);
    t.strictSame(await listedBy(registry, randomUUID()), []);
  });

  t.test(`${name}: what was done last is what holds`, { skip }, async (t) => {
    const registry = await create(t);
    const heard = record(registry);
    const board = randomUUID();
    const [kept, gone] = [streamOf(board), streamOf(board)];
    for (let round = 0; round < 50; round += 1) {
      registry.add(gone);
      registry.remove(kept);
      registry.add(kept);
      registry.remove(gone);
      if (round % 10 === 0) await heard.marker();
    }
    await heard.marker();
    t.match(await listedBy(registry, board), [kept]);
    t.equal(heard.joins(board, kept.userId) - heard.leaves(board, kept.userId), 1);
    t.equal(heard.joins(board, gone.userId), heard.leaves(board, gone.userId));
  });

  t.test(`${name}: one listener's error is not another's, and who has ended hears no more`, { skip }, async (t) => {
    const registry = await create(t);
    registry.onChange(() => {
      throw new Error('broken listener');
    });
    let joins = 0;
    const end = registry.onChange(({ action }) => {
      if (action === 'join') joins += 1;
    });
    const heard = record(registry);
    await heard.marker();
    t.equal(joins, 1);
    end();
    end();
    await heard.marker();
    t.equal(joins, 1);
  });

  t.test(`${name}: start and stop may come twice, and nothing is taken in after the stop`, { skip }, async (t) => {
    const registry = await create(t);
    t.equal(registry.state, 'up');
    await registry.start();
    registry.add(streamOf(randomUUID()));
    await Promise.all([registry.stop(), registry.stop()]);
    registry.add(streamOf(randomUUID()));
    registry.remove(streamOf(randomUUID()));
    t.equal(registry.size, 0);
    await registry.stop();
  });
}
