// One stream as its client sees it, over real sockets: head, frames, resume, reset, and how it ends.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import t, { type Test } from 'tap';
import { expectWithin, timed } from '../helpers/bounds.ts';
import { Client } from '../helpers/client.ts';
import { type EventStream, openStream } from '../helpers/event-stream.ts';
import { holdBoard } from '../helpers/hub-board.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { serverSideOf } from '../helpers/server-side.ts';
import { withManySweeps, withoutSweeps } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const { sql } = database;
const node = await startNode(t, database.url, { heartbeatSeconds: 1 });
const ada = await Client.signUp(node, 'Ada');

async function addItems(boardId: string, count: number): Promise<void> {
  await sql(`insert into teamboard.items (board_id, text) select $1, n::text from generate_series(1, $2::int) n`, [
    boardId,
    count,
  ]);
}

async function cursorOf(boardId: string, seq?: number): Promise<string> {
  const { body } = await ada.get(`/boards/${boardId}`);
  return seq === undefined ? body.cursor : body.cursor.replace(/\d+$/, String(seq));
}

function open(t: Test, boardId: string, query = '', headers: Record<string, string> = {}): Promise<EventStream> {
  return openStream(t, node.url, boardId, { cookie: ada.cookie, query, headers });
}

const kinds = (stream: EventStream) => stream.frames.map(({ event }) => event);

t.test('the head and the first event leave at once, with the headers that the contract names', async (t) => {
  const boardId = await ada.createBoard();
  const stream = await open(t, boardId);
  await stream.next('ready');
  t.equal(stream.status, 200);
  t.match(stream.headers, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    'transfer-encoding': 'chunked',
    'x-content-type-options': 'nosniff',
  });
  t.ok(
    stream.headers['content-security-policy'],
    'hijack() keeps the headers of plugins back; they are here all the same',
  );
  const { streamId } = stream.frames[0]?.data ?? {};
  t.match(streamId, /^[0-9a-f-]{36}$/);
  const ready = { streamId, boardId, cursor: await cursorOf(boardId), heartbeatSeconds: 1 };
  const [, retry, rest] = /^retry:(\d+)\n([\s\S]*?\n\n)/.exec(stream.raw) ?? [];
  t.ok(Number(retry) >= 1000 && Number(retry) <= 3000, `retry: ${retry}`);
  t.equal(rest, `event:ready\ndata:${JSON.stringify(ready)}\nid:${ready.cursor}\n\n`);
});

t.test('what coming back could not cure is an ordinary problem', async (t) => {
  const boardId = await ada.createBoard();
  const eve = await Client.signUp(node, 'Eve');
  const accept = { accept: 'text/event-stream' };
  const unknown = await eve.get('/boards/01a203b6-1fa0-7192-875a-07443cb85f66/events', accept);
  const foreign = await eve.get(`/boards/${boardId}/events`, accept);
  t.equal(foreign.status, 404);
  t.strictSame(foreign.body, unknown.body, 'a foreign board cannot be told from one that does not exist');
  t.equal(foreign.headers.get('content-type'), 'application/problem+json');
  t.equal((await fetch(`${node.url}/boards/${boardId}/events`, { headers: accept })).status, 401);
  t.equal((await ada.get(`/boards/${boardId}/events`, { accept: 'image/png' })).body.code, 'TB_NOT_ACCEPTABLE');
  t.equal(
    (await ada.request('HEAD', `/boards/${boardId}/events`)).status,
    405,
    'a HEAD would open a stream for nobody',
  );
  t.equal(node.app.openStreams.size, 0);
});

t.test('what allows a stream gets one, what prefers JSON gets a page', async (t) => {
  const boardId = await ada.createBoard();
  for (const accept of ['*/*', 'text/*', 'text/event-stream, application/json;q=0.9', 'application/json;q=0.5, */*']) {
    const stream = await open(t, boardId, '', { accept });
    t.equal(stream.headers['content-type'], 'text/event-stream', accept);
    stream.close();
  }
  for (const accept of ['application/json', 'application/json, text/plain, */*']) {
    const page = await ada.get(`/boards/${boardId}/events`, { accept });
    t.match(page.headers.get('content-type'), /^application\/json/, accept);
    t.equal(page.body.events.length, 2);
  }
});

