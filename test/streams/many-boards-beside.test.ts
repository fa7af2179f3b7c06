// What a stream of many boards is told beside the logs, and how it ends: each frame names its board.

import t, { type Test } from 'tap';
import { backWithinMs } from '../../src/streams/wire/close-reason.ts';
import { Client } from '../helpers/client.ts';
import { type EventStream, openMany, openStream } from '../helpers/event-stream.ts';
import { holdBoard } from '../helpers/hub-board.ts';
import { createLargeBoard } from '../helpers/large-board.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { serverSideOf } from '../helpers/server-side.ts';
import { withoutSweeps } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url, { heartbeatSeconds: 1 });
const ada = await Client.signUp(node, 'Ada');

async function addMember(boardId: string, { user }: Client): Promise<void> {
  await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
    boardId,
    user.id,
  ]);
}

async function open(t: Test, boards: string[], client: Client, base = node): Promise<EventStream> {
  const stream = await openMany(t, base.url, boards, client);
  await stream.next('ready');
  return stream;
}

const presenceOf = ({ presence }: EventStream, boardId: string) =>
  (presence as Array<{ boardId: string; action: string; user?: { id: string } }>).filter(
    (told) => told.boardId === boardId,
  );

t.test(
  "one's own write is told as own, on any board of the stream that it names, and as a change to others",
  async (t) => {
    const [one, two] = [await ada.createBoard(), await ada.createBoard()];
    const mine = await open(t, [one, two], ada);
    const other = await open(t, [one, two], ada);
    const { streamId } = mine.frames[0]?.data ?? {};
    for (const boardId of [two, one]) {
      await ada.post(`/boards/${boardId}/items`, { text: 'x' }, { 'stream-id': streamId, 'idempotency-key': boardId });
      const own = await mine.next('own', ({ data }) => data.boardId === boardId);
      t.strictSame(own.data, { boardId, seq: 3, mutationId: boardId });
      t.match(own.id, /^[A-Za-z0-9_-]{15,}$/);
      await other.next('changed', ({ data }) => data.boardId === boardId);
    }
    t.notOk(mine.frames.some(({ event }) => event === 'changed'));
    t.notOk(other.frames.some(({ event }) => event === 'own'));
  },
);

t.test('broadcasts name their board, and are told on no other, nor to their sender (E5)', async (t) => {
  const [one, two] = [await ada.createBoard(), await ada.createBoard()];
  const sender = await open(t, [one, two], ada);
  const both = await open(t, [one, two], ada);
  const single = await openStream(t, node.url, two, ada);
  await single.next('ready');
  const { streamId } = sender.frames[0]?.data ?? {};
  await ada.post(`/boards/${one}/broadcasts`, { name: 'first', data: 1 }, { 'stream-id': streamId });
  await ada.post(`/boards/${two}/broadcasts`, { name: 'second', data: 2 });
  for (const stream of [sender, both, single]) await stream.next('broadcast', ({ data }) => data.name === 'second');
  await both.next('broadcast', ({ data }) => data.boardId === one && data.name === 'first');
  t.notOk(
    sender.frames.some(({ data }) => data.name === 'first'),
    'no echo',
  );
  t.notOk(
    single.frames.some(({ data }) => data.name === 'first'),
    'of another board',
  );
  const bytes = (stream: EventStream) => /event:broadcast\ndata:.*"second".*\n\n/.exec(stream.raw)?.[0];
  t.equal(bytes(both), bytes(single), 'the same bytes');
});

