// PostgreSQL ends without a word, under writes, and recovers from its log when it is started again.

import t from 'tap';
import { type AcknowledgedWrites, checkRefused, checkTold, startWriters } from '../helpers/acknowledged-writes.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { countLogged } from '../helpers/listener-loss.ts';
import { startNode } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { startPrivatePostgres } from '../helpers/private-postgres.ts';
import { until } from '../helpers/until.ts';

const refusedOf = ({ attempts }: AcknowledgedWrites) => attempts.filter(({ status }) => status !== 201);

t.test('a crash of PostgreSQL loses nothing acknowledged, and heals by itself (E1, E2, E8)', async (t) => {
  const postgres = await startPrivatePostgres(t);
  const node = await startNode(t, postgres.url);
  const { ada, boardId, stream, streams, besideId } = await openBoard(t, node);
  const starts = streams.map(
    ({ lastEventId = '' }, index) => [index === 0 ? undefined : [besideId], lastEventId] as const,
  );

  // Of this write nobody knows whether it was done, and then PostgreSQL crashes.
  const proxy = await startFaultyProxy(t, postgres.url);
  const cutOff = await startNode(t, proxy.url);
  const unsure = (at: typeof node) =>
    ada.at(at).post(`/boards/${boardId}/items`, { text: 'unsure' }, { 'idempotency-key': 'unsure' });
  const cut = proxy.cutAnswerTo('unsure');
  t.equal((await unsure(cutOff)).status, 503);
  await cut;

  const writes = startWriters(t, { urls: [node.url], boardId, client: ada, writers: 4 });
  for (let round = 1; round <= 2; round += 1) {
    await writes.more(20);
    const before = refusedOf(writes).length;
    await postgres.crash();
    await until(() => refusedOf(writes).length >= before + 10, 'writes to be refused');
    const startedAt = performance.now();
    await postgres.start();
    await writes.more(1);
    t.comment(`${Math.round(performance.now() - startedAt)} ms from the start to an acknowledged write`);
  }
  // As the kernel does when memory runs out. PostgreSQL then ends all its processes, and recovers without help.
  await writes.more(20);
  await until(() => node.app.listener.isUp, 'the listener');
  const lost = countLogged(node, 'connection lost', 'listener');
  const { rows } = await node.app.pool.query<{ pid: number }>('select pg_backend_pid() as pid');
  if (rows[0]) process.kill(rows[0].pid, 'SIGKILL');
  // Whether a write is refused as well is a matter of milliseconds.
  await until(() => countLogged(node, 'connection lost', 'listener') > lost, 'all connections to be ended');
  await writes.more(20);
  await writes.stop();
  const repeat = await unsure(node);
  t.equal(repeat.status, 201);
  t.equal(repeat.headers.get('idempotent-replayed'), 'true', 'a crash forgets no key');
  for (const each of streams) {
    await checkTold(t, writes, each);
    t.notOk(each.closed);
  }

  for (const [beside, lastEventId] of starts) {
    const returning = await openStream(t, node.url, boardId, {
      ...ada,
      headers: { 'last-event-id': lastEventId },
      beside,
    });
    await checkTold(t, writes, returning);
    t.strictSame(returning.seqs, stream.seqs);
  }

  checkRefused(t, [writes]);
});
