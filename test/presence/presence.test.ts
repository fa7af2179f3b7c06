// Presence as the streams and GET /presence see it, on one node with the registry in the process, and on two with Redis.

import t, { type Test } from 'tap';
import { Client } from '../helpers/client.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { expectTold, openPresent, syncs } from '../helpers/presence.ts';
import { noPrivateRedis, startPrivateRedis } from '../helpers/redis.ts';
import { until } from '../helpers/until.ts';

const HANDOVER_SECONDS = 1;
/** Half a second is for the client to connect. */
const HANDOVER_MS = HANDOVER_SECONDS * 1000 + 500;
/** From the end of a stream until everyone has been told, on a busy machine too. */
const TOLD_MS = HANDOVER_SECONDS * 1000 + 1000;

const database = await useDatabase(t);

contract('one node', false, async (t) => {
  const node = await startNode(t, database.url, { presenceHandoverSeconds: HANDOVER_SECONDS });
  return [node, node];
});

contract('two nodes', noPrivateRedis, async (t) => {
  const redis = await startPrivateRedis();
  t.teardown(() => redis.stop());
  const settings = { redisUrl: redis.url, presenceHandoverSeconds: HANDOVER_SECONDS };
  return [await startNode(t, database.url, settings), await startNode(t, database.url, settings)];
});

/** Three users, of whom the first owns the board. */
async function startBoard(one: TestNode) {
  const [ada, bob, eve] = [
    await Client.signUp(one, 'Ada'),
    await Client.signUp(one, 'Bob'),
    await Client.signUp(one, 'Eve'),
  ];
  const boardId = await ada.createBoard();
  for (const { user } of [bob, eve]) {
    await database.sql(`insert into members (board_id, user_id, role) values ($1, $2, 'editor')`, [boardId, user.id]);
  }
  const path = `/boards/${boardId}/presence`;
  /** How many streams GET says that a user has there. */
  const streamsOf = async ({ user }: Client, node: TestNode): Promise<number> => {
    const { users } = (await ada.at(node).get(path)).body as {
      users: Array<{ user: { id: string }; streams: number }>;
    };
    return users.find(({ user: { id } }) => id === user.id)?.streams ?? 0;
  };
  return { ada, bob, eve, boardId, path, streamsOf };
}

function contract(name: string, skip: string | false, start: (t: Test) => Promise<[TestNode, TestNode]>) {
  t.test(name, { skip }, async (t) => {
    const [one, two] = await start(t);

    t.test('a sync comes after ready and snapshot, and then each join and leave once (E7)', async (t) => {
      const { ada, bob, eve, boardId, streamsOf } = await startBoard(one);
      const adas = await openPresent(t, one, boardId, ada, { query: '?snapshot=true' });
      t.match(adas.raw, /event:ready\n[\s\S]*event:snapshot\n[\s\S]*\n\nevent:presence\n/, 'without an id');
      const bobs = [await openPresent(t, two, boardId, bob), await openPresent(t, one, boardId, bob)];
      const eves = await openPresent(t, two, boardId, eve);
      await expectTold(t, adas, ['join Bob', 'join Eve']);
      t.strictSame(eves.presence[0]?.users.map(({ name }) => name).sort(), ['Ada', 'Bob', 'Eve']);
      t.strictSame(adas.presence[1], { action: 'join', user: { id: bob.user.id, name: 'Bob' } });

      bobs[0]?.close();
      await until(async () => (await streamsOf(bob, one)) === 1, 'one stream of Bob');
      bobs[1]?.close();
      const closedAt = performance.now();
      await expectTold(t, adas, ['join Bob', 'join Eve', 'leave Bob']);
      const ms = Math.round(performance.now() - closedAt);
      t.comment(`told ${ms} ms after the end, with a hand-over of ${HANDOVER_SECONDS} s`);
      t.ok(ms > HANDOVER_MS - 100 && ms < TOLD_MS);
      await expectTold(t, eves, ['leave Bob']);
      t.equal(syncs(eves), 1);
    });

    t.test('who comes back in time has never left (E7)', async (t) => {
      const { ada, bob, eve, boardId, streamsOf } = await startBoard(one);
      const adas = await openPresent(t, one, boardId, ada);
      for (const node of [one, two, two]) {
        (await openPresent(t, node, boardId, bob)).close();
        await until(async () => (await streamsOf(bob, one)) === 0, 'no stream of Bob');
      }
      await openPresent(t, one, boardId, bob);
      // Her leave comes later than one of Bob would.
      (await openPresent(t, two, boardId, eve)).close();
      await expectTold(t, adas, ['join Bob', 'join Eve', 'leave Eve']);
    });

    t.test('GET agrees with a sync and says since when, at both nodes (E7)', async (t) => {
      const { ada, bob, boardId, path, streamsOf } = await startBoard(one);
      const before = new Date().toISOString();
      await openPresent(t, one, boardId, ada);
      await openPresent(t, two, boardId, bob);
      const { presence } = await openPresent(t, one, boardId, bob);
      for (const node of [one, two]) {
        await until(async () => (await streamsOf(bob, node)) === 2, 'both streams of Bob');
        const { users } = (await ada.at(node).get(path)).body;
        t.strictSame(
          users.map(({ user }: { user: unknown }) => user),
          presence[0]?.users,
        );
        for (const { since } of users) t.ok(since >= before && since <= new Date().toISOString(), since);
      }
      const stranger = await Client.signUp(one, 'Mallory');
      t.equal((await stranger.get(path)).body.code, 'TB_NOT_FOUND', 'not for everyone');
    });

    t.test('who is shut out is gone at once, and hears of nothing more (E6, E7)', async (t) => {
      const { ada, bob, boardId } = await startBoard(one);
      const adas = await openPresent(t, one, boardId, ada);
      const bobs = await openPresent(t, two, boardId, bob);
      await expectTold(t, adas, ['join Bob']);
      await database.sql('delete from members where board_id = $1 and user_id = $2', [boardId, bob.user.id]);
      const removedAt = performance.now();
      await expectTold(t, adas, ['join Bob', 'leave Bob']);
      t.ok(performance.now() - removedAt < 1000, 'there is nobody to wait for');
      await bobs.end();
      t.match(bobs.raw, /event:close\ndata:\{"reason":"revoked","retry":false\}\n\n$/);
    });
  });
}