t.test(
  'a stream resumes at the event after its cursor, by header or query, and the header wins (E1, E2)',
  async (t) => {
    const boardId = await ada.createBoard();
    await addItems(boardId, 250);
    const from = await cursorOf(boardId, 40);
    const byHeader = await open(t, boardId, '?lastEventId=nonsense', { 'last-event-id': from });
    const byQuery = await open(t, boardId, `?lastEventId=${from}`);
    await addItems(boardId, 1);
    for (const stream of [byHeader, byQuery]) {
      await stream.next('changed', ({ data }) => data.seq === 253);
      t.match(stream.frames[0], { event: 'ready', data: { resumedFrom: from, cursor: await cursorOf(boardId, 252) } });
      t.strictSame(
        stream.seqs,
        Array.from({ length: 213 }, (_, index) => 41 + index),
      );
      t.notOk(kinds(stream).includes('reset'));
    }
  },
);

t.test('without a cursor it starts at the present, and `ready` says where that is', async (t) => {
  const boardId = await ada.createBoard();
  await addItems(boardId, 5);
  const stream = await open(t, boardId);
  await stream.next('ready');
  await addItems(boardId, 2);
  await stream.next('changed', ({ data }) => data.seq === 9);
  t.equal(stream.frames[0]?.data.cursor, await cursorOf(boardId, 7));
  t.strictSame(stream.seqs, [8, 9]);
  t.strictSame(
    stream.frames.filter(({ event }) => event === 'changed').map(({ id }) => id),
    [await cursorOf(boardId, 8), await cursorOf(boardId, 9)],
  );
});

t.test('a cursor that cannot be continued is a reset on a stream that goes on, never an error (E2)', async (t) => {
  const boardId = await ada.createBoard();
  await addItems(boardId, 3);
  const head = await cursorOf(boardId);
  const cases = {
    malformed: 'x; drop table boards',
    epoch: head.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
    ahead: await cursorOf(boardId, 6),
  };
  const streams = new Map<string, EventStream>();
  for (const [reason, cursor] of Object.entries(cases)) {
    const stream = await open(t, boardId, '', { 'last-event-id': cursor });
    streams.set(reason, stream);
    await stream.next('reset');
    t.strictSame(kinds(stream), ['ready', 'reset'], reason);
    t.strictSame(stream.frames[1], { id: head, event: 'reset', data: { boardId, reason, cursor: head } });
    t.equal(stream.frames[0]?.data.resumedFrom, undefined);
  }
  await addItems(boardId, 1);
  for (const stream of streams.values()) {
    await stream.next('changed');
    t.strictSame(stream.seqs, [6]);
  }
});

t.test('a cursor before what was trimmed is a reset, one after it is continued', async (t) => {
  const boardId = await ada.createBoard();
  await addItems(boardId, 10);
  await sql('delete from teamboard.board_events where board_id = $1 and seq <= 6', [boardId]);
  await sql('update teamboard.board_log set trimmed_to = 6 where board_id = $1', [boardId]);
  const lost = await open(t, boardId, '', { 'last-event-id': await cursorOf(boardId, 5) });
  const kept = await open(t, boardId, '', { 'last-event-id': await cursorOf(boardId, 6) });
  t.equal((await lost.next('reset')).data.reason, 'trimmed');
  await kept.next('changed', ({ data }) => data.seq === 12);
  t.strictSame(kept.seqs, [7, 8, 9, 10, 11, 12]);
  t.strictSame(lost.seqs, []);
});

