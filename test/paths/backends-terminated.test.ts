// All connections of a node are ended at once, under writes, as a proxy or an administrator in front of PostgreSQL does.

import t from 'tap';
import { checkRefused, checkTold, startWriters } from '../helpers/acknowledged-writes.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';

t.test('a node whose connections all end at once lives on and loses nothing (E1, E2, E8)', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url);
  const { ada, boardId, streams } = await openBoard(t, node);
  const writes = startWriters(t, { urls: [node.url], boardId, client: ada, writers: 8, pauseMs: 0 });
  let ended = 0;
  for (let round = 1; round <= 5; round += 1) {
    await writes.more(40);
    const backends = await database.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name like 'teamboard%'`,
    );
    ended += backends.length;
  }
  await writes.more(40);
  await writes.stop();
  for (const stream of streams) {
    await checkTold(t, writes, stream);
    t.notOk(stream.closed);
  }
  t.ok(ended >= 5 * 3, `${ended} backends ended`);
  checkRefused(t, [writes]);
  t.match(await ada.get('/readyz'), { status: 200, body: { postgres: 'up' } });
});
