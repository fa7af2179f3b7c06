// PostgreSQL fails over to a standby that has not got the last events: their numbers are given out again.

import t from 'tap';
import { openStream } from '../helpers/event-stream.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { startNode } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { startPrivatePostgres } from '../helpers/private-postgres.ts';
import { until } from '../helpers/until.ts';

t.test('a failover that loses events resets every stream before the first event anew (E2, E8)', async (t) => {
  const postgres = await startPrivatePostgres(t);
  const node = await startNode(t, postgres.url);
  const { ada, boardId, streams, stream: live, besideId } = await openBoard(t, node);
  const kinds = [undefined, [besideId]];
  const query = '?snapshot=true';
  const withSnapshot = await Promise.all(
    kinds.map((beside) => openStream(t, node.url, boardId, { ...ada, query, beside })),
  );
  for (const stream of withSnapshot) await stream.next('snapshot');
  const items = `/boards/${boardId}/items`;
  const write = async (text: string) =>
    until(async () => (await ada.post(items, { text })).status === 201, `the write '${text}'`);
  const told = (text: string) =>
    Promise.all(
      [...streams, ...withSnapshot].map((stream) => stream.next('changed', ({ data }) => data.object.text === text)),
    );
  const eventsOf = (stream: typeof live) =>
    stream.frames.map(({ event, data }) => (event === 'changed' ? data.object.text : event));

  await write('kept');
  await told('kept');
  const copy = await postgres.copy();
  for (const text of ['lost 1', 'lost 2']) {
    await write(text);
    await told(text);
  }
  for (const each of streams) {
    t.strictSame(eventsOf(each), ['ready', 'kept', 'lost 1', 'lost 2'], 'a restart resets nothing');
  }
  const [kept, lost] = live.frames.slice(1).map(({ id }) => id ?? '');

  await postgres.failOver(copy, async () => {
    // What it holds may not become the history: the board is not shown either, and no cursor given out.
    await until(async () => (await ada.get('/session')).status === 200, 'the standby to answer');
    for (const refused of [await ada.get(`/boards/${boardId}`), await ada.post(items, { text: 'to a standby' })]) {
      t.match(refused, { status: 503, body: { code: 'TB_UNAVAILABLE' } });
      t.equal(refused.headers.get('retry-after'), '2');
    }
    t.equal((await ada.get('/readyz')).status, 200);
  });
  // What is written before the node has noticed is in the state that follows the reset; the node tells what comes next.
  const hasTwo = ({ frames }: typeof live) => frames.filter(({ event }) => event === 'snapshot').length === 2;
  await Promise.all(streams.map((stream) => stream.next('reset')));
  await until(() => withSnapshot.every(hasTwo), 'a snapshot');
  await write('anew');
  await told('anew');
  for (const each of streams) t.strictSame(eventsOf(each), ['ready', 'kept', 'lost 1', 'lost 2', 'reset', 'anew']);
  for (const each of withSnapshot) {
    t.strictSame(eventsOf(each), ['ready', 'snapshot', 'kept', 'lost 1', 'lost 2', 'snapshot', 'anew']);
    t.strictSame(
      each.frames.at(-2)?.data.items.map(({ text }: { text: string }) => text),
      ['kept'],
    );
  }
  const [reset, anew] = live.frames.slice(-2);
  t.equal(reset?.data.reason, 'epoch');
  t.equal(anew?.data.seq, 4, 'the number of an event that was lost');
  t.not(anew?.id, lost, 'and another cursor');

  for (const beside of kinds) {
    for (const cursor of [kept, lost]) {
      const headers = { 'last-event-id': cursor ?? '' };
      const returning = await openStream(t, node.url, boardId, { ...ada, headers, beside });
      const { data } = await returning.next('reset');
      t.strictSame(data, { boardId, reason: 'epoch', cursor: anew?.id }, 'also for a place that both histories have');
    }
    const headers = { 'last-event-id': lost ?? '' };
    const returning = await openStream(t, node.url, boardId, { ...ada, query, headers, beside });
    const snapshot = await returning.next('snapshot');
    t.equal(snapshot.id, anew?.id);
    t.equal(snapshot.data.items.length, 2);
  }
});

t.test('no event of the new history comes before the reset, however late the listener is back (E2)', async (t) => {
  const postgres = await startPrivatePostgres(t);
  const proxy = await startFaultyProxy(t, postgres.url);
  const node = await startNode(t, postgres.url, { databaseDirectUrl: proxy.url });
  const { ada, boardId, streams, besideId } = await openBoard(t, node);
  const items = `/boards/${boardId}/items`;
  const copy = await postgres.copy();
  await until(() => node.app.listener.isUp, 'the listener');
  await until(async () => (await ada.post(items, { text: 'lost' })).status === 201, 'a write');
  for (const stream of streams) await stream.next('changed');
  const lost = streams.map(({ lastEventId = '' }) => lastEventId);

  // Now the pool finds the new server, and the connection that learns that it is another one does not.
  proxy.cut();
  await postgres.failOver(copy);
  await until(async () => (await ada.post(items, { text: 'anew' })).status === 201, 'a write');
  // More events than this node has read of the other history; a stream that comes back makes it look.
  await ada.post(items, { text: 'anew' });
  const returning = await Promise.all(
    [undefined, [besideId]].map((beside, index) =>
      openStream(t, node.url, boardId, { ...ada, headers: { 'last-event-id': lost[index] ?? '' }, beside }),
    ),
  );
  for (const { frames } of returning) await until(() => frames.length > 0, 'an answer');
  proxy.restore();
  for (const stream of streams) await stream.next('reset');
  for (const { frames } of returning) {
    await until(() => frames.length > 1 || frames[0]?.event === 'close', 'a second frame');
    t.not(frames[1]?.event, 'changed', 'on a stream that comes back');
  }
  for (const { frames } of streams) {
    const events = frames.map(({ event }) => event);
    t.equal(events.indexOf('reset'), 2, 'next after the lost one, on a stream that stayed');
  }
});
