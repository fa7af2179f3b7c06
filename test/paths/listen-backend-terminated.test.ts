// The backend of the LISTEN connection ends, as a restart or an administrator ends it.

import t from 'tap';
import { checkTold, startWriters } from '../helpers/acknowledged-writes.ts';
import { SECOND_MS } from '../helpers/bounds.ts';
import { countLogged } from '../helpers/listener-loss.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { withoutSweeps } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const { sql } = database;

t.test('streams outlive the loss of the LISTEN backend and miss nothing (E1, E4)', async (t) => {
  const node = await startNode(t, database.url, { timings: withoutSweeps() });
  const { ada, boardId, streams } = await openBoard(t, node);
  const terminate = async () => {
    const losses = countLogged(node, 'connection lost', 'listener');
    await sql(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'teamboard listener'`,
    );
    await until(() => countLogged(node, 'connection lost', 'listener') > losses, 'the loss to be noticed');
  };

  const took: number[] = [];
  for (let round = 1; round <= 3; round += 1) {
    const text = `unheard ${round}`;
    const startedAt = performance.now();
    await terminate();
    await sql('insert into teamboard.items (board_id, text) values ($1, $2)', [boardId, text]);
    // Nothing else is written, so no other wake-up can help: it is read at the reconnect.
    for (const stream of streams) await stream.next('changed', ({ data }) => data.object.text === text);
    took.push(Math.round(performance.now() - startedAt));
    await until(() => node.app.listener.isUp, 'the listener');
  }
  t.ok(Math.min(...took) < SECOND_MS, `${took} ms from the end of the backend to the event`);

  const writes = startWriters(t, { urls: [node.url], boardId, client: ada });
  await writes.more(10);
  await terminate();
  await writes.more(10);
  await writes.stop();
  for (const stream of streams) await checkTold(t, writes, stream);
  t.equal(writes.attempts.length, writes.acknowledged.length, 'no writer noticed');
  t.equal(countLogged(node, 'connection lost', 'listener'), 4, 'each loss is logged once');
  t.equal(countLogged(node, 'connection is back', 'listener'), 4);
});
