// Ways of writing a published table, one after the other: what the log of its board tells then, and that no writer fails.

import pg from 'pg';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';

const database = await useDatabase(t);
/** As an application has it: its tables in `public`. */
const sql: typeof database.sql = (text) => database.sql(`set local search_path = public; ${text}`);
const node = await startNode(t, database.url);
const ada = await Client.signUp(node);
const cursors = new Map<string, string>();
let count = 0;

/** The name of a new table, which is published, and the key of a board that Ada has. */
async function publish(columns: string, options = ''): Promise<[table: string, key: string]> {
  count += 1;
  const [table, key] = [`table${count}`, `key${count}`];
  await sql(`create table ${table} (${columns})`);
  await sql(`select teamboard.publish('${table}', board => 'shelf'${options})`);
  await ada.post('/boards', { name: 'Shelf', key });
  await told(key);
  return [table, key];
}

const depthOf = (value: unknown): number => {
  let depth = 0;
  for (let each = value; Array.isArray(each); [each] = each) depth += 1;
  return depth;
};

/** What the log of the board tells of rows that it has not told here yet, in short. */
async function told(key: string): Promise<string[]> {
  const after = cursors.get(key);
  const { body } = await ada.get(`/boards/~${key}/events?limit=500${after ? `&after=${after}` : ''}`, {
    accept: 'application/json',
  });
  cursors.set(key, body.cursor);
  const rows = body.events.filter(({ resource }: { resource: string }) => !['board', 'member'].includes(resource));
  return rows.map(
    ({ action, id, object, changes }: { action: string; id: string; object: { n: unknown }; changes?: string[] }) =>
      `${action} ${id}${object.n === undefined ? '' : ` n=${object.n}`}${changes ? ` (${changes})` : ''}`,
  );
}

t.test('what a transaction has made of a row is told once, as it commits (E2, E3)', async (t) => {
  const [table, key] = await publish('id int primary key, shelf text, n int');
  const one = `insert into ${table} values (1, '${key}', 1)`;
  await sql(`${one}; update ${table} set n = 2; update ${table} set n = 3`);
  t.same(await told(key), ['created 1 n=3']);
  await sql(`update ${table} set n = 4; update ${table} set n = 3`);
  await sql(`insert into ${table} values (2, '${key}', 1); delete from ${table} where id = 2`);
  await sql(`update ${table} set shelf = 'away'; update ${table} set shelf = '${key}'`);
  await sql(`delete from ${table}; ${one}; rollback`);
  t.same(await told(key), [], 'nothing has come of it');
  await sql(
    `begin; update ${table} set n = 5; savepoint a; delete from ${table}; rollback to a;
     update ${table} set n = n + 1; commit`,
  );
  t.same(await told(key), ['updated 1 n=6 (n)']);
  await sql(`update ${table} set n = 7; delete from ${table}`);
  t.same(await told(key), ['deleted 1 n=6'], 'as readers knew it');
  await sql(one);
  await sql(`delete from ${table}; ${one}`);
  await sql(`update ${table} set n = 2; update ${table} set shelf = '${key}-b'; update ${table} set shelf = '${key}'`);
  t.same(await told(key), ['created 1 n=1', 'deleted 1 n=1', 'created 1 n=1', 'updated 1 n=2 (n)']);
});

t.test('each way to write is told', async (t) => {
  const [table, key] = await publish('id text primary key, shelf text, n int');
  await sql(`copy ${table} from program 'printf "a\\t${key}\\t1\\nb\\t${key}\\t1\\n"'`);
  t.same(await told(key), ['created a n=1', 'created b n=1']);
  await sql(`insert into ${table} values ('a', '${key}', 9) on conflict do nothing`);
  await sql(`insert into ${table} select * from (values ('b', '${key}', 2), ('c', '${key}', 2)) v
    on conflict (id) do update set n = excluded.n`);
  await sql(`merge into ${table} using (values ('a', 3), ('d', 3)) s (id, n) on ${table}.id = s.id
    when matched then delete when not matched then insert values (s.id, '${key}', s.n)`);
  await sql(
    `with gone as (delete from ${table} where id = 'b' returning *) insert into ${table} select 'e e"\\', shelf, n from gone`,
  );
  await sql(`update ${table} set id = 'ü' where id = 'c'`);
  t.same((await told(key)).sort(), [
    ...['created c n=2', 'created d n=3', 'created e e"\\ n=2', 'created ü n=2'],
    ...['deleted a n=1', 'deleted b n=2', 'deleted c n=2', 'updated b n=2 (n)'],
  ]);
  await sql(`truncate ${table}`);
  t.equal((await told(key)).length, 3);
  await sql(
    `create table of_${table} (id int primary key, shelf text, n int, parent text references ${table} on delete set null)`,
  );
  await sql(`select teamboard.publish('of_${table}', board => 'shelf')`);
  await sql(
    `insert into ${table} values ('p', '${key}', 0); insert into of_${table} values (1, '${key}', 1, 'p'), (2, '${key}', 1, 'p')`,
  );
  await told(key);
  await sql(`delete from ${table}`);
  t.same(await told(key), ['deleted p n=0', 'updated 1 n=1 (parent)', 'updated 2 n=1 (parent)']);
  await sql(`insert into ${table} values ('q', '${key}', 0); truncate ${table} cascade`);
  t.same(await told(key), ['deleted 1 n=1', 'deleted 2 n=1']);
});

