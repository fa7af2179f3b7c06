// DELETE /users/me: what goes with an account, what stays, and what stands against it.

import t, { type Test } from 'tap';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const { sql } = database;
const node = await startNode(t, database.url);
const nobody = Client.nobody(node);
const password = 'correct horse';
let accounts = 0;

const newEmail = () => `user${++accounts}@example.org`;
const leave = (client: Client, currentPassword?: string): ReturnType<Client['request']> =>
  currentPassword === undefined
    ? client.delete('/users/me')
    : client.request('DELETE', '/users/me', { currentPassword });
const join = (boardId: string, { user }: Client, role: 'owner' | 'editor' | 'viewer') =>
  sql('insert into teamboard.members (board_id, user_id, role) values ($1, $2, $3)', [boardId, user.id, role]);
const boardsOf = async (client: Client) =>
  (await client.get('/boards')).body.boards.map(({ id }: { id: string }) => id).sort();
const exists = async (client: Client) =>
  (await sql('select from teamboard.users where id = $1', [client.user.id])).length === 1;

/** In which tables a row names the user. */
async function tracesOf({ user }: Client): Promise<string[]> {
  const tables = await sql<{ name: string }>(
    `select table_name as name from information_schema.tables
     where table_schema = 'teamboard' and table_type = 'BASE TABLE' order by table_name`,
  );
  const found = tables.map(async ({ name }) => {
    const rows = await sql(`select from teamboard.${name} as line where strpos(line::text, $1) > 0`, [user.id]);
    return rows.length > 0 ? [name] : [];
  });
  return (await Promise.all(found)).flat();
}

/** Runs a transaction of another writer, which is open while the request is answered as far as it can be. */
async function beside(t: Test, statement: string, request: () => ReturnType<Client['request']>) {
  const client = await database.pool.connect();
  t.teardown(() => client.release());
  await client.query('begin');
  await client.query(statement);
  const answer = request();
  const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await until(async () => (await sql(waiting)).length > 0, 'the request to wait for the transaction');
  await client.query('commit');
  return answer;
}

t.test('a guest goes with nothing but the cookie', async (t) => {
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  await ada.post(`/boards/${boardId}/items`, { text: 'x' }, { 'idempotency-key': 'one' });
  await ada.post('/tokens', { name: 'ci' });
  const refused = await leave(ada, password);
  sameProblem(t, refused, 'TB_INVALID', { errors: refused.body.errors });
  t.equal(refused.body.errors[0].path, '/currentPassword');
  t.ok(await exists(ada));

  const answer = await leave(ada);
  t.equal(answer.status, 204);
  t.match(answer.headers.getSetCookie()[0], /^tb_session=; .*Expires=Thu, 01 Jan 1970/);
  sameProblem(t, await ada.get('/session'), 'TB_UNAUTHENTICATED');
  sameProblem(t, await leave(ada), 'TB_UNAUTHENTICATED');
  t.same(await tracesOf(ada), ['board_events'], 'the log of the board that has gone with it');
});

t.test('what is no object deletes nobody', async (t) => {
  const eve = await Client.signUp(node, 'Eve');
  for (const body of ['null', '[]', '""', '0', 'false']) {
    t.equal((await eve.request('DELETE', '/users/me', body)).status, 400, body);
  }
  t.ok(await exists(eve));
});

t.test('who has a password sends it, and only a cookie will do', async (t) => {
  const email = newEmail();
  const ada = await Client.keep(node, { name: 'Ada', email, password });
  const { secret } = (await ada.post('/tokens', { name: 'ci' })).body;
  const bearer = { authorization: `Bearer ${secret}` };
  const missing = await leave(ada);
  sameProblem(t, missing, 'TB_INVALID', { errors: missing.body.errors });
  t.equal(missing.body.errors[0].path, '/currentPassword');
  sameProblem(t, await leave(ada, 'wrong'), 'TB_WRONG_PASSWORD');
  sameProblem(
    t,
    await ada.request('DELETE', '/users/me', { currentPassword: password }, bearer),
    'TB_SESSION_REQUIRED',
  );
  t.ok(await exists(ada));

  t.equal((await leave(ada, password)).status, 204);
  sameProblem(t, await nobody.get('/boards', bearer), 'TB_UNAUTHENTICATED');
  sameProblem(t, await nobody.post('/session', { email, password }), 'TB_WRONG_CREDENTIALS');
  t.same(await tracesOf(ada), []);
  const again = await Client.keep(node, { name: 'Eve', email: email.toUpperCase(), password: 'another one' });
  t.not(again.user.id, ada.user.id, 'the email is free');
});

