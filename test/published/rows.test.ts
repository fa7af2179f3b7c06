// Tables of an application that are published: what a reader of the stream sees of each way of writing them.

import pg from 'pg';
import t, { type Test } from 'tap';
import { forgetDroppedTables } from '../../src/boards/orphan-store.ts';
import { Client } from '../helpers/client.ts';
import { type EventStream, openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { textOf } from '../helpers/pages.ts';

const database = await useDatabase(t);
/** As an application has it: its tables in `public`. */
const sql: typeof database.sql = (text) => database.sql(`set local search_path = public; ${text}`);
const node = await startNode(t, database.url);
const ada = await Client.signUp(node);
let tables = 0;

/** A published table, a board that the tests follow, and its stream. */
async function publish(t: Test, columns: string, options = '') {
  tables += 1;
  const [table, key] = [`books${tables}`, `shelf:${tables}`];
  await sql(`create table ${table} (${columns})`);
  await sql(`select teamboard.publish('${table}', board => 'shelf'${options})`);
  await ada.post('/boards', { name: 'Shelf', key });
  const stream = await openStream(t, node.url, `~${key}`, ada);
  await stream.next('ready');
  t.teardown(() => stream.close());
  places.set(stream, 2);
  return { table, key, stream };
}

const places = new WeakMap<EventStream, number>();

async function nextEvent(stream: EventStream) {
  const seq = (places.get(stream) ?? 0) + 1;
  places.set(stream, seq);
  return (await stream.next('changed', ({ data }) => data.seq === seq)).data;
}

/** The next event, in short. */
async function next(stream: EventStream) {
  const { resource, action, id, object, changes } = await nextEvent(stream);
  return { resource, action, id, object, ...(changes && { changes }) };
}

t.test('rows are created, updated and deleted for their readers, in the order of commits (E2, E3)', async (t) => {
  const { table, key, stream } = await publish(t, 'id int primary key, shelf text, title text');
  await sql(`insert into ${table} values (1, '${key}', 'Emma')`);
  const emma = { id: 1, shelf: key, title: 'Emma' };
  t.same(await next(stream), { resource: table, action: 'created', id: '1', object: emma });
  await sql(`update ${table} set title = title`);
  await sql(`select set_config('teamboard.actor', '${ada.user.id}', true), set_config('teamboard.mutation_id', 'm1', true);
    update ${table} set title = 'Dune'`);
  const data = await nextEvent(stream);
  t.match(data, { action: 'updated', changes: ['title'], actor: { id: ada.user.id }, mutationId: 'm1' });
  t.same((await ada.get(`/boards/~${key}`)).body.tables, {
    [table]: [{ id: '1', object: { ...emma, title: 'Dune' } }],
  });
  await sql(`insert into ${table} values (1, '${key}', 'x') on conflict (id) do update set title = 'Ulysses'`);
  t.match(await next(stream), { action: 'updated', object: { title: 'Ulysses' } });
  await sql(`begin; update ${table} set title = 'never'; rollback`);
  await sql(`truncate ${table}`);
  t.match(await next(stream), { action: 'deleted', id: '1', object: { title: 'Ulysses' } });
  t.equal((await ada.get(`/boards/~${key}`)).body.tables, undefined);
});

t.test('a row that moves leaves one board and enters the other, which is made where it is missing', async (t) => {
  const { table, key, stream } = await publish(t, 'a int, b text, shelf text, primary key (a, b)');
  await sql(`insert into ${table} values (1, 'x', '${key}')`);
  t.match(await next(stream), { action: 'created', id: '["1","x"]' });
  await sql(`update ${table} set shelf = '${key}-new'`);
  t.match(await next(stream), { action: 'deleted', id: '["1","x"]' });
  const log = await sql(`select resource, action from teamboard.board_events
    where board_id = (select id from teamboard.boards where key = '${key}-new') order by seq`);
  t.same(log, [
    { resource: 'board', action: 'created' },
    { resource: table, action: 'created' },
  ]);
  await sql(`update ${table} set shelf = '${key}', b = 'y'`);
  t.match(await next(stream), { action: 'created', id: '["1","y"]' });
});

t.test('only the columns that are named leave, and only rows that match', async (t) => {
  const options = `, resource => 'book', columns => array['title'], "where" => 'price > 0'`;
  const { table, key, stream } = await publish(t, 'id uuid primary key, shelf text, title text, price int', options);
  const id = '01970000-0000-7000-8000-000000000001';
  await sql(`insert into ${table} values ('${id}', '${key}', 'Emma', 0)`);
  await sql(`update ${table} set price = 5`);
  t.same(await next(stream), { resource: 'book', action: 'created', id, object: { title: 'Emma' } });
  await sql(`update ${table} set price = 6`);
  await sql(`alter table ${table} rename column title to name`);
  await sql(`update ${table} set price = null`);
  t.match(await next(stream), { action: 'deleted', id });
  await sql(`update ${table} set price = 1`);
  t.same(await next(stream), { resource: 'book', action: 'created', id, object: { name: 'Emma' } });
});

t.test(
  'cascades, bulk writes and partitions are told; no writer fails, nor who alters or drops the table',
  async (t) => {
    const { table, key, stream } = await publish(t, 'id int primary key, shelf text, parent int');
    await sql(`alter table ${table} add foreign key (parent) references ${table} on delete cascade`);
    await sql(`begin; insert into ${table} select n, '${key}', nullif(1, n) from generate_series(1, 50) n;
    alter table ${table} add column note text; commit`);
    for (let id = 1; id <= 50; id += 1) t.match(await next(stream), { action: 'created', id: `${id}` });
    await sql(`delete from ${table} where id = 1`);
    for (let count = 0; count < 50; count += 1) t.match(await next(stream), { action: 'deleted' });
    await sql(`insert into ${table} (id, shelf) values (60, null), (61, 'no key'), (62, '${'x'.repeat(200)}')`);
    await sql(`insert into ${table} (id, shelf) values (63, '${key}')`);
    t.match(await next(stream), { id: '63' }, 'what names no board is told nowhere');
    await sql(`select teamboard.unpublish('${table}')`);
    t.match(await next(stream), { action: 'deleted', id: '63' });
    await sql(`drop table ${table}`);

    await sql(`create table parted (id int, shelf text, primary key (id)) partition by range (id);
    create table parted_1 partition of parted for values from (0) to (100)`);
    await sql(`select teamboard.publish('parted', board => 'shelf')`);
    await sql(`create table parted_2 partition of parted for values from (100) to (200)`);
    await sql(`insert into parted values (1, '${key}'), (101, '${key}')`);
    t.match(await next(stream), { resource: 'parted', action: 'created', id: '1' });
    t.match(await next(stream), { resource: 'parted', action: 'created', id: '101' });
    await sql('drop table parted');
  },
);

t.test('who has no right on our schema writes the table; only its owner publishes it', async (t) => {
  const { table, key, stream } = await publish(t, 'id int primary key, shelf text');
  const role = `writer_${process.pid}`;
  await sql(`create role ${role}; grant insert, select on ${table} to ${role}`);
  t.teardown(() => sql(`drop owned by ${role}; drop role ${role}`));
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  t.teardown(() => client.end());
  await client.query(`set search_path = public; set role ${role}`);
  await client.query(`insert into ${table} values (1, '${key}')`);
  t.match(await next(stream), { action: 'created', id: '1' });
  await t.rejects(client.query(`select teamboard.publish('${table}', board => 'shelf')`), /permission denied/);
  await sql(textOf('docs/published-tables.md', 'Who may publish?').replace('<role>', role));
  await t.rejects(client.query(`select teamboard.publish('${table}', board => 'shelf')`), /only the owner/);
  await client.query(`select teamboard.broadcast('${key}', 'saved', '{"by":"app"}')`);
  t.match((await stream.next('broadcast')).data, { name: 'saved', data: { by: 'app' } });
});

t.test('what writers of several boards leave in the logs is what is in the table (E1, E2, E3)', async (t) => {
  const { table } = await publish(t, 'id int primary key, shelf text, n int');
  const shelves = [0, 1, 2, 3].map((index) => `${table}-${index}`);
  let seed = 7;
  const draw = (most: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * most);
  };
  const write = async (writer: number) => {
    for (let count = 0; count < 25; count += 1) {
      const id = writer * 10 + draw(10);
      const shelf = shelves[draw(4)];
      const one = `insert into ${table} values (${id}, '${shelf}', ${count}) on conflict (id) do update set n = ${count}`;
      const writes = [
        one,
        `update ${table} set shelf = '${shelf}' where id between ${writer * 10} and ${id}`,
        `delete from ${table} where id = ${id}`,
        `begin; ${one}; savepoint a; delete from ${table} where id = ${id}; rollback to a; commit`,
        `begin; delete from ${table} where id = ${id}; rollback`,
      ];
      await sql(writes[draw(writes.length)] ?? '');
    }
  };
  await Promise.all([0, 1, 2, 3, 4, 5].map(write));
  const events = await sql<{
    key: string;
    seq: number;
    action: string;
    id: string | null;
    object: unknown;
  }>(`select key, seq::int, action, row_id as id, object from teamboard.board_events
    join teamboard.boards on boards.id = board_id where resource = '${table}' or key like '${table}-%' order by key, seq`);
  const replayed = new Map<string, unknown>();
  const heads = new Map<string, number>();
  for (const { key, seq, action, id, object } of events) {
    t.equal(seq, (heads.get(key) ?? 0) + 1, 'no hole');
    heads.set(key, seq);
    const name = `${key} ${id}`;
    if (id === null) continue;
    t.equal(replayed.has(name), action !== 'created', `${action} ${name}`);
    if (action === 'deleted') replayed.delete(name);
    else replayed.set(name, object);
  }
  const rows = await sql<{ shelf: string; id: number }>(`select * from ${table}`);
  t.same(Object.fromEntries(replayed), Object.fromEntries(rows.map((row) => [`${row.shelf} ${row.id}`, row])));
});

t.test('a table is published as the page has it', async (t) => {
  const page = 'docs/published-tables.md';
  await sql(textOf(page, "How do pages hear of an application's own tables?"));
  t.match(await ada.post('/boards', { name: 'Novels', key: 'shelf:42' }), {
    status: 409,
    body: { code: 'TB_KEY_TAKEN' },
  });
  t.match(await ada.post('/boards', { name: 'Novels', key: 'shelf:43' }), { status: 409 }, 'reserved, and not taken');
  const [{ id, owner } = {}] = await sql<{ id: string; owner: string | null }>(
    `select id, created_by as owner from teamboard.boards where key = 'shelf:42'`,
  );
  t.equal(owner, null, 'nobody owns what rows have made');
  await sql(`insert into teamboard.members (board_id, user_id, role) values ('${id}', '${ada.user.id}', 'viewer')`);
  t.same((await ada.get('/boards/~shelf:42')).body.tables, { books: [{ id: '7', object: { id: 7, title: 'Emma' } }] });
  await sql('drop table books');
  await forgetDroppedTables(database.pool, 1000);
  t.equal((await ada.get('/boards/~shelf:42')).body.tables, undefined);
});
