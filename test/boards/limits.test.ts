// How much a board may hold: whoever opens it is sent all of it (threat 18).

import t from 'tap';
import { removeOrphans } from '../../src/boards/orphan-store.ts';
import { type Answer, Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';

const database = await useDatabase(t);
const limits = { itemsPerBoard: 10, bytesPerBoard: 20_000 };
const node = await startNode(t, database.url, limits);
const other = await startNode(t, database.url, limits);
const ada = await Client.signUp(node, 'Ada');

/** What the log has counted, and what is there. */
async function counted(boardId: string) {
  const [row] = await database.sql<{ log: number[]; table: number[] }>(
    `select array[item_count, item_bytes]::int[] as log, (
       select array[count(*), coalesce(sum(octet_length(to_json(text)::text) + octet_length(data::text)), 0)]::int[]
       from teamboard.items where items.board_id = board_log.board_id) as table
     from teamboard.board_log where board_id = $1`,
    [boardId],
  );
  return row;
}

const isDone = ({ status }: Answer) => status < 300;

t.test('a board holds so many items, however many are put on it at once', async (t) => {
  const boardId = await ada.createBoard();
  const put = (n: number) =>
    n % 3 === 0
      ? ada.at(other).post(`/boards/${boardId}/batch`, {
          operations: [
            { op: 'create', item: { text: 'a' } },
            { op: 'create', item: { text: 'b' } },
          ],
        })
      : ada.post(`/boards/${boardId}/items`, { text: 'c' }, n % 3 === 1 ? { 'idempotency-key': `${boardId}${n}` } : {});
  const answers = await Promise.all(Array.from({ length: 24 }, (_, n) => put(n)));
  const refused = answers.filter((answer) => !isDone(answer));
  for (const answer of refused) {
    sameProblem(t, answer, 'TB_LIMIT_REACHED');
    t.match(answer.body.detail, /^A board holds 10 items at most, /);
  }
  let { body } = await ada.get(`/boards/${boardId}`);
  t.equal(body.items.length, 10, 'exactly so many');
  t.same(await counted(boardId), { log: [10, 10 * 5], table: [10, 10 * 5] });

  const path = `/boards/${boardId}/items/${body.items[0].id}`;
  t.equal((await ada.patch(path, { text: 'longer' })).status, 200, 'what is there can be changed');
  t.equal((await ada.post(`/boards/${boardId}/items`, { text: 'one more' })).status, 409);
  t.equal((await ada.delete(path)).status, 204);
  t.equal((await ada.post(`/boards/${boardId}/items`, { text: 'one more' })).status, 201);
  const swap = [
    { op: 'delete', id: body.items[1].id },
    { op: 'create', item: { text: 'in its place' } },
  ];
  t.equal((await ada.post(`/boards/${boardId}/batch`, { operations: swap })).status, 200, 'the sum of a batch counts');
  ({ body } = await ada.get(`/boards/${boardId}`));
  t.equal(body.items.length, 10);
  t.equal((await ada.post(`/boards/${await ada.createBoard()}/items`, { text: 'elsewhere' })).status, 201);
});

t.test('a board holds so many bytes of texts and data, as JSON', async (t) => {
  const boardId = await ada.createBoard();
  const items = `/boards/${boardId}/items`;
  const { body } = await ada.post(items, { text: '\u0001'.repeat(1500), data: { a: 'x'.repeat(10_000) } });
  t.same((await counted(boardId))?.log, [1, 6 * 1500 + 2 + 10_000 + 9], 'a control character is six bytes of JSON');
  const path = `${items}/${body.item.id}`;
  const full = await ada.patch(path, { text: '\u0001'.repeat(1700) });
  sameProblem(t, full, 'TB_LIMIT_REACHED');
  t.match(full.body.detail, /^A board holds 20000 bytes at most, /);
  t.equal((await ada.patch(path, { data: { b: 'x'.repeat(2000) } })).status, 409);
  t.equal((await ada.post(items, { text: 'x'.repeat(1000) })).status, 409);
  t.equal((await ada.patch(path, { x: 1 })).status, 200, 'a move needs no room');
  t.equal((await ada.patch(path, { data: { a: null } })).status, 200);
  t.equal((await ada.post(items, { text: 'x'.repeat(1000) })).status, 201);
  t.same((await counted(boardId))?.log, (await counted(boardId))?.table);
});

t.test('who writes past the API goes past the limit, and then the board only shrinks', async (t) => {
  const boardId = await ada.createBoard();
  await database.sql(`insert into teamboard.items (board_id, text) select $1, n::text from generate_series(1, 30) n`, [
    boardId,
  ]);
  t.equal((await ada.post(`/boards/${boardId}/items`, { text: '' })).status, 409);
  const [item] = (await ada.get(`/boards/${boardId}`)).body.items;
  t.equal((await ada.patch(`/boards/${boardId}/items/${item.id}`, { text: '' })).status, 200);
  t.equal((await ada.delete(`/boards/${boardId}/items/${item.id}`)).status, 204);
  t.same((await counted(boardId))?.log, (await counted(boardId))?.table);
});

t.test('the counts are those of the table, whatever is written, and nobody can forge them', async (t) => {
  const boardId = await ada.createBoard();
  await database.sql(
    `insert into teamboard.items (board_id, text, data, text_bytes, data_bytes)
       select $1, repeat('é"', n), json_build_object('n', repeat('n', n)), 9, 9 from generate_series(0, 9) n`,
    [boardId],
  );
  t.same((await counted(boardId))?.log, (await counted(boardId))?.table);
  await database.sql('update teamboard.items set text_bytes = 0, data_bytes = -100 where board_id = $1', [boardId]);
  t.equal((await ada.get(`/boards/${boardId}`)).body.items[0].version, 1, 'that is no change');
  await database.pool.query(`
    begin;
    update teamboard.items set text = text || text, x = 1 where board_id = '${boardId}' and data ->> 'n' < 'nnnn';
    update teamboard.items set text = '', data = '{}' where board_id = '${boardId}' and data ->> 'n' < 'nnn';
    delete from teamboard.items where board_id = '${boardId}' and text = '';
    insert into teamboard.items (board_id, text) values ('${boardId}', 'new');
    commit`);
  const now = await counted(boardId);
  t.ok((now?.table[0] ?? 0) > 5);
  t.same(now?.log, now?.table);
});

t.test(
  'a board with more than a statement has time for is deleted at once, and what was on it goes in pieces',
  async (t) => {
    for (const by of ['the API', 'SQL']) {
      const boardId = await ada.createBoard();
      await database.sql(
        `insert into teamboard.items (board_id, text) select $1, repeat('q', 300) from generate_series(1, 2500) n`,
        [boardId],
      );
      const path = `/boards/${boardId}`;
      const left = async () =>
        (await database.sql('select from teamboard.items where board_id = $1', [boardId])).length;
      const values = async () =>
        (await database.sql('select from teamboard.large_values where expires_at is null and value like $1', ['"qqq%']))
          .length;
      const [item] = await database.sql<{ id: string }>('select id from teamboard.items where board_id = $1 limit 1', [
        boardId,
      ]);
      if (by === 'SQL') await database.sql('delete from teamboard.boards where id = $1', [boardId]);
      else t.equal((await ada.delete(path)).status, 204);

      t.equal(await left(), 1500, `by ${by}: a statement removes so many`);
      sameProblem(t, await ada.get(path), 'TB_NOT_FOUND');
      sameProblem(t, await ada.patch(`${path}/items/${item?.id}`, { x: 1 }), 'TB_NOT_FOUND');
      sameProblem(t, await ada.post(`${path}/items`, { text: 'late' }), 'TB_NOT_FOUND');
      const late = database.sql('update teamboard.items set x = 1 where board_id = $1', [boardId]);
      await t.rejects(
        late,
        { message: `the board ${boardId} has been deleted` },
        'nothing follows the end of a log (E1)',
      );
      await t.rejects(database.sql(`insert into teamboard.items (board_id, text) values ($1, '')`, [boardId]), {
        code: '23503',
      });
      await t.rejects(database.sql(`insert into teamboard.boards (id, name) values ($1, 'again')`, [boardId]), {
        code: '23503',
      });

      const locker = await database.pool.connect();
      await locker.query('begin');
      await locker.query('select from teamboard.items where board_id = $1 limit 1 for update', [boardId]);
      const removed = await Promise.all(Array.from({ length: 5 }, () => removeOrphans(database.pool, 500)));
      t.equal(
        removed.reduce((sum, count) => sum + count),
        1499,
        'waits for nobody',
      );
      await locker.query('rollback');
      locker.release();
      t.equal(await removeOrphans(database.pool, 500), 1);
      t.equal(await removeOrphans(database.pool, 500), 0);
      t.equal(await left(), 0);
      t.equal(await values(), 0);
      const [last] = await database.sql(
        'select seq::int, resource, action from teamboard.board_events where board_id = $1 order by seq desc limit 1',
        [boardId],
      );
      t.same(last, { seq: 2503, resource: 'board', action: 'deleted' });
    }
  },
);
