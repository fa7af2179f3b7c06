// What the migrations make, in which schema, for whom, and beside whom.

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import t, { type Test } from 'tap';
import { migrate } from '../../src/postgres/migrate.ts';
import { useDatabase } from '../helpers/node.ts';
import { createEmptyDatabase, dropDatabase } from '../helpers/test-cluster.ts';
import { until } from '../helpers/until.ts';

const log = { info: () => {}, warn: () => {} };

/** An empty database that goes with the test, and a connection to it. */
async function useEmptyDatabase(t: Test) {
  const name = `test_empty_${randomBytes(6).toString('hex')}`;
  const url = await createEmptyDatabase(name);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.teardown(async () => {
    await client.end();
    await dropDatabase(name);
  });
  const sql = async (text: string, values?: unknown[]) => (await client.query(text, values)).rows ?? [];
  return { name, url, sql };
}

t.test('no function counts on the settings of the session that it runs in', async (t) => {
  const { sql } = await useDatabase(t);
  const functions = await sql<{ name: string; language: string; bound: boolean; settings: string[] | null }>(
    `select proname as name, lanname as language, prosqlbody is not null as bound, proconfig as settings
     from pg_proc join pg_language on pg_language.oid = prolang where pronamespace = 'teamboard'::regnamespace`,
  );
  t.ok(functions.length > 40);
  for (const { name, language, bound, settings } of functions) {
    if (language === 'sql') t.ok(bound, `${name} is bound to what it names`);
    else t.ok(settings?.includes('search_path=teamboard, pg_temp'), `${name}: ${settings}`);
  }
});

t.test('all that is made is in the schema, whatever it is called', async (t) => {
  const { url, sql } = await useEmptyDatabase(t);
  for (const schema of ['teamboard', 'user', '_20_characters_long_']) {
    t.ok((await migrate(url, schema, log)).length > 0, schema);
    t.strictSame(await migrate(url, schema, log), [], 'and then there is nothing left to do');
  }
  const elsewhere = `select oid from pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'teamboard', 'user', '_20_characters_long_')`;
  for (const [catalog, column] of [
    ['pg_class', 'relnamespace'],
    ['pg_proc', 'pronamespace'],
    ['pg_type', 'typnamespace'],
  ]) {
    t.same(await sql(`select from ${catalog} where ${column} in (${elsewhere})`), [], `${catalog}`);
  }
});

t.test('a role that owns a schema needs no other right', async (t) => {
  const { name, url, sql } = await useEmptyDatabase(t);
  const role = `tenant_${randomBytes(6).toString('hex')}`;
  await sql(`create role ${role}; revoke all on schema public from public; revoke all on database ${name} from public;
    grant connect on database ${name} to ${role}`);
  t.teardown(() => sql(`drop owned by ${role} cascade; drop role ${role}`));
  const asTenant = `${url}&options=-c%20role%3D${role}`;
  await t.rejects(migrate(asTenant, 'teamboard', log), {
    name: 'UnsupportedDatabaseError',
    message: new RegExp(`^${role} may not make a schema .* 'create schema teamboard authorization ${role}'\\.$`),
  });
  await sql(`create schema teamboard authorization ${role}`);
  t.ok((await migrate(asTenant, 'teamboard', log)).length > 0);
});

t.test('a cure can be pasted, whatever the names are', async (t) => {
  const { name, url, sql } = await useEmptyDatabase(t);
  const [role, database] = [`My-App ${randomBytes(4).toString('hex')}`, `Odd-${name}`];
  await sql(`create role "${role}" login`);
  await sql(`create database "${database}"`);
  t.teardown(async () => {
    await sql(`drop database "${database}" with (force)`);
    await sql(`drop role "${role}"`);
  });
  const asRole = url.replace(/\/\/[^@]*@/, `//${encodeURIComponent(role)}@`).replace(`/${name}?`, `/${database}?`);
  const cureOf = async (pattern: RegExp) => {
    const error: Error = await migrate(asRole, 'order', log).then(
      () => new Error('it migrates'),
      (reason) => reason,
    );
    t.equal(error.name, 'UnsupportedDatabaseError', error.message);
    return pattern.exec(error.message)?.[1] ?? error.message;
  };
  const owner = new pg.Client({ connectionString: url.replace(`/${name}?`, `/${database}?`) });
  await owner.connect();
  await owner.query(await cureOf(/in the database "Odd-\w+": let its owner run '(create schema .*)'\.$/));
  await owner.query('drop schema "order"');
  // Of somebody else: nothing may be done there, then nothing be made, then all is up to date, and then it is behind.
  const [{ user }] = (await owner.query('select quote_ident(current_user) as user')).rows;
  const cure = /\): (run 'teamboard migrate' as its owner \S+, or let DATABASE_DIRECT_URL connect as that\.)$/;
  const line = `run 'teamboard migrate' as its owner ${user}, or let DATABASE_DIRECT_URL connect as that.`;
  await owner.query('create schema "order"');
  t.equal(await cureOf(cure), line);
  await migrate(url.replace(`/${name}?`, `/${database}?`), 'order', log);
  t.equal(await cureOf(cure), line);
  await owner.query(`select "order".grant_serving('"${role}"')`);
  t.strictSame(await migrate(asRole, 'order', log), []);
  await owner.query('alter table "order".items disable trigger stamp_version');
  t.equal(await cureOf(cure), line);
  await owner.query(`drop owned by "${role}"`);
  await owner.end();
});

