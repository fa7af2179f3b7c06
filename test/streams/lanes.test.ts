// Lanes to the database: what the open streams are told waits for nobody who opens, reads or writes.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { sameProblem } from '../helpers/problem.ts';

const database = await useDatabase(t);
const { sql } = database;

t.test('with all other connections taken, events and ends of access come within a second (E5, E6)', async (t) => {
  const node = await startNode(t, database.url);
  const { boardId, stream } = await openBoard(t, node);
  const bob = await Client.signUp(node, 'Bob');
  await sql(`insert into members (board_id, user_id, role) values ($1, $2, 'viewer')`, [boardId, bob.user.id]);
  const his = await openStream(t, node.url, boardId, bob);
  await his.next('ready');
  const { pool, logPool } = node.app;
  const taken = await Promise.all(
    [pool, logPool].flatMap((each) => Array.from({ length: each.options.max }, () => each.connect())),
  );
  const startedAt = performance.now();
  await sql(`insert into items (board_id, text) values ($1, 'new')`, [boardId]);
  await stream.next('changed', ({ data }) => data.seq === 4);
  await sql('delete from sessions where user_id = $1', [bob.user.id]);
  await his.end();
  const ms = Math.round(performance.now() - startedAt);
  for (const client of taken) client.release();
  t.comment(`after ${ms} ms`);
  t.ok(ms < 1000, `${ms} ms`);
});

t.test('of hundreds of pages that a viewer asks for at once few are read at a time (E5)', async (t) => {
  const node = await startNode(t, database.url);
  const { ada, boardId } = await openBoard(t, node);
  const eve = await Client.signUp(node, 'Eve');
  await sql(`insert into members (board_id, user_id, role) values ($1, $2, 'viewer')`, [boardId, eve.user.id]);
  const { pageLog } = node.app;
  const { readAfter } = pageLog;
  let reading = 0;
  let most = 0;
  pageLog.readAfter = async (requests) => {
    reading += 1;
    most = Math.max(most, reading);
    try {
      return await readAfter(requests);
    } finally {
      reading -= 1;
    }
  };
  const pageOf = (client: Client) => client.get(`/boards/${boardId}/events`, { accept: 'application/json' });
  const asked = Array.from({ length: 300 }, () => pageOf(eve));
  const hers = await pageOf(ada);
  const answers = await Promise.all(asked);
  t.equal(hers.status, 200, 'nobody else is refused for it');
  t.ok(most <= 4, `${most} at a time`);
  const refused = answers.filter(({ status }) => status !== 200);
  t.ok(refused.length > 0 && refused.length < 300, `${refused.length} of 300`);
  for (const answer of refused) {
    sameProblem(t, answer, 'TB_TOO_MANY_PAGES');
    t.equal(answer.headers.get('retry-after'), '1');
  }
  t.equal((await pageOf(eve)).status, 200, 'and later again');
});
