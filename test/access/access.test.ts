// The end of a session or token: what the streams that depend on it are told, also in the moments that are hard to hit.

import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { AccessWatch } from '../../src/access/access-watch.ts';
import { createSessionStore } from '../../src/accounts/session-store.ts';
import { createTokenStore } from '../../src/accounts/token-store.ts';
import { timings } from '../../src/timings.ts';
import { expectWithin, SECOND_MS, timed } from '../helpers/bounds.ts';
import { Client } from '../helpers/client.ts';
import { type EventStream, openStream } from '../helpers/event-stream.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { holdBoard } from '../helpers/hub-board.ts';
import { createLargeBoard } from '../helpers/large-board.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { type OpenBoard, openBoard } from '../helpers/open-board.ts';
import { sameProblem } from '../helpers/problem.ts';
import { serverSideOf } from '../helpers/server-side.ts';
import { withManySweeps, withoutSweeps } from '../helpers/timings.ts';
import { unheard } from '../helpers/unheard.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const { sql } = database;
// What ends has ended by the announcement, or at its own time.
const node = await startNode(t, database.url, { timings: withoutSweeps() });

const endSession = (client: Client) => sql('delete from teamboard.sessions where user_id = $1', [client.user.id]);
/** As at the end of its ninety days, so that no request puts it off. */
const expireSession = (client: Client, after: string) =>
  sql(
    `update teamboard.sessions set expires_at = now() + $2::interval, created_at = now() + $2::interval - interval '90 days'
     where user_id = $1`,
    [client.user.id, after],
  );
const addItems = (boardId: string, count: number, bytes = 10) =>
  sql(`insert into teamboard.items (board_id, text) select $1, repeat('x', $3::int) from generate_series(1, $2::int)`, [
    boardId,
    count,
    bytes,
  ]);
/** Deletes as one whom no trigger hears. */
const endUnheard = (client: Client) =>
  sql(`begin; alter table teamboard.sessions disable trigger announce_deleted;
       delete from teamboard.sessions where user_id = '${client.user.id}';
       alter table teamboard.sessions enable always trigger announce_deleted; commit`);

/** Waits for the end of the stream, writes on, and looks at its last frames: `close`, and nothing after it. */
async function expectEnd(t: Test, stream: EventStream, boardId: string, reason: string): Promise<void> {
  await stream.end();
  await addItems(boardId, 5);
  t.match(stream.raw, new RegExp(`retry:\\d+\\nevent:close\\ndata:\\{"reason":"${reason}","retry":false\\}\\n\\n$`));
  t.equal(stream.frames.filter(({ event }) => event === 'close').length, 1);
  const [retryMs = 0] = stream.retries.slice(-1);
  t.ok(retryMs >= 30_000 && retryMs <= 60_000, `${retryMs} ms`);
}

/** Holds a call of the method at its end, once it has been let through so many times. @returns its arrival; and lets it go on */
function holdAfter<Name extends string>(
  t: Test,
  owner: Record<Name, (...given: never[]) => Promise<unknown>>,
  name: Name,
  calls = 1,
) {
  const original = owner[name];
  t.teardown(() => {
    owner[name] = original;
  });
  let left = calls;
  let arrive = () => {};
  let goOn = () => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const released = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  owner[name] = async (...given) => {
    const result = await original(...given);
    left -= 1;
    if (left === 0) {
      arrive();
      await released;
    }
    return result;
  };
  return { arrived, goOn };
}

/** A node of its own, whose methods a test may hold, with a user of a board. */
async function startHeld(t: Test): Promise<{ own: TestNode; ada: Client; boardId: string }> {
  const own = await startNode(t, database.url, { timings: withoutSweeps() });
  const ada = await Client.signUp(own);
  return { own, ada, boardId: await ada.createBoard() };
}