t.test('who is there is told per board, and who has a board on one stream is on it (E7)', async (t) => {
  const bob = await Client.signUp(node, 'Bob');
  const [one, two] = [await ada.createBoard(), await ada.createBoard()];
  for (const boardId of [one, two]) await addMember(boardId, bob);
  const adas = await open(t, [one, two], ada);
  await until(() => presenceOf(adas, one).length > 0 && presenceOf(adas, two).length > 0, 'a sync of each');
  t.match(presenceOf(adas, one)[0], { boardId: one, action: 'sync', users: [{ id: ada.user.id, name: 'Ada' }] });
  const bobs = await open(t, [two], bob);
  await until(() => presenceOf(adas, two).some(({ action }) => action === 'join'), 'the join');
  t.equal(presenceOf(adas, one).length, 1, 'of that board alone');
  const { body } = await ada.get(`/boards/${two}/presence`);
  t.match(
    body.users.map(({ streams }: { streams: number }) => streams),
    [1, 1],
  );
  await database.sql('delete from teamboard.members where board_id = $1 and user_id = $2', [two, bob.user.id]);
  await bobs.end();
  await until(() => presenceOf(adas, two).some(({ action }) => action === 'leave'), 'the leave');
  t.equal(node.app.registry.size >= 2, true);
  t.equal(presenceOf(adas, two).filter(({ action }) => action === 'leave').length, 1);
});

t.test('the heartbeats of all boards come together, without an id', async (t) => {
  const boards = [await ada.createBoard(), await ada.createBoard(), await ada.createBoard()];
  const stream = await open(t, boards, ada);
  const beat = () => /((?:event:heartbeat\ndata:.*\n\n){3})/.exec(stream.raw)?.[1];
  const frames = await until(() => beat(), 'a beat');
  for (const boardId of boards) t.match(frames, new RegExp(`data:{"boardId":"${boardId}","cursor":"[0-9a-f]{8}-2"}`));
});

t.test('a drain, an age and the end of a session end the whole stream (E6, E9)', async (t) => {
  const aging = await startNode(t, database.url, { streamMaxAgeMinutes: 0.02, heartbeatSeconds: 1 });
  const own = await startNode(t, database.url);
  const bob = await Client.signUp(own, 'Bob');
  const boards = [await bob.createBoard(), await bob.createBoard()];
  const aged = await open(t, boards, bob, aging);
  await aged.end();
  t.match(aged.raw, /\n\nretry:\d+\nevent:close\ndata:\{"reason":"rotated","retry":true\}\n\n$/);
  const revoked = await open(t, boards, bob, own);
  await bob.delete('/session');
  await revoked.end();
  t.match(revoked.raw, /\n\nretry:\d+\nevent:close\ndata:\{"reason":"revoked","retry":false\}\n\n$/);
  const cy = await Client.signUp(own, 'Cy');
  const drained = await open(t, [await cy.createBoard(), await cy.createBoard()], cy, own);
  await own.app.openStreams.drain(0);
  await drained.end();
  t.match(drained.raw, /\n\nretry:\d+\nevent:close\ndata:\{"reason":"shutdown","retry":true\}\n\n$/);
  t.equal(own.app.openStreams.size, 0);
  t.equal(own.app.registry.size, 0);
});

t.test('it counts as one of the user, and as one on each board; a full board is refused, or all (E5)', async (t) => {
  const own = await startNode(t, database.url, { streamsPerUser: 2, streamsPerBoard: 1, streamsPerNode: 100 });
  const bob = await Client.signUp(own, 'Bob');
  const cy = await Client.signUp(own, 'Cy');
  const [full, free] = [await bob.createBoard(), await bob.createBoard()];
  for (const boardId of [full, free]) await addMember(boardId, cy);
  const cys = await open(t, [full], cy, own);
  const { id } = await cys.next('ready');
  const bobs = await openMany(t, own.url, [full, free], { ...bob, headers: { 'last-event-id': id ?? '' } });
  const ready = await bobs.next('ready');
  t.match(ready.data.boards, [{ boardId: full, refused: 429 }, { boardId: free }]);
  const third = await openMany(t, own.url, [full, free], cy);
  await third.end();
  t.match(third.raw, /^retry:\d+\nevent:close\ndata:\{"reason":"busy","retry":true\}\n\n$/, 'all are full');

  cys.close();
  await until(() => own.app.openStreams.size === 1, 'its place');
  await bob.post(`/boards/${full}/items`, { text: 'meanwhile' });
  bobs.close();
  await until(() => own.app.openStreams.size === 0, 'the end of the other');
  const again = await openMany(t, own.url, [full, free], { ...bob, headers: { 'last-event-id': ready.id ?? '' } });
  const { data } = await again.next('changed');
  t.match(data, { boardId: full, seq: 4 }, 'where it was refused it goes on, when there is room');
  const [more] = [await bob.createBoard()];
  await open(t, [more], bob, own);
  const refused = await bob.get(`/events?boards=${await bob.createBoard()}`, { accept: 'text/event-stream' });
  t.equal(refused.status, 429);
  t.equal(refused.body.code, 'TB_TOO_MANY_STREAMS');
});

