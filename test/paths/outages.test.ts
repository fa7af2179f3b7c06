// What breaks between the log and the streams, and how it heals: the listener's connection, and the database itself.

import t, { type Test } from 'tap';
import { Listener } from '../../src/events/listener.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const { sql } = database;

const insert = (boardId: string, text: string) =>
  sql('insert into items (board_id, text) values ($1, $2)', [boardId, text]);

/** Ends the backend of one of a node's dedicated connections, as a restart or an administrator does. */
async function terminate(name: 'listener' | 'notifier'): Promise<void> {
  const ended = await sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = $1`,
    [`teamboard ${name}`],
  );
  if (ended.length === 0) throw new Error(`no backend of a ${name}`);
}

/** A stream on a node whose listener and notifier go through a proxy that can break. */
async function openStreamBehindProxy(t: Test) {
  const proxy = await startFaultyProxy(t, database.url);
  const node = await startNode(t, database.url, { databaseDirectUrl: proxy.url });
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const stream = await openStream(t, node.url, boardId, ada);
  await stream.next('ready');
  return { proxy, node, boardId, stream };
}

/** Waits until the probe has noticed that the listener's connection is of no use, and another one is there. */
async function listenerIsBack(node: TestNode): Promise<void> {
  await until(
    () => node.logged.find(({ msg, connection }) => msg === 'connection lost' && connection === 'listener'),
    'the probe to notice',
  );
  await until(() => node.app.listener.isUp, 'the listener');
}

t.test('the listener registers in batches, hears what it registered, and nothing else', async (t) => {
  const heard: Array<[string, number | undefined]> = [];
  const epochs: string[] = [];
  const listener = new Listener({ connectionString: database.url, log: { info: () => {}, warn: () => {} } });
  listener.subscribe({
    onNotification: (boardId, head) => void heard.push([boardId, head]),
    onConnected: (epoch) => void epochs.push(epoch),
  });
  t.teardown(() => listener.stop());
  const boards = await sql<{ id: string }>('select uuid_v7() as id from generate_series(1, 2500)');
  const ids = boards.map(({ id }) => id);
  const early = ids.slice(0, 100);
  await Promise.all(early.map((id) => listener.listen(id)));
  await listener.start();
  await Promise.all(ids.map((id) => listener.listen(id)));
  t.strictSame(epochs, [listener.epoch]);
  t.match(listener.epoch, /^[0-9a-f]{8}$/);

  for (const id of [ids[0], ids[2499]]) await sql('select pg_notify($1, $2)', [`board_${id}`, '7']);
  await until(() => heard.length === 2, 'both notifications');
  t.strictSame(heard, [
    [ids[0], 7],
    [ids[2499], 7],
  ]);

  listener.unlisten(ids[0] ?? '');
  await listener.listen('01a203b6-1fa0-7192-875a-07443cb85f66');
  await sql('select pg_notify($1, $2)', [`board_${ids[0]}`, '8']);
  await sql('select pg_notify($1, $2)', [`board_${ids[1]}`, 'not a number']);
  await until(() => heard.length === 3, 'the board that is still heard');
  t.strictSame(heard[2], [ids[1], undefined]);
  await t.rejects(listener.listen('x"; drop table boards; --'), TypeError);
});

t.test('streams outlive the loss of the LISTEN backend and miss nothing (E1, E4)', async (t) => {
  const node = await startNode(t, database.url);
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const stream = await openStream(t, node.url, boardId, ada);
  await stream.next('ready');
  for (let round = 0; round < 3; round += 1) {
    await until(() => node.app.listener.isUp, 'the listener');
    await terminate('listener');
    await insert(boardId, `while it is away ${round}`);
    await ada.post(`/boards/${boardId}/items`, { text: `by REST ${round}` });
    await stream.next('changed', ({ data }) => data.seq === 4 + 2 * round);
  }
  t.strictSame(stream.seqs, [3, 4, 5, 6, 7, 8]);
  const lost = node.logged.filter(({ msg, connection }) => msg === 'connection lost' && connection === 'listener');
  t.equal(lost.length, 3, 'each loss is logged once');
});

t.test('a registration that is lost behind our back is noticed (E4)', async (t) => {
  const { proxy, node, boardId, stream } = await openStreamBehindProxy(t);
  // As behind a pooler in transaction mode, where the session is another one and nothing says so.
  proxy.inject('unlisten *', 'UNLISTEN');
  await listenerIsBack(node);
  await insert(boardId, 'heard');
  await stream.next('changed');
  t.strictSame(stream.seqs, [3]);
});

t.test('a half-open LISTEN connection is noticed, and what was missed is read (E1, E4)', async (t) => {
  const { proxy, node, boardId, stream } = await openStreamBehindProxy(t);
  proxy.swallow();
  await insert(boardId, 'unheard');
  await listenerIsBack(node);
  await insert(boardId, 'heard');
  await stream.next('changed', ({ data }) => data.seq === 4);
  t.strictSame(stream.seqs, [3, 4]);
});

t.test(
  'without its database a node keeps its streams, refuses writes at once, and catches up by itself (E8)',
  async (t) => {
    const proxy = await startFaultyProxy(t, database.url);
    const node = await startNode(t, proxy.url, { heartbeatSeconds: 1 });
    const ada = await Client.signUp(node);
    const boardId = await ada.createBoard();
    const stream = await openStream(t, node.url, boardId, ada);
    await stream.next('ready');

    proxy.cut();
    await insert(boardId, 'by another service');
    const refused = await ada.post(`/boards/${boardId}/items`, { text: 'x' });
    t.match(refused, { status: 503, body: { code: 'TB_UNAVAILABLE', status: 503 } });
    t.ok(Number(refused.headers.get('retry-after')) > 0);
    const late = await openStream(t, node.url, boardId, ada);
    await late.end();
    t.equal(late.status, 200, 'a 503 would end an EventSource for good');
    t.match(late.raw, /^retry:\d+\nevent:close\ndata:\{"reason":"busy","retry":true\}\n\n$/);
    t.match(await ada.get('/readyz'), { status: 200, body: { ready: true, postgres: 'down', listener: 'down' } });
    const beats = stream.frames.length;
    await until(() => stream.frames.length >= beats + 2, 'two more heartbeats');
    t.strictSame(stream.seqs, []);

    proxy.restore();
    await stream.next('changed', ({ data }) => data.seq === 3);
    await until(async () => (await ada.post(`/boards/${boardId}/items`, { text: 'y' })).status === 201, 'writes');
    await stream.next('changed', ({ data }) => data.seq === 4);
    t.strictSame(stream.seqs, [3, 4]);
    t.notOk(stream.closed);
  },
);

t.test('another history of the database resets every stream before its first event (E2)', async (t) => {
  const node = await startNode(t, database.url);
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const live = await openStream(t, node.url, boardId, ada);
  const withSnapshot = await openStream(t, node.url, boardId, { ...ada, query: '?snapshot=true' });
  await Promise.all([live.next('ready'), withSnapshot.next('snapshot')]);
  // As after a restore of a backup: the last event is lost, and its number is given out again.
  await insert(boardId, 'lost');
  await Promise.all([live.next('changed'), withSnapshot.next('changed')]);
  await sql(`do $$ begin
    set local session_replication_role = replica;
    delete from items where board_id = '${boardId}';
    delete from board_events where board_id = '${boardId}' and seq = 3;
    update board_log set head = 2 where board_id = '${boardId}';
    update log_epoch set value = gen_random_uuid();
  end $$`);
  await terminate('listener');
  const reset = await live.next('reset');
  await insert(boardId, 'anew');
  await live.next('changed', ({ data }) => data.object.text === 'anew');
  await withSnapshot.next('changed', ({ data }) => data.object.text === 'anew');
  t.equal(reset.data.reason, 'epoch');
  t.match(reset.data.cursor, /-2$/);
  t.strictSame(
    live.frames.map(({ event }) => event),
    ['ready', 'changed', 'reset', 'changed'],
  );
  t.strictSame(
    withSnapshot.frames.map(({ event }) => event),
    ['ready', 'snapshot', 'changed', 'snapshot', 'changed'],
  );
  t.not(live.frames[1]?.id, live.frames[3]?.id, 'the same seq of another history has another cursor');

  const returning = await openStream(t, node.url, boardId, {
    ...ada,
    headers: { 'last-event-id': live.frames[1]?.id ?? '' },
  });
  t.equal((await returning.next('reset')).data.reason, 'epoch');
});