t.test('a session that ends between its check and the registration opens nothing (E6, threat 10)', async (t) => {
  const { own, ada, boardId } = await startHeld(t);
  const { arrived, goOn } = holdAfter(t, own.app.sessions, 'find');
  const answer = ada.get(`/boards/${boardId}/events`);
  await arrived;
  await endUnheard(ada);
  goOn();
  sameProblem(t, await answer, 'TB_UNAUTHENTICATED');
  t.match((await answer).headers.get('www-authenticate'), /cookie-name="tb_session"/);
  t.equal(own.app.openStreams.size, 0);
});

for (const query of ['', '?snapshot=true']) {
  t.test(`a session that ends while the stream is on its way opens nothing${query} (E6, threat 10)`, async (t) => {
    const { own, ada, boardId } = await startHeld(t);
    // The last of what is looked up; the session was confirmed beside the first of it.
    const { arrived, goOn } = query
      ? holdAfter(t, own.app.snapshots, 'readInTurn')
      : holdAfter(t, own.app.places, 'read');
    const heard = holdAfter(t, own.app.grants, 'readRemaining', 2);
    heard.goOn();
    const answer = ada.get(`/boards/${boardId}/events${query}`);
    await arrived;
    await endSession(ada);
    await heard.arrived;
    // What was looked up is acted on in the same turn of the event loop.
    await nextTurn();
    goOn();
    sameProblem(t, await answer, 'TB_UNAUTHENTICATED');
    t.equal(own.app.openStreams.size, 0);
  });

  t.test(`a removal between its check and the registration is the last event${query} (E6, threat 10)`, async (t) => {
    const { own, ada, boardId } = await startHeld(t);
    const bob = await Client.signUp(own, 'Bob');
    const mine = await openStream(t, own.url, boardId, ada);
    await mine.next('ready');
    await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
      boardId,
      bob.user.id,
    ]);
    await mine.next('changed');
    const { arrived, goOn } = query
      ? holdAfter(t, own.app.snapshots, 'readInTurn')
      : holdAfter(t, own.app.places, 'read');
    const opening = openStream(t, own.url, boardId, { ...bob, query });
    await arrived;
    await sql('delete from teamboard.members where user_id = $1', [bob.user.id]);
    await addItems(boardId, 100);
    await mine.next('changed', ({ data }) => data.seq === 104);
    goOn();
    const stream = await opening;
    await expectEnd(t, stream, boardId, 'revoked');
    t.strictSame(stream.seqs, [4]);
    t.match(stream.frames.at(-2)?.data, { resource: 'member', action: 'deleted', id: bob.user.id });
    if (query) t.equal((await stream.next('snapshot')).data.members.length, 2, 'as it was before');
  });

  t.test(`whose membership ended before the check gets no stream${query} (E6, threat 10)`, async (t) => {
    const { own, ada, boardId } = await startHeld(t);
    const { arrived, goOn } = holdAfter(t, own.app.sessions, 'find');
    const answer = ada.get(`/boards/${boardId}/events${query}`);
    await arrived;
    await sql('delete from teamboard.boards where id = $1', [boardId]);
    goOn();
    sameProblem(t, await answer, 'TB_NOT_FOUND');
    t.equal(own.app.openStreams.size, 0);
  });
}

t.test('a stream that waits for the snapshot of a reset gets none when the session ends (E6)', async (t) => {
  const { own, ada, boardId } = await startHeld(t);
  const stream = await openStream(t, own.url, boardId, { ...ada, query: '?snapshot=true' });
  await stream.next('snapshot');
  const { arrived, goOn } = holdAfter(t, own.app.snapshots, 'readInTurn');
  const board = await holdBoard(own, boardId);
  board.skipTo(board.head, 'gap');
  own.app.hub.release(board);
  await arrived;
  await endSession(ada);
  await until(() => own.app.openStreams.size === 0, 'the end on the side of the node');
  goOn();
  await expectEnd(t, stream, boardId, 'revoked');
  t.equal(stream.frames.filter(({ event }) => event === 'snapshot').length, 1);
});

