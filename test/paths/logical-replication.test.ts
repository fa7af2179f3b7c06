// Rows that come from another database by logical replication: whose worker fires no ordinary trigger.

import pg from 'pg';
import t from 'tap';
import { migrate } from '../../src/postgres/migrate.ts';
import { startPrivatePostgres } from '../helpers/private-postgres.ts';
import { until } from '../helpers/until.ts';

const log = { info: () => {}, warn: () => {} };
const ids = [1, 2, 3, 4, 5].map((n) => `00000000-0000-7000-8000-00000000000${n}`);

t.test('what is replicated is recorded, and a log that comes along is not recorded twice (E2, E3)', async (t) => {
  const postgres = await startPrivatePostgres(t, { settings: { wal_level: 'logical' } });
  const source = await connect(postgres.url);
  const read = `select board_id, seq::int, action, object::text, board_log.head::int
                from teamboard.board_events join teamboard.board_log using (board_id) order by board_id, seq`;
  const users = `insert into teamboard.users (id, name, guest) values ('${ids[3]}', 'Ada', true)`;
  await source.query(users);
  await source.query(`create publication boards for table teamboard.boards, teamboard.items, teamboard.members;
                      create publication everything for all tables;`);
  const targets = [];
  for (const publication of ['boards', 'everything']) {
    const target = await subscribe(postgres.url, source, publication);
    targets.push(target);
    await target.query(users).catch((error) => t.equal(error.code, '23505', 'it has come already'));
  }
  await source.query(`insert into teamboard.boards (id, name) values ('${ids[0]}', 'Plans')`);
  await source.query(`insert into teamboard.items (id, board_id, text) values ('${ids[1]}', '${ids[0]}', 'a')`);
  await source.query(`update teamboard.items set text = 'b' where id = '${ids[1]}'`);
  await source.query(`delete from teamboard.items where id = '${ids[1]}'`);
  const { rows: logged } = await source.query(read);
  t.equal(logged.length, 4);
  for (const [index, target] of targets.entries()) {
    await until(async () => (await target.query(read)).rows.length === 4, 'the rows to come');
    const { rows } = await target.query(read);
    if (index === 1) t.strictSame(rows, logged, 'the whole database: byte for byte');
    else
      t.match(
        rows,
        logged.map(({ seq, action }) => ({ seq, action, head: 4 })),
        'the boards: recorded anew',
      );
  }

  // As nobody's, and as its actor's; and a copy that has an actor by default makes nobody an owner.
  await source.query(`insert into teamboard.boards (id, name) values ('${ids[2]}', 'Nobody''s')`);
  await source.query(`begin; select set_config('teamboard.actor', '${ids[3]}', true);
    insert into teamboard.boards (id, name) values ('${ids[4]}', 'Ada''s'); commit`);
  const owners = 'select board_id, user_id, role from teamboard.members order by board_id';
  const { rows: owned } = await source.query(owners);
  t.strictSame(owned, [{ board_id: ids[4], user_id: ids[3], role: 'owner' }]);
  for (const target of targets) {
    const has = `select from teamboard.board_events where board_id = '${ids[4]}'`;
    await until(async () => (await target.query(has)).rows.length === 2, 'the board and its owner to come');
    t.strictSame((await target.query(owners)).rows, owned, 'exactly the owners of the publisher');
  }
});

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  t.teardown(() => client.end().catch(() => {}));
  return client;
}

/** @returns a connection to a new database on the same server that gets what the publication names, from now on */
async function subscribe(sourceUrl: string, source: pg.Client, publication: string): Promise<pg.Client> {
  const { rows } = await source.query(
    `select current_database() as database, current_user as user, split_part(current_setting('unix_socket_directories'), ',', 1) as host,
       current_setting('port') as port`,
  );
  const { database, user, host, port } = rows[0];
  await source.query(`create database target_${publication}`);
  const url = sourceUrl.replace(`/${database}`, `/target_${publication}`);
  await migrate(url, 'teamboard', log);
  await source.query(`alter database target_${publication} set teamboard.actor = '${ids[3]}'`);
  const target = await connect(url);
  // Within one server the command would wait for itself to make the slot.
  await source.query(`select pg_create_logical_replication_slot('${publication}', 'pgoutput')`);
  await target.query(
    `create subscription ${publication} connection 'host=${host} port=${port} user=${user} dbname=${database}'
     publication ${publication} with (create_slot = false, copy_data = false)`,
  );
  t.teardown(() => target.query(`alter subscription ${publication} disable`).catch(() => {}));
  return target;
}
