// A database that is not ours alone: an application's tables and functions of our names, a search_path that leads to them,
// another installation beside, a role with few rights, and writers whose sessions are set up as they like.

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import t, { type Test } from 'tap';
import { Trimmer } from '../../src/events/trimmer.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { clientOfSchema } from '../../src/postgres/schema-client.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { createEmptyDatabase, dropDatabase } from '../helpers/test-cluster.ts';

const log = { info: () => {}, warn: () => {} };
const name = `test_shared_${randomBytes(6).toString('hex')}`;
const tenant = `tenant_${randomBytes(6).toString('hex')}`;
const url = await createEmptyDatabase(name);
const asTenant = `${url}&options=-c%20role%3D${tenant}`;

async function connect(t: Pick<Test, 'teardown'>, text = ''): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.teardown(() => client.end());
  if (text) await client.query(text);
  return client;
}

const admin = new pg.Client({ connectionString: url });
await admin.connect();
t.teardown(async () => {
  await admin.query(`drop owned by ${tenant} cascade; drop role ${tenant}`);
  await admin.end();
  await dropDatabase(name);
});
const theirs = ['users', 'boards', 'items', 'members', 'sessions', 'board_log', 'board_events', 'log_epoch'];
await admin.query(`
  create schema app;
  ${['app', 'public']
    .map((schema) => theirs.map((table) => `create table ${schema}.${table} (id int, note text)`).join(';'))
    .join(';')};
  create type app.public_item as (id int);
  ${[
    'current_actor() returns uuid',
    'uuid_v7() returns uuid',
    'current_epoch() returns text',
    'rfc3339(timestamptz) returns text',
    'is_large(integer) returns boolean',
    'is_name(text) returns boolean',
  ]
    .map((head) => `create function app.${head} language plpgsql as $$ begin raise 'of the application'; end $$`)
    .join(';')};
  alter database ${name} set search_path = app, public;
  create role ${tenant};
  create schema teamboard authorization ${tenant};
  create schema "user" authorization ${tenant};
  revoke all on schema public from public;
  revoke all on database ${name} from public;
  grant connect on database ${name} to ${tenant}`);
for (const schema of ['teamboard', 'user']) await migrate(asTenant, schema, log);
const node = await startNode(t, asTenant);
const beside = await startNode(t, asTenant, { databaseSchema: 'user' });

t.test('two installations do not hear, count, lock or trim each other (E2, E4)', async (t) => {
  const { ada, boardId, stream } = await openBoard(t, node);
  const bob = await Client.signUp(beside, 'Bob');
  t.equal((await Client.nobody(beside).get(`/boards/${boardId}`)).status, 401);
  t.equal((await bob.get(`/boards/${boardId}`)).status, 404);
  // The same id in both: only the schema tells them apart.
  await admin.query(`begin; select set_config('teamboard.actor', '${bob.user.id}', true);
    insert into "user".boards (id, name) values ('${boardId}', 'Theirs'); commit`);
  const other = await openStream(t, beside.url, boardId, bob);
  await other.next('ready');

  await admin.query(`insert into "user".items (board_id, text) select $1, 'theirs' from generate_series(1, 3)`, [
    boardId,
  ]);
  await ada.post(`/boards/${boardId}/items`, { text: 'ours' });
  await ada.post(`/boards/${boardId}/broadcasts`, { name: 'n', data: 'ours' });
  await bob.post(`/boards/${boardId}/broadcasts`, { name: 'n', data: 'theirs' });
  await other.next('changed', ({ data }) => data.seq === 5);
  t.match((await stream.next('changed')).data, { seq: 3, object: { text: 'ours' } });
  t.match((await stream.next('broadcast')).data, { data: 'ours' });
  t.match((await other.next('broadcast')).data, { data: 'theirs' });

  // While one installation trims, or claims a key, the other does.
  const locker = await connect(t, `begin; select pg_advisory_xact_lock(hashtextextended('user trim', 0))`);
  const pool = new pg.Pool({ connectionString: url, Client: clientOfSchema('teamboard') });
  t.teardown(() => pool.end());
  const trimmer = new Trimmer({ pool, log, retentionEvents: 1, retentionDays: 0, retentionBytes: 2 ** 40 });
  // Of the board, and of the one beside it.
  t.equal(await trimmer.trim(), 3);
  await locker.query('commit');
  await locker.query(`begin; select "user".claim_key('${ada.user.id}', 'import')`);
  const repeated = await ada.post(`/boards/${boardId}/items`, { text: 'ours too' }, { 'idempotency-key': 'import' });
  t.equal(repeated.status, 201);
  await locker.query('commit');
  await stream.next('changed', ({ data }) => data.seq === 4);
  const { rows } = await admin.query('select head::int, trimmed_to::int from "user".board_log');
  t.strictSame(rows, [{ head: 5, trimmed_to: 0 }]);

  await admin.query('delete from "user".boards');
  await other.next('changed', ({ data }) => data.action === 'deleted');
  await ada.post(`/boards/${boardId}/items`, { text: 'still here' });
  t.match((await stream.next('changed', ({ data }) => data.seq === 5)).data, { object: { text: 'still here' } });
  t.strictSame(stream.seqs, [3, 4, 5]);
});

t.test('the end of a session is heard by its own installation', async (t) => {
  const [ours, theirs] = [await openBoard(t, node), await openBoard(t, beside)];
  await admin.query('delete from "user".sessions where user_id = $1', [theirs.ada.user.id]);
  t.match((await theirs.stream.next('close')).data, { reason: 'revoked' });
  await ours.ada.post(`/boards/${ours.boardId}/items`, { text: 'after it' });
  await ours.stream.next('changed');
});