t.test('columns may get other names, and go', async (t) => {
  const [table, key] = await publish(
    'id int primary key, shelf text, n int, note text',
    `, columns => array['n', 'note']`,
  );
  await sql(`insert into ${table} values (1, '${key}', 1, 'x')`);
  await sql(`alter table ${table} rename shelf to place; alter table ${table} rename id to number;
    alter table ${table} rename note to remark; update ${table} set n = 2`);
  t.same(await told(key), ['created 1 n=1', 'updated 1 n=2 (n,note,remark)']);
  await sql(`alter table ${table} drop remark; update ${table} set n = 3`);
  t.same(await told(key), ['updated 1 n=3 (n,remark)']);
  await sql(`alter table ${table} rename to other_${table}; update other_${table} set n = 4`);
  t.same(await told(key), ['updated 1 n=4 (n)']);
  await sql(
    `alter table other_${table} drop place; update other_${table} set n = 5; insert into other_${table} values (2, 1)`,
  );
  t.same(await told(key), ['deleted 1 n=4'], 'no board is named any more');
});

t.test('partitions are one table; those that inherit are not', async (t) => {
  const [table, key] = await publish('id int, shelf text, n int, primary key (id, n)) partition by range (n');
  await sql(`create table ${table}_1 partition of ${table} for values from (0) to (10) partition by range (n);
    create table ${table}_2 partition of ${table} for values from (10) to (20);
    create table ${table}_1_1 partition of ${table}_1 for values from (0) to (10)`);
  await sql(`insert into ${table} values (1, '${key}', 1); insert into ${table}_1_1 values (2, '${key}', 2)`);
  t.same(await told(key), ['created ["1","1"] n=1', 'created ["2","2"] n=2']);
  await sql(
    `update ${table} set n = 11 where id = 1; truncate ${table}_1_1; alter table ${table} detach partition ${table}_1`,
  );
  await sql(`insert into ${table}_1_1 values (3, '${key}', 3)`);
  t.same(await told(key), ['deleted ["1","1"] n=1', 'created ["1","11"] n=11']);
  await sql(`select teamboard.publish('${table}', board => 'shelf')`);
  t.same((await told(key)).sort(), ['created ["1","11"] n=11', 'deleted ["1","11"] n=11', 'deleted ["2","2"] n=2']);

  const [parent, shelf] = await publish('id int primary key, shelf text, n int');
  await sql(
    `create table ${parent}_child () inherits (${parent}); insert into ${parent}_child values (1, '${shelf}', 1)`,
  );
  await sql(`select teamboard.publish('${parent}', board => 'shelf'); update ${parent} set n = 2`);
  t.same(await told(shelf), []);
});

