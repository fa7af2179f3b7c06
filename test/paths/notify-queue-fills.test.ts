// A listener that does not read fills PostgreSQL's queue of notifications, which is one for the whole server.

import pg from 'pg';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode } from '../helpers/node.ts';
import { startPrivatePostgres } from '../helpers/private-postgres.ts';
import { spawnNode } from '../helpers/process.ts';
import { until } from '../helpers/until.ts';

t.test('a node that hangs is cut off before the queue is full, and misses nothing (E1, E4)', async (t) => {
  // The smallest queue that there is: half a megabyte instead of 8 GB.
  const postgres = await startPrivatePostgres(t, { settings: { max_notify_queue_pages: '64' } });
  const hung = await spawnNode(t, { DATABASE_URL: postgres.url });
  const node = await startNode(t, postgres.url);
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const streams = [await openStream(t, node.url, boardId, ada), await openStream(t, hung.url, boardId, ada)];
  for (const { url } of [node, hung]) streams.push(await openStream(t, url, boardId, { ...ada, beside: [] }));
  await Promise.all(streams.map((stream) => stream.next('ready')));
  const other = new pg.Client({ connectionString: postgres.url });
  await other.connect();
  t.teardown(() => other.end());

  hung.kill('SIGSTOP');
  t.teardown(() => hung.kill('SIGCONT'));
  const usage = async () => Number((await other.query('select pg_notification_queue_usage() as usage')).rows[0].usage);
  // Hints of anyone, on a channel that both nodes hear. More than the socket's buffers take; and again, where a server that was
  // only slow has made room meanwhile.
  let count = 0;
  const warned = await until(async () => {
    for (; (await usage()) < 0.2; count += 1) {
      await other.query(`select pg_notify($1, $2 || repeat('x', 7000))`, [`teamboard_board_${boardId}`, count]);
    }
    return node.logged.find(({ msg }) => /queue of notifications fills up/.test(String(msg)));
  }, 'the warning');
  t.match(warned, { level: 40, ended: 1 });
  t.ok(Number(warned.usage) >= 0.1);
  await until(async () => (await usage()) < 0.01, 'room in the queue');
  await until(() => node.logged.find(({ msg }) => /is short again/.test(String(msg))), 'the all-clear');
  t.equal((await ada.post(`/boards/${boardId}/items`, { text: 'while one hangs' })).status, 201);
  for (const stream of [streams[0], streams[2]]) await stream?.next('changed');

  hung.kill('SIGCONT');
  for (const stream of [streams[1], streams[3]]) await stream?.next('changed');
  for (const stream of streams) t.strictSame(stream.seqs, [3]);
});