t.test('a cursor that is ahead of this node, but not of the log, is continued', async (t) => {
  const boardId = await ada.createBoard();
  const watcher = await open(t, boardId);
  await watcher.next('ready');
  // As another node writes whose wake-up has not come yet.
  await sql(`do $$ begin
    perform set_config('teamboard.notify', 'deferred', true);
    insert into teamboard.items (board_id, text) values ('${boardId}', 'unheard');
  end $$`);
  const stream = await open(t, boardId, '', { 'last-event-id': await cursorOf(boardId) });
  await stream.next('ready');
  t.equal(stream.frames[0]?.data.resumedFrom, await cursorOf(boardId));
  await addItems(boardId, 1);
  await stream.next('changed');
  await watcher.next('changed', ({ data }) => data.seq === 4);
  t.strictSame(stream.seqs, [4]);
  t.strictSame(watcher.seqs, [3, 4]);
});

t.test('a forged wake-up changes nothing (E4)', async (t) => {
  const boardId = await ada.createBoard();
  const stream = await open(t, boardId);
  await stream.next('ready');
  for (const payload of ['', 'x', '999999999999999', '3', '-1', '{"seq":1}', '1e9']) {
    await sql('select pg_notify($1, $2)', [`teamboard_board_${boardId}`, payload]);
  }
  await sql(`select pg_notify('teamboard_board_nonsense', '1')`);
  // A wake-up with a head that is none must not hide those that follow.
  for (const seq of [3, 4]) {
    await addItems(boardId, 1);
    await stream.next('changed', ({ data }) => data.seq === seq);
  }
  t.strictSame(kinds(stream), ['ready', 'changed', 'changed']);
  const heartbeat = await stream.next('heartbeat', ({ data }) => data.cursor !== stream.frames[0]?.data.cursor);
  t.equal(heartbeat.data.cursor, await cursorOf(boardId));
});

t.test('a lost wake-up costs time: the sweep of the heads finds the event, and nothing else does (E4)', async (t) => {
  const boardId = await ada.createBoard();
  const [never, often] = await Promise.all(
    [withoutSweeps(), withManySweeps()].map(async (timings) => {
      const own = await startNode(t, database.url, { timings });
      const stream = await openStream(t, own.url, boardId, ada);
      await stream.next('ready');
      return stream;
    }),
  );
  await sql(`do $$ begin
    perform set_config('teamboard.notify', 'deferred', true);
    insert into teamboard.items (board_id, text) values ('${boardId}', 'unheard');
  end $$`);
  await often?.next('changed');
  t.strictSame(
    [often, never].map((stream) => stream?.seqs),
    [[3], []],
  );
  // The next that is told brings both.
  await addItems(boardId, 1);
  await never?.next('changed', ({ data }) => data.seq === 4);
  t.strictSame(never?.seqs, [3, 4]);
});

t.test('nothing uncommitted is sent (E3)', async (t) => {
  const boardId = await ada.createBoard();
  const stream = await open(t, boardId);
  await stream.next('ready');
  const client = await database.pool.connect();
  await client.query('begin');
  await client.query(`insert into teamboard.items (board_id, text) values ($1, 'pending')`, [boardId]);
  await sql('select pg_notify($1, $2)', [`teamboard_board_${boardId}`, '3']);
  const { body } = await ada.post(`/boards/${boardId}/items`, { text: 'committed' });
  await stream.next('changed');
  await client.query('rollback');
  client.release();
  await addItems(boardId, 1);
  await stream.next('changed', ({ data }) => data.seq === 4);
  t.equal(stream.frames.find(({ event }) => event === 'changed')?.data.id, body.item.id);
  t.strictSame(stream.seqs, [3, 4]);
});

