// Access that ends at one node, or past all of them, closes the streams that depended on it at the other.
//
// Within a second, says the contract. No sweep comes and nobody's return is waited for while the test runs, so that what
// ends has ended by the announcement, or at its own time.

import t, { type Test } from 'tap';
import { timings } from '../../src/timings.ts';
import { expectWithin, SECOND_MS, timed } from '../helpers/bounds.ts';
import { Client } from '../helpers/client.ts';
import { type EventStream, type OpenOptions, oneOfTwo, openStream } from '../helpers/event-stream.ts';
import { startNode, type TestNode } from '../helpers/node.ts';
import { startPair } from '../helpers/node-pair.ts';
import { expectTold, openPresent, present, told } from '../helpers/presence.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { range } from '../helpers/seqs.ts';
import { withManySweeps, withoutSweeps } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

const environment = { PRESENCE_HANDOVER_SECONDS: '60' };
const password = 'correct horse';
const bearer = (secret: string) => ({ cookie: '', headers: { authorization: `Bearer ${secret}` } });

/** Where: `nodes` are the one at which access ends, and the one with the streams. */
type Pair = Pick<Awaited<ReturnType<typeof startPair>>, 'database' | 'ada' | 'bob'> & {
  nodes: [Pick<TestNode, 'url'>, Pick<TestNode, 'url'>];
};
let accounts = 0;

/** A member of a board of Ada with three sessions and two tokens, each with a stream at the second node. */
async function openMember(t: Test, { nodes, database, ada }: Pair) {
  const [one, two] = nodes;
  const boardId = await ada.createBoard();
  const account = { email: `cara${++accounts}@example.org`, password };
  const cara = await Client.keep(one, { name: 'Cara', ...account });
  await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
    boardId,
    cara.user.id,
  ]);
  const nobody = Client.nobody(one);
  const signIn = async () => cara.after(await nobody.post('/session', account));
  const makeToken = async () =>
    (await cara.post('/tokens', { name: 'ci' })).body as { token: { id: string }; secret: string };
  const [second, third] = [await signIn(), await signIn()];
  const tokens = [await makeToken(), await makeToken()] as const;
  let opened = 0;
  // Every other one on a stream of many boards, of which this one is the last.
  const open = async (options: OpenOptions) => {
    const stream = await openStream(t, two.url, boardId, { ...options, beside: oneOfTwo(opened++, []) });
    await stream.next('ready');
    return stream;
  };
  const bySession = [await open(cara), await open(second), await open(third)] as const;
  const byToken = [await open(bearer(tokens[0].secret)), await open(bearer(tokens[1].secret))] as const;
  return { boardId, account, cara, second, third, tokens, bySession, byToken, streams: [...bySession, ...byToken] };
}

type Member = Awaited<ReturnType<typeof openMember>>;

interface Way {
  end: (member: Member, pair: Pair) => Promise<unknown>;
  /** The streams that depended on what has ended. */
  closed: (member: Member) => readonly EventStream[];
  reason?: 'revoked' | 'expired';
  /** When the end comes after the answer. */
  afterMs?: number;
}

const sessionOf = ({ cara }: Member) => [cara.user.id];
/** The newest but one: the second that has signed in. */
const secondSession = `(select id from teamboard.sessions where user_id = $1 order by id offset 1 limit 1)`;

const ways: Record<string, Way> = {
  'DELETE /session': { end: ({ second }) => second.delete('/session'), closed: ({ bySession }) => [bySession[1]] },
  'DELETE /sessions': { end: ({ second }) => second.delete('/sessions'), closed: ({ bySession }) => bySession },
  'PATCH /users/me with a new password': {
    end: ({ cara }) => cara.patch('/users/me', { password: 'battery staple', currentPassword: password }),
    closed: ({ bySession }) => bySession,
  },
  'POST /session in its place': {
    end: ({ second, account }) => second.post('/session', account),
    closed: ({ bySession }) => [bySession[1]],
  },
  'DELETE /tokens/:id': {
    end: ({ cara, tokens }) => cara.delete(`/tokens/${tokens[0].token.id}`),
    closed: ({ byToken }) => [byToken[0]],
  },
  'psql deletes a session': {
    end: (member, { database }) =>
      database.sql(`delete from teamboard.sessions where id = ${secondSession}`, sessionOf(member)),
    closed: ({ bySession }) => [bySession[1]],
  },
  'psql ends a session now': {
    end: (member, { database }) =>
      database.sql(`update teamboard.sessions set expires_at = now() where id = ${secondSession}`, sessionOf(member)),
    closed: ({ bySession }) => [bySession[1]],
    reason: 'expired',
  },
  'a session expires': {
    end: (member, { database }) =>
      database.sql(
        `update teamboard.sessions set expires_at = now() + interval '2 seconds' where id = ${secondSession}`,
        sessionOf(member),
      ),
    closed: ({ bySession }) => [bySession[1]],
    reason: 'expired',
    afterMs: 2000,
  },
  'a token expires': {
    end: ({ tokens }, { database }) =>
      database.sql(`update teamboard.tokens set expires_at = now() + interval '2 seconds' where id = $1`, [
        tokens[0].token.id,
      ]),
    closed: ({ byToken }) => [byToken[0]],
    reason: 'expired',
    afterMs: 2000,
  },
};

