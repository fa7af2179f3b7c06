// Who may do what with our schema: its owner, a role that serves, one that only writes, and one that may only look.

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import t, { type Test } from 'tap';
import { migrate } from '../../src/postgres/migrate.ts';
import { checkRights } from '../../src/postgres/start/rights.ts';
import { Client } from '../helpers/client.ts';
import { complaintsOf } from '../helpers/complaints.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { textOf } from '../helpers/pages.ts';
import { until } from '../helpers/until.ts';
import { makeWebhook, startReceiver } from '../helpers/webhook-receiver.ts';

const log = { info: () => {}, warn: () => {} };

/** Functions of ours by which a stranger could run something as their owner. */
const doors = `select oid::regprocedure::text as name from pg_proc
  where pronamespace = 'teamboard'::regnamespace and (prosecdef or prorettype = 'trigger'::regtype)`;
const open = `${doors} and exists (
  select from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0)`;

/** A database, and a role whose name needs its quotes: `as` runs statements by it, in a session of its own. */
async function useRole(t: Test, grants = '') {
  const { url, sql } = await useDatabase(t);
  const name = `My-Role ${randomBytes(4).toString('hex')}`;
  const role = `"${name}"`;
  await sql(`create role ${role} login; ${grants.replaceAll('<role>', role)}`);
  t.teardown(() => sql(`drop owned by ${role} cascade; drop role ${role}`));
  const asRole = url.replace(/\/\/[^@]*@/, `//${encodeURIComponent(name)}@`);
  const as = async (text: string) => {
    const client = new pg.Client({ connectionString: asRole });
    await client.connect();
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  };
  return { url, sql, role, as, asRole };
}

/** A cast that runs in whichever session compares a value of this type with a uuid. */
const trap = (role: string) => `
  create type pg_temp.trap as enum ('x');
  create function pg_temp.spring(pg_temp.trap) returns uuid language plpgsql as $$begin
    execute 'grant all on all tables in schema teamboard to ${role}';
    return gen_random_uuid();
  end$$;
  create cast (pg_temp.trap as uuid) with function pg_temp.spring(pg_temp.trap) as implicit;
  create temp table bait (id uuid, created_by pg_temp.trap, board_id pg_temp.trap, user_id pg_temp.trap, name text);
  select set_config('teamboard.boards_per_user', '1000000', false),
    set_config('teamboard.tokens_per_user', '1000000', false), set_config('teamboard.invites_per_board', '1000000', false);`;
const refused = { code: '42501' };

t.test('who may use the schema runs nothing as its owner, by a trigger of ours on a table of theirs', async (t) => {
  const { url, sql, role, as } = await useRole(t, 'grant usage on schema teamboard to <role>');
  t.ok((await sql(doors)).length > 20);
  t.strictSame(await sql(open), [], 'nobody else may attach, or call, any of them');
  await t.rejects(as(`select teamboard.remove_orphans('{}', 1)`), refused);
  await t.rejects(as('select teamboard.tell_renames(1)'), refused);

  const triggers = await sql<{ name: string; definer: boolean }>(
    `select proname as name, prosecdef as definer from pg_proc
     where pronamespace = 'teamboard'::regnamespace and prorettype = 'trigger'::regtype`,
  );
  const attach = (name: string) =>
    `create trigger bait after insert on bait for each row execute function teamboard.${name}()`;
  const [user] = await sql<{ id: string }>(
    `insert into teamboard.users (name, guest) values ('Ada', true) returning id`,
  );
  const [board] = await sql<{ id: string }>(`insert into teamboard.boards (name) values ('Plans') returning id`);
  const forge = `select set_config('teamboard.actor', '${user?.id}', false);
    create temp table forged (id uuid);
    create constraint trigger forged after insert on forged for each row execute function teamboard.give_owner();
    insert into forged values ('${board?.id}')`;
  const mayRead = `select has_table_privilege('${role.slice(1, -1)}', 'teamboard.users', 'select') as may,
    (select count(*)::integer from teamboard.members) as members`;
  for (const { name } of triggers) await t.rejects(as(trap(role) + attach(name)), refused, name);
  await t.rejects(as(forge), refused);

  // As after a restore without privileges, or a careless `grant execute on all functions`.
  await sql('grant execute on all functions in schema teamboard to public');
  t.ok((await sql(open)).length > 20);
  // It is for tables of others, and does nothing on one that is not published: it asks for nothing of the row.
  const forOthers = 'take_row';
  await as(`${trap(role)} ${attach(forOthers)}; insert into bait select gen_random_uuid(), 'x', 'x', 'x', 'x'`);
  for (const { name } of triggers.filter(({ definer, name }) => definer && name !== forOthers)) {
    const attack = `${attach(name)}; insert into bait select gen_random_uuid(), 'x', 'x', 'x', 'x'`;
    await t.rejects(as(trap(role) + attack), { code: '55000', message: /trigger of Teamboard/ }, name);
  }
  await t.rejects(as(forge), { code: '55000' });
  t.strictSame(await sql(mayRead), [{ may: false, members: 0 }]);
  await migrate(url, 'teamboard', log);
  t.strictSame(await sql(open), [], 'closed again by whoever migrates');
  await as('select teamboard.uuid_v7()');
});

