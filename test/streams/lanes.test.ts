// Lanes to the database: what the open streams are told waits for nobody who opens, reads or writes.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { sameProblem } from '../helpers/problem.ts';
import { until } from '../helpers/until.ts';

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

/** Counts the statements of a node from now on, by the beginning of their names or texts. */
function countStatements({ app }: TestNode) {
  const counts = new Map<string, number>();
  for (const pool of [app.pool, app.logPool, app.livePool]) {
    const query = pool.query.bind(pool) as (...given: unknown[]) => unknown;
    const counting = (...given: unknown[]) => {
      const [first] = given as [string | { name?: string; text: string }];
      const name = typeof first === 'string' ? first.trim() : (first.name ?? first.text.trim());
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return query(...given);
    };
    Object.assign(pool, { query: counting });
  }
  return counts;
}

t.test('to open a stream is one question beside who is calling, and how long that holds', async (t) => {
  const node = await startNode(t, database.url);
  const { ada, boardId, stream: before } = await openBoard(t, node);
  const { cursor } = before.frames[0]?.data ?? {};
  const other = await ada.createBoard();
  await sql(`insert into items (board_id, text) values ($1, 'new')`, [other]);
  for (const [board, headers] of [
    [boardId, { 'last-event-id': cursor }],
    [other, {}],
  ] as const) {
    const counts = countStatements(node);
    const stream = await openStream(t, node.url, board, { ...ada, headers });
    await stream.next('ready');
    for (const name of ['event-log-extents', 'place-read', 'session-find']) {
      t.ok((counts.get(name) ?? 0) <= 1, `${name} ${counts.get(name)}`);
    }
    counts.delete('event-log-extents');
    counts.delete('name-read');
    const others = [...counts.keys()].filter((name) => !/^(credential-read|place-read|session-find)/.test(name));
    t.strictSame(
      others.filter((name) => /member|board/.test(name)),
      [],
      'and nobody asks again for the membership',
    );
    t.equal(counts.get('place-read'), 1);
  }
});

t.test('five hundred boards that are opened at once are few statements (E5)', async (t) => {
  const node = await startNode(t, database.url, { streamsPerUser: 1000 });
  const ada = await Client.signUp(node);
  const boards = await sql<{ id: string }>(
    `with made as (insert into boards (name) select 'Plans' from generate_series(1, 500) returning id),
      joined as (insert into members (board_id, user_id, role) select id, $1, 'owner' from made)
     select id from made`,
    [ada.user.id],
  );
  const counts = countStatements(node);
  const startedAt = performance.now();
  const streams = await Promise.all(boards.map(({ id }) => openStream(t, node.url, id, ada)));
  await until(() => streams.every(({ frames }) => frames[0]?.event === 'ready'), 'all streams', 20_000);
  const most = Math.ceil((performance.now() - startedAt) / 20) + 1;
  t.comment(Object.fromEntries(counts));
  for (const name of ['place-read', 'credential-read-remaining']) {
    const count = counts.get(name) ?? 0;
    t.ok(count > 0 && count <= most && count < 250, `${name}: ${count}, at most one each 20 ms`);
  }
  t.ok((counts.get('event-log-extents') ?? 0) <= 3, 'the heads are known from the same answer; a sweep may have come');
  t.ok(streams.every(({ status }) => status === 200));
});

t.test('who may not see a board does not learn that it is full, and leaves no channel behind', async (t) => {
  const node = await startNode(t, database.url, { streamsPerBoard: 1 });
  const { boardId } = await openBoard(t, node);
  const eve = await Client.signUp(node, 'Eve');
  sameProblem(t, await eve.get(`/boards/${boardId}/events`), 'TB_NOT_FOUND');
  const released: string[] = [];
  const { listener } = node.app;
  const unlisten = listener.unlisten.bind(listener);
  listener.unlisten = (id) => {
    released.push(id);
    unlisten(id);
  };
  const nowhere = '01a203b6-1fa0-7192-875a-07443cb85f66';
  sameProblem(t, await eve.get(`/boards/${nowhere}/events`), 'TB_NOT_FOUND');
  t.strictSame(released, [nowhere]);
});

t.test('a listener that throws costs nobody a place, and the others are told (E5)', async (t) => {
  const node = await startNode(t, database.url, { streamsPerUser: 1 });
  const told: string[] = [];
  const broken = () => {
    throw new TypeError('ours');
  };
  node.app.openStreams.subscribe({ opened: broken, ended: broken });
  node.app.openStreams.subscribe({ opened: () => void told.push('opened'), ended: () => void told.push('ended') });
  const { ada, boardId, stream } = await openBoard(t, node);
  stream.close();
  await until(() => told.length === 2, 'both');
  t.strictSame(told, ['opened', 'ended']);
  const again = await openStream(t, node.url, boardId, ada);
  await again.next('ready');
  t.equal(node.logged.filter(({ msg }) => msg === 'a listener of the streams failed').length, 3);
});