t.test('?snapshot=true begins with the board, and sends it in place of a reset', async (t) => {
  const boardId = await ada.createBoard();
  await ada.post(`/boards/${boardId}/items`, { text: 'line one\nline two\r\n', data: { 'id: 9\n': '\n\n' } });
  const fresh = await open(t, boardId, '?snapshot=true');
  const replaced = await open(t, boardId, '?snapshot=true', { 'last-event-id': 'nonsense' });
  const resumed = await open(t, boardId, '?snapshot=true', { 'last-event-id': await cursorOf(boardId, 2) });
  const { body } = await ada.get(`/boards/${boardId}`);
  for (const stream of [fresh, replaced]) {
    t.strictSame(await stream.next('snapshot'), { id: body.cursor, event: 'snapshot', data: body });
  }
  await resumed.next('changed');
  t.notOk(kinds(resumed).includes('snapshot'), 'a cursor that can be continued needs none');
  await addItems(boardId, 1);
  for (const stream of [fresh, replaced]) {
    await stream.next('changed');
    t.strictSame(kinds(stream), ['ready', 'snapshot', 'changed']);
    t.strictSame(stream.seqs, [4]);
  }
});

t.test('a heartbeat names the newest event and moves no cursor', async (t) => {
  const boardId = await ada.createBoard();
  const stream = await open(t, boardId);
  await stream.next('heartbeat');
  await addItems(boardId, 1);
  const newest = await cursorOf(boardId, 3);
  await stream.next('heartbeat', ({ data }) => data.cursor === newest);
  t.match(stream.raw, `\n\nevent:heartbeat\ndata:{"boardId":"${boardId}","cursor":"${newest}"}\n\n`);
});

t.test('a deleted board says so, closes for good, and is gone', async (t) => {
  const boardId = await ada.createBoard();
  const stream = await open(t, boardId);
  await stream.next('ready');
  t.equal((await ada.delete(`/boards/${boardId}`)).status, 204);
  await stream.end();
  t.strictSame(kinds(stream), ['ready', 'changed', 'close']);
  t.match(stream.frames.at(-2)?.data, { seq: 3, resource: 'board', action: 'deleted', id: boardId });
  t.match(stream.raw, /retry:\d+\nevent:close\ndata:\{"reason":"deleted","retry":false\}\n\n$/);
  t.equal((await ada.get(`/boards/${boardId}/events`)).status, 404);
});

t.test('a member who is removed sees that as the last event; the others go on (E6)', async (t) => {
  const boardId = await ada.createBoard();
  const bob = await Client.signUp(node, 'Bob');
  await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
    boardId,
    bob.user.id,
  ]);
  const mine = await open(t, boardId);
  const his = await openStream(t, node.url, boardId, bob);
  await Promise.all([mine.next('ready'), his.next('ready')]);
  // In one transaction, so that one read of the log holds what he may see and what he may not.
  await sql(`do $$ begin
    insert into teamboard.items (board_id, text) values ('${boardId}', 'before');
    delete from teamboard.members where board_id = '${boardId}' and user_id = '${bob.user.id}';
    insert into teamboard.items (board_id, text) values ('${boardId}', 'after');
  end $$`);
  await his.end();
  await mine.next('changed', ({ data }) => data.seq === 6);
  t.strictSame(his.seqs, [4, 5]);
  t.match(his.frames.at(-1), { event: 'close', data: { reason: 'revoked', retry: false } });
  t.strictSame(mine.seqs, [4, 5, 6]);

  await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
    boardId,
    bob.user.id,
  ]);
  const again = await openStream(t, node.url, boardId, {
    ...bob,
    headers: { 'last-event-id': await cursorOf(boardId, 3) },
  });
  await again.next('changed', ({ data }) => data.seq === 7);
  t.strictSame(again.seqs, [4, 5, 6, 7], 'a removal that he has come back from ends nothing');
});

