// kill -9 of one of two nodes, under load: its clients go on at the other, and the registry forgets it.

import t from 'tap';
import { startWriters } from '../helpers/acknowledged-writes.ts';
import { expectWithin, timed } from '../helpers/bounds.ts';
import { oneOfTwo, openStream } from '../helpers/event-stream.ts';
import { startPair } from '../helpers/node-pair.ts';
import { spawnNode } from '../helpers/process.ts';
import { startReader } from '../helpers/reader.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { findFaults } from '../helpers/seqs.ts';
import { timings } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

/** After the kill, what it held is out of the registry: its lease, and 2 s. */
const REAPED_MS = timings.leases.leaseMs + 2000;
/** After the `retry:` of its stream, a client is back. */
const BACK_MS = 2000;
const READERS = 20;

t.test(
  'the clients of a killed node are back after their retry and miss nothing; the registry forgets it (E1, E2, E7)',
  { skip: noPrivateRedis },
  (t) =>
    expectWithin(t, { backMs: BACK_MS, reapedMs: REAPED_MS }, async () => {
      const { nodes, ada, bob, boardId, head: start, heard, listed, reaped } = await startPair(t, { timings });
      const [one, two] = nodes;
      let isKilled = false;
      const beside = [await ada.createBoard()];
      const readers = Array.from({ length: READERS }, (_, index) =>
        startReader(t, {
          address: () => (isKilled ? one : two).url,
          boardId,
          client: ada,
          beside: oneOfTwo(index, beside),
        }),
      );
      const kept = await openStream(t, one.url, boardId, { ...ada, beside });
      // He does not come back.
      const lost = await openStream(t, two.url, boardId, { ...bob, beside: [] });
      await Promise.all([kept.next('ready'), lost.next('ready')]);
      await until(() => readers.every(({ isOpen }) => isOpen), 'all streams');
      await until(async () => (await listed()).length === READERS + 2, 'all of them in the registry');
      const writes = startWriters(t, { urls: [one.url, two.url], boardId, client: ada, pauseMs: 40 });
      await writes.more(20);

      isKilled = true;
      two.kill('SIGKILL');
      const killedAt = performance.now();
      const lostId = lost.frames[0]?.data.streamId;
      const reaping = timed(() => until(async () => !(await listed()).includes(lostId), 'the dead node to be reaped'));
      await until(() => readers.every(({ isOpen, connections }) => isOpen && connections.length > 1), 'all are back');
      const waits = readers.map(({ connections: [first, second] }) => ({
        retryMs: first?.retryMs ?? 0,
        backMs: (second?.readyAt ?? Infinity) - killedAt,
      }));
      const backMs = Math.max(...waits.map((wait) => wait.backMs - wait.retryMs));
      t.equal(
        readers.find(({ connections }) => connections.length > 2),
        undefined,
        'at the first attempt',
      );

      await writes.more(20);
      await writes.stop();
      const head = start + writes.acknowledged.length;
      // The writers repeat what had no answer: an event too many would show here as well.
      t.strictSame(
        await findFaults([kept, ...readers], { from: start + 1, to: head }),
        [],
        'each event once, in order',
      );
      t.strictSame(writes.missing(kept.frames), [], 'all that was acknowledged');

      const living = async () => {
        const streams = await listed();
        return streams.length === READERS + 1 && streams;
      };
      const reapedMs = await reaping;
      const left = await until(living, 'the registry to know the living');
      const ids = [kept, ...readers].map(
        ({ frames }) => frames.findLast(({ event }) => event === 'ready')?.data.streamId,
      );
      t.strictSame(left, ids.sort(), 'the living keep theirs');
      await until(() => reaped().length > 0, 'the line in the log');
      await heard.marker();
      // A stream of two boards is held on each of them.
      t.strictSame(reaped(), [READERS + 1 + READERS / 2], 'once');
      t.equal(heard.leaves(boardId, bob.user.id), 1, 'who does not come back has left, once');
      t.strictSame(heard.actions(boardId, ada.user.id), ['join'], 'who came back never left');
      return { backMs, reapedMs };
    }),
);

t.test(
  'who had as many streams as one user may is let in again at once, at the other node and at the same (E5)',
  { skip: noPrivateRedis },
  async (t) => {
    const limit = 3;
    const { nodes, ada, boardId, environment, listed } = await startPair(t, {
      environment: { STREAMS_PER_USER: String(limit) },
    });
    const [one, two] = nodes;
    const openAll = async (url: string) => {
      const streams = await Promise.all(
        Array.from({ length: limit }, (_, index) =>
          openStream(t, url, boardId, { ...ada, beside: oneOfTwo(index, []) }),
        ),
      );
      t.strictSame(
        streams.map(({ status }) => status),
        Array(limit).fill(200),
      );
      for (const beside of [undefined, []]) {
        t.equal((await openStream(t, url, boardId, { ...ada, beside })).status, 429, 'one more is too many');
      }
    };
    await openAll(two.url);
    await until(async () => (await listed()).length === limit, 'all of them in the registry');
    two.kill('SIGKILL');
    await two.exit();
    // The registry still holds the dead node's streams. Counted by it, these would be refused, and a 429 ends an
    // EventSource for good.
    await openAll(one.url);
    const again = await spawnNode(t, environment);
    await openAll(again.url);
  },
);