t.test('a removal while a reset is on its way is the last event (E6)', async (t) => {
  const { own, boardId } = await startHeld(t);
  const bob = await Client.signUp(own, 'Bob');
  await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
    boardId,
    bob.user.id,
  ]);
  const his = await openStream(t, own.url, boardId, bob);
  await his.next('ready');
  const { arrived, goOn } = holdAfter(t, own.app.places, 'read');
  const board = await holdBoard(own, boardId);
  board.skipTo(board.head, 'gap');
  own.app.hub.release(board);
  await arrived;
  await sql('delete from teamboard.members where user_id = $1', [bob.user.id]);
  await addItems(boardId, 100);
  await until(() => board.head === 104, 'the node to have read on');
  goOn();
  await expectEnd(t, his, boardId, 'revoked');
  t.strictSame(his.seqs, [4]);
});

t.test('a stream that replays thousands of events to a slow client stops at once (E6, E5)', (t) =>
  expectWithin(t, { closedMs: SECOND_MS }, async () => {
    const { ada, boardId, stream: first } = await openBoard(t, node);
    const { cursor } = first.frames[0]?.data ?? {};
    first.close();
    await addItems(boardId, 5000, 5000);
    const stream = await openStream(t, node.url, boardId, { ...ada, headers: { 'last-event-id': cursor } });
    await stream.next('changed');
    stream.socket.pause();
    const { streamId } = stream.frames[0]?.data ?? {};
    const serverSide = () => serverSideOf(node, (follower) => follower.streamId === streamId);
    const { stream: open, follower } = await until(serverSide, 'the stream');
    let before = -1;
    await until(() => {
      const stands = follower.position === before && follower.position > 2;
      before = follower.position;
      return stands;
    }, 'the client to be what it waits for');
    await endSession(ada);
    const isOver = () => ![...node.app.openStreams].includes(open);
    const closedMs = await timed(() => until(isOver, 'the end on the side of the node'));
    const { position } = follower;
    stream.socket.resume();
    await expectEnd(t, stream, boardId, 'revoked');
    t.ok(position < 5002, `${position} of 5002 events had been written`);
    t.equal(stream.seqs.at(-1), position, 'and not one more');
    return { closedMs };
  }),
);