/** Writes a hundred items, which the streams that are still open get all, and the others not at all. */
async function writeOn(
  t: Test,
  { database }: Pair,
  { boardId }: Pick<Member, 'boardId'>,
  open: readonly EventStream[],
  closed: readonly EventStream[],
) {
  const lengths = closed.map(({ raw }) => raw.length);
  const [row] = await database.sql<{ head: number }>('select head::int from teamboard.board_log where board_id = $1', [
    boardId,
  ]);
  const head = row?.head ?? 0;
  await database.sql(`insert into teamboard.items (board_id, text) select $1, 'x' from generate_series(1, 100)`, [
    boardId,
  ]);
  for (const stream of open) {
    await stream.next('changed', ({ data }) => data.seq === head + 100);
    t.strictSame(stream.seqs.slice(-100), range(head + 1, head + 100));
    t.notOk(stream.ended);
  }
  t.strictSame(
    closed.map(({ raw }) => raw.length),
    lengths,
    'nothing after the end',
  );
}

function expectClose(t: Test, stream: EventStream, reason: string): void {
  t.ok(stream.ended, 'a clean end');
  t.match(
    stream.raw,
    new RegExp(`\\n\\nretry:[3-6]\\d{4}\\nevent:close\\ndata:{"reason":"${reason}","retry":false}\\n\\n$`),
  );
  t.equal(stream.frames.filter(({ event }) => event === 'close').length, 1);
}

/** Waits for the ends of all. @returns the ms until the last one */
const untilClosed = (streams: readonly EventStream[]) =>
  timed(() => Promise.all(streams.map((stream) => stream.end())));

/**
 * Ends the access of a new member, and looks at what has become of each of its streams.
 *
 * @returns how long after the answer, or after its time, the last one was closed
 */
async function endAccess(t: Test, pair: Pair, { end, closed, reason = 'revoked', afterMs = 0 }: Way) {
  const member = await openMember(t, pair);
  const ending = closed(member);
  const startedAt = performance.now();
  await end(member, pair);
  const answeredAt = performance.now();
  for (const stream of ending) {
    await stream.end();
    const early = Math.round(startedAt + afterMs - performance.now());
    t.ok(early <= 50, `not before its time: ${early} ms`);
  }
  const closedMs = performance.now() - answeredAt - afterMs;
  for (const stream of ending) expectClose(t, stream, reason);
  const open = member.streams.filter((stream) => !ending.includes(stream));
  await writeOn(t, pair, member, open, ending);
  for (const stream of open) stream.close();
  return { closedMs };
}

