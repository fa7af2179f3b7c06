// Lanes to the database: what the open streams are told waits for nobody who opens, reads or writes.

import t from 'tap';
import { expectWithin, SECOND_MS } from '../helpers/bounds.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { sameProblem } from '../helpers/problem.ts';
import { withoutSweeps } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const { sql } = database;

t.test('with all other connections taken, events and ends of access come within a second (E5, E6)', (t) =>
  expectWithin(t, { bothMs: SECOND_MS }, async () => {
    const node = await startNode(t, database.url, { timings: withoutSweeps() });
    const { boardId, stream } = await openBoard(t, node);
    const bob = await Client.signUp(node, 'Bob');
    await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
      boardId,
      bob.user.id,
    ]);
    const his = await openStream(t, node.url, boardId, bob);
    await his.next('ready');
    const { pool, logPool } = node.app;
    const taken = await Promise.all(
      [pool, logPool].flatMap((each) => Array.from({ length: each.options.max }, () => each.connect())),
    );
    const startedAt = performance.now();
    await sql(`insert into teamboard.items (board_id, text) values ($1, 'new')`, [boardId]);
    await stream.next('changed', ({ data }) => data.seq === 4);
    await sql('delete from teamboard.sessions where user_id = $1', [bob.user.id]);
    await his.end();
    const bothMs = performance.now() - startedAt;
    t.strictSame(
      [pool, logPool].map(({ idleCount, totalCount, options: { max } }) => [idleCount, totalCount === max]),
      [
        [0, true],
        [0, true],
      ],
      'all are taken still',
    );
    for (const client of taken) client.release();
    return { bothMs };
  }),
);

t.test('of hundreds of pages that a viewer asks for at once few are read at a time (E5)', async (t) => {
  const node = await startNode(t, database.url);
  const { ada, boardId } = await openBoard(t, node);
  const eve = await Client.signUp(node, 'Eve');
  await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
    boardId,
    eve.user.id,
  ]);
  const { pageLog } = node.app;
  const { readAfter } = pageLog;
  let reading = 0;
  let most = 0;
  let refusals = 0;
  pageLog.readAfter = async (requests) => {
    reading += 1;
    most = Math.max(most, reading);
    try {
      // However slowly they come: nothing is read until some were too many.
      await until(() => refusals > 0, 'a refusal');
      return await readAfter(requests);
    } finally {
      reading -= 1;
    }
  };
  const pageOf = (client: Client) => client.get(`/boards/${boardId}/events`, { accept: 'application/json' });
  const asked = Array.from({ length: 300 }, async () => {
    const answer = await pageOf(eve);
    if (answer.status !== 200) refusals += 1;
    return answer;
  });
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
  const node = await startNode(t, database.url, { timings: withoutSweeps() });
  const { ada, boardId, stream: before } = await openBoard(t, node);
  const { cursor } = before.frames[0]?.data ?? {};
  const other = await ada.createBoard();
  await sql(`insert into teamboard.items (board_id, text) values ($1, 'new')`, [other]);
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
    // The last is what each node tells of names beside: a machine that stands still may come to it meanwhile.
    const expected = /^(credential-read|place-read|session-find)|tell_renames/;
    const others = [...counts.keys()].filter((name) => !expected.test(name));
    t.strictSame(
      others.filter((name) => /member|board/.test(name)),
      [],
      'and nobody asks again for the membership',
    );
    t.equal(counts.get('place-read'), 1);
  }
});

t.test('five hundred boards that are opened at once are few statements (E5)', async (t) => {
  const node = await startNode(t, database.url, { streamsPerUser: 1000, timings: withoutSweeps() });
  const ada = await Client.signUp(node);
  const boards = await sql<{ id: string }>(
    `with made as (insert into teamboard.boards (name) select 'Plans' from generate_series(1, 500) returning id),
      joined as (insert into teamboard.members (board_id, user_id, role) select id, $1, 'owner' from made)
     select id from made`,
    [ada.user.id],
  );
  const counts = countStatements(node);
  const { accessWatch, grants, places } = node.app;
  const admit = accessWatch.admit.bind(accessWatch);
  let admitted = 0;
  accessWatch.admit = (grant) => {
    admitted += 1;
    return admit(grant);
  };
  // However slowly they come: nothing is looked up before all are on their way.
  const allHaveCome = () => until(() => admitted >= boards.length, 'all of them');
  const { readRemaining } = grants;
  grants.readRemaining = async (ids) => {
    await allHaveCome();
    return readRemaining(ids);
  };
  const { read } = places;
  places.read = async (questions) => {
    await allHaveCome();
    return read(questions);
  };
  const streams = await Promise.all(boards.map(({ id }) => openStream(t, node.url, id, ada)));
  await until(() => streams.every(({ frames }) => frames[0]?.event === 'ready'), 'all streams');
  t.comment(Object.fromEntries(counts));
  for (const name of ['place-read', 'grant-read-remaining']) {
    const count = counts.get(name) ?? 0;
    t.ok(count > 0 && count < 25, `${name}: ${count}`);
  }
  t.ok((counts.get('event-log-extents') ?? 0) <= 1, 'the heads are known from the same answer');
  t.ok(streams.every(({ status }) => status === 200));
});

t.test('who may not see a board does not learn that it is full, and leaves no channel behind', async (t) => {
  const node = await startNode(t, database.url, { streamsPerBoard: 2 });
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
  const node = await startNode(t, database.url, { streamsPerUser: 2 });
  const told: string[] = [];
  const broken = () => {
    throw new TypeError('ours');
  };
  node.app.openStreams.subscribe({ opened: broken, ended: broken });
  node.app.openStreams.subscribe({ opened: () => void told.push('opened'), ended: () => void told.push('ended') });
  const { ada, boardId, streams } = await openBoard(t, node);
  for (const stream of streams) stream.close();
  await until(() => told.length === 4, 'both ends');
  t.strictSame(told, ['opened', 'opened', 'ended', 'ended']);
  const again = await openStream(t, node.url, boardId, ada);
  await again.next('ready');
  t.equal(node.logged.filter(({ msg }) => msg === 'a listener of the streams failed').length, 5);
});
