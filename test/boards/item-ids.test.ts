// Items whose ids their clients have made: each names one item of its board, for as long as anybody remembers it.

import { randomUUID } from 'node:crypto';
import t from 'tap';
import { type Answer, Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { range } from '../helpers/seqs.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const other = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');
const nil = '00000000-0000-0000-0000-000000000000';
const max = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const taken = 'is, or was, the id of another item of this board';

async function makeBoard(client = ada) {
  const boardId = await client.createBoard();
  return { boardId, board: `/boards/${boardId}`, path: `/boards/${boardId}/items` };
}

const isTaken = (answer: Answer, path = '/id', message?: string) =>
  sameProblem(t, answer, 'TB_ID_TAKEN', { errors: [{ path, message: taken }], ...(message && { message }) });

const headOf = async (boardId: string) => {
  const [row] = await database.sql<{ head: number }>('select head::int from teamboard.board_log where board_id = $1', [
    boardId,
  ]);
  return row?.head;
};

t.test('an item is made under the id that its client chose, whatever its version and case', async (t) => {
  const { boardId, board, path } = await makeBoard();
  const ids = [
    randomUUID(),
    randomUUID().toUpperCase(),
    '01900000-0000-7000-8000-000000000001',
    '10000000-0000-1000-8000-000000000001',
    '20000000-0000-5000-8000-000000000001',
    '00000000-0000-0000-0000-000000000001',
    'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFE',
  ];
  for (const id of ids) {
    const created = await ada.post(path, { text: 'mine', id, rank: 'a0' });
    t.equal(created.status, 201, id);
    const canonical = id.toLowerCase();
    t.match(created.body.item, { id: canonical, boardId, version: 1, text: 'mine' });
    t.equal(created.headers.get('location'), `${path}/${canonical}`);
    t.equal(created.headers.get('etag'), '"1"');
    t.same((await ada.get(`${path}/${canonical}`)).body, created.body);
    t.equal((await ada.patch(`${path}/${id}`, { x: 1 }, { 'if-match': '"1"' })).body.item.version, 2);
  }
  const { body } = await ada.get(board);
  t.same(
    body.items.map(({ id }: { id: string }) => id),
    ids.map((id) => id.toLowerCase()).sort(),
    'of one rank they are in the order of their ids',
  );
  const { events } = (await ada.get(`${board}/events`, { accept: 'application/json' })).body;
  const told = events.filter(
    ({ action, resource }: Record<string, string>) => `${resource} ${action}` === 'item created',
  );
  t.same(
    told.map(({ id, object }: { id: string; object: { id: string } }) => [id, object.id]),
    ids.map((id) => [id.toLowerCase(), id.toLowerCase()]),
  );
  const head = await headOf(boardId);
  for (const id of [nil, max, max.toUpperCase(), '', 'x', `urn:uuid:${randomUUID()}`, `{${randomUUID()}}`, 5, null]) {
    for (const [at, answer] of [
      ['/id', await ada.post(path, { text: '', id })],
      [
        '/operations/0/id',
        await ada.post(`${board}/batch`, { operations: [{ op: 'create', id, item: { text: '' } }] }),
      ],
    ] as const) {
      const { errors } = answer.body;
      sameProblem(t, answer, 'TB_INVALID', { errors, message: `${id}` });
      t.same([errors.length, errors[0]?.path], [1, at], `${id}`);
      if (id === nil || id === max) t.equal(errors[0]?.message, 'must be a UUID, and neither the nil nor the max one');
    }
  }
  t.equal(await headOf(boardId), head, 'nothing of it was written');
});

t.test('an id is taken by an item that is there, and by one that was', async (t) => {
  const { boardId, path } = await makeBoard();
  const id = randomUUID();
  await ada.post(path, { text: 'first', id });
  for (const spelling of [id, id.toUpperCase()]) isTaken(await ada.post(path, { text: 'second', id: spelling }));
  t.equal((await ada.get(`${path}/${id}`)).body.item.text, 'first');
  // An ETag of the first one, or a create that is sent once more, must not mean the second.
  await ada.delete(`${path}/${id}`);
  isTaken(await ada.post(path, { text: 'second', id }), '/id', 'after its deletion');
  sameProblem(t, await ada.get(`${path}/${id}`), 'TB_NOT_FOUND');
  const made = (await ada.post(path, { text: 'by the server' })).body.item.id;
  await ada.delete(`${path}/${made}`);
  isTaken(await ada.post(path, { text: 'second', id: made }), '/id', 'of an item whose id was made here');
  const head = await headOf(boardId);
  await t.rejects(
    database.sql('insert into teamboard.items (board_id, id, text) values ($1, $2, $3)', [boardId, id, 'by SQL']),
    { code: '23505', constraint: 'items_id_used_up', hint: /new id/ },
    'whoever writes',
  );
  t.equal(await headOf(boardId), head, 'nothing of it was written');
  // As the trimmer does it.
  await database.sql('delete from teamboard.board_events where board_id = $1 and seq < $2', [boardId, head]);
  t.equal((await ada.post(path, { text: 'much later', id })).status, 201, 'nobody remembers the first one');
});

