// SIGTERM, as every deploy sends it, while streams are open and writes are under way; and a second signal.

import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { startWriters } from '../helpers/acknowledged-writes.ts';
import { Client } from '../helpers/client.ts';
import { type EventStream, openStream } from '../helpers/event-stream.ts';
import { useDatabase } from '../helpers/node.ts';
import { startPair } from '../helpers/node-pair.ts';
import { spawnNode } from '../helpers/process.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { findFault, findFaults } from '../helpers/seqs.ts';
import { until } from '../helpers/until.ts';

const DRAIN_SECONDS = 3;
const STREAMS = 30;
/** After the end of the process its streams are out of the registry: long before its lease of 8 s would have run out. */
const HANDED_OVER_MS = 3000;

t.test(
  'SIGTERM drains under load: streams go over time, requests are finished, nothing is lost (E1, E2, E7, E9)',
  { skip: noPrivateRedis },
  async (t) => {
    const environment = { DRAIN_SECONDS: String(DRAIN_SECONDS) };
    const { nodes, database, ada, bob, boardId, head: start, heard, listed } = await startPair(t, { environment });
    const [goes, stays] = nodes;
    const streams: EventStream[] = [];
    for (let opened = 0; opened < STREAMS; opened += 1) streams.push(await openStream(t, goes.url, boardId, bob));
    const kept = await openStream(t, stays.url, boardId, ada);
    await Promise.all([...streams, kept].map((stream) => stream.next('ready')));
    await until(async () => (await listed()).length === STREAMS + 1, 'all in the registry');
    const writes = startWriters(t, { urls: [goes.url, stays.url], boardId, client: ada, pauseMs: 30 });
    await writes.more(20);

    // For a write that waits until the drain is over; the server itself waits 2 s for a lock.
    const other = await ada.createBoard();
    const locker = await database.pool.connect();
    let isLocked = true;
    const unlock = () => {
      // With the connection goes its transaction.
      if (isLocked) locker.release(true);
      isLocked = false;
    };
    t.teardown(unlock);
    await locker.query('begin');
    await locker.query('select from board_log where board_id = $1 for update', [other]);
    const closedAt = new Map<EventStream, number>();
    const watch = setInterval(() => {
      for (const stream of streams) if (stream.ended && !closedAt.has(stream)) closedAt.set(stream, performance.now());
    }, 10);
    t.teardown(() => clearInterval(watch));

    goes.kill('SIGTERM');
    const at = performance.now();
    await until(() => closedAt.size > 0, 'the drain to begin');
    t.match(
      await ada.get('/readyz'),
      { status: 503, body: { ready: false, draining: true } },
      'no more traffic, please',
    );
    const late = await openStream(t, goes.url, boardId, ada);
    await late.end();
    t.equal(late.status, 200);
    t.match(late.raw, /^retry:\d+\nevent:close\ndata:\{"reason":"busy","retry":true\}\n\n$/, 'go elsewhere');
    await until(() => closedAt.size > (3 * STREAMS) / 4, 'the last part of the drain');
    const waiting = ada.post(`/boards/${other}/items`, { text: 'x' });
    await until(() => closedAt.size === STREAMS, 'all to be closed');
    unlock();
    t.equal((await waiting).status, 201, 'a request under way is finished');
    t.strictSame(await goes.exit(), { code: 0, signal: null });
    const seconds = (performance.now() - at) / 1000;
    t.comment(`ended ${seconds.toFixed(1)} s after the signal`);
    t.ok(seconds < DRAIN_SECONDS + 3);
    const ids = [kept.frames[0]?.data.streamId];
    await until(async () => String(await listed()) === String(ids), 'the registry to know', HANDED_OVER_MS);
    t.comment(`out of the registry ${Math.round(performance.now() - at - seconds * 1000)} ms after the end`);

    const delays = [...closedAt.values()].map((time) => time - at).sort((a, b) => a - b);
    const quarter = (DRAIN_SECONDS * 1000) / 4;
    const inQuarters = [0, 1, 2, 3].map(
      (n) => delays.filter((ms) => Math.min(3, Math.floor(ms / quarter)) === n).length,
    );
    t.comment(`closed in each quarter of the drain: ${inQuarters}`);
    t.ok(Math.max(...inQuarters) < STREAMS / 2, 'spread over the drain');
    const order = [...closedAt.keys()].map((stream) => streams.indexOf(stream));
    t.notSame(
      order,
      order.toSorted((a, b) => a - b),
      'in no order',
    );
    const last = /retry:\d+\nevent:close\ndata:\{"reason":"shutdown","retry":true\}\n\n$/;
    t.ok(
      streams.every(({ raw }) => last.test(raw)),
      'each is told why',
    );
    const retries = streams.map(({ retries }) => retries.at(-1) ?? 0);
    t.ok(Math.min(...retries) >= 1000 && Math.max(...retries) <= 10_000);
    t.ok(new Set(retries).size > STREAMS / 2, 'each with a retry of its own');

    await writes.more(20);
    await writes.stop();
    const head = start + writes.acknowledged.length;
    t.strictSame(await findFaults([kept], { from: start + 1, to: head }), [], 'each event once, in order');
    t.strictSame(writes.missing(kept.frames), [], 'all that was acknowledged');
    const faults = await Promise.all(
      streams.map(async (stream) => {
        const cursor = stream.frames.findLast(({ id }) => id)?.id ?? '';
        const resumed = await openStream(t, stays.url, boardId, { ...bob, headers: { 'last-event-id': cursor } });
        await resumed.next('changed', ({ data }) => data.seq === head);
        return findFault([...stream.seqs, ...resumed.seqs], start + 1, head);
      }),
    );
    t.strictSame(faults.filter(Boolean), [], 'and each stream goes on at the other node where it was');
    await heard.marker();
    t.strictSame(heard.actions(boardId, bob.user.id), ['join', 'leave', 'join']);
  },
);