t.test('no writer fails by what its row holds', async (t) => {
  const [table, key] = await publish(
    'id int primary key, shelf text, n numeric, j json, b jsonb, at timestamptz',
    `, "where" => '10 / n > 0 and n < 1e300'`,
  );
  await sql(`set local time zone 'Asia/Tokyo'; set local datestyle = 'German';
    insert into ${table} values (1, '${key}', 1, E'{"a":\\n1}', '{"deep": 1}', '2026-01-01 00:00:00+00')`);
  await sql(String.raw`insert into ${table} values (2, '${key}', 2, '{"a": "\u0000 \ud800 \ud83d\ude00"}')`);
  await sql(
    `insert into ${table} values (3, '${key}', 0), (4, '${key}', 'NaN'), (5, null, 1), (6, '~', 1), (7, E'a\\nb', 1)`,
  );
  await sql(`insert into ${table} values (8, '${key}', 3, null, to_jsonb(repeat('x', 70000)))`);
  const deep = `${'['.repeat(4000)}${']'.repeat(4000)}`;
  await sql(`insert into ${table} values (9, '${key}', 4, null, '${deep}')`);
  await sql(`update ${table} set n = 0 where id = 1; insert into ${table} values (10, '${key}', 1e200)`);
  const { tables } = (await ada.get(`/boards/~${key}`)).body;
  const found = tables[table].map(({ id, object }: { id: string; object: Record<string, unknown> }) => [
    id,
    object.j,
    object.tooLarge,
    depthOf(object.b),
  ]);
  t.match(found, [
    ['10'],
    ['2', { a: '\ufffd \ufffd \ufffd\ufffd' }],
    ['8', undefined, true],
    ['9', null, undefined, 4000],
  ]);
  t.same(await told(key), [
    ...['created 1 n=1', 'created 2 n=2', 'created 8', 'created 9 n=4', 'deleted 1 n=1', 'created 10 n=1e+200'],
  ]);
  await sql(`update ${table} set n = 2 where id = 1`);
  t.match((await ada.get(`/boards/~${key}`)).body.tables[table][0], {
    id: '1',
    object: { at: '2026-01-01T00:00:00+00:00' },
  });
});

t.test('a board that is full takes no more, and one that is deleted is made anew', async (t) => {
  const [table, key] = await publish('id int primary key, shelf text, n int');
  await sql(
    `set local teamboard.rows_per_board = 3; insert into ${table} select i, '${key}', 0 from generate_series(1, 5) i`,
  );
  t.same(await told(key), ['created 1 n=0', 'created 2 n=0', 'created 3 n=0']);
  await sql(
    `set local teamboard.rows_per_board = 3; update ${table} set n = 1; delete from ${table} where id in (1, 5)`,
  );
  t.same(await told(key), [
    ...['updated 2 n=1 (n)', 'updated 3 n=1 (n)', 'deleted 1 n=0'],
    // It was written before there was room.
  ]);
  await sql(`set local teamboard.rows_per_board = 3; update ${table} set n = 1`);
  t.same(await told(key), ['created 4 n=1']);
  await ada.delete(`/boards/~${key}`);
  await sql(`update ${table} set n = 2 where id = 2; delete from ${table} where id = 3`);
  const [board] = await sql<{ id: string; owner: string | null }>(
    `select id, created_by as owner from teamboard.boards where key = '${key}'`,
  );
  t.equal(board?.owner, null);
  await sql(`insert into teamboard.members values ('${board?.id}', '${ada.user.id}', 'owner')`);
  t.match((await ada.get(`/boards/~${key}`)).body.tables, { [table]: [{ id: '2', object: { n: 2 } }] });
  cursors.delete(key);
  t.same(await told(key), ['created 2 n=2']);
});

t.test('a snapshot and the events after it are the table; so is the board as it was at each place (E2)', async (t) => {
  const [table, key] = await publish('id int primary key, shelf text, n int');
  await sql(`insert into ${table} select i, '${key}', 0 from generate_series(1, 150) i`);
  const stream = await openStream(t, node.url, `~${key}`, { ...ada, query: '?snapshot=true' });
  t.teardown(() => stream.close());
  const { data } = await stream.next('snapshot');
  const kept = new Map(data.tables[table].map(({ id, object }: { id: string; object: unknown }) => [id, object]));
  t.equal(kept.size, 150);
  const texts = [await (await fetch(`${node.url}/boards/~${key}`, { headers: { cookie: ada.cookie } })).text()];
  for (const write of [
    'update _ set n = 1 where id < 70',
    'delete from _ where id > 140',
    'insert into _ values (200, $, 1)',
  ]) {
    await sql(write.replace('_', table).replace('$', `'${key}'`));
    texts.push(await (await fetch(`${node.url}/boards/~${key}`, { headers: { cookie: ada.cookie } })).text());
  }
  await stream.next('changed', ({ data }) => data.id === '200');
  for (const { event, data } of stream.frames) {
    if (event !== 'changed') continue;
    if (data.action === 'deleted') kept.delete(data.id);
    else kept.set(data.id, data.object);
  }
  const rows = await sql<{ id: number }>(`select * from ${table} order by id::text collate "C"`);
  t.same(Object.fromEntries(kept), Object.fromEntries(rows.map((row) => [row.id, row])));
  t.same(
    JSON.parse(texts.at(-1) ?? '').tables[table].map(({ object }: { object: unknown }) => object),
    rows,
  );
  for (const text of texts) {
    const { cursor } = JSON.parse(text);
    const past = await fetch(`${node.url}/boards/~${key}?at=${cursor}`, { headers: { cookie: ada.cookie } });
    t.equal(await past.text(), text);
  }
});

