// All streams of a board are cut in one instant and come back in one instant, each with a cursor that is behind.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { type EventStream, oneOfTwo, openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { findFaults } from '../helpers/seqs.ts';
import { until } from '../helpers/until.ts';

const STREAMS = 500;
const BACK = 100;
/** Reads of the log, for all of them together: the newest events of an open board are in memory. */
const MOST_READS = 50;

t.test(`${STREAMS} streams that come back at once catch up by a few reads of the log (E1, E2, E5)`, async (t) => {
  const { url, sql } = await useDatabase(t);
  const node = await startNode(t, url, { streamsPerUser: STREAMS });
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const beside = [await ada.createBoard()];
  const cursor = (await ada.get(`/boards/${boardId}`)).body.cursor as string;
  const openAll = (headers: Record<string, string>) =>
    Promise.all(
      Array.from({ length: STREAMS }, (_, index) =>
        openStream(t, node.url, boardId, { ...ada, headers, beside: oneOfTwo(index, beside) }),
      ),
    );
  const isOpen = ({ frames }: EventStream) => frames[0]?.event === 'ready';

  const before = await openAll({});
  await until(() => before.every(isOpen), 'all streams');
  for (const { socket } of before) socket.resetAndDestroy();
  await until(() => node.app.openStreams.size === 0, 'all of them to be gone');
  const insert = `insert into teamboard.items (board_id, text) select $1, repeat('x', 200) from generate_series(1, $2::int)`;
  await sql(insert, [boardId, BACK]);

  let reads = 0;
  const { eventLog } = node.app;
  const { readAfter } = eventLog;
  eventLog.readAfter = (...args) => {
    reads += 1;
    return readAfter(...args);
  };
  const start = performance.now();
  const cpuBefore = process.cpuUsage();
  const after = await openAll({ 'last-event-id': cursor });
  const head = 2 + BACK;
  const faults = await findFaults(after, { from: 3, to: head });
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpuMs = Math.round((user + system) / 1000);
  t.comment(`caught up in ${Math.round(performance.now() - start)} ms, ${cpuMs} of the processor, with ${reads} reads`);
  t.strictSame(faults, [], 'each event once, in order');
  t.ok(reads < MOST_READS, `${reads} reads`);

  await sql(insert, [boardId, 1]);
  t.strictSame(await findFaults(after, { from: 3, to: head + 1 }), [], 'and all go on together');
  t.ok(reads >= 1, 'the reads were counted');
});