t.test('guesses at the password are counted with all others', async (t) => {
  const ada = await Client.keep(node, { name: 'Ada', email: newEmail(), password });
  for (let count = 0; count < 5; count += 1) {
    t.equal((await leave(ada, 'wrong')).status, 403);
    t.equal((await ada.patch('/users/me', { password: 'new password', currentPassword: 'wrong' })).status, 403);
  }
  t.equal((await leave(ada)).status, 400, 'what is no guess is none');
  sameProblem(t, await leave(ada, password), 'TB_TOO_MANY_ATTEMPTS');
  t.ok(await exists(ada));
});

t.test('boards of nobody else go too; on the others it is a removal, and the log keeps the names', async (t) => {
  const [ada, bob] = [await Client.signUp(node, 'Ada'), await Client.signUp(node, 'Bob')];
  const [alone, shared] = [await ada.createBoard(), await ada.createBoard()];
  const visited = await bob.createBoard();
  await join(shared, bob, 'owner');
  await join(visited, ada, 'viewer');
  const { item } = (await ada.post(`/boards/${shared}/items`, { text: 'stays' })).body;
  t.equal((await leave(ada)).status, 204);

  t.same(await boardsOf(bob), [shared, visited].sort());
  const { body } = await bob.get(`/boards/${shared}`);
  t.same(
    body.members.map(({ user }: { user: object }) => user),
    [bob.user].map(({ id, name }) => ({ id, name })),
  );
  t.same([body.items[0].text, body.items[0].createdBy], ['stays', ada.user.id]);
  const { events } = (await bob.get(`/boards/${shared}/events`, { accept: 'application/json' })).body;
  t.match(events.find(({ id }: { id: string }) => id === item.id).actor, { id: ada.user.id, name: 'Ada' });
  t.match(events.at(-1), {
    resource: 'member',
    action: 'deleted',
    id: ada.user.id,
    object: { user: { id: ada.user.id, name: 'Deleted user' } },
    actor: { id: ada.user.id, name: 'Deleted user' },
  });
  const [last] = await sql(
    'select resource, action from teamboard.board_events where board_id = $1 order by seq desc',
    [alone],
  );
  t.same(last, { resource: 'board', action: 'deleted' });
  t.same(await sql('select from teamboard.items where board_id = $1', [alone]), []);
});

t.test('a board that others use keeps its owner: the account stays, whole, until it is handed over', async (t) => {
  const [ada, bob] = [await Client.signUp(node, 'Ada'), await Client.signUp(node, 'Bob')];
  const [first, second, alone] = [await ada.createBoard(), await ada.createBoard(), await ada.createBoard()];
  await join(first, bob, 'editor');
  await join(second, bob, 'viewer');
  const refused = await leave(ada);
  const errors = [first, second].sort().map((id) => ({ path: `/boards/${id}`, message: 'has no other owner' }));
  sameProblem(t, refused, 'TB_LAST_OWNER', { errors });
  t.match(refused.body.detail, /2 boards/);
  t.same(await boardsOf(ada), [first, second, alone].sort(), 'nothing is deleted');
  t.equal((await ada.get('/session')).status, 200);

  await ada.patch(`/boards/${first}/members/${bob.user.id}`, { role: 'owner' });
  sameProblem(t, await leave(ada), 'TB_LAST_OWNER', { errors: errors.filter(({ path }) => path.endsWith(second)) });
  await ada.delete(`/boards/${second}`);
  t.equal((await leave(ada)).status, 204);
  t.same(await boardsOf(bob), [first]);
});

t.test('of many boards that stand against it the first twenty are named', async (t) => {
  const [ada, bob] = [await Client.signUp(node, 'Ada'), await Client.signUp(node, 'Bob')];
  const boards: string[] = [];
  for (let count = 0; count < 25; count += 1) boards.push(await ada.createBoard());
  for (const boardId of boards) await join(boardId, bob, 'viewer');
  const { body } = await leave(ada);
  t.match(body.detail, /25 boards/);
  t.equal(body.errors.length, 20);
});