t.test('a schema that has got another name is itself, also beside another of the old one', async (t) => {
  const { url, sql } = await useEmptyDatabase(t);
  await migrate(url, 'teamboard', log);
  await sql('alter schema teamboard rename to "order"');
  const write = `with made as (insert into "order".boards (name) values ('Plans') returning id)
    select id from made`;
  await t.rejects(sql(write), 'the old name leads nowhere');
  await migrate(url, 'teamboard', log);
  await t.rejects(sql(write), { message: /a trigger of Teamboard \(teamboard\) does not belong on "?order"?\.\w+/ });
  t.same(await sql('select from teamboard.board_log'), [], 'or elsewhere');

  const warned: string[] = [];
  const [before] = await sql('select value from "order".log_epoch');
  t.strictSame(await migrate(url, 'order', { ...log, warn: (_, line) => warned.push(String(line)) }), []);
  t.match(warned, [/^the schema had another name/]);
  t.notSame(await sql('select value from "order".log_epoch'), [before], 'every stream begins anew');
  await sql(write);
  t.match(await sql('select head::int from "order".board_log'), [{ head: 1 }]);
  t.same(await sql('select from teamboard.board_log'), []);
  t.strictSame(
    await sql(`select proname from pg_proc, unnest(proconfig) setting
      where pronamespace = '"order"'::regnamespace and setting like 'search_path%'
        and setting <> 'search_path="order", pg_temp'`),
    [],
  );
  for (const schema of ['order', 'teamboard'])
    await migrate(url, schema, { ...log, warn: () => t.fail('nothing is left to do') });
});

t.test('the numbers of boards go on past those that a replica or a restore has brought (E3)', async (t) => {
  const { url, sql } = await useEmptyDatabase(t);
  await migrate(url, 'teamboard', log);
  const write = (name: string) => sql('insert into teamboard.boards (name) values ($1)', [name]);
  for (const name of ['one', 'two', 'three']) await write(name);
  const numbers = async () =>
    (await sql('select number::int from teamboard.board_log order by number')).map(({ number }) => number);
  t.strictSame(await numbers(), [1, 2, 3]);

  await sql(`select setval('teamboard.board_log_number_seq', 1, false)`);
  await write('while nobody has looked');
  t.strictSame(await numbers(), [1, 2, 3, 4], 'nothing fails');
  await sql(`select setval('teamboard.board_log_number_seq', 2)`);
  const warned: object[] = [];
  await migrate(url, 'teamboard', { ...log, warn: (details) => warned.push(details) });
  t.strictSame(warned, [{ numbers: 2 }]);
  t.strictSame(await sql(`select nextval('teamboard.board_log_number_seq')::int as next`), [{ next: 5 }]);
  await migrate(url, 'teamboard', { ...log, warn: () => t.fail('nothing is left to do') });
});

t.test('a migration waits for none of another schema', async (t) => {
  const { url, sql } = await useEmptyDatabase(t);
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  t.teardown(() => holder.end());
  await migrate(url, 'teamboard', log);
  await holder.query('begin; lock table teamboard.schema_migrations');
  const waiting = migrate(url, 'teamboard', log);
  const blocked = `select from pg_stat_activity where datname = current_database()
    and application_name = 'teamboard migrate' and wait_event = 'relation'`;
  await until(async () => (await sql(blocked)).length === 1, 'one of them to wait, inside its turn');
  let others: string[] | undefined;
  void migrate(url, 'user', log).then((names) => (others = names));
  t.ok((await until(() => others, 'the other one to be done')).length > 0);
  await holder.query('commit');
  t.strictSame(await waiting, []);
});

t.test('a schema with tables of others is left alone', async (t) => {
  const { url, sql } = await useEmptyDatabase(t);
  await sql('create schema teamboard; create table teamboard.users (id int)');
  await t.rejects(migrate(url, 'teamboard', log), {
    name: 'UnsupportedDatabaseError',
    message: /^the schema teamboard has tables that are not of Teamboard \(users\): set DATABASE_SCHEMA to another\.$/,
  });
});
