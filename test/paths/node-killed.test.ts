// kill -9 of one of two nodes, under load: its clients go on at the other, and the registry forgets it.

import t from 'tap';
import { startWriters } from '../helpers/acknowledged-writes.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startPair } from '../helpers/node-pair.ts';
import { spawnNode } from '../helpers/process.ts';
import { startReader } from '../helpers/reader.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { findFaults } from '../helpers/seqs.ts';
import { until } from '../helpers/until.ts';

/** After the kill, what it held is out of the registry: its lease of 8 s, the look for dead leases, and a busy machine. */
const REAPED_MS = 10_000;
/** After the `retry:` of its stream, a client is back. */
const BACK_MS = 2000;
const READERS = 20;

t.test(
  'the clients of a killed node are back after their retry and miss nothing; the registry forgets it (E1, E2, E7)',
  { skip: noPrivateRedis },
  async (t) => {
    const { nodes, ada, bob, boardId, head: start, heard, listed, reaped } = await startPair(t);
    const [one, two] = nodes;
    let isKilled = false;
    const readers = Array.from({ length: READERS }, () =>
      startReader(t, { address: () => (isKilled ? one : two).url, boardId, client: ada }),
    );
    const kept = await openStream(t, one.url, boardId, ada);
    // He does not come back.
    const lost = await openStream(t, two.url, boardId, bob);
    await Promise.all([kept.next('ready'), lost.next('ready')]);
    await until(() => readers.every(({ isOpen }) => isOpen), 'all streams');
    await until(async () => (await listed()).length === READERS + 2, 'all of them in the registry');
    const writes = startWriters(t, { urls: [one.url, two.url], boardId, client: ada, pauseMs: 40 });
    await writes.more(20);

    isKilled = true;
    two.kill('SIGKILL');
    const killedAt = performance.now();
    await until(() => readers.every(({ isOpen, connections }) => isOpen && connections.length > 1), 'all are back');
    const waits = readers.map(({ connections: [first, second] }) => ({
      retryMs: first?.retryMs ?? 0,
      backMs: (second?.readyAt ?? Infinity) - killedAt,
    }));
    const latest = Math.max(...waits.map(({ retryMs, backMs }) => backMs - retryMs));
    t.comment(`back at most ${Math.round(latest)} ms after their retry`);
    t.ok(latest < BACK_MS);
    t.equal(
      readers.find(({ connections }) => connections.length > 2),
      undefined,
      'at the first attempt',
    );

    await writes.more(20);
    await writes.stop();
    const head = start + writes.acknowledged.length;
    // The writers repeat what had no answer: an event too many would show here as well.
    t.strictSame(await findFaults([kept, ...readers], { from: start + 1, to: head }), [], 'each event once, in order');
    t.strictSame(writes.missing(kept.frames), [], 'all that was acknowledged');

    const living = async () => {
      const streams = await listed();
      return streams.length === READERS + 1 && streams;
    };
    const left = await until(living, 'the dead node to be reaped', REAPED_MS - (performance.now() - killedAt));
    t.comment(`reaped ${((performance.now() - killedAt) / 1000).toFixed(1)} s after the kill`);
    const ids = [kept, ...readers].map(
      ({ frames }) => frames.findLast(({ event }) => event === 'ready')?.data.streamId,
    );
    t.strictSame(left, ids.sort(), 'the living keep theirs');
    await until(() => reaped().length > 0, 'the line in the log');
    await heard.marker();
    t.strictSame(reaped(), [READERS + 1], 'once');
    t.equal(heard.leaves(boardId, bob.user.id), 1, 'who does not come back has left, once');
    t.strictSame(heard.actions(boardId, ada.user.id), ['join'], 'who came back never left');
  },
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
      const streams = await Promise.all(Array.from({ length: limit }, () => openStream(t, url, boardId, ada)));
      t.strictSame(
        streams.map(({ status }) => status),
        Array(limit).fill(200),
      );
      t.equal((await openStream(t, url, boardId, ada)).status, 429, 'one more is too many');
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
