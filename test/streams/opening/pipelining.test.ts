// Requests that come on a connection before the one in front of them is answered (RFC 9112, 9.3.2).

import t from 'tap';
import { Client } from '../../helpers/client.ts';
import { startNode, useDatabase } from '../../helpers/node.ts';
import type { sameProblem } from '../../helpers/problem.ts';
import { RawConnection } from '../../helpers/raw-connection.ts';
import { serverSideOf, stands } from '../../helpers/server-side.ts';
import { until } from '../../helpers/until.ts';

const { url, sql } = await useDatabase(t);
const node = await startNode(t, url);
const ada = await Client.signUp(node);

const fill = (boardId: string, items = 30) =>
  sql(`insert into teamboard.items (board_id, text) select $1, repeat('x', 10000) from generate_series(1, $2)`, [
    boardId,
    items,
  ]);

/** A request as bytes. */
function bytesOf(method: string, path: string, { body, version = '1.1', headers = '' }: BytesOptions = {}): string {
  const length = body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  return `${method} ${path} HTTP/${version}\r\nHost: a\r\nCookie: ${ada.cookie}\r\n${headers}${length}\r\n${body ?? ''}`;
}

interface BytesOptions {
  body?: string;
  version?: string;
  headers?: string;
}

/** A board with a log of 300 KB, more than a stream may have waiting, and its cursor before that. */
async function startBoard() {
  const boardId = await ada.createBoard();
  const { cursor } = (await ada.get(`/boards/${boardId}`)).body;
  await fill(boardId);
  const path = `/boards/${boardId}/events`;
  const resume = { headers: `Last-Event-ID: ${cursor}\r\n` };
  return { boardId, path, resume };
}

/** That the node does its work, and that the connection had nothing but its first stream. */
async function staysWell(t: Tap, connection: RawConnection, boardId: string): Promise<void> {
  await until(() => connection.text.includes('"seq":32,'), 'the whole log');
  const { status, body } = await ada.post(`/boards/${boardId}/items`, { text: 'others go on' });
  t.equal(status, 201);
  await until(() => connection.text.includes(body.item.id), 'the event of it');
  t.equal(connection.answers, 1, 'what is behind an open stream is not answered');
  t.equal(node.app.openStreams.size, 1);
  const { count } = (await sql(`select count(*)::int from teamboard.items where board_id = $1`, [boardId]))[0] ?? {};
  t.equal(count, 31, 'nor done');
  connection.destroy();
  await until(() => node.app.openStreams.size === 0, 'the end of the stream');
}

t.test('a request behind an open stream waits for its end, whatever it is (E5)', async (t) => {
  const write = (boardId: string) =>
    bytesOf('POST', `/boards/${boardId}/items`, { body: '{"text":"behind a stream"}' });
  const cases: Record<string, (board: Awaited<ReturnType<typeof startBoard>>) => string> = {
    'stream, stream': ({ path, resume }) => bytesOf('GET', path, resume) + bytesOf('GET', path, resume),
    'stream, write, stream': ({ boardId, path, resume }) =>
      bytesOf('GET', path, resume) + write(boardId) + bytesOf('GET', path, resume),
    'stream, page, deletion': ({ boardId, path, resume }) =>
      bytesOf('GET', path, resume) +
      bytesOf('GET', path, { headers: 'Accept: application/json\r\n' }) +
      bytesOf('DELETE', `/boards/${boardId}`),
    'stream, nonsense': ({ path, resume }) => bytesOf('GET', path, resume) + bytesOf('GET', '/boards/%zz'),
    'HTTP/1.0 that is kept alive': ({ path, resume: { headers } }) =>
      bytesOf('GET', path, { headers: `${headers}Connection: keep-alive\r\n`, version: '1.0' }).repeat(2),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    await t.test(name, async (t) => {
      const board = await startBoard();
      const connection = new RawConnection(t, node);
      connection.write(bytes(board));
      await staysWell(t, connection, board.boardId);
    });
  }
});

t.test('one that comes later, while the stream is open, waits as well (E5)', async (t) => {
  const { boardId, path, resume } = await startBoard();
  const connection = new RawConnection(t, node);
  connection.write(bytesOf('GET', path, resume));
  await until(() => connection.text.includes('"seq":32,'), 'the whole log');
  connection.write(bytesOf('GET', path, resume));
  await staysWell(t, connection, boardId);
});

