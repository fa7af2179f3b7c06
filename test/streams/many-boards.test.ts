// The stream of many boards as its client sees it, over real sockets: frames, order, resume by one cursor, and refusals.

import t, { type Test } from 'tap';
import { parseVector } from '../../src/events/cursor-vector.ts';
import { Client } from '../helpers/client.ts';
import { type EventStream, openMany, openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const { sql } = database;
const node = await startNode(t, database.url, { heartbeatSeconds: 1 });
const ada = await Client.signUp(node, 'Ada');

const addItem = (boardId: string, headers = {}) => ada.post(`/boards/${boardId}/items`, { text: 'é😀' }, headers);

async function addItems(boardId: string, count: number, length = 10): Promise<void> {
  await sql(
    `insert into teamboard.items (board_id, text) select $1, repeat('x', $3::int) from generate_series(1, $2::int) n`,
    [boardId, count, length],
  );
}

async function cursorOf(boardId: string, seq?: number): Promise<string> {
  const { body } = await ada.get(`/boards/${boardId}`);
  return seq === undefined ? body.cursor : body.cursor.replace(/\d+$/, String(seq));
}

function open(t: Test, boards: string[], lastEventId?: string, query = ''): Promise<EventStream> {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  return openMany(t, node.url, boards, { cookie: ada.cookie, query, headers });
}

/** What was told of the log of a board, in order. */
const toldOf = (stream: EventStream, boardId: string) =>
  stream.frames
    .filter(({ event, data }) => ['changed', 'own', 'reset', 'close'].includes(event ?? '') && data.boardId === boardId)
    .map(({ event, data }) => (event === 'changed' ? data.seq : `${event} ${data.seq ?? data.reason}`));

const lastId = (stream: EventStream) => stream.frames.findLast(({ id }) => id !== undefined)?.id ?? '';
const isChange = (boardId: string, seq: number) => (frame: { data: { boardId: string; seq: number } }) =>
  frame.data.boardId === boardId && frame.data.seq === seq;
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

t.test('ready names each board in the order of the request, and frames of all of them follow (E1, E2)', async (t) => {
  const [one, two] = [await ada.createBoard(), await ada.createBoard()];
  const stream = await open(t, [two, one]);
  await stream.next('ready');
  const { streamId } = stream.frames[0]?.data ?? {};
  const ready = {
    streamId,
    heartbeatSeconds: 1,
    boards: [
      { boardId: two, cursor: await cursorOf(two) },
      { boardId: one, cursor: await cursorOf(one) },
    ],
  };
  const [, retry, rest, id] = /^retry:(\d+)\n([\s\S]*?\n)id:(\S+)\n\n/.exec(stream.raw) ?? [];
  t.ok(Number(retry) >= 1000 && Number(retry) <= 3000, `retry: ${retry}`);
  t.equal(rest, `event:ready\ndata:${JSON.stringify(ready)}\n`);
  t.match(id, /^[A-Za-z0-9_-]{15,52}$/);
  for (const [boardId, seq] of [
    [one, 3],
    [two, 3],
    [two, 4],
    [one, 4],
  ] as const) {
    await addItem(boardId);
    await stream.next('changed', isChange(boardId, seq));
  }
  t.strictSame(toldOf(stream, one), [3, 4]);
  t.strictSame(toldOf(stream, two), [3, 4]);

  const alone = await openStream(t, node.url, one, { ...ada, headers: { 'last-event-id': await cursorOf(one, 3) } });
  await alone.next('changed');
  const frameOf = ({ raw }: EventStream) =>
    /event:changed\ndata:.*\n/.exec(raw.slice(raw.lastIndexOf('event:changed')))?.[0];
  t.equal(frameOf(stream), frameOf(alone), 'the same as on the stream of one board, up to the id');
});

t.test('it goes on where it was on each board, with other boards too (E1, E2)', async (t) => {
  const [stays, left, came, given] = [
    await ada.createBoard(),
    await ada.createBoard(),
    await ada.createBoard(),
    await ada.createBoard(),
  ];
  const first = await open(t, [stays, left]);
  await first.next('ready');
  await addItems(stays, 2);
  await first.next('changed', isChange(stays, 4));
  await addItems(left, 1);
  await first.next('changed', isChange(left, 3));
  const id = lastId(first);
  t.strictSame([...(parseVector(id)?.places.values() ?? [])].sort(), [3, 4]);
  first.close();
  for (const boardId of [stays, left, came, given]) await addItems(boardId, 3);

  const second = await open(t, [came, `${given}@${await cursorOf(given, 4)}`, stays], id);
  await second.next('changed', isChange(stays, 7));
  await second.next('changed', isChange(given, 5));
  await addItems(came, 1);
  await second.next('changed', isChange(came, 6));
  t.match(second.frames[0]?.data.boards, [
    { boardId: came, cursor: await cursorOf(came, 5), resumedFrom: undefined },
    { boardId: given, cursor: await cursorOf(given), resumedFrom: await cursorOf(given, 4) },
    { boardId: stays, cursor: await cursorOf(stays), resumedFrom: await cursorOf(stays, 4) },
  ]);
  t.strictSame(toldOf(second, stays), [5, 6, 7]);
  t.strictSame(toldOf(second, given), [5]);
  t.strictSame(toldOf(second, came), [6]);

  const both = await open(t, [left, stays], lastId(second));
  await addItems(stays, 1);
  await both.next('changed', isChange(stays, 8));
  t.strictSame(toldOf(both, left), [], 'one that was named no more is new when it is named again');
  t.strictSame(toldOf(both, stays), [8]);

  const byQuery = await open(t, [stays, left], undefined, `&lastEventId=${id}`);
  await byQuery.next('changed', isChange(left, 6));
  await byQuery.next('changed', isChange(stays, 8));
  t.strictSame(toldOf(byQuery, left), [4, 5, 6]);
});

t.test('the id of each frame is the place on all boards: a cut after any of them loses nothing (E1, E2)', async (t) => {
  const boards = [await ada.createBoard(), await ada.createBoard(), await ada.createBoard()] as const;
  const stream = await open(t, [...boards]);
  await stream.next('ready');
  for (const round of range(3, 6)) {
    for (const boardId of boards) await addItems(boardId, 1);
    for (const boardId of boards) await stream.next('changed', isChange(boardId, round));
  }
  const told = stream.frames.filter(({ id }) => id !== undefined);
  t.equal(told.length, 13);
  for (const [index, { id }] of told.entries()) {
    const again = await open(t, [...boards], id);
    for (const boardId of boards) {
      const had = told.slice(0, index + 1).filter(({ data }) => data.boardId === boardId).length;
      if (had < 4) await again.next('changed', isChange(boardId, 6));
      t.strictSame(toldOf(again, boardId), range(3 + had, 6), `after ${index}`);
    }
    again.close();
  }
});

t.test('a cursor that cannot be continued resets the boards that it is of, and no others (E2)', async (t) => {
  const [one, two] = [await ada.createBoard(), await ada.createBoard()];
  await addItems(one, 3);
  await addItems(two, 3);
  const stream = await open(t, [one, two]);
  await stream.next('ready');
  const id = lastId(stream);
  const [digit = ''] = id.slice(3);
  const other = { malformed: id.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')), single: await cursorOf(one, 4) };
  for (const lastEventId of [other.malformed, other.single, 'nonsense', `${id}${digit}`]) {
    const again = await open(t, [one, two], lastEventId);
    await again.next('reset', ({ data }) => data.boardId === one);
    await again.next('reset', ({ data }) => data.boardId === two);
    t.strictSame(toldOf(again, one), ['reset malformed']);
    t.strictSame(toldOf(again, two), ['reset malformed']);
    const { id: written, data } = await again.next(
      'reset',
      (frame) => frame === again.frames.filter(({ event }) => event === 'reset')[1],
    );
    t.equal(data.cursor, await cursorOf(data.boardId));
    t.not(written, data.cursor, 'the id is that of the stream');
    again.close();
  }

  await sql('update teamboard.board_log set trimmed_to = 5 where board_id = $1', [one]);
  await addItems(one, 1);
  await addItems(two, 1);
  const early = await open(t, [`${one}@${await cursorOf(one, 4)}`, `${two}@${await cursorOf(two, 4)}`]);
  await early.next('reset');
  await early.next('changed', isChange(two, 6));
  t.strictSame(toldOf(early, one), ['reset trimmed']);
  t.strictSame(toldOf(early, two), [5, 6]);
});

t.test('who is cut before a reset or snapshot that is due gets it again (E2)', async (t) => {
  const [one, two] = [await ada.createBoard(), await ada.createBoard()];
  const stream = await open(t, [`${one}@nonsense`, two]);
  const ready = await stream.next('ready');
  await stream.next('reset');
  for (const query of ['', '&snapshot=true']) {
    const again = await open(t, [one, two], ready.id, query);
    const frame = await again.next(query ? 'snapshot' : 'reset');
    t.equal(query ? frame.data.board.id : frame.data.boardId, one);
    await addItems(two, 1);
    await again.next('changed');
    t.strictSame(
      again.frames.filter(({ event }) => event === 'reset' || event === 'snapshot').length,
      1,
      'of one board',
    );
    again.close();
  }
  const after = await open(t, [one, two], (await stream.next('reset')).id);
  await addItems(one, 1);
  await after.next('changed', isChange(one, 3));
  t.strictSame(toldOf(after, one), [3], 'with the reset its place is known');
});

t.test('with snapshots each board begins with its own, and goes on after it', async (t) => {
  const boards = [await ada.createBoard(), await ada.createBoard(), await ada.createBoard()];
  for (const boardId of boards) await addItems(boardId, 2);
  const stream = await open(t, boards, undefined, '&snapshot=1');
  for (const boardId of boards) {
    const { data, id } = await stream.next('snapshot', (frame) => frame.data.board.id === boardId);
    t.equal(data.items.length, 2);
    t.ok(parseVector(id ?? ''));
    await addItems(boardId, 1);
    await stream.next('changed', isChange(boardId, 5));
  }
  const again = await open(t, boards, lastId(stream), '&snapshot=1');
  await addItems(boards[0] ?? '', 1);
  await again.next('changed');
  t.notOk(
    again.frames.some(({ event }) => event === 'snapshot'),
    'one that is continued gets none',
  );
});

t.test('what cannot be seen is refused in ready, and what is all refused is no stream', async (t) => {
  const eve = await Client.signUp(node, 'Eve');
  const [mine, foreign] = [await ada.createBoard(), await eve.createBoard()];
  const unknown = '01a203b6-1fa0-7192-875a-07443cb85f66';
  const stream = await open(t, [foreign, mine, unknown]);
  await stream.next('ready');
  t.strictSame(stream.frames[0]?.data.boards, [
    { boardId: foreign, refused: 404 },
    { boardId: mine, cursor: await cursorOf(mine) },
    { boardId: unknown, refused: 404 },
  ]);
  const accept = { accept: 'text/event-stream' };
  const refused = await ada.get(`/events?boards=${foreign},${unknown}`, accept);
  t.equal(refused.status, 404);
  t.equal(refused.body.code, 'TB_NOT_FOUND');
  t.equal((await fetch(`${node.url}/events?boards=${mine}`, { headers: accept })).status, 401);
  t.equal((await ada.request('HEAD', `/events?boards=${mine}`)).status, 405);
  for (const boards of [
    '',
    ',',
    'x',
    `${mine},x`,
    `${mine}x`,
    Array.from({ length: 257 }, (_, n) => unknown.replace(/...$/, `${n}`.padStart(3, '0'))).join(),
  ]) {
    const { status, body } = await ada.get(`/events?boards=${boards}`, accept);
    t.equal(status, 400, boards.slice(0, 50));
    t.match(body.errors, [{ path: '/boards' }]);
  }
  t.equal((await ada.get('/events', accept)).status, 400);
});

t.test('a board that is named twice counts once, in any spelling, and what can be understood is taken', async (t) => {
  const [one, two] = [await ada.createBoard(), await ada.createBoard()];
  await addItems(one, 2);
  const stream = await open(t, [
    `${one.toUpperCase()}@${await cursorOf(one, 2)}`,
    one,
    '',
    `${one}@x`,
    ' '.trim(),
    two,
  ]);
  await stream.next('changed', isChange(one, 4));
  t.strictSame(
    stream.frames[0]?.data.boards.map(({ boardId }: { boardId: string }) => boardId),
    [one, two],
  );
  const twice = await openMany(t, node.url, [one], { ...ada, query: `&boards=${two}%40` });
  await twice.next('ready');
  t.equal(twice.frames[0]?.data.boards.length, 2);
});

t.test('a board that ends says so, and the others go on until the last has ended (E6)', async (t) => {
  const bob = await Client.signUp(node, 'Bob');
  const boards = [await ada.createBoard(), await ada.createBoard(), await ada.createBoard()] as const;
  for (const boardId of boards) {
    await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
      boardId,
      bob.user.id,
    ]);
  }
  const [deleted, removed, last] = boards;
  const stream = await openMany(t, node.url, [...boards], bob);
  await stream.next('ready');
  await ada.delete(`/boards/${deleted}`);
  await stream.next('close', ({ data }) => data.boardId === deleted);
  await ada.delete(`/boards/${removed}/members/${bob.user.id}`);
  await stream.next('close', ({ data }) => data.boardId === removed);
  t.match(stream.raw, `\n\nevent:close\ndata:{"boardId":"${deleted}","reason":"deleted","retry":false}\n\n`);
  t.match(stream.raw, `\n\nevent:close\ndata:{"boardId":"${removed}","reason":"revoked","retry":false}\n\n`);
  await addItem(removed);
  await addItem(last);
  await stream.next('changed', isChange(last, 4));
  t.strictSame(toldOf(stream, removed), [4, 'close revoked'], 'its removal is the last that it is told of');

  const again = await openMany(t, node.url, [...boards], { ...bob, headers: { 'last-event-id': lastId(stream) } });
  await again.next('ready');
  t.match(again.frames[0]?.data.boards, [{ refused: 404 }, { refused: 404 }, { resumedFrom: await cursorOf(last, 4) }]);

  await ada.delete(`/boards/${last}/members/${bob.user.id}`);
  await stream.end();
  t.match(
    stream.raw,
    new RegExp(
      `event:close\\ndata:{"boardId":"${last}","reason":"revoked","retry":false}\\n\\nretry:\\d+\\nevent:close\\ndata:{"reason":"revoked","retry":false}\\n\\n$`,
    ),
  );
  t.equal((await bob.get(`/events?boards=${boards}`, { accept: 'text/event-stream' })).status, 404);
});

