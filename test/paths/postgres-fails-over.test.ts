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
  const { ada, boardId, stream: live } = await openBoard(t, node);
  const withSnapshot = await openStream(t, node.url, boardId, { ...ada, query: '?snapshot=true' });
  await withSnapshot.next('snapshot');
  const items = `/boards/${boardId}/items`;
  const write = async (text: string) =>
    until(async () => (await ada.post(items, { text })).status === 201, `the write '${text}'`, 20_000);
  const told = (text: string) =>
    Promise.all([live, withSnapshot].map((stream) => stream.next('changed', ({ data }) => data.object.text === text)));
  const eventsOf = (stream: typeof live) =>
    stream.frames.map(({ event, data }) => (event === 'changed' ? data.object.text : event));

  await write('kept');
  await told('kept');
  const copy = await postgres.copy();
  for (const text of ['lost 1', 'lost 2']) {
    await write(text);
    await told(text);
  }
  t.strictSame(eventsOf(live), ['ready', 'kept', 'lost 1', 'lost 2'], 'a restart resets nothing');
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
  await Promise.all([
    live.next('reset'),
    until(() => withSnapshot.frames.filter(({ event }) => event === 'snapshot').length === 2, 'a snapshot'),
  ]);
  await write('anew');
  await told('anew');
  t.strictSame(eventsOf(live), ['ready', 'kept', 'lost 1', 'lost 2', 'reset', 'anew']);
  t.strictSame(eventsOf(withSnapshot), ['ready', 'snapshot', 'kept', 'lost 1', 'lost 2', 'snapshot', 'anew']);
  const [reset, anew] = live.frames.slice(-2);
  t.equal(reset?.data.reason, 'epoch');
  t.equal(anew?.data.seq, 4, 'the number of an event that was lost');
  t.not(anew?.id, lost, 'and another cursor');
  t.strictSame(
    withSnapshot.frames.at(-2)?.data.items.map(({ text }: { text: string }) => text),
    ['kept'],
  );

  for (const cursor of [kept, lost]) {
    const returning = await openStream(t, node.url, boardId, { ...ada, headers: { 'last-event-id': cursor ?? '' } });
    const { data } = await returning.next('reset');
    t.strictSame(data, { reason: 'epoch', cursor: anew?.id }, 'also for a place that both histories have');
  }
  const returning = await openStream(t, node.url, boardId, {
    ...ada,
    query: '?snapshot=true',
    headers: { 'last-event-id': lost ?? '' },
  });
  const snapshot = await returning.next('snapshot');
  t.equal(snapshot.id, anew?.id);
  t.equal(snapshot.data.items.length, 2);
});

t.test('no event of the new history comes before the reset, however late the listener is back (E2)', async (t) => {
  const postgres = await startPrivatePostgres(t);
  const proxy = await startFaultyProxy(t, postgres.url);
  const node = await startNode(t, postgres.url, { databaseDirectUrl: proxy.url });
  const { ada, boardId, stream } = await openBoard(t, node);
  const items = `/boards/${boardId}/items`;
  const copy = await postgres.copy();
  await until(() => node.app.listener.isUp, 'the listener');
  await until(async () => (await ada.post(items, { text: 'lost' })).status === 201, 'a write');
  const { id: lost } = await stream.next('changed');

  // Now the pool finds the new server, and the connection that learns that it is another one does not.
  proxy.cut();
  await postgres.failOver(copy);
  await until(async () => (await ada.post(items, { text: 'anew' })).status === 201, 'a write', 20_000);
  // More events than this node has read of the other history; a stream that comes back makes it look.
  await ada.post(items, { text: 'anew' });
  const returning = await openStream(t, node.url, boardId, { ...ada, headers: { 'last-event-id': lost ?? '' } });
  await until(() => returning.frames.length > 0 || returning.ended, 'an answer');
  proxy.restore();
  await stream.next('reset');
  await until(() => returning.frames.length > 1 || returning.ended, 'a second frame');
  const events = stream.frames.map(({ event }) => event);
  t.equal(events.indexOf('reset'), 2, 'next after the lost one, on a stream that stayed');
  t.not(returning.frames[1]?.event, 'changed', 'on a stream that comes back');
});