t.test('two owners who leave at once leave no board behind, and no board without an owner', async (t) => {
  for (let round = 0; round < 8; round += 1) {
    const [ada, bob] = [await Client.signUp(node, 'Ada'), await Client.signUp(node, 'Bob')];
    const boards = [await ada.createBoard(), await bob.createBoard(), await ada.createBoard()];
    for (const boardId of boards) {
      for (const each of [ada, bob]) {
        await sql(
          `insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'owner') on conflict do nothing`,
          [boardId, each.user.id],
        );
      }
    }
    const answers = await Promise.all([leave(ada), leave(bob)]);
    t.same(
      answers.map(({ status }) => status),
      [204, 204],
    );
    t.same(await sql('select from teamboard.boards where id = any($1)', [boards]), []);
  }
});

t.test('somebody who joins in that moment keeps the board, and its owner', async (t) => {
  const [ada, bob] = [await Client.signUp(node, 'Ada'), await Client.signUp(node, 'Bob')];
  const boardId = await ada.createBoard();
  const statement = `insert into teamboard.members (board_id, user_id, role) values ('${boardId}', '${bob.user.id}', 'viewer')`;
  const answer = await beside(t, statement, () => leave(ada));
  sameProblem(t, answer, 'TB_LAST_OWNER', { errors: [{ path: `/boards/${boardId}`, message: 'has no other owner' }] });
  t.same(await boardsOf(bob), [boardId]);
});

t.test('an owner who leaves in that moment leaves the board to the one who would have gone', async (t) => {
  const [ada, bob, eve] = [await Client.signUp(node), await Client.signUp(node), await Client.signUp(node)];
  const boardId = await ada.createBoard();
  await join(boardId, bob, 'owner');
  await join(boardId, eve, 'viewer');
  // Ada's look sees Bob as an owner; his removal holds the head of the log until it has committed.
  const statement = `delete from teamboard.members where board_id = '${boardId}' and user_id = '${bob.user.id}';
                     set constraints all immediate`;
  const answer = await beside(t, statement, () => leave(ada));
  sameProblem(t, answer, 'TB_LAST_OWNER', { errors: [{ path: `/boards/${boardId}`, message: 'has no other owner' }] });
  t.ok(await exists(ada));
});

t.test('what a user does in the moment in which the account goes is refused as from nobody', async (t) => {
  const email = newEmail();
  const acts: Array<(ada: Client) => ReturnType<Client['request']>> = [
    () => nobody.post('/session', { email, password }),
    (ada) => ada.post('/tokens', { name: 'ci' }),
    (ada) => ada.patch('/users/me', { name: 'Eve' }),
  ];
  for (const act of acts) {
    const ada = await Client.keep(node, { name: 'Ada', email, password });
    const statement = `select teamboard.delete_user(user_id, password_hash) from teamboard.credentials where user_id = '${ada.user.id}'`;
    const answer = await beside(t, statement, () => act(ada));
    sameProblem(t, answer, 'TB_UNAUTHENTICATED');
    t.match(answer.headers.get('www-authenticate'), 'Bearer');
    t.notOk(await exists(ada));
  }
});

t.test('a password that changes in that moment is the one that would have been asked for', async (t) => {
  const ada = await Client.keep(node, { name: 'Ada', email: newEmail(), password });
  const statement = `update teamboard.credentials set password_hash = password_hash || 'x' where user_id = '${ada.user.id}'`;
  sameProblem(t, await beside(t, statement, () => leave(ada, password)), 'TB_WRONG_PASSWORD');
  t.ok(await exists(ada));

  for (let round = 0; round < 5; round += 1) {
    const bob = await Client.keep(node, { name: 'Bob', email: newEmail(), password });
    const change = { password: 'new password', currentPassword: password };
    const [gone, changed] = await Promise.all([leave(bob, password), bob.patch('/users/me', change)]);
    const statuses = [gone.status, changed.status];
    const isGone = gone.status === 204;
    t.ok(isGone ? [401, 403].includes(changed.status) : gone.status !== 503 && changed.status === 200, `${statuses}`);
    t.equal(await exists(bob), !isGone);
  }
});