t.test('the end of a session or a token, at the other node (E6, threats 7, 8)', { skip: noPrivateRedis }, async (t) => {
  const pair = await startPair(t, { environment, timings: withoutSweeps() });
  // One beside the other: most of each is waiting.
  t.jobs = 4;
  for (const [name, way] of Object.entries(ways)) {
    t.test(name, (t) => expectWithin(t, { closedMs: SECOND_MS }, () => endAccess(t, pair, way)));
  }

  t.test('psql deletes all sessions, and no trigger hears it', async (t) => {
    const { database, redis, nodes } = pair;
    const often = withManySweeps();
    const swept = await startNode(t, database.url, { redisUrl: redis.url, timings: often });
    const way: Way = {
      end: ({ cara }) =>
        database.sql(`begin; alter table teamboard.sessions disable trigger announce_deleted;
                      delete from teamboard.sessions where user_id = '${cara.user.id}';
                      alter table teamboard.sessions enable always trigger announce_deleted; commit`),
      closed: ({ bySession }) => bySession,
    };
    const bounds = { closedMs: often.access.sweepMs + SECOND_MS };
    await expectWithin(t, bounds, () => endAccess(t, { ...pair, nodes: [nodes[0], swept] }, way));
    t.equal(timings.access.sweepMs, 5000, 'as docs/accounts.md says of all nodes');
  });

  t.test('a member who is removed is gone for the others at once, also with other sessions (E6, E7, threat 9)', (t) =>
    expectWithin(t, { closedMs: SECOND_MS, leftMs: SECOND_MS }, async () => {
      const { nodes, ada } = pair;
      const member = await openMember(t, pair);
      const mine = await openPresent(t, nodes[0], member.boardId, ada);
      await until(() => present(mine).includes('Cara'), 'Cara');
      const before = told(mine);
      await member.second.delete('/session');
      await member.bySession[1].end();
      await ada.delete(`/boards/${member.boardId}/members/${member.cara.user.id}`);
      const removedAt = performance.now();
      const closedMs = await untilClosed(member.streams);
      for (const stream of [...member.byToken, member.bySession[0]]) {
        expectClose(t, stream, 'revoked');
        t.match(stream.frames.at(-2)?.data, { resource: 'member', action: 'deleted', id: member.cara.user.id });
      }
      const leftMs = await timed(() => expectTold(t, mine, [...before, 'leave Cara']), removedAt);
      await writeOn(t, pair, member, [mine], member.streams);
      mine.close();
      return { closedMs, leftMs };
    }),
  );

  t.test('who has signed out everywhere is gone for the others at once (E6, E7)', (t) =>
    expectWithin(t, { closedMs: SECOND_MS, leftMs: SECOND_MS }, async () => {
      const { nodes, database, ada, bob } = pair;
      const member = await openMember(t, pair);
      for (const stream of member.byToken) stream.close();
      const mine = await openPresent(t, nodes[0], member.boardId, ada);
      await until(() => present(mine).includes('Cara'), 'Cara');
      const before = told(mine);
      await member.cara.delete('/session');
      await member.bySession[0].end();
      // Bob's join comes later than her leave would.
      await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
        member.boardId,
        bob.user.id,
      ]);
      const his = await openStream(t, nodes[1].url, member.boardId, bob);
      await until(() => present(mine).includes('Bob'), 'Bob');
      t.strictSame(told(mine), [...before, 'join Bob'], 'not while there is another');
      his.close();
      await member.second.delete('/sessions');
      const endedAt = performance.now();
      const closedMs = await untilClosed(member.bySession);
      const leftMs = await timed(() => expectTold(t, mine, [...before, 'join Bob', 'leave Cara']), endedAt);
      mine.close();
      return { closedMs, leftMs };
    }),
  );

  t.test('an account that is deleted is gone for all, with its streams (E6, E7)', (t) =>
    expectWithin(t, { closedMs: SECOND_MS, leftMs: SECOND_MS }, async () => {
      const { nodes, ada } = pair;
      const member = await openMember(t, pair);
      const { account, cara, streams, boardId } = member;
      const mine = await openPresent(t, nodes[1], boardId, ada);
      await until(() => present(mine).includes('Cara'), 'Cara');
      const before = told(mine);
      const gone = await cara.request('DELETE', '/users/me', { currentPassword: password });
      t.equal(gone.status, 204);
      const deletedAt = performance.now();
      const closedMs = await untilClosed(streams);
      for (const stream of streams) expectClose(t, stream, 'revoked');
      const leftMs = await timed(() => expectTold(t, mine, [...before, 'leave Cara']), deletedAt);
      await mine.next('changed', ({ data }) => data.action === 'deleted' && data.id === cara.user.id);
      await writeOn(t, pair, member, [mine], streams);
      const { body } = await ada.get(`/boards/${boardId}`);
      t.notMatch(JSON.stringify(body.members), cara.user.id);
      const signIn = await Client.nobody(nodes[1]).post('/session', account);
      t.match(signIn, { status: 401, body: { code: 'TB_WRONG_CREDENTIALS' } });
      mine.close();
      return { closedMs, leftMs };
    }),
  );

  t.test(
    'an editor who becomes a viewer keeps the stream and writes no more, from the next request on (E6)',
    async (t) => {
      const { nodes, ada } = pair;
      const member = await openMember(t, pair);
      const { boardId } = member;
      const write = () => member.cara.at(nodes[1]).post(`/boards/${boardId}/items`, { text: 'x' });
      t.equal((await write()).status, 201);
      t.equal((await ada.patch(`/boards/${boardId}/members/${member.cara.user.id}`, { role: 'viewer' })).status, 200);
      const refused = await write();
      t.match(refused, { status: 403, body: { code: 'TB_FORBIDDEN' } });
      for (const stream of member.streams) {
        await stream.next('changed', ({ data }) => data.resource === 'member' && data.object.role === 'viewer');
      }
      await writeOn(t, pair, member, member.streams, []);
      for (const stream of member.streams) stream.close();
    },
  );

  t.test('a board that is deleted closes all of its streams (E6)', (t) =>
    expectWithin(t, { closedMs: SECOND_MS }, async () => {
      const { nodes, ada } = pair;
      const boardId = await ada.createBoard();
      const streams = await Promise.all(
        nodes.flatMap(({ url }) => [undefined, []].map((beside) => openStream(t, url, boardId, { ...ada, beside }))),
      );
      await Promise.all(streams.map((stream) => stream.next('ready')));
      await ada.delete(`/boards/${boardId}`);
      const closedMs = await untilClosed(streams);
      for (const stream of streams) expectClose(t, stream, 'deleted');
      return { closedMs };
    }),
  );
});