t.test('a membership that ends far ahead of a slow stream ends it all the same, within a second (E6)', async (t) => {
  const proxy = await startFaultyProxy(t, database.url);
  // Nobody is cut off for the room that others take.
  const room = { waitingBytesPerNode: 256 * 1024 * 1024 };
  const own = await startNode(t, database.url, { databaseDirectUrl: proxy.url, ...room, timings: withoutSweeps() });
  const ada = await Client.signUp(own);
  // Much more than the kernel holds for two ends of a connection, and a client takes before it stands still.
  const boardId = await createLargeBoard(ada, database, 32 * 1024 * 1024);
  const mine = await openStream(t, own.url, boardId, ada);
  const { cursor } = (await mine.next('ready')).data;

  /** Adds a member of a board who is named so. */
  const addMember = async (name: string) => {
    const client = await Client.signUp(own, name);
    await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
      boardId,
      client.user.id,
    ]);
    return client;
  };
  const remove = (client: Client) => sql('delete from teamboard.members where user_id = $1', [client.user.id]);
  const streamOf = ({ user }: Client) => [...own.app.openStreams].find(({ userId }) => userId === user.id);
  /** Opens a stream of which nothing is taken. @returns once the kernel is full */
  const openUnread = async (client: Client, options: { query?: string; headers?: Record<string, string> }) => {
    const stream = await openStream(t, own.url, boardId, { ...client, ...options });
    // Before the first byte is read, the start of the reading would undo it.
    await stream.next('ready');
    stream.socket.pause();
    await until(() => (streamOf(client)?.socket?.writableLength ?? 0) > 0, 'the kernel to be full');
    return stream;
  };
  /** @returns in how many ms it is */
  const isClosed = async (client: Client) => ({
    closedMs: await timed(() => until(() => !streamOf(client), 'the end on the side of the node')),
  });
  const replayed = { headers: { 'last-event-id': cursor.replace(/\d+$/, '0') } };
  const withSnapshot = { query: '?snapshot=true' };
  const bounds = { closedMs: SECOND_MS };

  for (const [where, options] of Object.entries({ 'a replay': replayed, 'a snapshot': withSnapshot })) {
    await t.test(`in ${where}`, (t) =>
      expectWithin(t, bounds, async () => {
        const bob = await addMember('Bob');
        const stream = await openUnread(bob, options);
        await remove(bob);
        const took = await isClosed(bob);
        stream.socket.resume();
        await until(() => stream.closed, 'the end');
        t.notMatch(stream.raw, /"action":"deleted"/, 'long before the stream has got to it');
        t.notOk(
          stream.frames.some(({ event }) => event === 'snapshot'),
          'which is cut',
        );
        // Who takes nothing for a second more is cut off before it.
        const closing = stream.frames.flatMap(({ event, data }) => (event === 'close' ? data.reason : []));
        t.strictSame(closing, stream.ended ? ['revoked'] : []);
        return took;
      }),
    );
  }

  await t.test('on its way, with a snapshot from before the end', (t) =>
    expectWithin(t, bounds, async () => {
      const bob = await addMember('Bob');
      const { arrived, goOn } = holdAfter(t, own.app.snapshots, 'readInTurn');
      const opening = openUnread(bob, withSnapshot);
      await arrived;
      await remove(bob);
      await mine.next('changed', ({ data }) => data.action === 'deleted' && data.id === bob.user.id);
      goOn();
      await opening;
      return isClosed(bob);
    }),
  );

  await t.test('in what is skipped, while a snapshot is written', (t) =>
    expectWithin(t, bounds, async () => {
      await until(() => own.app.listener.isUp, 'the listener');
      const bob = await addMember('Bob');
      await mine.next('changed', ({ data }) => data.action === 'created' && data.id === bob.user.id);
      await openUnread(bob, withSnapshot);
      proxy.cut();
      await until(() => !own.app.listener.isUp, 'the listener to be lost');
      await remove(bob);
      const board = await holdBoard(own, boardId);
      board.skipTo(board.head, 'gap');
      own.app.hub.release(board);
      const took = await isClosed(bob);
      proxy.restore();
      return took;
    }),
  );

  await t.test('and one who came back before the snapshot was read keeps the stream', async (t) => {
    await until(() => own.app.listener.isUp, 'the listener to be back');
    const bob = await addMember('Bob');
    await mine.next('changed', ({ data }) => data.action === 'created' && data.id === bob.user.id);
    const { arrived, goOn } = holdAfter(t, own.app.places, 'read');
    const opening = openUnread(bob, withSnapshot);
    await arrived;
    await remove(bob);
    await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
      boardId,
      bob.user.id,
    ]);
    const [log] = await sql<{ head: number }>('select head::int from teamboard.board_log where board_id = $1', [
      boardId,
    ]);
    await mine.next('changed', ({ data }) => data.seq === log?.head);
    goOn();
    const stream = await opening;
    // Whoever is removed after him and does not come back has ended before the next: it is looked at in the same way.
    const carol = await addMember('Carol');
    await openUnread(carol, withSnapshot);
    await remove(carol);
    await isClosed(carol);
    t.ok(streamOf(bob), 'goes on');
    stream.close();
    await until(() => !streamOf(bob), 'its end');
  });
});

t.test('an announcement closes nothing by itself, whatever it says (E4, E6, threat 13)', async (t) => {
  const { ada, boardId, stream } = await openBoard(t, node);
  const [session] = await sql<{ id: string }>('select id from teamboard.sessions where user_id = $1', [ada.user.id]);
  const { arrived, goOn } = holdAfter(t, node.app.grants, 'readRemaining');
  goOn();
  for (const payload of ['', ',,', '\u0001', "'; drop table sessions; --", 'x'.repeat(7999), `${session?.id}`]) {
    await sql(`select pg_notify('teamboard_access_ended', $1)`, [payload]);
  }
  await arrived;
  await addItems(boardId, 1);
  await stream.next('changed');
  t.strictSame(stream.seqs, [3]);
});

