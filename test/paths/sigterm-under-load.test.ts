// SIGTERM, as every deploy sends it, while streams are open and writes are under way; and a second signal.

import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { startWriters } from '../helpers/acknowledged-writes.ts';
import { expectWithin, SECOND_MS } from '../helpers/bounds.ts';
import { Client } from '../helpers/client.ts';
import { type EventStream, oneOfTwo, openStream } from '../helpers/event-stream.ts';
import { useDatabase } from '../helpers/node.ts';
import { startPair } from '../helpers/node-pair.ts';
import { spawnNode } from '../helpers/process.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { findFault, findFaults } from '../helpers/seqs.ts';
import { until } from '../helpers/until.ts';

const DRAIN_SECONDS = 3;
const STREAMS = 30;
/** Without a request for so long, a node whose unreadiness was seen goes, however much is left of its drain. */
const QUIET_MS = 2000;
/** After the end of the process its streams are out of the registry: long before its lease of 8 s would have run out. */
const HANDED_OVER_MS = 3000;

// One beside the other: most of each is waiting.
t.jobs = 3;

t.test(
  'SIGTERM drains under load: streams go over time, requests are finished, nothing is lost (E1, E2, E7, E9)',
  { skip: noPrivateRedis },
  (t) => {
    const bounds = {
      endedMs: DRAIN_SECONDS * 1000 + SECOND_MS,
      handedOverMs: HANDED_OVER_MS,
      // How evenly, streams/open-streams.test.ts says: here a machine that stands still heaps them.
      heapedMs: 0.7 * DRAIN_SECONDS * 1000,
    };
    return expectWithin(t, bounds, async () => {
      const environment = { DRAIN_SECONDS: String(DRAIN_SECONDS) };
      const { nodes, database, ada, bob, boardId, head: start, heard, listed } = await startPair(t, { environment });
      const [goes, stays] = nodes;
      const streams: EventStream[] = [];
      const beside = [await bob.createBoard()];
      for (let opened = 0; opened < STREAMS; opened += 1) {
        streams.push(await openStream(t, goes.url, boardId, { ...bob, beside: oneOfTwo(opened, beside) }));
      }
      const kept = await openStream(t, stays.url, boardId, { ...ada, beside: [] });
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
      await locker.query('select from teamboard.board_log where board_id = $1 for update', [other]);
      const closedAt = new Map<EventStream, number>();
      const watch = setInterval(() => {
        for (const stream of streams)
          if (stream.ended && !closedAt.has(stream)) closedAt.set(stream, performance.now());
      }, 10);
      t.teardown(() => clearInterval(watch));

      goes.kill('SIGTERM');
      const at = performance.now();
      await until(() => closedAt.size > 0, 'the drain to begin');
      const askWhileDraining = async () => {
        t.match(
          await ada.get('/readyz'),
          { status: 503, body: { ready: false, draining: true } },
          'no more traffic, please',
        );
        for (const more of [undefined, []]) {
          const late = await openStream(t, goes.url, boardId, { ...ada, beside: more });
          await late.end();
          t.equal(late.status, 200);
          t.match(late.raw, /^retry:\d+\nevent:close\ndata:\{"reason":"busy","retry":true\}\n\n$/, 'go elsewhere');
        }
        await until(() => closedAt.size > (3 * STREAMS) / 4, 'the last part of the drain');
        askedAt = performance.now();
        const waiting = ada.post(`/boards/${other}/items`, { text: 'x' });
        await until(() => closedAt.size === STREAMS, 'all to be closed');
        unlock();
        t.equal((await waiting).status, 201, 'a request under way is finished');
      };
      let askedAt = Infinity;
      const isInTime = await askWhileDraining().then(
        () => true,
        (error) => {
          // Who asks when the drain is over finds nobody.
          if (Math.min(askedAt, performance.now()) - at < 0.9 * DRAIN_SECONDS * 1000) throw error;
          return false;
        },
      );
      if (!isInTime) return { endedMs: Infinity, handedOverMs: Infinity, heapedMs: Infinity };
      t.strictSame(await goes.exit(), { code: 0, signal: null });
      const endedMs = performance.now() - at;
      const ids = [kept.frames[0]?.data.streamId];
      await until(async () => String(await listed()) === String(ids), 'the registry to know');
      const handedOverMs = performance.now() - at - endedMs;

      const delays = [...closedAt.values()].map((time) => time - at).sort((a, b) => a - b);
      t.comment(`closed after ${delays.map(Math.round)} ms`);
      const [first = 0, last = 0] = [delays[0], delays.at(-1)];
      t.ok(last > 0.9 * DRAIN_SECONDS * 1000, 'until the end of the drain');
      const heapedMs = DRAIN_SECONDS * 1000 - (last - first);
      const order = [...closedAt.keys()].map((stream) => streams.indexOf(stream));
      if (heapedMs < bounds.heapedMs) {
        t.notSame(
          order,
          order.toSorted((a, b) => a - b),
          'in no order',
        );
      }
      const goodbye = /retry:\d+\nevent:close\ndata:\{"reason":"shutdown","retry":true\}\n\n$/;
      t.ok(
        streams.every(({ raw }) => goodbye.test(raw)),
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
        streams.map(async (stream, index) => {
          const headers = { 'last-event-id': stream.lastEventId ?? '' };
          const resumed = await openStream(t, stays.url, boardId, { ...bob, headers, beside: oneOfTwo(index, beside) });
          await resumed.next('changed', ({ data }) => data.seq === head);
          return findFault([...stream.seqs, ...resumed.seqs], start + 1, head);
        }),
      );
      t.strictSame(faults.filter(Boolean), [], 'and each stream goes on at the other node where it was');
      await heard.marker();
      t.strictSame(heard.actions(boardId, bob.user.id), ['join', 'leave', 'join']);
      return { endedMs, handedOverMs, heapedMs };
    });
  },
);

