// The session behind the LISTEN connection is another one, as a pooler in transaction mode gives it, and nothing says so.

import t from 'tap';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { listenerIsBack } from '../helpers/listener-loss.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';

const NOTICED_MS = 10_000;

t.test('a registration that is lost behind our back is noticed, and no event with it (E4)', async (t) => {
  const database = await useDatabase(t);
  const proxy = await startFaultyProxy(t, database.url);
  const node = await startNode(t, database.url, { databaseDirectUrl: proxy.url });
  const { boardId, stream } = await openBoard(t, node);
  const insert = (text: string) => database.sql('insert into items (board_id, text) values ($1, $2)', [boardId, text]);

  proxy.inject('unlisten *', 'UNLISTEN');
  await insert('unheard');
  const ms = await listenerIsBack(node);
  t.comment(`registered again after ${ms} ms`);
  t.ok(ms < NOTICED_MS);
  await stream.next('changed', ({ data }) => data.seq === 3);

  // Less than the sweep would need for two of them: these were heard.
  const startedAt = performance.now();
  for (const seq of [4, 5, 6]) {
    await insert('heard');
    await stream.next('changed', ({ data }) => data.seq === seq);
  }
  t.ok(performance.now() - startedAt < 3000);
  t.strictSame(stream.seqs, [3, 4, 5, 6]);
});