t.test('streams that open while others write miss nothing and get nothing twice (E2)', async (t) => {
  const boardId = await ada.createBoard();
  const from = await cursorOf(boardId);
  let writing = true;
  const writer = (async () => {
    while (writing) await ada.post(`/boards/${boardId}/items`, { text: 'x' });
  })();
  const streams: EventStream[] = [];
  for (let count = 0; count < 30; count += 1) {
    streams.push(await open(t, boardId, '', count % 2 === 0 ? { 'last-event-id': from } : {}));
  }
  writing = false;
  await writer;
  const head = Number((await cursorOf(boardId)).split('-')[1]);
  for (const [index, stream] of streams.entries()) {
    const start = Number(stream.frames[0]?.data.cursor.split('-')[1]) + 1;
    await until(() => (stream.seqs.at(-1) ?? start - 1) >= head, 'the head');
    const first = index % 2 === 0 ? 3 : start;
    t.strictSame(
      stream.seqs,
      Array.from({ length: head - first + 1 }, (_, place) => first + place),
    );
  }
});

t.test('a client that stops reading delays no other and costs its budget (E5)', async (t) => {
  const boardId = await ada.createBoard();
  const stalled = await open(t, boardId);
  const reading = await open(t, boardId);
  await Promise.all([stalled.next('ready'), reading.next('ready')]);
  const { streamId } = stalled.frames[0]?.data ?? {};
  const serverSide = serverSideOf(node, (follower) => follower.streamId === streamId);
  stalled.socket.pause();
  for (let count = 0; count < 12; count += 1) {
    await sql(
      `insert into teamboard.items (board_id, text) select $1, repeat('x', 10000) from generate_series(1, 100)`,
      [boardId],
    );
    await reading.next('changed', ({ data }) => data.seq === 2 + 100 * (count + 1));
    t.ok(
      (serverSide?.stream.socket?.writableLength ?? 0) <= 256 * 1024 + 20_000,
      `${serverSide?.stream.socket?.writableLength} bytes wait`,
    );
  }
  t.ok((serverSide?.follower.position ?? 0) < 1202, 'the rest waits in the log');
  stalled.socket.resume();
  await stalled.next('changed', ({ data }) => data.seq === 1202);
  t.strictSame(
    stalled.seqs,
    Array.from({ length: 1200 }, (_, index) => 3 + index),
  );
});

t.test('streams that follow each other on one connection leave nothing on it', async (t) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const sockets = new Set<unknown>();
  const listeners: number[] = [];
  for (let count = 0; count < 5; count += 1) {
    const boardId = await ada.createBoard();
    const request = http.get(`${node.url}/boards/${boardId}/events`, { agent, headers: { cookie: ada.cookie } });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    const serverSide = () => serverSideOf(node, (follower) => follower.boardId === boardId);
    const { stream } = await until(serverSide, 'the stream');
    sockets.add(stream.socket);
    listeners.push(stream.socket?.listenerCount('error') ?? 0);
    await ada.delete(`/boards/${boardId}`);
    await once(response, 'end');
  }
  t.equal(sockets.size, 1, 'one connection');
  t.equal(new Set(listeners).size, 1, `as many listeners each time: ${listeners}`);
});

