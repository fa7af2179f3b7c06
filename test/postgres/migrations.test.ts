// A database of an earlier version, with rows that this one would refuse, becomes one of this version.

import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import t, { type Test } from 'tap';
import { migrate } from '../../src/postgres/migrate.ts';
import { type EventStream, openStream } from '../helpers/event-stream.ts';
import { startNode, type TestNode } from '../helpers/node.ts';
import { createEmptyDatabase, dropDatabase } from '../helpers/test-cluster.ts';

const FIRST_RELEASE = 11; // files
const SECRET = 'a-session-of-the-earlier-version';
const cookie = `tb_session=${SECRET}`;

/** A database as the first files leave it. */
async function useEarlierDatabase(t: Test) {
  const name = `test_earlier_${process.pid}_${Math.random().toString(36).slice(2)}`;
  const url = await createEmptyDatabase(name);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.teardown(async () => {
    await client.end();
    await dropDatabase(name);
  });
  await runner({
    dbClient: client,
    dir: fileURLToPath(new URL('../../src/postgres/migrations', import.meta.url)),
    direction: 'up',
    count: FIRST_RELEASE,
    migrationsTable: 'schema_migrations',
    singleTransaction: false,
    log: () => {},
  });
  const sql = async <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) =>
    (await client.query<Row>(text, values)).rows;
  return { url, sql };
}

type Sql = Awaited<ReturnType<typeof useEarlierDatabase>>['sql'];

/** @returns the ids of the user, who signs in with {@link SECRET}, and of a board of theirs */
async function addBoard(sql: Sql, names = { user: 'Ada', board: 'Plans' }) {
  const [user] = await sql<{ id: string }>('insert into users (name, guest) values ($1, true) returning id', [
    names.user,
  ]);
  await sql(
    `insert into sessions (token_hash, user_id, expires_at)
     values (sha256($1), $2, now() + interval '1 day') on conflict do nothing`,
    [SECRET, user?.id],
  );
  const boardId = await addBoardOf(sql, user?.id, names.board);
  return { userId: user?.id ?? '', boardId };
}

async function addBoardOf(sql: Sql, userId: string | undefined, name: string): Promise<string> {
  const [board] = await sql<{ id: string }>(
    `with board as (insert into boards (name) values ($1) returning id),
       member as (insert into members (board_id, user_id, role) select id, $2, 'owner' from board)
     select id from board`,
    [name, userId],
  );
  return board?.id ?? '';
}

async function startMigrated(t: Test, url: string): Promise<TestNode> {
  const warned: unknown[] = [];
  await migrate(url, { info: () => {}, warn: (...line: unknown[]) => void warned.push(line) });
  t.strictSame(warned, []);
  return startNode(t, url);
}

// biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
async function get(t: Test, node: TestNode, path: string): Promise<any> {
  const response = await fetch(node.url + path, { headers: { cookie } });
  t.equal(response.status, 200, path);
  return response.json();
}

/** @returns the board's stream from after so many of its events */
function resume(t: Test, node: TestNode, boardId: string, cursor: string, seq: number): Promise<EventStream> {
  return openStream(t, node.url, boardId, {
    cookie,
    headers: { 'last-event-id': cursor.replace(/\d+$/, String(seq)) },
  });
}

t.test('names that are none get one, and a board that had one so tells of it', async (t) => {
  const { url, sql } = await useEarlierDatabase(t);
  const { userId, boardId } = await addBoard(sql, { user: ' \n\u200b', board: ' \u200b\n' });
  const boards = [boardId];
  for (const name of ['   ', 'Two\r\nlines', 'Fine']) boards.push(await addBoardOf(sql, userId, name));
  for (const name of ['\u2028', 'a\tb', 'Fine']) {
    await sql(
      `insert into tokens (user_id, token_hash, name) values ($1, sha256(gen_random_uuid()::text::bytea), $2)`,
      [userId, name],
    );
    await sql('insert into users (name, guest) values ($1, true)', [name]);
  }
  const node = await startMigrated(t, url);

  t.equal((await get(t, node, '/session')).user.name, 'Unnamed');
  const names = ['Unnamed', 'Unnamed', 'Two lines', 'Fine'];
  for (const [index, id] of boards.entries()) {
    const { board, cursor } = await get(t, node, `/boards/${id}`);
    const isNew = index < 3;
    t.match(board, { name: names[index], version: isNew ? 2 : 1 });
    t.match(cursor, isNew ? /-3$/ : /-2$/);
    if (!isNew) continue;
    const { data } = await (await resume(t, node, id, cursor, 2)).next('changed');
    t.match(data, { seq: 3, resource: 'board', action: 'updated', changes: ['name'], object: { name: names[index] } });
  }
  for (const table of ['tokens', 'users where id <> (select user_id from sessions)']) {
    const rows = await sql<{ name: string }>(`select name from ${table} order by name`);
    t.strictSame(rows.map(({ name }) => name).sort(), ['Unnamed', 'a b', 'Fine'].sort(), table);
  }
});

