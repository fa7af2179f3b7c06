// The session behind the LISTEN connection is another one, as a pooler in transaction mode gives it, and nothing says so.

import t from 'tap';
import { expectWithin } from '../helpers/bounds.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { listenerIsBack } from '../helpers/listener-loss.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { timings, withoutSweeps } from '../helpers/timings.ts';

/** A probe, an answer that does not come, and 3 s: 10 s with the timings of all nodes. */
const NOTICED_MS = timings.connections.probeMs + timings.connections.answerMs + 3000;

t.test('a registration that is lost behind our back is noticed, and no event with it (E4)', (t) =>
  expectWithin(t, { noticedMs: NOTICED_MS }, async () => {
    const database = await useDatabase(t);
    const proxy = await startFaultyProxy(t, database.url);
    const node = await startNode(t, database.url, { databaseDirectUrl: proxy.url, timings: withoutSweeps(timings) });
    const { boardId, streams } = await openBoard(t, node);
    const insert = (text: string) =>
      database.sql('insert into teamboard.items (board_id, text) values ($1, $2)', [boardId, text]);

    proxy.inject('unlisten *', 'UNLISTEN');
    await insert('unheard');
    const noticedMs = await listenerIsBack(node);
    for (const stream of streams) await stream.next('changed', ({ data }) => data.seq === 3);

    // No sweep comes: these were heard.
    for (const seq of [4, 5, 6]) {
      await insert('heard');
      for (const stream of streams) await stream.next('changed', ({ data }) => data.seq === seq);
    }
    for (const { seqs } of streams) t.strictSame(seqs, [3, 4, 5, 6]);
    return { noticedMs };
  }),
);
