// Two nodes on one database and one Redis: what one writes the other shows, and one outlives the other.

import t from 'tap';
import { RedisStreamRegistry } from '../../src/liveness/redis-stream-registry.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { useDatabase } from '../helpers/node.ts';
import { spawnNode } from '../helpers/process.ts';
import { noPrivateRedis, startPrivateRedis } from '../helpers/redis.ts';
import { until } from '../helpers/until.ts';

/** What is promised for the streams of a killed node. */
const BOUND_MS = 10_000;

t.test('two nodes', { skip: noPrivateRedis }, async (t) => {
  const database = await useDatabase(t);
  const redis = await startPrivateRedis();
  t.teardown(() => redis.stop());
  const environment = { DATABASE_URL: database.url, REDIS_URL: redis.url };
  const [one, two] = await Promise.all([spawnNode(t, environment), spawnNode(t, environment)]);
  const observed: string[] = [];
  const log = { info: (_details: object, message: string) => void observed.push(message), warn: () => {} };
  const registry = new RedisStreamRegistry({ url: redis.url, log });
  t.teardown(() => registry.stop());
  await registry.start();
  const ada = await Client.signUp(one);
  const boardId = await ada.createBoard();

  await t.test('a write at either, or by psql, shows at both, in one order (E1, E2, E3)', async (t) => {
    const streams = [await openStream(t, one.url, boardId, ada), await openStream(t, two.url, boardId, ada)];
    await Promise.all(streams.map((stream) => stream.next('ready')));
    await ada.post(`/boards/${boardId}/items`, { text: 'at the first' });
    await ada.at(two).post(`/boards/${boardId}/items`, { text: 'at the second' });
    await database.sql(`insert into items (board_id, text) values ($1, 'by psql')`, [boardId]);
    await Promise.all(streams.map((stream) => stream.next('changed', ({ data }) => data.seq === 5)));
    const frames = streams.map(({ raw }) => raw.match(/^id:.*\nevent:changed\ndata:.*\n\n/gm) ?? []);
    t.equal(frames[0]?.length, 3);
    t.strictSame(frames[0], frames[1], 'the same bytes');
  });

  await t.test('a stream goes on at the other node where it was, when its own is killed (E1, E7, E9)', async (t) => {
    const lost = await openStream(t, two.url, boardId, ada);
    const kept = await openStream(t, one.url, boardId, ada);
    await Promise.all([lost.next('ready'), kept.next('ready')]);
    await ada.post(`/boards/${boardId}/items`, { text: 'seen by both' });
    const { id: cursor = '' } = await lost.next('changed');
    await until(async () => (await registry.list(boardId)).length === 2, 'both streams in the registry');

    two.kill('SIGKILL');
    const killedAt = performance.now();
    await ada.post(`/boards/${boardId}/items`, { text: 'while it is away' });
    const resumed = await openStream(t, one.url, boardId, { ...ada, headers: { 'last-event-id': cursor } });
    await resumed.next('changed');
    t.strictSame([...lost.seqs, ...resumed.seqs], [6, 7], 'nothing is missing and nothing comes twice');

    const left = await until(
      async () => {
        const held = await registry.list(boardId);
        return held.length === 2 && held;
      },
      'the dead node to be reaped',
      BOUND_MS,
    );
    const seconds = ((performance.now() - killedAt) / 1000).toFixed(1);
    t.comment(`reaped ${seconds} s after the kill`);
    const ids = [kept, resumed].map(({ frames }) => frames[0]?.data.streamId).sort();
    t.strictSame(left.map(({ streamId }) => streamId).sort(), ids, 'and the living keep theirs');
    // By whichever came first: the living node, or this test, which takes part in the registry.
    await until(() => [...observed, one.output].some((text) => text.includes('reaped')), 'the line in the log');
  });
});
