// The LISTEN connection is half-open: both ends keep it, nothing comes through, and nobody is told.

import t from 'tap';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { listenerIsBack } from '../helpers/listener-loss.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';

const NOTICED_MS = 10_000;

t.test('a half-open LISTEN connection is noticed, and what was missed is read (E1, E4)', async (t) => {
  const database = await useDatabase(t);
  const proxy = await startFaultyProxy(t, database.url);
  const node = await startNode(t, database.url, { databaseDirectUrl: proxy.url });
  const { ada, boardId, stream } = await openBoard(t, node);
  const insert = (text: string) => database.sql('insert into items (board_id, text) values ($1, $2)', [boardId, text]);

  proxy.swallow();
  await insert('unheard');
  t.equal((await ada.post(`/boards/${boardId}/items`, { text: 'not announced' })).status, 201);
  const ms = await listenerIsBack(node);
  t.comment(`another connection after ${ms} ms`);
  t.ok(ms < NOTICED_MS);
  await stream.next('changed', ({ data }) => data.seq === 4);

  // Less than the sweep would need for two of them: these were heard.
  const startedAt = performance.now();
  for (const seq of [5, 6, 7]) {
    await insert('heard');
    await stream.next('changed', ({ data }) => data.seq === seq);
  }
  t.ok(performance.now() - startedAt < 3000);
  t.strictSame(stream.seqs, [3, 4, 5, 6, 7]);
});
