// A transaction holds the head of one board's log and does not end.

import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { checkTold, startWriters } from '../helpers/acknowledged-writes.ts';
import { openStream } from '../helpers/event-stream.ts';
import { lockHead } from '../helpers/lock-head.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';

/**
 * lock_timeout is 2 s. With others in the queue it is 2 s for a turn and twice 2 s for a lock: PostgreSQL counts the
 * place in its queue and the row.
 */
const REFUSED_MS = { alone: 3000, inQueue: 8000 };
const UNDELAYED_MS = 1000;

t.test('while one board is locked its writes are refused in time, and nothing else waits (E1, E5, E8)', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url);
  const locked = await openBoard(t, node);
  const other = await openBoard(t, node, locked.ada);
  const release = await lockHead(t, database, locked.boardId);
  const { ada } = locked;
  const items = `/boards/${locked.boardId}/items`;
  const delays: number[] = [];
  const undelayed = async (work: () => Promise<unknown>) => {
    const startedAt = performance.now();
    await work();
    delays.push(performance.now() - startedAt);
  };

  const startedAt = performance.now();
  const alone = await ada.post(items, { text: 'once' }, { 'idempotency-key': 'once' });
  const ms = Math.round(performance.now() - startedAt);
  t.match(alone, { status: 503, body: { code: 'TB_UNAVAILABLE' } });
  t.equal(alone.headers.get('retry-after'), '2');
  t.comment(`refused after ${ms} ms`);
  t.ok(ms < REFUSED_MS.alone);

  let isRefused = false;
  // Three times as many as the pool has connections.
  const queue = Array.from({ length: 30 }, (_, index) => ada.post(items, { text: `queue ${index}` }));
  const refused = Promise.all(queue).then((answers) => {
    isRefused = true;
    return answers.map(({ status, headers }) => `${status} ${headers.get('retry-after')}`);
  });
  for (let count = 1; !isRefused; count += 1) {
    const text = `${count}`;
    await undelayed(() => other.ada.post(`/boards/${other.boardId}/items`, { text }));
    await undelayed(() => other.stream.next('changed', ({ data }) => data.object.text === text));
    await undelayed(() => ada.get(`/boards/${locked.boardId}`));
    await undelayed(async () => {
      const late = await openStream(t, node.url, locked.boardId, ada);
      await late.next('ready');
      late.close();
    });
    await delay(50);
  }
  t.strictSame([...new Set(await refused)], ['503 2']);
  t.ok(performance.now() - startedAt - ms < REFUSED_MS.inQueue);
  t.comment(`${delays.length} others meanwhile, the slowest ${Math.round(Math.max(...delays))} ms`);
  t.ok(Math.max(...delays) < UNDELAYED_MS);
  t.strictSame(locked.stream.seqs, []);

  await release();
  const done = await ada.post(items, { text: 'once' }, { 'idempotency-key': 'once' });
  t.equal(done.status, 201);
  t.equal(done.headers.get('idempotent-replayed'), null, 'what was refused had not been done');
  const writes = startWriters(t, { urls: [node.url], boardId: locked.boardId, client: ada });
  await writes.more(5);
  await writes.stop();
  await checkTold(t, writes, locked.stream);
  t.equal(locked.stream.frames[1]?.data.mutationId, 'once');
  t.equal(locked.stream.seqs.length, 1 + writes.acknowledged.length, 'and nothing else that was refused');
});