t.test('an end that nobody was told of is found by the sweep (E4, E6)', async (t) => {
  const often = withManySweeps();
  const [none, many] = [node, await startNode(t, database.url, { timings: often })];
  await expectWithin(t, { foundMs: often.access.sweepMs + SECOND_MS }, async () => {
    const { ada, boardId, stream } = await openBoard(t, many);
    const unswept = await openStream(t, none.url, boardId, ada);
    await unswept.next('ready');
    await endUnheard(ada);
    const foundMs = await timed(() => stream.end());
    await expectEnd(t, stream, boardId, 'revoked');
    await unswept.next('changed');
    t.notOk(unswept.ended, 'and by nothing else');
    unswept.close();
    return { foundMs };
  });
});

t.test('when the time is over the stream is closed, and not before (E6, threat 7)', (t) =>
  expectWithin(t, { lateMs: SECOND_MS }, async () => {
    const { ada, boardId, stream } = await openBoard(t, node);
    const startedAt = performance.now();
    await expireSession(ada, '900 milliseconds');
    const lateMs = (await timed(() => stream.end(), startedAt)) - 900;
    t.ok(lateMs >= -10, 'not before');
    await expectEnd(t, stream, boardId, 'expired');
    return { lateMs };
  }),
);

/** Has the session of a new user end in a second, and asks something before. Again, where the machine took longer. */
async function askBeforeEnd<T>(
  t: Test,
  own: TestNode,
  putOff: (client: Client) => Promise<unknown>,
  ask: (open: OpenBoard) => Promise<T | false>,
) {
  return until(async () => {
    const open = await openBoard(t, own);
    const startedAt = performance.now();
    await putOff(open.ada);
    const answer = await ask(open);
    return answer && { ...open, startedAt, answer };
  }, 'an answer before the end of the session');
}

t.test('an end that a request has put off is none (E6)', async (t) => {
  const looks: number[] = [];
  const { grants } = node.app;
  const { readRemaining } = grants;
  t.teardown(() => {
    grants.readRemaining = readRemaining;
  });
  grants.readRemaining = async (ids) => {
    const remaining = await readRemaining(ids);
    looks.push(...remaining.values());
    return remaining;
  };
  const { boardId, stream, startedAt } = await askBeforeEnd(
    t,
    node,
    async ({ user }) => {
      await sql(`update teamboard.sessions set expires_at = now() + interval '1 second' where user_id = $1`, [user.id]);
      looks.length = 0;
    },
    async ({ ada }) => (await ada.get('/session')).status === 200,
  );
  await until(
    () => looks.some((leftMs) => leftMs > 10_000) && performance.now() - startedAt > 1000,
    'a look at the end',
  );
  await addItems(boardId, 1);
  await stream.next('changed');
  t.notOk(stream.ended);
});

t.test('what has just ended stays until every node has looked why (E6)', async (t) => {
  const ada = await Client.signUp(node);
  const stores = {
    sessions: createSessionStore(database.pool, unheard),
    tokens: createTokenStore(database.pool, 1),
  };
  await sql(`insert into teamboard.tokens (user_id, token_hash, name) values ($1, sha256('kept'), 'CI')`, [
    ada.user.id,
  ]);
  for (const [table, store] of Object.entries(stores)) {
    const ended = (when: string) =>
      sql(`update teamboard.${table} set expires_at = now() - $2::interval where user_id = $1`, [ada.user.id, when]);
    const left = async () => {
      while ((await store.removeExpired(500)) > 0);
      return (await sql(`select from teamboard.${table} where user_id = $1`, [ada.user.id])).length;
    };
    await ended('0 s');
    t.equal(await left(), 1, table);
    await ended('61 s');
    t.equal(await left(), 0, table);
  }
});