t.test('one that replays far keeps the others waiting for nothing, and each turn is fair (E5)', async (t) => {
  const [far, near] = [await ada.createBoard(), await ada.createBoard()];
  await addItems(far, 5000, 100);
  const stream = await open(t, [`${far}@${await cursorOf(far, 2)}`, near]);
  await stream.next('ready');
  await addItem(near);
  await stream.next('changed', isChange(near, 3));
  await stream.next('changed', isChange(far, 5002));
  t.strictSame(toldOf(stream, far), range(3, 5002));
});

t.test('one that takes nothing has its boards take turns when it reads again (E2, E5)', async (t) => {
  const boards = await Promise.all(range(1, 8).map(() => ada.createBoard()));
  const cursors = await Promise.all(boards.map(async (boardId) => `${boardId}@${await cursorOf(boardId, 2)}`));
  for (const boardId of boards) await addItems(boardId, 400, 10_000);
  const stream = await open(t, cursors);
  await stream.next('ready');
  stream.socket.pause();
  await until(
    () => [...node.app.openStreams].some(({ socket }) => (socket?.writableLength ?? 0) > 0),
    'the socket to be full',
  );
  const [serverSide] = [...node.app.openStreams].filter(({ id }) => id === stream.frames[0]?.data.streamId);
  t.ok((serverSide?.socket?.writableLength ?? 0) <= 256 * 1024 + 20_000);
  stream.socket.resume();
  await Promise.all(boards.map((boardId) => stream.next('changed', isChange(boardId, 402))));
  for (const boardId of boards) t.strictSame(toldOf(stream, boardId), range(3, 402));
  const order = stream.frames.filter(({ event }) => event === 'changed').map(({ data }) => data.boardId);
  const ends = boards.map((boardId) => order.lastIndexOf(boardId)).sort((one, other) => one - other);
  t.ok((ends[0] ?? 0) > order.length / 2, `the first board was done after ${ends[0]} of ${order.length} events`);
});

