// GET and DELETE /streams: one's own open streams, whichever node holds them, and the end of one. And the check of the way.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openMany, openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { noPrivateRedis, startPrivateRedis } from '../helpers/redis.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);

t.test('who has streams open sees these, with their boards and places, and nobody else does', async (t) => {
  const { ada, boardId, besideId, stream, oneOfMany } = await openBoard(t, node);
  await ada.post(`/boards/${boardId}/items`, { text: 'Hi' });
  const [changed] = await Promise.all([stream.next('changed'), oneOfMany.next('changed')]);
  const { status, body } = await ada.get('/streams');
  t.equal(status, 200);
  t.match(body.node, /^[0-9a-f-]{36}$/);
  t.notOk('elsewhere' in body);
  t.match(body.streams, [
    { boards: [{ boardId, cursor: changed.id, behind: 0 }], boardCount: 1, waitingBytes: 0 },
    {
      boards: [
        { boardId, cursor: changed.id, behind: 0 },
        { boardId: besideId, behind: 0 },
      ],
      boardCount: 2,
    },
  ]);
  t.equal(body.streams[0].streamId, stream.frames[0]?.data.streamId);
  for (const { openedAt, ageSeconds } of body.streams) {
    t.ok(Math.abs(Date.parse(openedAt) + ageSeconds * 1000 - Date.now()) < 60_000, `${openedAt}, ${ageSeconds} s`);
  }
  const bob = await Client.signUp(node, 'Bob');
  t.strictSame((await bob.get('/streams')).body.streams, []);
  t.equal((await bob.get(`/streams?board=${boardId}`)).status, 404, 'as a board that does not exist');
  t.strictSame((await ada.get(`/streams?board=${boardId}`)).body.elsewhere, [], 'no other node has any');
  t.equal((await Client.nobody(node).get('/streams')).status, 401);
});

t.test('of a stream of very many boards the first are named, and how many there are', async (t) => {
  const ada = await Client.signUp(node);
  const ids = await Promise.all(Array.from({ length: 25 }, () => ada.createBoard()));
  const stream = await openMany(t, node.url, ids, ada);
  await stream.next('ready');
  const [own] = (await ada.get('/streams')).body.streams;
  t.strictSame([own.boards.length, own.boardCount], [20, 25]);
});

t.test('a stream that its owner ends says so, and its client comes back and has missed nothing (E2)', async (t) => {
  const { ada, boardId, stream } = await openBoard(t, node);
  const { streamId } = stream.frames[0]?.data ?? {};
  const bob = await Client.signUp(node, 'Bob');
  t.equal((await bob.request('DELETE', `/streams/${streamId}`)).status, 404, 'somebody else’s');
  t.equal((await ada.request('DELETE', `/streams/${streamId}`)).status, 204);
  t.strictSame((await stream.next('close')).data, { reason: 'rotated', retry: true });
  await stream.end();
  t.equal((await ada.request('DELETE', `/streams/${streamId}`)).status, 404, 'it is not there any more');
  await ada.post(`/boards/${boardId}/items`, { text: 'Meanwhile' });
  const { lastEventId = '' } = stream;
  const back = await openStream(t, node.url, boardId, { ...ada, headers: { 'last-event-id': lastEventId } });
  t.equal((await back.next('ready')).data.resumedFrom, lastEventId);
  t.equal((await back.next('changed')).data.object.text, 'Meanwhile');
});

t.test('what another node holds is told of one board, and ended by that one', { skip: noPrivateRedis }, async (t) => {
  const redis = await startPrivateRedis();
  t.teardown(() => redis.stop());
  const [one, two] = [
    await startNode(t, database.url, { redisUrl: redis.url }),
    await startNode(t, database.url, { redisUrl: redis.url }),
  ];
  const { ada, boardId, stream } = await openBoard(t, one);
  const { streamId } = stream.frames[0]?.data ?? {};
  const there = ada.at(two);
  const elsewhere = await until(async () => {
    const { body } = await there.get(`/streams?board=${boardId}`);
    t.strictSame(body.streams, [], 'this one holds none');
    return body.elsewhere?.length === 2 && body.elsewhere;
  }, 'both streams of the other node');
  const { node: holder } = (await ada.get('/streams')).body;
  t.match(
    elsewhere.find((each: { streamId: string }) => each.streamId === streamId),
    { node: holder },
  );
  const refused = await there.request('DELETE', `/streams/${streamId}`);
  t.match(refused, { status: 404, body: { detail: /Another one may/ } });
  redis.pause();
  await until(async () => (await there.get(`/streams?board=${boardId}`)).body.elsewhere === null, 'to know no more');
  redis.resume();
  t.equal((await ada.request('DELETE', `/streams/${streamId}`)).status, 204);
});

t.test('the check of the way ticks, is silent, and ends; so many at once', async (t) => {
  const ada = await Client.signUp(node);
  const { status, headers, body } = await ada.get('/streams/check?ticks=3&silence=0.3');
  t.equal(status, 200);
  t.match(headers.get('content-type'), /^text\/event-stream/);
  t.equal(headers.get('cache-control'), 'no-store, no-transform');
  t.equal(headers.get('x-accel-buffering'), 'no');
  const frames = String(body).split('\n\n').slice(0, -1);
  t.match(frames, [/^event:tick\ndata:\{"atMs":0,/, /^event:tick/, /^event:tick/, /^event:end/]);
  const times = frames.map((frame) => JSON.parse(frame.slice(frame.indexOf('{'))).atMs);
  t.ok((times[2] ?? 0) >= 200 - 5 && (times[3] ?? 0) - (times[2] ?? 0) >= 300 - 5, `${times}`);
  t.match(frames[0], /"httpVersion":"1.1","isForwarded":false,"isBelieved":false,"isOverTls":false/);
  const through = await ada.get('/streams/check?ticks=2&silence=0', { via: '1.1 a-proxy' });
  t.match(through.body, /"isForwarded":true/);

  const gone = new AbortController();
  const silent = () =>
    fetch(`${node.url}/streams/check?silence=60`, { headers: { cookie: ada.cookie }, signal: gone.signal });
  const open = await Promise.all(Array.from({ length: 4 }, silent));
  t.strictSame(
    open.map((each) => each.status),
    [200, 200, 200, 200],
  );
  t.match(await ada.get('/streams/check'), { status: 429, body: { code: 'TB_TOO_MANY_STREAMS' } });
  gone.abort();
  for (const { body } of open) await body?.cancel().catch(() => {});
  await until(
    async () => (await ada.get('/streams/check?ticks=2&silence=0')).status === 200,
    'those who have left to count no more',
  );
});