t.test('of what has expired and was swept away the reason is still that it expired', async (t) => {
  const proxy = await startFaultyProxy(t, database.url);
  const own = await startNode(t, database.url, { databaseUrl: proxy.url, databaseDirectUrl: proxy.url });
  const {
    ada,
    boardId,
    stream,
    answer: other,
  } = await askBeforeEnd(
    t,
    own,
    (client) => expireSession(client, '1 second'),
    async ({ ada, boardId }) => {
      const opened = await openStream(t, own.url, boardId, ada);
      return opened.status === 200 && opened;
    },
  );
  await other.next('ready');
  proxy.cut();
  await until(
    async () =>
      (
        await sql('delete from teamboard.sessions where expires_at <= now() and user_id = $1 returning id', [
          ada.user.id,
        ])
      ).length > 0,
    'the end of the session',
  );
  proxy.restore();
  await expectEnd(t, stream, boardId, 'expired');
  await expectEnd(t, other, boardId, 'expired');
});

t.test(
  'while the database is away no stream is closed; once it is back, those whose access ended (E6, E8)',
  async (t) => {
    const proxy = await startFaultyProxy(t, database.url);
    const own = await startNode(t, proxy.url, { databaseDirectUrl: proxy.url, timings: withManySweeps() });
    const { ada, boardId, stream } = await openBoard(t, own);
    const bob = await Client.signUp(own, 'Bob');
    await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
      boardId,
      bob.user.id,
    ]);
    let failed = 0;
    const { grants } = own.app;
    const { readRemaining } = grants;
    grants.readRemaining = async (ids) => {
      try {
        return await readRemaining(ids);
      } catch (error) {
        failed += 1;
        throw error;
      }
    };
    const his = await openStream(t, own.url, boardId, bob);
    await his.next('ready');
    await stream.next('changed');
    proxy.cut();
    await endSession(ada);
    await until(() => failed >= 2, 'sweeps that fail');
    t.equal(own.app.openStreams.size, 3);
    proxy.restore();
    await expectEnd(t, stream, boardId, 'revoked');
    await his.next('changed', ({ data }) => data.seq === 8);
    t.notOk(his.ended);
    t.strictSame(stream.seqs, [3], 'nothing of what came after the end');
  },
);

t.test(
  'who was removed and is a member again keeps a stream of a node that has not heard of it (E4, E6)',
  async (t) => {
    const proxy = await startFaultyProxy(t, database.url);
    const own = await startNode(t, database.url, { databaseDirectUrl: proxy.url, timings: withoutSweeps() });
    const { ada, boardId, stream } = await openBoard(t, own);
    const bob = await Client.signUp(own, 'Bob');
    const member = [boardId, bob.user.id];
    await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, member);
    const skipping = await openStream(t, own.url, boardId, bob);
    await stream.next('changed', ({ data }) => data.seq === 3);
    await skipping.next('ready');
    proxy.cut();
    await until(() => !own.app.listener.isUp, 'the listener to be lost');
    await sql(
      `begin; delete from teamboard.members where user_id = '${bob.user.id}'; commit;
     insert into teamboard.members (board_id, user_id, role) values ('${boardId}', '${bob.user.id}', 'viewer')`,
    );
    const opened = await openStream(t, own.url, boardId, bob);
    const withSnapshot = await openStream(t, own.url, boardId, { ...bob, query: '?snapshot=true' });
    await withSnapshot.next('snapshot');
    await opened.next('ready');
    const board = await holdBoard(own, boardId);
    t.equal(board.head, 3, 'the node has heard of neither');
    board.skipTo(board.head, 'gap');
    own.app.hub.release(board);
    await skipping.next('reset');
    proxy.restore();
    await ada.post(`/boards/${boardId}/items`, { text: 'for members' });
    for (const [name, his] of Object.entries({ opened, withSnapshot, skipping })) {
      await his.next('changed', ({ data }) => data.seq === 6).catch(() => t.fail(`${name} has ended`));
      t.notOk(his.ended, name);
    }
    await sql('delete from teamboard.members where user_id = $1', [bob.user.id]);
    for (const his of [opened, withSnapshot, skipping]) await expectEnd(t, his, boardId, 'revoked');
  },
);

