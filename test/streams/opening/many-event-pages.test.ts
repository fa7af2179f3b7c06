// GET /events as JSON: the logs of many boards in pages, by one cursor.

import t from 'tap';
import { Client } from '../../helpers/client.ts';
import { openMany } from '../../helpers/event-stream.ts';
import { startNode, useDatabase } from '../../helpers/node.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');
const json = { accept: 'application/json' };

async function addItems(boardId: string, count: number, length = 10): Promise<void> {
  await database.sql(
    `insert into teamboard.items (board_id, text) select $1, repeat('x', $3::int) from generate_series(1, $2::int)`,
    [boardId, count, length],
  );
}

interface Told {
  boardId: string;
  seq: number;
}

const page = async (boards: string[], more = '') => (await ada.get(`/events?boards=${boards}${more}`, json)).body;
const seqsOf = (events: Told[], boardId: string) =>
  events.filter((event) => event.boardId === boardId).map(({ seq }) => seq);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

t.test('pages hold each event of each board once, in order, and their cursor opens the stream (E1, E2)', async (t) => {
  const boards = [await ada.createBoard(), await ada.createBoard(), await ada.createBoard()] as const;
  await addItems(boards[0], 300);
  await addItems(boards[1], 7);
  const events: Told[] = [];
  let cursor = '';
  for (let hasMore = true; hasMore; ) {
    const read = await page([...boards], `&limit=50${cursor && `&after=${cursor}`}`);
    t.ok(read.events.length <= 50);
    t.same(Object.keys(read).sort(), ['cursor', 'events', 'hasMore']);
    events.push(...read.events);
    ({ cursor, hasMore } = read);
  }
  t.strictSame(seqsOf(events, boards[0]), range(1, 302));
  t.strictSame(seqsOf(events, boards[1]), range(1, 9));
  t.strictSame(seqsOf(events, boards[2]), [1, 2]);
  t.ok(
    events.slice(0, 50).some(({ boardId }) => boardId === boards[2]),
    'none waits for the largest',
  );
  await addItems(boards[1], 1);
  const headers = { 'last-event-id': cursor };
  const stream = await openMany(t, node.url, [...boards], { ...ada, headers });
  t.match((await stream.next('changed')).data, { boardId: boards[1], seq: 10 });
  t.same((await page([...boards], `&after=${cursor}`)).events, [(await stream.next('changed')).data]);
});

t.test('one event at a time, every board gets on', async (t) => {
  const boards = [await ada.createBoard(), await ada.createBoard()];
  let cursor = '';
  const told: Told[] = [];
  for (let count = 0; count < 4; count += 1) {
    const read = await page(boards, `&limit=1${cursor && `&after=${cursor}`}`);
    told.push(...read.events);
    ({ cursor } = read);
    t.equal(read.hasMore, count < 3);
  }
  for (const boardId of boards) t.strictSame(seqsOf(told, boardId), [1, 2]);
  t.not(told[0]?.boardId, told[1]?.boardId, 'in turns');
});

t.test('a board that cannot be continued is reset, and the others go on (E2)', async (t) => {
  const [one, two] = [await ada.createBoard(), await ada.createBoard()];
  const { cursor } = await page([one, two]);
  await addItems(one, 4);
  await addItems(two, 2);
  await database.sql('update teamboard.board_log set trimmed_to = 4 where board_id = $1', [one]);
  const read = await page([one, two], `&after=${cursor}`);
  const newest = (await ada.get(`/boards/${one}`)).body.cursor;
  t.same(read.resets, [{ boardId: one, reason: 'trimmed', cursor: newest }]);
  t.strictSame(seqsOf(read.events, two), [3, 4]);
  t.strictSame(seqsOf(read.events, one), []);
  await addItems(one, 1);
  const next = await page([one, two], `&after=${read.cursor}`);
  t.strictSame(seqsOf(next.events, one), [7]);
  t.equal(next.resets, undefined);
  const lost = await page([one, two], '&after=nonsense');
  t.same(
    lost.resets.map(({ boardId, reason }: { boardId: string; reason: string }) => [boardId, reason]),
    [
      [one, 'malformed'],
      [two, 'malformed'],
    ],
  );
  t.same(lost.events, []);
  const from = await page([`${two}@${(await ada.get(`/boards/${two}`)).body.cursor.replace(/\d+$/, '3')}`]);
  t.strictSame(seqsOf(from.events, two), [4]);
});

t.test('a page ends at a megabyte, and says what it does not show (E5)', async (t) => {
  const eve = await Client.signUp(node, 'Eve');
  const [one, two, foreign] = [await ada.createBoard(), await ada.createBoard(), await eve.createBoard()];
  for (const boardId of [one, two]) await addItems(boardId, 100, 10_000);
  const read = await page([one, foreign, two], '&limit=500');
  t.same(read.refused, [{ boardId: foreign, refused: 404 }]);
  t.ok(read.hasMore && read.events.length < 110, `${read.events.length} events`);
  t.equal((await ada.get(`/events?boards=${foreign}`, json)).status, 404);
});

t.test('each of a hundred boards gets on from page to page, whatever divides their number (E5)', async (t) => {
  const made = await database.sql<{ id: string }>(
    `insert into teamboard.boards (name) select 'Many' from generate_series(1, 100) returning id`,
  );
  const boards = made.map(({ id }) => id);
  await database.sql(
    `insert into teamboard.members (board_id, user_id, role) select unnest($1::uuid[]), $2, 'editor'`,
    [boards, ada.user.id],
  );
  await database.sql(
    `insert into teamboard.items (board_id, text) select id, 'x' from unnest($1::uuid[]) id, generate_series(1, 58)`,
    [boards],
  );
  const told: Told[] = [];
  let pages = 0;
  let cursor = '';
  for (let hasMore = true; hasMore; pages += 1) {
    const read = await page(boards, `&limit=100${cursor && `&after=${cursor}`}`);
    told.push(...read.events);
    ({ cursor, hasMore } = read);
    if (pages === 2) t.equal(new Set(told.map(({ boardId }) => boardId)).size, 100, 'all within three pages');
  }
  t.equal(pages, 60, 'no more than they need');
  for (const boardId of boards) t.strictSame(seqsOf(told, boardId), range(1, 60), boardId);
});