t.test(
  'ids that a stranger makes up are listened for by nobody, and asked for by nobody who is refused (E5)',
  async (t) => {
    const own = await startNode(t, database.url, { streamsPerUser: 2, streamsPerNode: 3 });
    const { listener, logPool: pool } = own.app;
    const listened: string[] = [];
    const listen = listener.listen.bind(listener);
    listener.listen = (boardId) => {
      listened.push(boardId);
      return listen(boardId);
    };
    const asked: string[] = [];
    const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<unknown>;
    pool.query = (async (...args: unknown[]) => {
      const { name, values } = args[0] as { name?: string; values?: [string[]] };
      if (name === 'place-read') asked.push(...(values?.[0] ?? []));
      return query(...args);
    }) as typeof pool.query;
    t.teardown(() => {
      pool.query = query as typeof pool.query;
    });
    const invent = () => Array.from({ length: 200 }, (_, n) => `01a203b6-1fa0-7192-875a-${`${n}`.padStart(12, '0')}`);
    const accept = { accept: 'text/event-stream' };

    const eve = await Client.signUp(own, 'Eve');
    t.equal((await eve.get(`/events?boards=${invent()}`, accept)).status, 404);
    t.equal(asked.length, 200);
    t.strictSame(listened, [], 'of none of them');
    const mine = await eve.createBoard();
    await open(t, [...invent(), mine], eve, own);
    t.strictSame(listened, [mine], 'but of the own board');
    asked.length = 0;
    await open(t, [mine], eve, own);
    t.strictSame(asked, [mine], 'one that is open is asked for once');
    asked.length = 0;

    for (const boards of [invent(), [mine]]) {
      const { status, body } = await eve.get(`/events?boards=${boards}`, accept);
      t.match({ status, body }, { status: 429, body: { code: 'TB_TOO_MANY_STREAMS' } }, 'of the user');
    }
    const bob = await Client.signUp(own, 'Bob');
    const bobs = await bob.createBoard();
    await open(t, [bobs], bob, own);
    asked.length = 0;
    for (const boards of [invent(), [bobs]]) {
      const refused = await openMany(t, own.url, boards, bob);
      await refused.end();
      t.match(refused.raw, /^retry:\d+\nevent:close\ndata:\{"reason":"busy","retry":true\}\n\n$/, 'of the node');
    }
    t.strictSame(asked, []);
  },
);

