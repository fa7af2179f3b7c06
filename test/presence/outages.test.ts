// Presence while nodes and Redis come and go, told by the streams of someone who stays.

import t from 'tap';
import { expectWithin, timed } from '../helpers/bounds.ts';
import { Client } from '../helpers/client.ts';
import { startPair } from '../helpers/node-pair.ts';
import { expectTold, openPresent, present, syncs, told } from '../helpers/presence.ts';
import { startReader } from '../helpers/reader.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { timings } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

/** After the kill: a lease, and 2 s. */
const REAPED_MS = timings.leases.leaseMs + 2000;
/** Who is sent away by a node that goes down is told to come back within 10 s, and is waited for so long and a second. */
const AWAY_MS = 11_000;
/** And half a second is for the connection. */
const BACK_MS = AWAY_MS - 500;
const handover = { environment: { PRESENCE_HANDOVER_SECONDS: '1' }, timings };

// One beside the other: most of each is waiting.
t.jobs = 3;

type Pair = Awaited<ReturnType<typeof startPair>>;

async function addEve({ nodes, database, boardId }: Pair): Promise<Client> {
  const eve = await Client.signUp(nodes[0], 'Eve');
  await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
    boardId,
    eve.user.id,
  ]);
  return eve;
}

t.test('who was on a node that is killed has left with its lease, once (E7)', { skip: noPrivateRedis }, (t) =>
  expectWithin(t, { toldMs: REAPED_MS }, async () => {
    const { nodes, ada, bob, boardId, listed } = await startPair(t, { timings });
    const [one, two] = nodes;
    const adas = await openPresent(t, one, boardId, ada);
    await openPresent(t, two, boardId, bob);
    // She stays.
    await openPresent(t, two, boardId, ada);
    await until(async () => (await listed()).length === 3, 'all streams in the registry');
    two.kill('SIGKILL');
    const toldMs = await timed(() => expectTold(t, adas, ['join Bob', 'leave Bob']));
    t.strictSame(present(adas), ['Ada']);
    return { toldMs };
  }),
);

t.test('a deploy shows nobody leaving who comes back (E7, E9)', { skip: noPrivateRedis }, (t) =>
  expectWithin(t, { leftMs: AWAY_MS, backMs: BACK_MS }, async () => {
    const pair = await startPair(t, { ...handover, environment: { ...handover.environment, DRAIN_SECONDS: '1' } });
    const { nodes, ada, bob, boardId } = pair;
    const [one, two] = nodes;
    const eve = await addEve(pair);
    const adas = await openPresent(t, one, boardId, ada);
    let isDown = false;
    const bobs = startReader(t, { address: () => (isDown ? one : two).url, boardId, client: bob });
    await until(() => present(adas).includes('Bob'), 'Bob');
    const eves = await openPresent(t, two, boardId, eve);
    await expectTold(t, adas, ['join Bob', 'join Eve']);

    isDown = true;
    two.kill('SIGTERM');
    await eves.end();
    const endedAt = performance.now();
    await until(() => bobs.connections.length > 1 && bobs.isOpen, 'Bob at the other node');
    const [first, second] = bobs.connections;
    const backMs = (second?.readyAt ?? Infinity) - (first?.lostAt ?? 0);
    t.comment(`Bob was back ${(backMs / 1000).toFixed(1)} s after the end of his stream`);
    // She does not come back.
    const leftMs = await timed(() => until(() => told(adas).includes('leave Eve'), 'Eve to leave'), endedAt);
    // On a machine that let him come too late he had to leave.
    if (backMs < BACK_MS) t.strictSame(told(adas), ['join Bob', 'join Eve', 'leave Eve']);
    t.equal(syncs(adas), 1);
    return { leftMs, backMs };
  }),
);

t.test(
  'while Redis is away what is known stays, and afterwards only the difference is told (E7, E8)',
  { skip: noPrivateRedis },
  async (t) => {
    const pair = await startPair(t, handover);
    const { nodes, ada, bob, boardId, redis, heard } = pair;
    const eve = await addEve(pair);
    const atOne = await openPresent(t, nodes[0], boardId, ada);
    const atTwo = await openPresent(t, nodes[1], boardId, ada);
    const bobs = await openPresent(t, nodes[1], boardId, bob);
    const expectEach = async (changes: string[]) => {
      for (const stream of [atOne, atTwo]) await expectTold(t, stream, changes);
    };
    await expectEach(['join Bob']);

    await redis.shutdown({ save: false });
    const path = `/boards/${boardId}/presence`;
    const unknown = await until(async () => {
      const answer = await ada.get(path);
      return answer.status !== 200 && answer;
    }, 'the outage');
    t.match(unknown, { status: 503, body: { code: 'TB_UNAVAILABLE' } });
    t.ok(unknown.headers.get('retry-after'));
    const eves = await openPresent(t, nodes[0], boardId, eve);
    t.strictSame(present(eves), ['Ada', 'Bob', 'Eve'], 'what is known, and oneself');
    bobs.close();
    await until(() => told(atOne).includes('join Eve'), 'what happens on the same node');

    await redis.boot();
    const backAt = performance.now();
    await until(async () => (await ada.get(path)).status === 200, 'an answer');
    await until(() => heard.resyncs() > 0, 'a comparison with the registry');
    await expectEach(['join Bob', 'join Eve', 'leave Bob']);
    t.comment(`all is told ${((performance.now() - backAt) / 1000).toFixed(1)} s after Redis was back`);
    eves.close();
    await expectEach(['join Bob', 'join Eve', 'leave Bob', 'leave Eve']);
    t.strictSame([atOne, atTwo].map(syncs), [1, 1], 'no storm');
  },
);
