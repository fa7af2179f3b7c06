// What a client may say of where it was, and what a cursor that is told may be used for.

import t, { type Test } from 'tap';
import { Client } from '../../helpers/client.ts';
import { type EventStream, openStream } from '../../helpers/event-stream.ts';
import { startNode, useDatabase } from '../../helpers/node.ts';
import { until } from '../../helpers/until.ts';

const database = await useDatabase(t);
const { sql } = database;
const node = await startNode(t, database.url, { heartbeatSeconds: 1 });
const ada = await Client.signUp(node, 'Ada');

function open(t: Test, boardId: string, query = '', headers: Record<string, string> = {}): Promise<EventStream> {
  return openStream(t, node.url, boardId, { cookie: ada.cookie, query, headers });
}

async function cursorOf(boardId: string): Promise<string> {
  return (await ada.get(`/boards/${boardId}`)).body.cursor;
}

const kinds = (stream: EventStream) => stream.frames.map(({ event }) => event);

t.test('the cursor of another board is none of this one, wherever it is named (E2)', async (t) => {
  const [here, there] = [await ada.createBoard(), await ada.createBoard()];
  const [own, foreign] = [await cursorOf(here), await cursorOf(there)];
  t.equal(own.split('-')[1], foreign.split('-')[1], 'the numbers are the same');
  const streams = [
    await open(t, here, '', { 'last-event-id': foreign }),
    await open(t, here, `?lastEventId=${foreign}`),
  ];
  for (const stream of streams) {
    t.strictSame(await stream.next('reset'), {
      id: own,
      event: 'reset',
      data: { boardId: here, reason: 'epoch', cursor: own },
    });
    t.strictSame(kinds(stream), ['ready', 'reset']);
  }
  const page = await ada.get(`/boards/${here}/events?after=${foreign}`, { accept: 'application/json' });
  t.strictSame(page.body, { events: [], cursor: own, hasMore: false, reset: { reason: 'epoch' } });
  const known = (etag: string) => ada.get(`/boards/${here}`, { 'if-none-match': `"${etag}"` });
  t.equal((await known(foreign)).status, 200);
  t.equal((await known(own)).status, 304);
});

t.test('while a new history begins, no cursor that is told names a place in it (E2)', async (t) => {
  const boardId = await ada.createBoard();
  const before = await open(t, boardId);
  await before.next('ready');
  const { eventLog } = node.app;
  const { extents } = eventLog;
  let goOn = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  eventLog.extents = async (boardIds) => {
    await held;
    return extents(boardIds);
  };
  t.teardown(() => {
    eventLog.extents = extents;
    goOn();
  });
  await sql('update teamboard.log_epoch set value = gen_random_uuid()');
  // The first learns of it while it opens; to the second all but the board is of the new history.
  const during = [await open(t, boardId), await open(t, boardId)];
  const told: string[] = [];
  for (const stream of [before, ...during]) {
    const seen = stream.heartbeats.length;
    const heartbeat = await until(() => stream.heartbeats[seen], 'the next heartbeat');
    told.push(heartbeat.data.cursor);
  }
  for (const stream of during) {
    const ready = await stream.next('ready');
    t.equal(ready.id, undefined, 'a reset follows');
    told.push(ready.data.cursor);
  }
  goOn();
  for (const stream of [before, ...during]) {
    const { data } = await stream.next('reset', (frame) => frame.data.cursor !== told[0]);
    t.equal(data.reason, 'epoch');
    t.equal(data.cursor, await cursorOf(boardId));
  }
  for (const cursor of new Set(told)) {
    const stream = await open(t, boardId, '', { 'last-event-id': cursor });
    t.equal((await stream.next('reset')).data.reason, 'epoch', cursor);
  }
});

t.test('what can be understood opens a stream: any other answer would end an EventSource for good', async (t) => {
  const boardId = await ada.createBoard();
  const [cursor, earlier] = [await cursorOf(boardId), (await cursorOf(boardId)).replace(/2$/, '1')];
  const cases: Array<[query: string, headers: Record<string, string | string[]>, kinds: string[]]> = [
    [`?lastEventId=${earlier}&lastEventId=${cursor}`, {}, ['ready']],
    [`?lastEventId=nonsense&lastEventId=${cursor}`, {}, ['ready']],
    [`?lastEventId=${cursor}&lastEventId=nonsense`, {}, ['ready', 'reset']],
    ['?lastEventId=', {}, ['ready']],
    ['?lastEventId', {}, ['ready']],
    [`?lastEventId=${'9'.repeat(8000)}`, {}, ['ready', 'reset']],
    [`?lastEventId=${cursor}%00`, {}, ['ready', 'reset']],
    [`?lastEventId=%00${cursor}`, {}, ['ready', 'reset']],
    ['?lastEventId=%ff%fe', {}, ['ready', 'reset']],
    ['?lastEventId=%', {}, ['ready', 'reset']],
    ['?lastEventId=%F0%9F%98%80%0d%0aid:9', {}, ['ready', 'reset']],
    ['', { 'last-event-id': [earlier, cursor] }, ['ready']],
    ['', { 'last-event-id': `${cursor},` }, ['ready', 'reset']],
    ['', { 'last-event-id': 'é\u00ff' }, ['ready', 'reset']],
    ['', { 'last-event-id': 'x'.repeat(8000) }, ['ready', 'reset']],
    ['?snapshot=1', {}, ['ready', 'snapshot']],
    ['?snapshot', {}, ['ready', 'snapshot']],
    ['?snapshot=TRUE', {}, ['ready', 'snapshot']],
    ['?snapshot=false&snapshot=true', {}, ['ready', 'snapshot']],
    ['?snapshot=0', {}, ['ready']],
    ['?snapshot=yes', {}, ['ready']],
    ['?limit=x&after=y&after=z&limit=0', {}, ['ready']],
    ['?unknown=1&unknown=2&__proto__=3&a[b]=c&=&&', {}, ['ready']],
    ['', { accept: 'text/event-stream; charset=utf-8' }, ['ready']],
    ['', { accept: 'Text/Event-Stream;charset="utf-8";q=0.9' }, ['ready']],
    ['', { accept: 'text/event-stream;q=x, image/png' }, ['ready']],
    ['', { accept: 'application/json;q=0.5, text/event-stream;v=2' }, ['ready']],
    ['', { accept: '' }, ['ready']],
    ['', { accept: ',;/' }, ['ready']],
    ['', { accept: 'text/*;level=1' }, ['ready']],
  ];
  const opened = await Promise.all(
    cases.map(async ([query, headers, expected]) => {
      const what = `${query.slice(0, 60)} ${JSON.stringify(headers).slice(0, 80)}`;
      const stream = await open(t, boardId, query, headers as Record<string, string>);
      t.equal(stream.status, 200, what);
      t.equal(stream.headers['content-type'], 'text/event-stream', what);
      await until(
        () => stream.frames.length >= expected.length,
        () => `${expected} for ${what}: ${stream.raw}`,
      );
      return { stream, expected, what };
    }),
  );
  // After what each opening has to say.
  await ada.post(`/boards/${boardId}/items`, { text: 'x' });
  for (const { stream, expected, what } of opened) {
    await stream.next('changed');
    t.strictSame(kinds(stream), [...expected, 'changed'], what);
  }
  for (const accept of ['application/json; charset=utf-8', 'application/json;v=1, text/event-stream;q=0.1']) {
    const page = await ada.get(`/boards/${boardId}/events?limit=1&after=${earlier}`, { accept });
    t.match(page.body, { cursor, events: [{ seq: 2 }], hasMore: true }, accept);
  }
});