t.test('what no row stands for ends by its own time, by the clock of the node (E6, threat 7)', async (t) => {
  const readRemaining = async () => {
    t.fail('there is nothing to look up');
    return new Map();
  };
  const watch = new AccessWatch({
    readRemaining,
    log: { info: () => {}, warn: () => {} },
    sweepMs: timings.access.sweepMs,
  });
  t.teardown(() => watch.stop());
  const in40Days = new Date(Date.now() + 40 * 86_400_000).toISOString();
  const ended: string[] = [];
  const admit = (name: string, expiresAt: string | null) => {
    const access = watch.admit({ id: undefined, expiresAt });
    access.onEnd((reason) => void ended.push(`${name} ${reason} ${Date.now() >= Date.parse(expiresAt ?? '')}`));
    return access;
  };
  const soon = new Date(Date.now() + 400).toISOString();
  const all = [admit('soon', soon), admit('late', in40Days), admit('never', null)];
  const past = admit('past', new Date(Date.now() - 1000).toISOString());
  const released = admit('released', soon);
  released.release();
  // Ends after the one that was released would have.
  const afterwards = admit('afterwards', new Date(Date.parse(soon) + 100).toISOString());
  await Promise.all(all.map((access) => access.confirm()));
  t.equal(all[0]?.ended, undefined);
  watch.recheck();
  await until(() => afterwards.ended, 'the last end');
  t.strictSame(ended, ['past expired true', 'soon expired true', 'afterwards expired true']);
  t.equal(past.ended, 'expired');
  t.strictSame(
    all.map((access) => access.ended),
    ['expired', undefined, undefined],
    'a timer of 40 days does not fire at once',
  );
  for (const access of all) access.release();
});

t.test('streams that come at once share the look at their sessions (E5)', async (t) => {
  const own = await startNode(t, database.url, { timings: withoutSweeps() });
  const ada = await Client.signUp(own);
  const boardId = await ada.createBoard();
  const guests = await Promise.all(Array.from({ length: 200 }, (_, index) => Client.signUp(own, `Guest ${index}`)));
  await sql(
    `insert into teamboard.members (board_id, user_id, role) select $1, id, 'viewer' from unnest($2::uuid[]) id`,
    [boardId, guests.map(({ user }) => user.id)],
  );
  const { grants, accessWatch } = own.app;
  const { readRemaining } = grants;
  const asked: number[] = [];
  let admitted = 0;
  const admit = accessWatch.admit.bind(accessWatch);
  accessWatch.admit = (grant) => {
    admitted += 1;
    return admit(grant);
  };
  // Until all are on their way the first question has no answer.
  grants.readRemaining = async (ids) => {
    asked.push(ids.length);
    await until(() => admitted >= guests.length, 'all of them');
    return readRemaining(ids);
  };
  const streams = await Promise.all(guests.map((guest) => openStream(t, own.url, boardId, guest)));
  await until(() => streams.every(({ frames }) => frames[0]?.event === 'ready'), 'all streams');
  t.ok(asked.length <= 3, `asked for ${asked}`);

  // One statement ends all: each stream is told once, and only those.
  const mine = await openStream(t, own.url, boardId, ada);
  await mine.next('ready');
  asked.length = 0;
  await sql('delete from teamboard.sessions where user_id = any($1)', [guests.map(({ user }) => user.id)]);
  await Promise.all(streams.map((stream) => stream.end()));
  t.ok(streams.every(({ frames }) => frames.at(-1)?.data.reason === 'revoked'));
  t.ok(asked.length < 5, `${asked}`);
  t.equal(own.app.openStreams.size, 1);
});
