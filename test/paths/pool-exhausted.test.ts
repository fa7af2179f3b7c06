// All connections of a node's pool are stuck: several boards are locked, and writers wait for each of them.

import t from 'tap';
import { checkRefused, checkTold, startWriters } from '../helpers/acknowledged-writes.ts';
import { expectWithin, SECOND_MS } from '../helpers/bounds.ts';
import { type EventStream, openStream } from '../helpers/event-stream.ts';
import { lockHead } from '../helpers/lock-head.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { withoutSweeps } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

/** More than the pool has connections, at four writes of one board at a time. */
const LOCKED_BOARDS = 4;
/** Of a request: 2 s for each of the two connections that it asks for one after the other, and a second. */
const ANSWERED_MS = 5000;
/**
 * On a locked board also 2 s for a turn, and twice 2 s for a lock: PostgreSQL counts lock_timeout for each lock that a
 * statement waits for, and a row that others wait for as well has two, the place in the queue and the row.
 */
const ANSWERED_LOCKED_MS = 11_000;
/** One for each round in which one is taken back: none can be made while the pool is stuck. */
const TOKENS = 3;

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const startedAt = performance.now();
  return { value: await work(), ms: Math.round(performance.now() - startedAt) };
}

t.test('a pool that is stuck refuses in time; health, streams and ends of access go on (E1, E5, E6, E8)', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url, { timings: withoutSweeps() });
  const other = await openBoard(t, node);
  const { ada } = other;
  const byToken: Array<{ id: string; stream: EventStream }> = [];
  while (byToken.length < TOKENS) {
    const { token, secret } = (await ada.post('/tokens', { name: 'ci' })).body;
    const headers = { authorization: `Bearer ${secret}` };
    byToken.push({ id: token.id, stream: await openStream(t, node.url, other.boardId, { cookie: '', headers }) });
  }
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

  // The boards are locked until long after the answers: each of them has come in spite of it, or by a time limit.
  const deliver = async (text: string) => {
    await database.sql('insert into teamboard.items (board_id, text) values ($1, $2)', [other.boardId, text]);
    for (const stream of other.streams) await stream.next('changed', ({ data }) => data.object.text === text);
  };
  let round = 0;
  const bounds = {
    eventMs: SECOND_MS,
    liveMs: SECOND_MS,
    readyMs: 1500,
    writeMs: ANSWERED_MS,
    openingMs: ANSWERED_MS,
  };
  await expectWithin(t, bounds, async () => {
    round += 1;
    const text = `${round}`;
    const [delivery, live, ready, write, opened] = await Promise.all([
      timed(() => deliver(text)),
      timed(() => ada.get('/livez')),
      timed(() => ada.get('/readyz')),
      timed(() => ada.post(`/boards/${other.boardId}/items`, { text: `${text} by REST` })),
      timed(() =>
        openStream(t, node.url, other.boardId, { ...ada, beside: round % 2 === 0 ? [other.besideId] : undefined }),
      ),
    ]);
    t.equal(live.value.status, 200);
    t.match(ready.value, { status: 200, body: { ready: true, listener: 'up' } });
    if (write.value.status !== 201) {
      t.equal(write.value.status, 503);
      t.equal(write.value.headers.get('retry-after'), '2');
    }
    t.equal(opened.value.status, 200, 'a stream is opened, or told to come back');
    opened.value.close();
    return {
      eventMs: delivery.ms,
      liveMs: live.ms,
      readyMs: ready.ms,
      writeMs: write.ms,
      openingMs: opened.ms,
    };
  });

  await expectWithin(t, { closedMs: SECOND_MS }, async () => {
    const next = byToken.pop();
    if (!next) throw new Error('no token is left');
    const { id, stream } = next;
    const { ms: closedMs } = await timed(async () => {
      await database.sql('delete from teamboard.tokens where id = $1', [id]);
      await stream.end();
    });
    t.match(stream.frames.at(-1), { event: 'close', data: { reason: 'revoked' } });
    return { closedMs };
  });

  for (const { streams, release } of locked) {
    for (const { seqs } of streams) t.strictSame(seqs, []);
    await release();
  }
  for (const [index, { streams }] of locked.entries()) {
    const own = writes[index];
    if (!own) continue;
    await own.more(1);
    await own.stop();
    for (const stream of streams) await checkTold(t, own, stream);
  }
  checkRefused(t, writes, ANSWERED_LOCKED_MS);
  t.equal((await ada.post(`/boards/${other.boardId}/items`, { text: 'healed' })).status, 201);
});