t.test('what is on other boards takes no id and is not found by one', async (t) => {
  const eve = await Client.signUp(node, 'Eve');
  const [mine, hers] = [await makeBoard(), await makeBoard(eve)];
  const id = randomUUID();
  await ada.post(mine.path, { text: 'mine', id });
  t.equal((await eve.post(hers.path, { text: 'hers', id })).status, 201);
  t.equal((await eve.patch(`${hers.path}/${id}`, { text: 'changed' })).status, 200);
  const operations = [{ op: 'update', id, item: { x: 5 } }];
  t.equal((await eve.post(`${hers.board}/batch`, { operations })).status, 200);
  t.match((await ada.get(`${mine.path}/${id}`)).body.item, { text: 'mine', x: 0, version: 1 });
  t.equal((await eve.post(`${hers.board}/batch`, { operations: [{ op: 'delete', id }] })).status, 200);
  t.equal((await ada.get(`${mine.path}/${id}`)).status, 200);
  // Nor is anything told of a board to who may not see it, or not write there.
  const own = { text: 'x', id };
  sameProblem(t, await eve.post(mine.path, own), 'TB_NOT_FOUND');
  await ada.post(`${mine.board}/members`, { userId: eve.user.id, role: 'viewer' });
  sameProblem(t, await eve.post(mine.path, own), 'TB_FORBIDDEN');
});

t.test('a repeat with its key is answered as the first; of many who come with one id, one makes it', async (t) => {
  const { path } = await makeBoard();
  const id = randomUUID();
  const key = { 'idempotency-key': id };
  const first = await ada.post(path, { text: 'x', id }, key);
  const again = await ada.at(other).post(path, { id: id.toUpperCase(), text: 'x' }, key);
  t.same(
    [again.status, again.body, again.headers.get('idempotent-replayed'), again.headers.get('location')],
    [201, first.body, 'true', `${path}/${id}`],
  );
  const contested = randomUUID();
  const answers = await Promise.all(
    range(1, 8).map((n) => (n % 2 ? ada : ada.at(other)).post(path, { text: `${n}`, id: contested })),
  );
  t.same(answers.map(({ status }) => status).sort(), [201, ...range(1, 7).map(() => 409)]);
});

t.test('a batch makes items under chosen ids, and names the operation whose id is taken', async (t) => {
  const { boardId, board, path } = await makeBoard();
  const [old, gone, fresh] = [randomUUID(), randomUUID(), randomUUID()];
  for (const id of [old, gone]) await ada.post(path, { text: 'old', id });
  await ada.delete(`${path}/${gone}`);
  const create = (id?: string) => ({ op: 'create', ...(id && { id }), item: { text: 'new' } });
  const update = { op: 'update', id: old, item: { x: 1 } };
  const send = (...operations: object[]) => ada.post(`${board}/batch`, { operations });
  const head = await headOf(boardId);
  for (const id of [old, gone]) isTaken(await send(create(), create(fresh), create(id)), '/operations/2/id');
  const repeated = await send(create(fresh), create(), create(fresh.toUpperCase()));
  const errors = [{ path: '/operations/2/id', message: 'is the item of /operations/0 too' }];
  sameProblem(t, repeated, 'TB_INVALID', { errors });
  sameProblem(t, await send(create(fresh), { ...update, id: fresh }), 'TB_INVALID', {
    errors: [{ ...errors[0], path: '/operations/1/id', message: 'is the item of /operations/0 too' }],
  });
  sameProblem(t, await send(create(fresh), { ...update, id: gone }), 'TB_ITEM_GONE', {
    errors: [{ path: '/operations/1/id', message: 'is no item of this board' }],
  });
  t.equal(await headOf(boardId), head, 'nothing of it was written');

  const done = await send(create(fresh.toUpperCase()), update, create());
  t.equal(done.status, 200);
  t.match(done.body.results, [{ id: fresh, item: { id: fresh, version: 1 } }, { id: old, item: { version: 2 } }, {}]);
  const { events } = (await ada.get(`${board}/events`, { accept: 'application/json' })).body;
  t.same(
    events
      .slice(-3)
      .map(({ id }: { id: string }) => id)
      .sort(),
    done.body.results.map(({ id }: { id: string }) => id).sort(),
  );
  // Two batches that take the same ids in opposite order wait for each other: PostgreSQL undoes one, which is tried again.
  const [one, two] = [randomUUID(), randomUUID()];
  const answers = await Promise.all([
    send(create(one), create(two)),
    ada.at(other).post(`${board}/batch`, { operations: [create(two), create(one)] }),
  ]);
  t.same(answers.map(({ status }) => status).sort(), [200, 409]);
});
