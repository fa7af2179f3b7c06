// Boards by their keys: `~<key>` wherever an id stands.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { textOf } from '../helpers/pages.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const ada = await Client.signUp(node);
const eve = await Client.signUp(node, 'Eve');

t.test('a board is found by its key wherever its id may stand', async (t) => {
  const made = await ada.post('/boards', { name: 'Shelf', key: 'shelf:4.2_A-b' });
  t.match(made, { status: 201, body: { board: { name: 'Shelf', key: 'shelf:4.2_A-b' } } });
  const { id } = made.body.board;
  const path = '/boards/~shelf:4.2_A-b';
  const { item } = (await ada.post(`${path}/items`, { text: 'Milk' })).body;
  t.equal(item.boardId, id);
  t.match((await ada.get(path)).body, { board: made.body.board, items: [{ id: item.id }] });
  t.match((await ada.get('/boards/%7Eshelf%3A4.2_A-b')).body, { board: { id } });
  t.equal((await ada.patch(`${path}/items/${item.id}`, { text: 'Bread' })).status, 200);
  t.match((await ada.get(`${path}/items`)).body, { items: [{ text: 'Bread' }] });
  t.match((await ada.get(`${path}/members`)).body, { members: [{ user: { id: ada.user.id } }] });
  t.equal((await ada.post(`${path}/broadcasts`, { name: 'typing', data: {} })).status, 202);
  t.equal((await ada.get(`${path}/presence`)).status, 200);
  const { token } = (await ada.post(`${path}/invites`, { role: 'viewer' })).body;
  t.match((await eve.post(`/invites/${token}/accept`, {})).body, { board: { id, key: 'shelf:4.2_A-b' } });
  const json = { accept: 'application/json' };
  t.match((await ada.get(`${path}/events`, json)).body, { events: [{ boardId: id, seq: 1 }] });
  t.match((await ada.get('/events?boards=~shelf:4.2_A-b', json)).body, { events: [{ boardId: id }] });

  const { ticket } = (await eve.post(`${path}/tickets`, {})).body;
  const byTicket = await Client.nobody(node).get(`${path}/events?ticket=${ticket}`, json);
  t.match(byTicket, { status: 200, body: { events: [{ boardId: id }] } });
  const many = (await eve.post('/tickets', { boards: ['~shelf:4.2_A-b'] })).body.ticket;
  t.match(await Client.nobody(node).get(`/events?boards=~shelf:4.2_A-b&ticket=${many}`, json), { status: 200 });

  const stream = await openStream(t, node.url, '~shelf:4.2_A-b', ada);
  t.match((await stream.next('ready')).data, { boardId: id });
  await ada.post(`${path}/items`, { text: 'Eggs' });
  t.match((await stream.next('changed')).data, { boardId: id, object: { text: 'Eggs' } });
  await stream.close();
  t.equal((await ada.delete(path)).status, 204);
});

t.test('a key is one board’s, until that is deleted; then it is at once that of the next', async (t) => {
  const first = (await ada.post('/boards', { name: 'One', key: 'k' })).body.board;
  t.match(await eve.post('/boards', { name: 'Two', key: 'k' }), { status: 409, body: { code: 'TB_KEY_TAKEN' } });
  t.equal((await ada.get('/boards/~k')).body.board.id, first.id);
  await ada.delete('/boards/~k');
  t.equal((await ada.get('/boards/~k')).status, 404);
  const second = (await eve.post('/boards', { name: 'Two', key: 'k' })).body.board;
  t.not(second.id, first.id);
  t.equal((await eve.get('/boards/~k')).body.board.id, second.id);
  t.equal((await ada.get('/boards/~k')).status, 404, 'and nobody else sees it');
});

t.test('what has no board is answered as what is somebody else’s (E6)', async (t) => {
  await ada.post('/boards', { name: 'Ada’s', key: 'adas' });
  const [theirs, none] = await Promise.all([eve.get('/boards/~adas'), eve.get('/boards/~none')]);
  t.same([theirs.status, theirs.body], [none.status, none.body]);
  for (const key of ['', 'a/b', 'ü', 'x'.repeat(129)])
    t.equal((await ada.get(`/boards/~${encodeURIComponent(key)}`)).status, 404, key);
  for (const key of ['', 'a b', '~a', 'x'.repeat(129)])
    t.match(await ada.post('/boards', { name: 'x', key }), { status: 400, body: { errors: [{ path: '/key' }] } });
  const id = await eve.createBoard('Eve’s');
  const page = await eve.get(`/events?boards=~adas,${id},~none`, { accept: 'application/json' });
  t.same(page.body.refused, [
    { boardId: '~adas', refused: 404 },
    { boardId: '~none', refused: 404 },
  ]);
});

t.test('SQL opens a board by its key, and makes it once', async (t) => {
  const open = () =>
    database.sql<{ id: string }>(
      `select set_config('teamboard.actor', $1, true), teamboard.open_board('from-sql', 'By SQL') as id`,
      [ada.user.id],
    );
  const ids = (await Promise.all([open(), open(), open()])).map(([row]) => row?.id);
  t.equal(new Set(ids).size, 1);
  t.match((await ada.get('/boards/~from-sql')).body.board, { id: ids[0], name: 'By SQL', key: 'from-sql' });
  await t.rejects(database.sql(`update teamboard.boards set key = 'other' where key = 'from-sql'`), {
    message: 'a row of boards keeps its id and its key',
  });

  // As the page has it.
  await database.sql(textOf('docs/writing-with-sql.md', 'A board by your own name'));
  t.match(await database.sql(`select name from teamboard.boards where key = 'shelf:42'`), [{ name: 'Novels' }]);
});