t.test('a browser comes back with all of 256 boards, their cursors and the longest cursor of them', async (t) => {
  const { rows } = {
    rows: await sql<{ id: string }>(
      `insert into teamboard.boards (name) select 'Many' from generate_series(1, 256) returning id`,
    ),
  };
  const boards = rows.map(({ id }) => id);
  await sql(`insert into teamboard.members (board_id, user_id, role) select unnest($1::uuid[]), $2, 'editor'`, [
    boards,
    ada.user.id,
  ]);
  const first = await open(t, boards);
  await first.next('ready');
  t.equal(first.frames[0]?.data.boards.length, 256);
  const named: string[] = first.frames[0]?.data.boards.map(
    ({ boardId, cursor }: { boardId: string; cursor: string }) => `${boardId}@${cursor.slice(0, 9)}${'9'.repeat(16)}`,
  );
  await sql('insert into teamboard.items (board_id, text) select unnest($1::uuid[]), $2', [boards, 'x']);
  await until(() => first.frames.filter(({ event }) => event === 'changed').length === 256, 'a change of each');
  const id = lastId(first);
  t.ok(id.length <= 40 + 6 * 256, `${id.length} bytes`);
  first.close();
  await sql('insert into teamboard.items (board_id, text) select unnest($1::uuid[]), $2', [boards, 'y']);
  const query = new URLSearchParams({ boards: named.join() });
  t.ok(`${query}`.length > 16 * 1024, `${`${query}`.length} bytes of address`);
  const again = await openMany(t, node.url, [], { ...ada, query: `&${query}`, headers: { 'last-event-id': id } });
  await until(() => again.frames.filter(({ event }) => event === 'changed').length === 256, 'what came meanwhile');
  t.notOk(again.frames.some(({ event }) => event === 'reset'));
  for (const boardId of boards) t.strictSame(toldOf(again, boardId), [4], boardId);
});
