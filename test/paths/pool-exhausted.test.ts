// All connections of a node's pool are stuck: several boards are locked, and writers wait for each of them.

import t from 'tap';
import { checkTold, startWriters } from '../helpers/acknowledged-writes.ts';
import { openStream } from '../helpers/event-stream.ts';
import { lockHead } from '../helpers/lock-head.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { until } from '../helpers/until.ts';

/** More than the pool has connections, at four writes of one board at a time. */
const LOCKED_BOARDS = 4;
/** 2 s for each of the two connections that a request asks for one after the other, and a second for this machine. */
const ANSWERED_MS = 5000;
/**
 * On a locked board also 2 s for a turn, and twice 2 s for a lock: PostgreSQL counts lock_timeout for each lock that a
 * statement waits for, and a row that others wait for as well has two, the place in the queue and the row.
 */
const ANSWERED_LOCKED_MS = 11_000;

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const startedAt = performance.now();
  return { value: await work(), ms: Math.round(performance.now() - startedAt) };
}

t.test('a pool that is stuck refuses in time; health, streams and ends of access go on (E1, E5, E6, E8)', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url);
  const other = await openBoard(t, node);
  const { ada } = other;
  const { secret } = (await ada.post('/tokens', { name: 'ci' })).body;
  const byToken = await openStream(t, node.url, other.boardId, {
    cookie: '',
    headers: { authorization: `Bearer ${secret}` },
  });
  const locked = [];
  for (let count = 0; count < LOCKED_BOARDS; count += 1) {
    const board = await openBoard(t, node, ada);
    const release = await lockHead(t, database, board.boardId);
    locked.push({ ...board, release });
  }
  const writes = locked.map(({ boardId }) =>
    startWriters(t, { urls: [node.url], boardId, client: ada, writers: 12, pauseMs: 50 }),
  );
  await until(() => node.app.pool.waitingCount > 0, 'the pool to have none left');

  const deliver = async (text: string) => {
    await database.sql('insert into items (board_id, text) values ($1, $2)', [other.boardId, text]);
    await other.stream.next('changed', ({ data }) => data.object.text === text);
  };
  for (const text of ['one', 'two']) {
    const [delivery, live, ready, write, opened] = await Promise.all([
      timed(() => deliver(text)),
      timed(() => ada.get('/livez')),
      timed(() => ada.get('/readyz')),
      timed(() => ada.post(`/boards/${other.boardId}/items`, { text: `${text} by REST` })),
      timed(() => openStream(t, node.url, other.boardId, ada)),
    ]);
    t.comment(`event ${delivery.ms} ms, readyz ${ready.ms} ms, write ${write.value.status} ${write.ms} ms`);
    t.ok(delivery.ms < 1000, 'the events of another board do not wait for the pool');
    t.equal(live.value.status, 200);
    t.ok(live.ms < 500, `livez: ${live.ms} ms`);
    t.match(ready.value, { status: 200, body: { ready: true, listener: 'up' } });
    t.ok(ready.ms < 1500, `readyz: ${ready.ms} ms`);
    t.ok(write.ms < ANSWERED_MS, `a write to another board: ${write.ms} ms`);
    if (write.value.status !== 201) {
      t.equal(write.value.status, 503);
      t.equal(write.value.headers.get('retry-after'), '2');
    }
    t.equal(opened.value.status, 200, 'a stream is opened, or told to come back');
    t.ok(opened.ms < ANSWERED_MS, `a new stream: ${opened.ms} ms`);
    opened.value.close();
  }

  const ended = await timed(async () => {
    await database.sql('delete from tokens where user_id = $1', [ada.user.id]);
    await byToken.end();
  });
  t.match(byToken.frames.at(-1), { event: 'close', data: { reason: 'revoked' } });
  t.ok(ended.ms < 1000, `access that ends: ${ended.ms} ms`);

  for (const { stream, release } of locked) {
    t.strictSame(stream.seqs, []);
    await release();
  }
  for (const [index, { stream }] of locked.entries()) {
    const own = writes[index];
    if (!own) continue;
    await own.more(1);
    await own.stop();
    await checkTold(t, own, stream);
  }
  const attempts = writes.flatMap((own) => own.attempts);
  const refused = attempts.filter(({ status }) => status !== 201);
  t.ok(refused.length > 0, 'writers were refused');
  t.strictSame([...new Set(refused.map(({ status, retryAfter }) => `${status} ${retryAfter}`))], ['503 2']);
  const slowest = Math.round(Math.max(...attempts.map(({ ms }) => ms)));
  t.comment(`${refused.length} writes refused, the slowest answer after ${slowest} ms`);
  t.ok(slowest < ANSWERED_LOCKED_MS);
  t.equal((await ada.post(`/boards/${other.boardId}/items`, { text: 'healed' })).status, 201);
});