t.test('requests are done one after the other, in their order, up to a stream (E5)', async (t) => {
  const { boardId, path, resume } = await startBoard();
  const connection = new RawConnection(t, node);
  const rename = (name: string) => bytesOf('PATCH', `/boards/${boardId}`, { body: `{"name":"${name}"}` });
  const names = ['a', 'b', 'c', 'd', 'e'];
  const [first = '', ...others] = names.map(rename);
  // The first body is half there when the rest comes.
  connection.write(first.slice(0, -5));
  await until(async () => (await ada.get('/livez')).status === 200, 'an answer to others');
  connection.write(
    first.slice(-5) + others.join('') + bytesOf('GET', `/boards/${boardId}`) + bytesOf('GET', path, resume),
  );
  await until(() => connection.text.includes('"seq":37,'), 'the stream with all that was done before it');
  const versions = [...connection.text.matchAll(/"name":"(\w)","layout":"canvas","version":(\d)/g)];
  t.same(
    versions.slice(0, 6).map(([, name, version]) => `${name}${version}`),
    ['a2', 'b3', 'c4', 'd5', 'e6', 'e6'],
  );
  t.equal(connection.answers, 7);
  connection.destroy();
  await until(() => node.app.openStreams.size === 0, 'the end of the stream');
});

t.test('what waits behind a stream is bounded: a connection that sends more is ended (E5)', async (t) => {
  const { path } = await startBoard();
  const connection = new RawConnection(t, node);
  connection.write(bytesOf('GET', path));
  await until(() => connection.text.includes('event:ready') || connection.text.includes('event: ready'), 'the stream');
  for (let sent = 0; sent < 100; sent += 1) connection.write(bytesOf('GET', '/boards'));
  await until(() => connection.closed, 'the end of the connection');
  await until(() => node.app.openStreams.size === 0, 'the end of the stream');
  t.equal(connection.answers, 1);
});

t.test('when the stream has ended, the next request is answered on the same connection', async (t) => {
  const { boardId, path } = await startBoard();
  const connection = new RawConnection(t, node);
  connection.write(bytesOf('GET', path) + bytesOf('GET', '/session'));
  await until(() => node.app.openStreams.size === 1, 'the stream');
  await ada.delete(`/boards/${boardId}`);
  await until(() => connection.answers === 2, 'the answer behind it');
  t.same(connection.lastAnswer().body.user, { ...ada.user, email: null });
});

t.test('a stream whose next event finds no room, though little waits, waits for its client (E5)', async (t) => {
  // So small a budget that each stream has the least: 16 KiB.
  const small = await startNode(t, url, { waitingBytesPerNode: 1 });
  const boardId = await ada.createBoard();
  const insert = (length: number, count = 1) =>
    sql(`insert into teamboard.items (board_id, text) select $1, repeat('x', $2) from generate_series(1, $3)`, [
      boardId,
      length,
      count,
    ]);
  /** A client that reads nothing, told of each change until something waits for it. @returns also what was sent */
  const stall = async (fits: (sentBytes: number) => boolean) => {
    const before = new Set([...small.app.openStreams].map(({ id }) => id));
    const connection = new RawConnection(t, small);
    connection.pause();
    connection.write(bytesOf('GET', `/boards/${boardId}/events`));
    const serverSide = () => serverSideOf(small, ({ streamId }) => !before.has(streamId));
    const { stream, follower } = await until(serverSide, 'the stream');
    const waiting = () => stream.socket?.writableLength ?? 0;
    let sent = 0;
    while (waiting() === 0 || !(await stands({ stream, follower }))) {
      const [length, count] = fits(sent) ? [10_000, 10] : [2500, 1];
      const head = follower.position + count;
      await insert(length, count);
      sent += length * count;
      await until(() => waiting() > 0 || follower.position === head, 'the changes to be written');
    }
    return { connection, follower, waiting, sent };
  };
  // What the kernel takes of a connection that nobody reads; then the same again, and the last of it in small pieces.
  const measured = await stall(() => true);
  measured.connection.destroy();
  await until(() => small.app.openStreams.size === 0, 'the end of the first');
  const { connection, follower, waiting } = await stall((sent) => sent < measured.sent * 0.9);
  t.ok(waiting() < 4096, 'less than a quarter of its room');
  const [before, head] = [follower.position, follower.position + 1];
  await sql(
    `insert into teamboard.items (board_id, text, data) values ($1, repeat('x', 10000), jsonb_build_object('y', repeat('y', 5000)))`,
    [boardId],
  );
  await until(async () => (await ada.at(small).get('/readyz')).body.listener === 'up', 'answers to others');
  t.equal(follower.position, before, 'it finds no room');
  connection.resume();
  await until(() => follower.position === head, 'the event, once there is room');
  connection.destroy();
  await until(() => small.app.openStreams.size === 0, 'the end of the stream');
});

type Tap = Parameters<typeof sameProblem>[0];