t.test('a node without a stream answers until its proxy knows that it goes (E9)', async (t) => {
  const { url } = await useDatabase(t);
  const start = async (seconds: number) => spawnNode(t, { DATABASE_URL: url, DRAIN_SECONDS: String(seconds) });
  const [unseen, seen] = await Promise.all([start(DRAIN_SECONDS), start(60)]);
  const ada = await Client.signUp(unseen);
  const boardId = await ada.createBoard();
  const began = performance.now();
  const ends = [unseen, seen].map(async (node) => {
    node.kill('SIGTERM');
    const { code } = await node.exit();
    return { code, seconds: (performance.now() - began) / 1000 };
  });
  await until(() => [unseen, seen].every(({ output }) => output.includes('stopping')), 'the signal to be heard');

  // As by a proxy that has asked /readyz a moment ago.
  let served = 0;
  while (performance.now() - began < (DRAIN_SECONDS * 1000) / 2) {
    for (const node of [unseen, seen]) {
      const stream = await openStream(t, node.url, boardId, ada);
      await stream.end();
      t.equal(stream.status, 200);
      t.match(stream.frames, [{ event: 'close', data: { reason: 'busy', retry: true } }]);
      const written = await ada.at(node).post(`/boards/${boardId}/items`, { text: 'x' });
      t.equal(written.status, 201);
      t.equal(written.headers.get('connection'), 'close', 'the next request finds another node');
    }
    if (served === 0) {
      t.match(await ada.at(seen).get('/readyz'), { status: 503, body: { ready: false, draining: true, streams: 0 } });
    }
    served += 1;
    await delay(250);
  }
  const [long, short] = await Promise.all(ends);
  t.match([long?.code, short?.code], [0, 0]);
  t.ok(Number(long?.seconds) >= DRAIN_SECONDS, `open for the whole of the drain: ${long?.seconds} s`);
  t.ok(Number(short?.seconds) > DRAIN_SECONDS / 2, `open while requests came: ${short?.seconds} s`);
  t.ok(Number(short?.seconds) < 10, 'and not much longer, once it was seen');
});

t.test('a second signal ends the process at once (E9)', async (t) => {
  const { url } = await useDatabase(t);
  const node = await spawnNode(t, { DATABASE_URL: url, DRAIN_SECONDS: '60' });
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  for (let count = 0; count < 2; count += 1) await (await openStream(t, node.url, boardId, ada)).next('ready');
  node.kill('SIGTERM');
  await until(() => node.output.includes('stopping'), 'the drain to begin');
  node.kill('SIGTERM');
  await node.exit();
  t.pass('long before its drain');
});