t.test('a client that leaves at any moment leaves nothing behind', async (t) => {
  const boardId = await ada.createBoard();
  const request = `GET /boards/${boardId}/events HTTP/1.1\r\nHost: x\r\nCookie: ${ada.cookie}\r\n\r\n`;
  await until(() => node.app.openStreams.size === 0, 'the streams of other tests to close');
  const closedBefore = node.logged.filter(({ msg }) => msg === 'stream closed').length;
  const openedBefore = node.logged.filter(({ msg }) => msg === 'stream opened').length;
  for (let count = 0; count < 40; count += 1) {
    const socket = net.connect(node.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(request);
    // From before the session is looked up until after the first frames.
    if (count % 4 > 0) await new Promise((resolve) => setImmediate(resolve));
    if (count % 4 > 1) await ada.get('/session');
    if (count % 4 > 2) await once(socket, 'data');
    socket.resetAndDestroy();
  }
  await ada.get('/session');
  await until(() => node.app.openStreams.size === 0, 'all of them to close');
  await until(
    () =>
      node.logged.filter(({ msg }) => msg === 'stream closed').length - closedBefore ===
      node.logged.filter(({ msg }) => msg === 'stream opened').length - openedBefore,
    'as many closed as opened',
  );
  const board = await holdBoard(node, boardId);
  // Who was looked up until now has only just found that its client has left.
  await until(() => board.holders === 1, 'the others to let go of the board');
  t.equal(board.holders, 1, 'only this test holds it');
  node.app.hub.release(board);
});

t.test('what a client puts into its request reaches no field of the stream', async (t) => {
  const boardId = await ada.createBoard();
  const padded = await open(t, boardId, '?padding=true&evs_preamble=true&evs_last_event_id=x');
  await padded.next('ready');
  t.match(padded.raw, /^retry:\d+\nevent:ready\n/, 'no preamble for whoever asks');
  t.strictSame(kinds(padded), ['ready']);

  const raw = async (text: string, ...awaited: RegExp[]) => {
    const socket = net.connect(node.port, '127.0.0.1');
    t.teardown(() => socket.destroy());
    socket.setEncoding('latin1');
    let received = '';
    socket.on('data', (data: string) => {
      received += data;
    });
    socket.write(text);
    for (const pattern of awaited)
      await until(
        () => pattern.test(received),
        () => `${pattern} in ${received}`,
      );
    return received;
  };
  const path = `/boards/${boardId}/events`;
  const cookie = `Cookie: ${ada.cookie}\r\n\r\n`;
  // better-sse's own connection makes a URL of the Host header, and throws on this one.
  await raw(`GET ${path} HTTP/1.1\r\nHost: [not a host\r\n${cookie}`, /^HTTP\/1\.1 400 /);
  const old = await raw(`GET ${path} HTTP/1.0\r\n${cookie}`, /\r\n\r\nretry:\d+\nevent:ready\n/);
  t.notMatch(old, /transfer-encoding/i, 'HTTP/1.0 has no chunks');
  await raw(
    `GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET ${path} HTTP/1.1\r\nHost: x\r\n${cookie}`,
    // Answered in the order of the requests, in chunks that are well formed.
    /\{"alive":true\}HTTP\/1\.1 200 OK\r\n/,
    /\r\n[0-9a-f]+\r\nretry:\d+\nevent:ready\n.*\n.*\n\n\r\n/,
  );
});

t.test('of many requests at once no more get a stream than may have one (E5)', async (t) => {
  const own = await startNode(t, database.url, { streamsPerUser: 5, streamsPerBoard: 8, streamsPerNode: 12 });
  const bob = await Client.signUp(own, 'Bob');
  const full = await ada.createBoard();
  const other = await ada.createBoard();
  await sql(`insert into teamboard.members (board_id, user_id, role) select unnest($1::uuid[]), $2, 'viewer'`, [
    [full, other],
    bob.user.id,
  ]);
  const openMany = (boardId: string, user: Client, count: number) =>
    Promise.all(Array.from({ length: count }, () => openStream(t, own.url, boardId, user)));
  const isOpen = (stream: EventStream) => stream.frames.some(({ event }) => event === 'ready');
  const settled = async (streams: EventStream[]) => {
    await until(() => streams.every((stream) => isOpen(stream) || stream.ended), 'an answer to each');
    return streams.filter(isOpen);
  };

  const adas = await openMany(full, ada, 20);
  t.equal((await settled(adas)).length, 5);
  const refused = adas.filter(({ status }) => status !== 200);
  t.equal(refused.length, 15);
  t.ok(refused.every(({ status, headers }) => status === 429 && Number(headers['retry-after']) > 0));
  const bobs = await openMany(full, bob, 20);
  t.equal((await settled(bobs)).length, 3, 'the board is full');
  t.ok(
    bobs.every(({ status }) => status === 200),
    'what passes by itself is no error',
  );
  t.match(bobs.find(({ ended }) => ended)?.raw, /^retry:\d+\nevent:close\ndata:\{"reason":"busy","retry":true\}\n\n$/);
  t.equal((await settled(await openMany(other, bob, 20))).length, 2, 'the user is');
  const eve = await Client.signUp(own, 'Eve');
  const third = await eve.createBoard();
  t.equal((await settled(await openMany(third, eve, 5))).length, 2, 'and the node is');

  for (const stream of adas) stream.close();
  await until(() => own.app.openStreams.size === 7, 'their places to be free');
  t.equal((await settled(await openMany(third, ada, 1))).length, 0, 'a board of others takes no place');
  t.equal((await settled(await openMany(full, ada, 5))).length, 5);
});

t.test('a client that has left before it is known who it was is nobody’s trouble (E5)', async (t) => {
  const own = await startNode(t, database.url);
  const guest = await Client.signUp(own, 'Eve');
  const boardId = await guest.createBoard();
  const { pool, server } = own.app;
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<unknown>;
  const body = '{"email":"eve@example.org","password":"correct horse"}';
  for (const request of [
    `GET /boards/${boardId}/events HTTP/1.1\r\n`,
    `PATCH /users/me HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`,
  ]) {
    const accepted = once(server, 'connection') as Promise<[net.Socket]>;
    const client = net.connect(own.port, '127.0.0.1');
    client.on('error', () => {});
    let isTold = false;
    // Who is calling is found out when the socket has no other end any more.
    pool.query = (async (...args: unknown[]) => {
      const answer = await query(...args);
      if ((args[0] as { name?: string }).name === 'session-find') {
        const [socket] = await accepted;
        client.resetAndDestroy();
        await until(() => socket.destroyed, 'the end of the connection');
        isTold = true;
      }
      return answer;
    }) as typeof pool.query;
    client.write(
      `${request}Host: localhost\r\nCookie: ${guest.cookie}\r\n\r\n${request.startsWith('PATCH') ? body : ''}`,
    );
    await until(() => isTold, 'the question who is calling');
    pool.query = query as typeof pool.query;
  }
  // After what comes later has been answered, whatever came of those is in the log.
  await until(async () => (await guest.get('/session')).status !== 503, 'an answer');
  t.strictSame(
    own.logged.filter(({ level }) => Number(level) >= 50),
    [],
  );
});

t.test(
  'guests and new accounts of one address have a part of the node, and leave the rest to others (E5)',
  async (t) => {
    // A tenth of the node, but never less than one user may have.
    const own = await startNode(t, database.url, {
      streamsPerUser: 4,
      streamsPerNode: 60,
      trustProxy: ['127.0.0.1'],
    });
    const openMany = async (client: Client, address: string | undefined, count = 4) => {
      const boardId = await client.createBoard();
      const from = { cookie: client.cookie, headers: address === undefined ? {} : { 'x-forwarded-for': address } };
      const streams = await Promise.all(Array.from({ length: count }, () => openStream(t, own.url, boardId, from)));
      const isOpen = (stream: EventStream) => stream.frames.some(({ event }) => event === 'ready');
      await until(() => streams.every((stream) => isOpen(stream) || stream.ended), 'an answer to each');
      t.ok(
        streams.every(({ status }) => status === 200),
        'what passes by itself is no error',
      );
      for (const stream of streams.filter(({ ended }) => ended)) {
        t.match(stream.frames, [{ event: 'close', data: { reason: 'busy', retry: true } }]);
      }
      return streams.filter(isOpen);
    };
    const guest = () => Client.signUp(own, 'Eve');
    const account = async (name: string) =>
      Client.keep(own, { name, email: `${name}@example.org`, password: 'correct horse' });

    const first = await openMany(await guest(), '192.0.2.1');
    t.equal(first.length, 4);
    t.equal((await openMany(await guest(), '192.0.2.1')).length, 2);
    t.equal((await openMany(await account('new'), '192.0.2.1')).length, 0, 'an account is made as soon as a guest');
    const known = await account('known');
    await sql(`update teamboard.users set created_at = now() - interval '2 days' where id = $1`, [known.user.id]);
    t.equal((await openMany(known, '192.0.2.1')).length, 4, 'who is known is not concerned');
    t.equal((await openMany(await guest(), '192.0.2.2')).length, 4, 'nor who is elsewhere');
    for (let n = 0; n < 2; n += 1) {
      t.equal((await openMany(await guest(), undefined)).length, 4, 'nor a proxy that does not say whose client it is');
    }
    for (const stream of first) stream.close();
    await until(() => own.app.openStreams.size === 18, 'their places to be free');
    t.equal((await openMany(await guest(), '192.0.2.1')).length, 4);
  },
);

t.test('each stream is logged when it opens and when it closes, with its reason', async (t) => {
  const boardId = await ada.createBoard();
  const stream = await open(t, boardId);
  const { streamId } = (await stream.next('ready')).data;
  stream.close();
  await until(
    () => node.logged.find(({ msg, streamId: id }) => msg === 'stream closed' && id === streamId),
    'the line',
  );
  const lines = node.logged.filter(({ streamId: id }) => id === streamId);
  t.match(lines, [
    { msg: 'stream opened', boardId, userId: ada.user.id },
    { msg: 'stream closed', boardId, userId: ada.user.id, reason: 'client', position: 2 },
  ]);
});

t.test('a node that goes down ends its streams cleanly, takes no new ones, and still answers (E9)', async (t) => {
  const own = await startNode(t, database.url);
  const client = ada.at(own);
  const boardId = await ada.createBoard();
  const streams = [];
  for (let count = 0; count < 5; count += 1) streams.push(await openStream(t, own.url, boardId, ada));
  t.equal((await client.get('/readyz')).body.streams, 5);
  const drained = own.app.openStreams.drain(300);
  const late = await openStream(t, own.url, boardId, ada);
  await late.end();
  t.equal(late.status, 200, 'any other status would end an EventSource for good');
  t.match(late.raw, /^retry:\d+\nevent:close\ndata:\{"reason":"busy","retry":true\}\n\n$/);
  t.match(await client.get('/readyz'), { status: 503, body: { ready: false, draining: true } });
  t.equal((await client.post(`/boards/${boardId}/items`, { text: 'x' })).status, 201, 'REST goes on');
  await drained;
  for (const stream of streams) {
    await stream.end();
    t.match(stream.raw, /retry:\d+\nevent:close\ndata:\{"reason":"shutdown","retry":true\}\n\n$/);
  }
  await own.close();
});

t.test('closing the server does not wait for a client that does not read its answer', (t) =>
  expectWithin(t, { closedMs: 3000 }, async () => {
    const own = await startNode(t, database.url);
    const boardId = await ada.createBoard();
    await sql(
      `insert into teamboard.items (board_id, text) select $1, repeat('x', 10000) from generate_series(1, 1500)`,
      [boardId],
    );
    const socket = net.connect(own.port, '127.0.0.1');
    t.teardown(() => socket.destroy());
    socket.pause();
    socket.write(`GET /boards/${boardId} HTTP/1.1\r\nHost: x\r\nCookie: ${ada.cookie}\r\n\r\n`);
    await once(socket, 'readable');
    const closedMs = await timed(() => own.close());
    t.ok(socket.isPaused(), 'which it has not read since');
    return { closedMs };
  }),
);

t.test('closing the server does not wait for open streams', (t) =>
  expectWithin(t, { closedMs: 2000 }, async () => {
    const own = await startNode(t, database.url);
    const boardId = await ada.createBoard();
    const stream = await openStream(t, own.url, boardId, ada);
    await stream.next('ready');
    stream.socket.pause();
    const closedMs = await timed(() => own.close());
    t.ok(stream.socket.isPaused(), 'also when a client reads nothing');
    t.equal(own.app.openStreams.size, 0);
    t.equal(own.logged.find(({ msg }) => msg === 'stream closed')?.reason, 'shutdown');
    return { closedMs };
  }),
);