t.test('writers in snapshots of their own: only who meets another on the board is sent back (E3)', async (t) => {
  const [table, key] = await publish('id int primary key, shelf text, n int');
  for (const level of ['repeatable read', 'serializable']) {
    const clients = [
      new pg.Client({ connectionString: database.url }),
      new pg.Client({ connectionString: database.url }),
    ] as const;
    for (const client of clients) {
      t.teardown(() => client.end());
      await client.connect();
      await client.query(
        `begin isolation level ${level}; set local search_path = public; select count(*) from ${table}`,
      );
    }
    const id = level.length;
    await clients[0].query(`insert into ${table} values (${id}, '${key}', 1); commit`);
    const met = clients[1].query(`insert into ${table} values (${id + 1}, '${key}', 1); commit`);
    await t.rejects(met, { code: '40001' }, level);
    await clients[1].query('rollback');
    t.same(await told(key), [`created ${id} n=1`]);
  }
});

t.test('what may not be published is refused, and by whom', async (t) => {
  const [table, key] = await publish('id int primary key, shelf text, n int');
  await sql(`insert into ${table} values (1, '${key}', 1)`);
  const refusal = (what: string, code: string) => t.rejects(sql(what), { code }, what);
  await sql(`create view v_${table} as select * from ${table}; create table k_${table} (shelf text);
    create unlogged table u_${table} (id int primary key, shelf text)`);
  await refusal(`select teamboard.publish('v_${table}', board => 'shelf')`, '42809');
  await refusal(`select teamboard.publish('u_${table}', board => 'shelf')`, '42809');
  await refusal(`select teamboard.publish('teamboard.credentials', board => 'email')`, '42809');
  await refusal(`select teamboard.publish('k_${table}', board => 'shelf')`, '55000');
  await refusal(`select teamboard.publish('${table}', board => 'none')`, '42703');
  await refusal(`select teamboard.publish('${table}', board => 'shelf', columns => array['ctid'])`, '42703');
  await refusal(`select teamboard.publish('${table}', board => 'shelf', resource => 'item')`, '23514');
  await refusal(`select teamboard.publish('${table}', board => 'shelf', "where" => 'none > 1')`, '42703');
  await refusal(
    `set transaction isolation level repeatable read; select teamboard.publish('${table}', board => 'shelf')`,
    '25000',
  );

  const [owner, other] = [`owner_${process.pid}`, `other_${process.pid}`];
  await sql(`create role ${owner}; create role ${other}; alter table ${table} owner to ${owner};
    grant usage, create on schema public to ${owner};
    select teamboard.grant_application('${owner}'), teamboard.grant_application('${other}')`);
  t.teardown(() => sql(`drop owned by ${owner}, ${other} cascade; drop role ${owner}, ${other}`));
  const as = (role: string, text: string) => sql(`set local session authorization ${role}; ${text}`);
  await t.rejects(as(other, `select teamboard.unpublish('${table}')`), { code: '42501' });
  await t.rejects(as(other, `select teamboard.forget_table('${table}')`), { code: '42501' });
  await t.rejects(as(other, 'select * from teamboard.boards'), { code: '42501' });
  await told(key);
  await as(owner, `select teamboard.unpublish('${table}'); insert into ${table} values (2, '${key}', 1)`);
  t.same(await told(key), ['deleted 1 n=1']);
  await as(
    owner,
    `select teamboard.publish('${table}', board => 'shelf', "where" => 'n > 0'); update ${table} set n = 2 where id = 2`,
  );
  t.same(
    await told(key),
    ['created 1 n=1', 'created 2 n=2'],
    'what is there, and what is changed in the same transaction',
  );
  const forged = `create table bait (id int primary key, shelf text);
    create trigger t after insert on bait for each row execute function teamboard.take_row('1')`;
  await as(
    owner,
    `${forged}; select set_config('teamboard.row_now', '{"id":99,"shelf":"${key}"}', true);
    insert into bait values (1, '${key}')`,
  );
  t.same(await told(key), [], 'a trigger that somebody makes of ours on a table that is not published does nothing');

  await sql(`do $$ begin for i in 1 .. 101 loop
      execute format('create table many%s (id int primary key, shelf text)', i);
      perform teamboard.publish(format('many%s', i)::regclass, board => 'shelf');
    end loop; end $$`).then(
    () => t.fail('there is a limit'),
    (error) => t.match(error, { code: '54000' }),
  );
});