t.test('a node without a stream answers until its proxy knows that it goes (E9)', (t) =>
  expectWithin(t, { longMs: DRAIN_SECONDS * 1000 + SECOND_MS, quietMs: QUIET_MS + SECOND_MS }, async () => {
    const { url } = await useDatabase(t);
    const start = async (seconds: number) => spawnNode(t, { DATABASE_URL: url, DRAIN_SECONDS: String(seconds) });
    const [unseen, seen] = await Promise.all([start(DRAIN_SECONDS), start(60)]);
    const ada = await Client.signUp(unseen);
    const boardId = await ada.createBoard();
    const began = performance.now();
    const ends = [unseen, seen].map(async (node) => {
      node.kill('SIGTERM');
      const { code } = await node.exit();
      return { code, endedAt: performance.now() };
    });
    await until(() => [unseen, seen].every(({ output }) => output.includes('stopping')), 'the signal to be heard');

    // As by a proxy that has asked /readyz a moment ago.
    let served = 0;
    let [askedAt, servedAt] = [0, 0];
    const ask = async () => {
      for (const node of [unseen, seen]) {
        const stream = await openStream(t, node.url, boardId, { ...ada, beside: oneOfTwo(served, []) });
        await stream.end();
        t.equal(stream.status, 200);
        t.match(stream.frames, [{ event: 'close', data: { reason: 'busy', retry: true } }]);
        askedAt = performance.now();
        const written = await ada.at(node).post(`/boards/${boardId}/items`, { text: 'x' });
        t.equal(written.status, 201);
        t.equal(written.headers.get('connection'), 'close', 'the next request finds another node');
      }
      if (served === 0) {
        t.match(await ada.at(seen).get('/readyz'), { status: 503, body: { ready: false, draining: true, streams: 0 } });
      }
    };
    let stoodStill = false;
    while (!stoodStill && performance.now() - began < (DRAIN_SECONDS * 1000) / 2) {
      const from = Math.max(servedAt, began);
      await ask().catch((error) => {
        // Who does not ask for so long may find nobody.
        if (performance.now() - from < SECOND_MS) throw error;
        stoodStill = true;
      });
      served += 1;
      servedAt = performance.now();
      // Its requests come so often: nothing is waited for.
      await delay(250);
    }
    const [long, short] = await Promise.all(ends);
    t.match([long?.code, short?.code], [0, 0]);
    if (stoodStill) return { longMs: Infinity, quietMs: Infinity };
    const longMs = (long?.endedAt ?? 0) - began;
    t.ok(longMs >= DRAIN_SECONDS * 1000, `open for the whole of the drain: ${longMs} ms`);
    const quietMs = (short?.endedAt ?? 0) - servedAt;
    const heldMs = (short?.endedAt ?? 0) - askedAt;
    t.ok(heldMs >= QUIET_MS, `open while requests came: ${heldMs} ms after the last one`);
    return { longMs, quietMs };
  }),
);

t.test('a second signal ends the process at once (E9)', async (t) => {
  const { url } = await useDatabase(t);
  const node = await spawnNode(t, { DATABASE_URL: url, DRAIN_SECONDS: '60' });
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  for (const beside of [undefined, []]) {
    await (await openStream(t, node.url, boardId, { ...ada, beside })).next('ready');
  }
  node.kill('SIGTERM');
  await until(() => node.output.includes('stopping'), 'the drain to begin');
  node.kill('SIGTERM');
  await node.exit();
  t.pass('long before its drain');
});