t.test('the boards on streams are counted too, of a user and of a node (E5)', async (t) => {
  const own = await startNode(t, database.url, { streamsPerUser: 9, streamsPerNode: 100 });
  const makeBoards = async (client: Client, count: number) => {
    const made = await database.sql<{ id: string }>(
      `insert into teamboard.boards (name) select 'Many' from generate_series(1, $1::int) returning id`,
      [count],
    );
    const boards = made.map(({ id }) => id);
    await database.sql(
      `insert into teamboard.members (board_id, user_id, role) select unnest($1::uuid[]), $2, 'editor'`,
      [boards, client.user.id],
    );
    return boards;
  };
  // 32 for each stream of a user, 4 for each of the node.
  const bob = await Client.signUp(own, 'Bob');
  const bobs = await makeBoards(bob, 250);
  const [stranger] = await makeBoards(ada, 1);
  const first = await open(t, [...bobs, String(stranger)], bob, own);
  t.match(first.frames[0]?.data.boards.at(-1), { boardId: stranger, refused: 404 });
  await open(t, bobs.slice(0, 38), bob, own);
  const refused = await bob.get(`/events?boards=${bobs[0]}`, { accept: 'text/event-stream' });
  t.match(
    refused,
    { status: 429, body: { code: 'TB_TOO_MANY_STREAMS' } },
    'of the user; one that was refused is not counted',
  );
  await database.sql('delete from teamboard.members where board_id = $1 and user_id = $2', [bobs[249], bob.user.id]);
  await first.next('close');
  const one = await open(t, bobs.slice(0, 1), bob, own);
  t.equal((await bob.get(`/events?boards=${bobs[0]}`, { accept: 'text/event-stream' })).status, 429);

  const cy = await Client.signUp(own, 'Cy');
  const cys = await makeBoards(cy, 113);
  const tooMany = await openMany(t, own.url, cys, cy);
  await tooMany.end();
  t.match(tooMany.raw, /^retry:\d+\nevent:close\ndata:\{"reason":"busy","retry":true\}\n\n$/, 'of the node');
  await open(t, cys.slice(1), cy, own);
  one.close();
  await until(() => own.app.openStreams.size === 3, 'its place');
  await open(t, cys.slice(0, 1), cy, own);
  for (const stream of [...own.app.openStreams]) stream.close('busy');
  await open(t, bobs.slice(0, 249), bob, own);
});

/** Has each snapshot of one of the boards wait. @returns how often they were read, and what lets them go on */
function holdSnapshots({ app: { snapshots } }: typeof node, held: string[]) {
  const read = snapshots.readInTurn.bind(snapshots);
  let letGo = () => {};
  const gone = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const asked: string[] = [];
  snapshots.readInTurn = async (userId, boardId) => {
    asked.push(boardId);
    if (held.includes(boardId)) await gone;
    return read(userId, boardId);
  };
  return { asked, letGo };
}

t.test('of a client that has left no snapshot is read any more (E5)', async (t) => {
  const own = await startNode(t, database.url);
  const boards = [await ada.createBoard(), await ada.createBoard(), await ada.createBoard()];
  const { asked, letGo } = holdSnapshots(own, boards);
  const stream = await openMany(t, own.url, boards, { ...ada, query: '&snapshot=1' });
  await stream.next('ready');
  await until(() => asked.length > 0, 'the first snapshot');
  stream.close();
  await until(() => own.app.openStreams.size === 0, 'its end');
  letGo();
  const other = await openStream(t, own.url, await ada.createBoard(), { ...ada, query: '?snapshot=1' });
  await other.next('snapshot');
  t.equal(asked.filter((boardId) => boards.includes(boardId)).length, 1);
});

t.test('the end of access in what was skipped waits for no snapshot of another board (E6)', async (t) => {
  const own = await startNode(t, database.url, { timings: withoutSweeps() });
  const bob = await Client.signUp(own, 'Bob');
  const boards = [await ada.createBoard(), await ada.createBoard()] as const;
  for (const boardId of boards) await addMember(boardId, bob);
  const { asked, letGo } = holdSnapshots(own, [boards[0]]);
  t.teardown(letGo);
  const cursors = await Promise.all(
    boards.map(async (boardId) => `${boardId}@${(await bob.get(`/boards/${boardId}`)).body.cursor}`),
  );
  const stream = await openMany(t, own.url, cursors, { ...bob, query: '&snapshot=1' });
  await stream.next('ready');
  const [slow, left] = [await holdBoard(own, boards[0]), await holdBoard(own, boards[1])];
  slow.skipTo(slow.head, 'gap');
  await until(() => asked.includes(slow.id), 'the snapshot of the other');
  // Nothing is heard of the removal.
  own.app.hub.wake = () => {};
  await database.sql('delete from teamboard.members where board_id = $1 and user_id = $2', [left.id, bob.user.id]);
  left.skipTo(left.head + 1, 'gap');
  const { data } = await stream.next('close');
  t.match(data, { boardId: left.id, reason: 'revoked' });
  t.notOk(stream.frames.some(({ event }) => event === 'snapshot'));
  letGo();
  await stream.next('snapshot');
  for (const board of [slow, left]) own.app.hub.release(board);
});