/** Each of them changes what SQL says, or how it is read. */
const hostile = {
  search_path: `''`,
  extra_float_digits: '-15',
  timezone: `'Pacific/Kiritimati'`,
  datestyle: `'SQL, DMY'`,
  intervalstyle: `'sql_standard'`,
  bytea_output: `'escape'`,
  standard_conforming_strings: 'off',
  backslash_quote: 'on',
  transform_null_equals: 'on',
  quote_all_identifiers: 'on',
  array_nulls: 'off',
  default_transaction_isolation: `'serializable'`,
  plan_cache_mode: `'force_custom_plan'`,
  'plpgsql.extra_errors': `'all'`,
  row_security: 'off',
};

/** Who writes under `serializable` repeats what was refused because of another's write (PostgreSQL manual, 13.5). */
async function insist(client: pg.Client, statement: string): Promise<void> {
  for (;;) {
    const refusal = await client.query(statement).then(
      () => undefined,
      (error) => error,
    );
    if (!refusal) return;
    if (refusal.code !== '40001') throw refusal;
  }
}

t.test('the log says the same, whatever the settings of the session that writes (E2, E3)', async (t) => {
  const { ada, boardId, stream } = await openBoard(t, node);
  const settings = Object.entries(hostile).map(([setting, value]) => `set ${setting} = ${value}`);
  const write = `insert into teamboard.items (board_id, text, x, y, data)
    values ('${boardId}', repeat('"', 300), 0.1::float8 + 0.2::float8, 1e-7, '{"n": 0.30000000000000004, "at": "9"}')`;
  const writers = {
    plain: '',
    'an application': 'set search_path = app, public',
    'temporary tables of our names': `create temp table items (id int); create temp table board_log (id int);
      set search_path = pg_temp, app`,
    hostile: settings.join(';'),
  };
  const told: string[] = [];
  for (const [who, text] of Object.entries(writers)) {
    const client = await connect(t, text);
    await insist(client, write);
    const seq = 3 + told.length;
    const { data } = await stream.next('changed', (frame) => frame.data.seq === seq);
    t.match(data, { object: { x: 0.30000000000000004, y: 1e-7 } }, who);
    const path = `/boards/${boardId}/items/${data.object.id}`;
    const single = await (await fetch(node.url + path, { headers: { cookie: ada.cookie } })).text();
    const snapshot = await (await fetch(`${node.url}/boards/${boardId}`, { headers: { cookie: ada.cookie } })).text();
    const item = single.slice('{"item":'.length, -1);
    t.ok(stream.raw.includes(`"object":${item}`), `${who}: the event`);
    t.ok(snapshot.includes(item), `${who}: the snapshot`);
    t.match(data.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    told.push(JSON.stringify({ ...data.object, id: '', createdAt: '', updatedAt: '' }));
  }
  t.equal(new Set(told).size, 1);

  const deed = await connect(t, settings.join(';'));
  await insist(
    deed,
    `update teamboard.items set x = 0.7::float8 + 0.1::float8, text = 'a' where board_id = '${boardId}'`,
  );
  for (let seq = 7; seq <= 10; seq += 1) {
    const { data } = await stream.next('changed', (frame) => frame.data.seq === seq);
    t.match(data, { changes: ['text', 'x'], object: { x: 0.7999999999999999, text: 'a' } });
  }
  await insist(deed, `update teamboard.users set name = 'Ada L' where id = '${ada.user.id}'`);
  await insist(deed, `delete from teamboard.boards where id = '${boardId}'`);
  await stream.next('changed', ({ data }) => data.resource === 'board' && data.action === 'deleted');
});

t.test("a board that is made by SQL is its actor's, once, and can be given to somebody otherwise (E2)", async (t) => {
  const ada = await Client.signUp(node);
  const make = async (members = '', actor = ada.user.id) => {
    const client = await connect(t);
    await client.query('begin');
    await client.query(`select set_config('teamboard.actor', $1, true)`, [actor]);
    const { rows } = await client.query(`insert into teamboard.boards (name) values ('Imported') returning id`);
    if (members) await client.query(members, [rows[0].id, ada.user.id]);
    await client.query('commit');
    return rows[0].id as string;
  };
  const eventsOf = async (id: string) =>
    (
      await admin.query(
        `select seq::int, resource, object ->> 'role' as role, actor_id as actor, opens
         from teamboard.board_events where board_id = $1 order by seq`,
        [id],
      )
    ).rows;
  const member = `insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'owner')`;
  for (const [made, how] of [
    [await make(), 'by SQL'],
    [await make(member), 'by SQL, with its owner'],
    [await ada.createBoard(), 'by HTTP'],
  ]) {
    t.match(
      await eventsOf(made ?? ''),
      [
        { seq: 1, resource: 'board', role: null, actor: ada.user.id, opens: true },
        { seq: 2, resource: 'member', role: 'owner', actor: ada.user.id, opens: false },
      ],
      `${how}`,
    );
    t.match((await ada.get(`/boards/${made}`)).body, { members: [{ role: 'owner', user: { id: ada.user.id } }] });
  }

  for (const actor of ['', '01900000-0000-7000-8000-000000000000']) {
    const nobodys = await make('', actor);
    t.equal((await ada.get(`/boards/${nobodys}`)).status, 404);
    await admin.query(member, [nobodys, ada.user.id]);
    t.equal((await ada.get(`/boards/${nobodys}`)).status, 200);
  }
});
