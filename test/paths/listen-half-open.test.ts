// The LISTEN connection is half-open: both ends keep it, nothing comes through, and nobody is told.

import t from 'tap';
import { expectWithin } from '../helpers/bounds.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { listenerIsBack } from '../helpers/listener-loss.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { timings, withoutSweeps } from '../helpers/timings.ts';

/** A probe, an answer that does not come, and 3 s: 10 s with the timings of all nodes. */
const NOTICED_MS = timings.connections.probeMs + timings.connections.answerMs + 3000;

t.test('a half-open LISTEN connection is noticed, and what was missed is read (E1, E4)', (t) =>
  expectWithin(t, { noticedMs: NOTICED_MS }, async () => {
    const database = await useDatabase(t);
    const proxy = await startFaultyProxy(t, database.url);
    const node = await startNode(t, database.url, { databaseDirectUrl: proxy.url, timings: withoutSweeps(timings) });
    const { ada, boardId, streams } = await openBoard(t, node);
    const insert = (text: string) =>
      database.sql('insert into teamboard.items (board_id, text) values ($1, $2)', [boardId, text]);

    proxy.swallow();
    await insert('unheard');
    t.equal((await ada.post(`/boards/${boardId}/items`, { text: 'not announced' })).status, 201);
    const noticedMs = await listenerIsBack(node);
    for (const stream of streams) await stream.next('changed', ({ data }) => data.seq === 4);

    // No sweep comes: these were heard.
    for (const seq of [5, 6, 7]) {
      await insert('heard');
      for (const stream of streams) await stream.next('changed', ({ data }) => data.seq === seq);
    }
    for (const { seqs } of streams) t.strictSame(seqs, [3, 4, 5, 6, 7]);
    return { noticedMs };
  }),
);
