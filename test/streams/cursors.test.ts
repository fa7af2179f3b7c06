// What a client may say of where it was, and what a cursor that is told may be used for.

import t, { type Test } from 'tap';
import { Client } from '../helpers/client.ts';
import { type EventStream, openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';

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

/** Without the heartbeats, which come when they come. */
const kinds = (stream: EventStream) => stream.frames.map(({ event }) => event).filter((event) => event !== 'heartbeat');

t.test('the cursor of another board is none of this one, wherever it is named (E2)', async (t) => {
  const [here, there] = [await ada.createBoard(), await ada.createBoard()];
  const [own, foreign] = [await cursorOf(here), await cursorOf(there)];
  t.equal(own.split('-')[1], foreign.split('-')[1], 'the numbers are the same');
  const streams = [
    await open(t, here, '', { 'last-event-id': foreign }),
    await open(t, here, `?lastEventId=${foreign}`),
  ];
  for (const stream of streams) {
    t.strictSame(await stream.next('reset'), { id: own, event: 'reset', data: { reason: 'epoch', cursor: own } });
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
  await sql('update log_epoch set value = gen_random_uuid()');
  // The first learns of it while it opens; to the second all but the board is of the new history.
  const during = [await open(t, boardId), await open(t, boardId)];
  const told: string[] = [];
  for (const stream of [before, ...during]) {
    const seen = stream.frames.length;
    const heartbeat = await stream.next('heartbeat', (frame) => stream.frames.indexOf(frame) >= seen);
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