t.test('a role that only writes items needs what the page says, whatever was revoked', async (t) => {
  const { sql, role, as } = await useRole(t, 'revoke execute on all functions in schema teamboard from public');
  const [board] = await sql<{ id: string }>(`insert into teamboard.boards (name) values ('Plans') returning id`);
  const write = `insert into teamboard.items (board_id, text, data) values ('${board?.id}', repeat('long', 200), '{"n": 0.1234567890123456}');
    update teamboard.items set text = 'changed', x = 1 where board_id = '${board?.id}';
    delete from teamboard.items`;
  await sql(textOf('docs/writing-with-sql.md', 'A database that is shared', 2).replaceAll('<role>', role));
  await t.rejects(as(write), refused);
  await sql(textOf('docs/writing-with-sql.md', 'A database that is shared', 3).replaceAll('<role>', role));
  await as(write);
  const events = await sql(`select action from teamboard.board_events where resource = 'item' order by seq`);
  t.strictSame(events, [{ action: 'created' }, { action: 'updated' }, { action: 'deleted' }]);
});

t.test('a role that serves needs what grant_serving gives, and a start says which of it is missing', async (t) => {
  const { sql, role, as, asRole } = await useRole(
    t,
    `revoke execute on all functions in schema teamboard from public;
     do $$ declare each regtype; begin
       for each in select oid from pg_type where typnamespace = 'teamboard'::regnamespace and typtype = 'c'
         and typname like 'public%' loop execute format('revoke all on type %s from public', each); end loop;
     end $$`,
  );
  const check = () => checkRights({ setting: 'DATABASE_URL', url: asRole }, 'teamboard');
  const missing = (what: RegExp) => ({
    name: 'UnsupportedDatabaseError',
    message: new RegExp(
      `^DATABASE_URL connects as ${role}, who may not ${what.source}: select teamboard\\.grant_serving`,
    ),
  });
  await t.rejects(check(), missing(/use the schema teamboard/));
  await sql(`grant usage on schema teamboard to ${role}`);
  await t.rejects(check(), missing(/read and write teamboard\.\w+/));
  await sql(`grant select, insert, update, delete on all tables in schema teamboard to ${role}`);
  await t.rejects(check(), missing(/call teamboard\.[a-z_0-9]+\(.*\)/));
  const cure = await check().catch((error: Error) => /: (select .*;) by its owner\.$/.exec(error.message)?.[1]);
  t.equal(cure, textOf('docs/settings.md', 'The address of the database').trim().replace('<role>', role));
  await sql(`drop owned by ${role}`);
  await sql(String(cure));
  await check();
  await t.rejects(as('delete from teamboard.schema_migrations'), refused, 'and no more than that');

  const first = await startNode(t, asRole, { webhookAllowPrivate: true });
  const { ada, boardId, stream } = await openBoard(t, first);
  const items = `/boards/${boardId}/items`;
  const made = await ada.post(
    items,
    { text: 'long '.repeat(100), data: { n: 0.1234567890123456 } },
    { 'idempotency-key': 'k' },
  );
  t.equal(made.status, 201);
  t.equal(
    (await ada.post(items, { text: 'long '.repeat(100), data: { n: 0.1234567890123456 } }, { 'idempotency-key': 'k' }))
      .status,
    201,
  );
  const { id } = made.body.item;
  t.equal((await ada.patch(`${items}/${id}`, { data: { more: 1 } })).status, 200);
  const batch = [{ op: 'create', item: { text: 'b' } }];
  t.equal((await ada.post(`/boards/${boardId}/batch`, { operations: batch })).status, 200);
  t.equal((await ada.post('/tokens', { name: 'script' })).status, 201);
  t.equal((await ada.post(`/boards/${boardId}/tickets`, undefined)).status, 201);
  const invite = await ada.post(`/boards/${boardId}/invites`, { role: 'editor' });
  const receiver = await startReceiver(t);
  const webhook = await makeWebhook(ada, boardId, { url: receiver.url });
  t.equal((await ada.post(`${webhook.path}/secret`, undefined)).status, 200);
  const bob = await Client.signUp(first, 'Bob');
  t.equal((await bob.post(`/invites/${invite.body.token}/accept`, undefined)).status, 200);
  t.equal((await ada.patch('/users/me', { name: 'Ada L' })).status, 200);
  await stream.next('changed', ({ data }) => data.resource === 'member' && data.action === 'updated');
  t.equal((await ada.delete(`${items}/${id}`)).status, 204);
  await stream.next('changed', ({ data }) => data.resource === 'item' && data.action === 'deleted');
  await receiver.next('the deletion', ({ body }) => body.type === 'item.deleted');
  t.equal((await ada.get(`/boards/${boardId}`)).status, 200);
  t.equal((await bob.delete('/users/me')).status, 204);
  await Client.keep(first, { name: 'Eve', email: 'eve@example.org', password: 'correct horse battery' });
  stream.close();

  // Work for each sweeper, which begins with the node.
  const big = await ada.createBoard();
  await sql(`insert into teamboard.items (board_id, text) select '${big}', 'x' from generate_series(1, 1100)`);
  t.equal((await ada.delete(`/boards/${big}`)).status, 204);
  await sql(`insert into teamboard.users (name, guest, created_at) values ('Old', true, now() - interval '90 days');
    update teamboard.idempotency_keys set expires_at = now() - interval '1 hour';
    update teamboard.large_values set expires_at = now() - interval '1 hour' where expires_at is not null;
    update teamboard.invites set revoked_at = now() - interval '30 days';
    update teamboard.tickets set expires_at = now() - interval '1 hour';
    delete from teamboard.background_turns`);
  const second = await startNode(t, asRole, { retentionEvents: 1, retentionDays: 0 });
  for (const left of [
    `items where board_id = '${big}'`,
    `users where name = 'Old'`,
    'idempotency_keys',
    'invites',
    'tickets',
    `board_events where board_id = '${boardId}' and seq < 3`,
  ])
    await until(async () => (await sql(`select from teamboard.${left}`)).length === 0, left);
  for (const node of [first, second]) t.same(complaintsOf(node), []);
});
