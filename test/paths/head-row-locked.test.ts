// A transaction holds the head of one board's log and does not end.

import t from 'tap';
import { checkTold, startWriters } from '../helpers/acknowledged-writes.ts';
import { expectWithin, SECOND_MS, timed } from '../helpers/bounds.ts';
import { openStream } from '../helpers/event-stream.ts';
import { lockHead } from '../helpers/lock-head.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';

/** lock_timeout. */
const LOCK_MS = 2000;
/** 2 s for a turn, and twice 2 s for a lock: PostgreSQL counts the place in its queue and the row. And 2 s. */
const IN_QUEUE_MS = 8000;
/** How often the others are served before, and while the queue waits. */
const ROUNDS = 12;

t.test('while one board is locked its writes are refused in time, and nothing else waits (E1, E5, E8)', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url);
  const locked = await openBoard(t, node);
  const other = await openBoard(t, node, locked.ada);
  const { ada } = locked;
  const items = `/boards/${locked.boardId}/items`;
  let count = 0;
  /** What does not need the head of that board. @returns the ms that each of it took */
  const serveOthers = async () => {
    count += 1;
    const text = `${count}`;
    const writeMs = await timed(async () =>
      t.equal((await other.ada.post(`/boards/${other.boardId}/items`, { text })).status, 201),
    );
    const eventMs = await timed(() =>
      Promise.all(other.streams.map((stream) => stream.next('changed', ({ data }) => data.object.text === text))),
    );
    const readMs = await timed(async () => t.equal((await ada.get(`/boards/${locked.boardId}`)).status, 200));
    const beside = count % 2 === 0 ? [other.boardId] : undefined;
    const openingMs = await timed(async () => {
      const late = await openStream(t, node.url, locked.boardId, { ...ada, beside });
      await late.next('ready');
      late.close();
    });
    return { writeMs, eventMs, readMs, openingMs };
  };
  const sum = (times: object) => Object.values(times).reduce((total, ms) => total + ms, 0);
  const before: number[] = [];
  while (before.length < ROUNDS) before.push(sum(await serveOthers()));

  const release = await lockHead(t, database, locked.boardId);
  // The lock is held until long after the answers: each of them has come by a time limit.
  await expectWithin(t, { aloneMs: LOCK_MS + SECOND_MS }, async () => {
    const askedAt = performance.now();
    const alone = await ada.post(items, { text: 'once' }, { 'idempotency-key': 'once' });
    const aloneMs = performance.now() - askedAt;
    t.match(alone, { status: 503, body: { code: 'TB_UNAVAILABLE' } });
    t.equal(alone.headers.get('retry-after'), '2');
    t.ok(aloneMs > LOCK_MS - 100, `it has waited for its turn: ${aloneMs} ms`);
    return { aloneMs };
  });

  const beside: number[] = [];
  const bounds = {
    inQueueMs: IN_QUEUE_MS,
    writeMs: SECOND_MS,
    eventMs: SECOND_MS,
    readMs: SECOND_MS,
    openingMs: SECOND_MS,
  };
  await expectWithin(t, bounds, async () => {
    // Three times as many as the pool has connections.
    let isRefused = false;
    const queue = Array.from({ length: 30 }, (_, index) => ada.post(items, { text: `queue ${index}` }));
    const refused = timed(async () => {
      const answers = (await Promise.all(queue)).map(
        ({ status, headers }) => `${status} ${headers.get('retry-after')}`,
      );
      isRefused = true;
      t.strictSame([...new Set(answers)], ['503 2']);
    });
    const times: Array<Awaited<ReturnType<typeof serveOthers>>> = [];
    while (!isRefused) times.push(await serveOthers());
    beside.push(...times.map(sum));
    const usual = (name: keyof (typeof times)[number]) => median(times.map((each) => each[name]));
    return {
      inQueueMs: await refused,
      writeMs: usual('writeMs'),
      eventMs: usual('eventMs'),
      readMs: usual('readMs'),
      openingMs: usual('openingMs'),
    };
  });
  const [usual, meanwhile] = [median(before), median(beside)];
  t.comment(`others took ${Math.round(usual)} ms, and ${Math.round(meanwhile)} ms meanwhile (medians)`);
  // Who waited for the lock, or for those that wait for it, would wait for 2 s.
  t.ok(meanwhile < 4 * usual + 1000, 'nobody else waits');
  for (const { seqs } of locked.streams) t.strictSame(seqs, []);

  await release();
  const done = await ada.post(items, { text: 'once' }, { 'idempotency-key': 'once' });
  t.equal(done.status, 201);
  t.equal(done.headers.get('idempotent-replayed'), null, 'what was refused had not been done');
  const writes = startWriters(t, { urls: [node.url], boardId: locked.boardId, client: ada });
  await writes.more(5);
  await writes.stop();
  for (const stream of locked.streams) {
    await checkTold(t, writes, stream);
    t.equal(stream.frames[1]?.data.mutationId, 'once');
    t.equal(stream.seqs.length, 1 + writes.acknowledged.length, 'and nothing else that was refused');
  }
});

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}