t.test('items that would be refused now stay, are counted, and are moved aside where they are large', async (t) => {
  const { url, sql } = await useEarlierDatabase(t);
  const { boardId } = await addBoard(sql);
  const deep = `{"a":${'['.repeat(150)}${']'.repeat(150)}}`;
  const rows: Array<[text: string, data: string]> = [
    ['deep', deep],
    ['deeper', `{"a":${'['.repeat(6000)}${']'.repeat(6000)}}`],
    ['number', '{"n":1e500}'],
    ['numbers', `{"n":[${Array(20).fill('12345678901234567890').join()}]}`],
    ['names', `{"__proto__":{"a":"${'b'.repeat(300)}"}}`],
    ['\u0001'.repeat(10_000), `{"wide":"${'w'.repeat(16_000)}"}`],
    ['👋'.repeat(10_000), deep],
    ['small', '{}'],
  ];
  for (const [text, data] of rows) {
    await sql('insert into items (board_id, text, data) values ($1, $2, $3)', [boardId, text, data]);
  }
  const before = await sql('select id, text, data::text from items order by id');
  const node = await startMigrated(t, url);

  t.strictSame(await sql('select id, text, data::text from items order by id'), before, 'as they were');
  const [held] = await sql(
    `select count(*)::int, sum(octet_length(to_json(text)::text) + octet_length(data::text))::int as bytes from items`,
  );
  const log = 'select item_count as count, item_bytes::int as bytes from board_log where board_id = $1';
  t.strictSame(await sql(log, [boardId]), [held]);
  t.strictSame(
    await sql(
      `select count(*)::int from items where
         (octet_length(to_json(text)::text) > 200) <> exists (
           select from large_values where id = text_value and value = to_json(text)::text)
         or (octet_length(data::text) > 200) <> exists (select from large_values where id = data_value and value = data::text)`,
    ),
    [{ count: 0 }],
    'each large value is where its item says',
  );
  const refused = {
    items_data: `{"a":"${'a'.repeat(17_000)}"}`,
    items_data_depth: deep,
    items_data_values: '{"n":1e500}',
  };
  for (const [check, data] of Object.entries(refused)) {
    const insertion = sql(`insert into items (board_id, text, data) values ($1, '', $2)`, [boardId, data]);
    t.equal(await insertion.catch(({ constraint }) => constraint), check);
  }
  const { items, cursor } = await get(t, node, `/boards/${boardId}`);
  t.equal(items.length, rows.length);
  const stream = await resume(t, node, boardId, cursor, 2);
  await stream.next('changed', ({ data }) => data.seq === 2 + rows.length);
  t.strictSame(stream.seqs, [3, 4, 5, 6, 7, 8, 9, 10], 'what was told before still is');

  for (const { id } of items) {
    const response = await fetch(`${node.url}/boards/${boardId}/items/${id}`, {
      method: 'DELETE',
      headers: { cookie },
    });
    t.equal(response.status, 204);
  }
  await stream.next('changed', ({ data }) => data.action === 'deleted' && data.seq === 2 + 2 * rows.length);
  t.strictSame(await sql(log, [boardId]), [{ count: 0, bytes: 0 }]);
});

t.test('rows of other tables that would be refused now stay as they are', async (t) => {
  const { url, sql } = await useEarlierDatabase(t);
  const { userId, boardId } = await addBoard(sql);
  await sql(`with odd as (insert into users (name, guest, created_at) values ('Odd', false, 'infinity') returning id),
    member as (insert into members (board_id, user_id, role) select '${boardId}', id, 'editor' from odd),
    session as (insert into sessions (token_hash, user_id, created_at, expires_at)
      select sha256('odd'), id, '-infinity', 'infinity' from odd),
    token as (insert into tokens (user_id, token_hash, name, expires_at)
      select id, sha256('odd'), E'\\n', 'infinity' from odd),
    invite as (insert into invites (board_id, role, max_uses, uses, created_by, expires_at)
      select '${boardId}', 'viewer', 1000000, -1, id, 'infinity' from odd)
    insert into credentials (user_id, email, password_hash) select id, 'no address', '$argon2id$' from odd`);
  await sql(`select set_config('teamboard.mutation_id', 'no key', false)`);
  await sql(`insert into items (board_id, text) values ($1, 'under no key')`, [boardId]);
  const node = await startMigrated(t, url);

  const { members, items } = await get(t, node, `/boards/${boardId}`);
  t.strictSame([members.length, items.length], [2, 1]);
  t.equal((await get(t, node, '/session')).user.id, userId);
  t.match(await sql('select name, expires_at::text from tokens'), [{ name: 'Unnamed', expires_at: 'infinity' }]);
});
