// Presence as the streams and GET /presence see it, on one node with the registry in the process, and on two with Redis.

import t, { type Test } from 'tap';
import { expectWithin, SECOND_MS, timed } from '../helpers/bounds.ts';
import { Client } from '../helpers/client.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { expectTold, openPresent, syncs, told } from '../helpers/presence.ts';
import { noPrivateRedis, startPrivateRedis } from '../helpers/redis.ts';
import { until } from '../helpers/until.ts';

const HANDOVER_SECONDS = 1;
/** Half a second is for the client to connect. */
const HANDOVER_MS = HANDOVER_SECONDS * 1000 + 500;
/** From the end of a stream until everyone has been told. */
const TOLD_MS = HANDOVER_SECONDS * 1000 + SECOND_MS;
/** Longer than a test waits: who leaves all the same was not waited for. */
const LONG_SECONDS = 60;

const database = await useDatabase(t);

contract('one node', false, async (t, presenceHandoverSeconds) => {
  const node = await startNode(t, database.url, { presenceHandoverSeconds });
  return [node, node];
});

contract('two nodes', noPrivateRedis, async (t, presenceHandoverSeconds) => {
  const redis = await startPrivateRedis();
  t.teardown(() => redis.stop());
  const settings = { redisUrl: redis.url, presenceHandoverSeconds };
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
    await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
      boardId,
      user.id,
    ]);
  }
  const path = `/boards/${boardId}/presence`;
  /** What GET says of who is there, as soon as it can: for a machine that has stood still Redis is away for a moment. */
  const listed = async (node: TestNode): Promise<Array<{ user: { id: string }; streams: number; since: string }>> => {
    const answer = await until(async () => {
      const { status, body } = await ada.at(node).get(path);
      return status !== 503 && { status, body };
    }, 'an answer');
    return answer.body.users;
  };
  /** How many streams a user has there by it. */
  const streamsOf = async ({ user }: Client, node: TestNode): Promise<number> =>
    (await listed(node)).find(({ user: { id } }) => id === user.id)?.streams ?? 0;
  return { ada, bob, eve, boardId, path, listed, streamsOf };
}

function contract(
  name: string,
  skip: string | false,
  start: (t: Test, handoverSeconds: number) => Promise<[TestNode, TestNode]>,
) {
  t.test(name, { skip }, async (t) => {
    const [one, two] = await start(t, HANDOVER_SECONDS);

    t.test('a sync comes after ready and snapshot, and then each join and leave once (E7)', (t) =>
      expectWithin(t, { toldMs: TOLD_MS }, async () => {
        const { ada, bob, eve, boardId, streamsOf } = await startBoard(one);
        const adas = await openPresent(t, one, boardId, ada, { query: '?snapshot=true' });
        t.match(adas.raw, /event:ready\n[\s\S]*event:snapshot\n[\s\S]*\n\nevent:presence\n/, 'without an id');
        const bobs = [await openPresent(t, two, boardId, bob), await openPresent(t, one, boardId, bob)];
        const eves = await openPresent(t, two, boardId, eve);
        await expectTold(t, adas, ['join Bob', 'join Eve']);
        t.strictSame(eves.presence[0]?.users.map(({ name }) => name).sort(), ['Ada', 'Bob', 'Eve']);
        t.strictSame(adas.presence[1], { boardId, action: 'join', user: { id: bob.user.id, name: 'Bob' } });

        bobs[0]?.close();
        await until(async () => (await streamsOf(bob, one)) === 1, 'one stream of Bob');
        bobs[1]?.close();
        const toldMs = await timed(() => expectTold(t, adas, ['join Bob', 'join Eve', 'leave Bob']));
        t.ok(toldMs > HANDOVER_MS - 100, 'not before');
        await expectTold(t, eves, ['leave Bob']);
        t.equal(syncs(eves), 1);
        return { toldMs };
      }),
    );

    t.test('who comes back in time has never left (E7)', (t) =>
      expectWithin(t, { awayMs: HANDOVER_SECONDS * 1000 }, async () => {
        const { ada, bob, eve, boardId, streamsOf } = await startBoard(one);
        const adas = await openPresent(t, one, boardId, ada);
        let bobs = await openPresent(t, one, boardId, bob);
        let awayMs = 0;
        for (const node of [two, two, one]) {
          const closedAt = performance.now();
          bobs.close();
          await until(async () => (await streamsOf(bob, one)) === 0, 'no stream of Bob');
          bobs = await openPresent(t, node, boardId, bob);
          awayMs = Math.max(awayMs, performance.now() - closedAt);
        }
        // Her leave comes later than one of Bob would.
        (await openPresent(t, two, boardId, eve)).close();
        await until(() => told(adas).includes('leave Eve'), 'Eve to leave');
        // On a machine that let him come too late he had to leave.
        if (awayMs < HANDOVER_SECONDS * 1000) t.strictSame(told(adas), ['join Bob', 'join Eve', 'leave Eve']);
        return { awayMs };
      }),
    );

    t.test('GET agrees with a sync and says since when, at both nodes (E7)', async (t) => {
      const { ada, bob, boardId, path, listed, streamsOf } = await startBoard(one);
      const before = new Date().toISOString();
      await openPresent(t, one, boardId, ada);
      await openPresent(t, two, boardId, bob);
      const { presence } = await openPresent(t, one, boardId, bob);
      for (const node of [one, two]) {
        await until(async () => (await streamsOf(bob, node)) === 2, 'both streams of Bob');
        const users = await listed(node);
        t.strictSame(
          users.map(({ user }) => user),
          presence[0]?.users,
        );
        for (const { since } of users) t.ok(since >= before && since <= new Date().toISOString(), since);
      }
      const stranger = await Client.signUp(one, 'Mallory');
      t.equal((await stranger.get(path)).body.code, 'TB_NOT_FOUND', 'not for everyone');
    });

    t.test('who is shut out is gone at once, and hears of nothing more (E6, E7)', async (t) => {
      const [here, there] = await start(t, LONG_SECONDS);
      await expectWithin(t, { leftMs: SECOND_MS }, async () => {
        const { ada, bob, boardId } = await startBoard(here);
        const adas = await openPresent(t, here, boardId, ada);
        const bobs = await openPresent(t, there, boardId, bob);
        await expectTold(t, adas, ['join Bob']);
        await database.sql('delete from teamboard.members where board_id = $1 and user_id = $2', [
          boardId,
          bob.user.id,
        ]);
        const leftMs = await timed(() => expectTold(t, adas, ['join Bob', 'leave Bob']));
        await bobs.end();
        t.match(bobs.raw, /event:close\ndata:\{"reason":"revoked","retry":false\}\n\n$/);
        return { leftMs };
      });
    });
  });
}