t.test('one that is cut inside the snapshot of a board that ends has left only that board (E6, E7)', async (t) => {
  const own = await startNode(t, database.url);
  const bob = await Client.signUp(own, 'Bob');
  const [large, other] = [await createLargeBoard(ada, database, 8_000_000), await ada.createBoard()];
  for (const boardId of [large, other]) await addMember(boardId, bob);
  const left: Array<[boardId: string, userId: string, reason: string]> = [];
  own.app.openStreams.subscribe({
    left: ({ boardId, userId }, reason) => left.push([boardId, userId, reason]),
  });
  const stream = await openMany(t, own.url, [large, other], { ...bob, query: '&snapshot=1' });
  await stream.next('ready');
  stream.socket.pause();
  const isInFrame = () => serverSideOf(own, ({ boardId, isInFrame }) => boardId === large && isInFrame);
  await until(isInFrame, 'its snapshot');
  await ada.at(own).delete(`/boards/${large}/members/${bob.user.id}`);
  await until(() => left.length === 2, 'the end of both');
  t.strictSame(left, [
    [large, bob.user.id, 'revoked'],
    [other, bob.user.id, 'cut'],
  ]);
  stream.socket.resume();
  await until(() => stream.closed, 'the cut');
  t.notOk(stream.ended || stream.frames.some(({ event }) => event === 'close'));
  t.equal(backWithinMs('cut'), undefined, 'who was told nothing is waited for');
});

t.test('whose last board ends comes back for one that was full (E6)', async (t) => {
  const own = await startNode(t, database.url, { streamsPerBoard: 1 });
  const bob = await Client.signUp(own, 'Bob');
  const boards = [await ada.createBoard(), await ada.createBoard()] as const;
  for (const boardId of boards) await addMember(boardId, bob);
  await open(t, [boards[0]], ada, own);
  const stream = await open(t, [...boards], bob, own);
  t.match(stream.frames[0]?.data.boards, [{ boardId: boards[0], refused: 429 }, { boardId: boards[1] }]);
  await database.sql('delete from teamboard.members where board_id = $1 and user_id = $2', [boards[1], bob.user.id]);
  await stream.end();
  t.match(
    stream.raw,
    new RegExp(
      `event:close\\ndata:{"boardId":"${boards[1]}","reason":"revoked","retry":false}\\n\\nretry:\\d+\\nevent:close\\ndata:{"reason":"busy","retry":true}\\n\\n$`,
    ),
  );
});

t.test('no heartbeat tells of a board before the reset that is due, but where nothing else is told (E2)', async (t) => {
  const own = await startNode(t, database.url, { heartbeatSeconds: 1 });
  const [lost, placed] = [await ada.createBoard(), await ada.createBoard()];
  const { letGo } = holdSnapshots(own, [lost]);
  t.teardown(letGo);
  const { cursor } = (await ada.get(`/boards/${placed}`)).body;
  const alone = await openMany(t, own.url, [lost], { ...ada, query: '&snapshot=1' });
  const stream = await openMany(t, own.url, [lost, `${placed}@${cursor}`], { ...ada, query: '&snapshot=1' });
  const isOf = (boardId: string) => (frame: { data: { boardId: string } }) => frame.data.boardId === boardId;
  await stream.next('heartbeat', isOf(placed));
  await alone.next('heartbeat', isOf(lost));
  t.notOk(stream.heartbeats.some(isOf(lost)));
  letGo();
  await stream.next('heartbeat', isOf(lost));
  const places = ['event:snapshot\n', `event:heartbeat\ndata:{"boardId":"${lost}"`].map((text) =>
    stream.raw.indexOf(text),
  );
  t.ok((places[0] ?? -1) >= 0 && (places[0] ?? -1) < (places[1] ?? -1), 'the snapshot first');
});
