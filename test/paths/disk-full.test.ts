// The disk of PostgreSQL is full: first it cannot make a table larger, then not write its log any more, and ends itself.

import pg from 'pg';
import t from 'tap';
import { type AcknowledgedWrites, checkRefused, checkTold, startWriters } from '../helpers/acknowledged-writes.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { startPrivatePostgres } from '../helpers/private-postgres.ts';
import { noSmallDisk, useSmallDisk } from '../helpers/small-disk.ts';
import { until } from '../helpers/until.ts';

const refusedOf = ({ attempts }: AcknowledgedWrites) => attempts.filter(({ status }) => status !== 201);

t.test('a full disk refuses writes and loses nothing acknowledged (E1, E2, E8)', { skip: noSmallDisk }, async (t) => {
  const disk = useSmallDisk(t, 150);
  const postgres = await startPrivatePostgres(t, { parent: disk.folder, settings: { max_wal_size: '64MB' } });
  const node = await startNode(t, postgres.url);
  const { ada, boardId, streams, besideId } = await openBoard(t, node);
  const starts = streams.map(
    ({ lastEventId = '' }, index) => [index === 0 ? undefined : [besideId], lastEventId] as const,
  );
  const writes = startWriters(t, { urls: [node.url], boardId, client: ada });
  const refuseTen = async () => {
    const before = refusedOf(writes).length;
    await until(() => refusedOf(writes).length >= before + 10, 'writes to be refused');
  };

  await writes.more(10);
  await disk.fill();
  await refuseTen();
  t.ok(node.logged.some(({ reason }) => /No space left on device/.test(String(reason))));
  t.equal((await ada.get(`/boards/${boardId}`)).status, 200, 'what needs no space goes on');
  const late = await openStream(t, node.url, boardId, ada);
  await late.next('ready');
  disk.free();
  await writes.more(10);

  await disk.fill();
  const other = new pg.Client({ connectionString: postgres.url });
  other.on('error', () => {});
  await other.connect();
  await t.rejects(async () => {
    for (;;) await other.query('select pg_logical_emit_message(false, $1, repeat($1, 1000000))', ['x']);
  });
  await other.end().catch(() => {});
  await refuseTen();
  disk.free();
  // It has ended itself, or is about to: nobody starts it again but its operator.
  await postgres.crash();
  await postgres.start();
  await writes.more(10);
  await writes.stop();

  for (const each of streams) await checkTold(t, writes, each);
  for (const [beside, lastEventId] of starts) {
    const returning = await openStream(t, node.url, boardId, {
      ...ada,
      headers: { 'last-event-id': lastEventId },
      beside,
    });
    await checkTold(t, writes, returning);
  }
  t.notOk([...streams, late].some(({ closed }) => closed));
  checkRefused(t, [writes]);
});
