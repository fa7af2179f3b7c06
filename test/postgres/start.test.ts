// What a start makes of the database that it is given: it waits, says in one line what somebody has to mend, or runs
// well whatever the defaults of the database are.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import t, { type Test } from 'tap';
import { loadConfig } from '../../src/config/config.ts';
import { describeAddress } from '../../src/postgres/address.ts';
import { poolSettings } from '../../src/postgres/session-settings.ts';
import { inspectPooling } from '../../src/postgres/start/pooling.ts';
import { prepareDatabase } from '../../src/postgres/start/prepare-database.ts';
import { checkSameDatabase } from '../../src/postgres/start/same-database.ts';
import { explainStartError } from '../../src/start-error.ts';
import type { ReceivedFrame } from '../helpers/event-stream.ts';
import { type FaultyProxy, startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { type TestDatabase, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { textOf } from '../helpers/pages.ts';
import {
  hasPgBouncer,
  keepsStatements,
  losesStatements,
  type PgBouncerOptions,
  startPgBouncer,
} from '../helpers/pgbouncer.ts';
import { startPrivatePostgres } from '../helpers/private-postgres.ts';
import { runCli, spawnNode, startCli } from '../helpers/process.ts';
import { makeCertificate, startRefusingServer } from '../helpers/refusing-server.ts';
import { createEmptyDatabase, dropDatabase } from '../helpers/test-cluster.ts';
import { until } from '../helpers/until.ts';

/** Each of them an operator's to choose, and none ours to count on. */
const oddDefaults = {
  default_transaction_isolation: 'serializable',
  default_transaction_read_only: 'on',
  extra_float_digits: '0',
  TimeZone: 'Asia/Kathmandu',
  DateStyle: 'SQL, DMY',
  IntervalStyle: 'sql_standard',
  bytea_output: 'escape',
  standard_conforming_strings: 'off',
  statement_timeout: '200ms',
  idle_in_transaction_session_timeout: '100ms',
  idle_session_timeout: '500ms',
  search_path: '',
};

const refusesSettings: PgBouncerOptions = { mode: 'session' };
const dropsSettings: PgBouncerOptions = { mode: 'session', settings: ['ignore_startup_parameters = options'] };

/** Several processes that begin at once, beside others, on a machine that is slow. */
const START_MS = 60_000;

const hasOpenSsl = spawnSync('openssl', ['version']).error === undefined;

/** A database without tables. @param how as after `create database` */
async function useEmptyDatabase(t: Test, how = '') {
  const name = `test_start_${randomBytes(6).toString('hex')}`;
  const url = await createEmptyDatabase(name, how);
  t.teardown(() => dropDatabase(name));
  return { name, url };
}

type Case = [about: string, environment: Record<string, string>, line: RegExp];

/** Each start must end with its line. */
async function expectLines(t: Test, cases: Case[]): Promise<void> {
  await Promise.all(cases.map(async ([about, environment, line]) => t.match(await refusal(environment), line, about)));
}

/** @returns what it would say */
async function refusal(environment: Record<string, string>): Promise<string> {
  const { databaseUrl: url = '', databaseDirectUrl: directUrl = '', databaseSchema } = loadConfig(environment);
  const log = { info: () => {}, warn: () => {} };
  // It must not wait for what refuses.
  const stopping = AbortSignal.timeout(10_000);
  const options = { schema: databaseSchema, isServing: true, log, stopping };
  const error = await prepareDatabase({ url, directUrl, isEmbedded: false }, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error === undefined ? 'it starts' : explainStartError(error);
}

/** The same, as its user sees it: that line and nothing else, soon, and without the password. */
async function expectEnds(t: Test, cases: Array<[...Case, command?: string]>): Promise<void> {
  await Promise.all(
    cases.map(async ([about, environment, line, command = 'serve']) => {
      const { code, output } = await runCli(t, [command], { LOG_LEVEL: 'silent', PORT: '0', ...environment });
      t.ok(code === 2 || code === 4, `${about}: ${code}`);
      t.match(output, /^teamboard: [^\n]+\. \[TB_[A-Z_]+\]\n$/, `${about}: one line`);
      t.match(output, line, about);
      t.notMatch(output, /hunter2/, `${about}: no password`);
    }),
  );
}

t.test('a server that refuses stops the start with what has to be mended', async (t) => {
  const refusedBy = async (code: string, message: string) =>
    `postgres://me:hunter2@127.0.0.1:${await startRefusingServer(t, { error: [code, message] })}/app`;
  const { url } = await useDatabase(t);
  const nowhere = url.replace(/\/test_[0-9a-f]+\?/, '/nowhere?');
  const nobody = url.replace(/\/\/[^@]*@/, '//nobody@');
  const wrong = await refusedBy('28P01', 'password authentication failed for user "me"');
  const latin = await useEmptyDatabase(t, `encoding 'LATIN1' locale 'C' template template0`);
  const ascii = await useEmptyDatabase(t, `encoding 'SQL_ASCII' locale 'C' template template0`);
  await expectLines(t, [
    ['password', { DATABASE_URL: wrong }, /^DATABASE_URL is refused: password .*"me": check user and password, .*%/],
    ['the other address', { DATABASE_URL: url, DATABASE_DIRECT_URL: wrong }, /^DATABASE_DIRECT_URL is refused: /],
    ['the first of two', { DATABASE_URL: wrong, DATABASE_DIRECT_URL: url }, /^DATABASE_URL is refused: /],
    ['no such database', { DATABASE_URL: nowhere }, /database "nowhere" does not exist: create the database, or /],
    ['no such role', { DATABASE_URL: nobody }, /role "nobody" does not exist: check the user, /],
    [
      'pg_hba.conf',
      { DATABASE_URL: await refusedBy('28000', 'no pg_hba.conf entry for host "10.0.0.1", no encryption') },
      /no encryption: .*pg_hba.conf.*sslmode=verify-full/,
    ],
    [
      'a pooler',
      { DATABASE_URL: await refusedBy('08P01', 'no such database: app') },
      /refused: no such database: app\./,
    ],
    [
      'a full disk',
      { DATABASE_URL: await refusedBy('53100', 'could not extend file: No space left on device') },
      /refused: could not extend file: .*: make room on the disk of the database\.$/,
    ],
    ['TLS', { DATABASE_URL: `${wrong}?sslmode=require` }, /asks for TLS, and the server has none: .*sslmode=disable\./],
    ['TLS by a word of its own', { DATABASE_URL: `${wrong}?ssl=true` }, /asks for TLS, and the server has none: /],
    ['LATIN1', { DATABASE_URL: latin.url }, /a database in LATIN1, and it must be in UTF8: create database /],
    ['SQL_ASCII', { DATABASE_URL: ascii.url }, /a database in SQL_ASCII, and it must be in UTF8: create database /],
  ]);
  await expectEnds(t, [['password', { DATABASE_URL: wrong }, /DATABASE_URL is refused: password /, 'migrate']]);
});

t.test('a certificate that is not trusted', { skip: !hasOpenSsl && 'needs openssl' }, async (t) => {
  const certificate = makeCertificate(t);
  const error: [string, string] = ['28P01', 'let in as far as the password'];
  const port = await startRefusingServer(t, { error, certificate });
  const address = (query: string) => ({ DATABASE_URL: `postgres://me:hunter2@127.0.0.1:${port}/app?${query}` });
  await expectLines(t, [
    ['the strict spelling', address('sslmode=verify-full'), /certificate is not trusted /],
    [
      'another host',
      address(`sslmode=verify-full&sslrootcert=${certificate.file}`),
      /certificate is for another host /,
    ],
    ['unchecked', address('sslmode=no-verify'), /let in as far as the password/],
    ['unasked', address('sslmode=no-verify&sslnegotiation=direct'), /server does not: leave sslnegotiation out\.$/],
  ]);
  // The driver warns of this spelling on standard error, and only a process of its own takes the second.
  await expectEnds(t, [
    [
      'self-signed',
      address('sslmode=require'),
      /certificate is not trusted \(.*\): .*sslrootcert=.*NODE_EXTRA_CA_CERTS.*sslmode=no-verify/,
    ],
    [
      'by the authority of the process',
      { ...address('sslmode=require'), NODE_EXTRA_CA_CERTS: certificate.file },
      /certificate is for another host /,
    ],
  ]);
});

t.test('what cannot be reached is waited for, and the log says what for', async (t) => {
  const { url } = await useDatabase(t);
  const proxy = await startFaultyProxy(t, url);
  proxy.cut();
  const nobody = `postgres://me:hunter2@127.0.0.1:${await findFreePort()}/app`;
  await Promise.all([
    comesLate(t, { DATABASE_URL: url, DATABASE_DIRECT_URL: proxy.url }, proxy),
    losesItInBetween(t, url),
    stopsWhileItWaits(t, { DATABASE_URL: nobody }, /ECONNREFUSED/),
    stopsWhileItWaits(t, { DATABASE_URL: 'postgres://me:hunter2@nowhere.invalid/app' }, /ENOTFOUND|EAI_AGAIN/),
  ]);
});

async function untilItWaits(node: ReturnType<typeof startCli>): Promise<Record<string, unknown>> {
  return JSON.parse(await until(() => /^.*waiting for PostgreSQL.*$/m.exec(node.output)?.[0], 'the line', START_MS));
}

async function comesLate(t: Test, environment: Record<string, string>, proxy: FaultyProxy): Promise<void> {
  const node = startCli(t, ['serve'], { PORT: '0', ...environment });
  const waits = await untilItWaits(node);
  t.match(waits, { setting: 'DATABASE_DIRECT_URL', address: describeAddress(proxy.url) });
  proxy.restore();
  const address = await until(() => /Teamboard listens on (\S+),/.exec(node.output)?.[1], 'the node', START_MS);
  const { stream } = await openBoard(t, { url: address });
  stream.close();
  t.equal(node.output.match(/waiting for PostgreSQL/g)?.length, 1, 'told once');
  t.match(node.output, /PostgreSQL is there/);
}

/** After it has been looked at, and before the node listens. */
async function losesItInBetween(t: Test, url: string): Promise<void> {
  for (const how of ['comes back', 'is told to stop'] as const) {
    const proxy = await startFaultyProxy(t, url);
    void proxy.cutAnswerTo('teamboard listener').then(() => proxy.cut());
    const node = startCli(t, ['serve'], { PORT: '0', DATABASE_URL: url, DATABASE_DIRECT_URL: proxy.url });
    await until(() => /connection lost/.test(node.output), 'the line', START_MS);
    if (how === 'comes back') {
      proxy.restore();
      await until(() => /Teamboard listens on/.test(node.output), 'the node', START_MS);
    }
    node.child.kill('SIGINT');
    t.match(await node.exit(), { code: 0 }, `${how}: ends as it was told, in the time that an end has`);
    t.notMatch(node.output, /teamboard: |\n +at /, 'and no stack');
  }
}

async function stopsWhileItWaits(t: Test, environment: Record<string, string>, reason: RegExp): Promise<void> {
  const node = startCli(t, ['serve'], { PORT: '0', ...environment });
  t.match(await untilItWaits(node), { setting: 'DATABASE_URL', reason });
  node.child.kill('SIGTERM');
  t.match(await node.exit(), { code: 0 }, 'ends as it was told, in the time that an end has');
  t.notMatch(node.output, /teamboard: |hunter2/, 'and says nothing of it');
}

t.test('a way that is slow is no pooler, and no two databases, whatever time limits a role has', async (t) => {
  const { url, sql } = await useDatabase(t);
  const proxy = await startFaultyProxy(t, url);
  proxy.slow(150);
  const target = { setting: 'DATABASE_URL', url: proxy.url };
  t.match(await inspectPooling(target, 100), { mode: 'session' }, 'each answer comes later than it is waited for');
  await alterDatabase(sql, { idle_in_transaction_session_timeout: '100ms', idle_session_timeout: '100ms' });
  t.match(await inspectPooling(target), { mode: 'session' });
  await checkSameDatabase(target, { setting: 'DATABASE_DIRECT_URL', url });
  for (const code of ['25P03', '25P04', '57014', '57P01', '57P02', '57P03', '57P05']) {
    const port = await startRefusingServer(t, { error: [code, 'terminating connection'] });
    const ended = { setting: 'DATABASE_URL', url: `postgres://me@127.0.0.1:${port}/app` };
    await t.rejects(inspectPooling(ended), { name: 'UnreachableError' }, `${code} passes`);
  }
});

t.test('addresses that lead to two databases, or to a standby', async (t) => {
  const [{ url }, other] = await Promise.all([useDatabase(t), useDatabase(t)]);
  const postgres = await startPrivatePostgres(t);
  await postgres.failOver(await postgres.copy(), () =>
    expectLines(t, [
      [
        'two',
        { DATABASE_URL: url, DATABASE_DIRECT_URL: other.url },
        /^DATABASE_URL \(.*\) and DATABASE_DIRECT_URL \(.*\) lead to two databases: /,
      ],
      [
        'a standby',
        { DATABASE_URL: postgres.url },
        /DATABASE_URL leads to a standby, which takes no writes: name the primary/,
      ],
      [
        'its standby',
        { DATABASE_URL: url, DATABASE_DIRECT_URL: postgres.url },
        /DATABASE_DIRECT_URL leads to a standby/,
      ],
      ['the other way', { DATABASE_URL: postgres.url, DATABASE_DIRECT_URL: url }, /^DATABASE_URL leads to a standby/],
    ]),
  );
});

t.test('poolers', { skip: !hasPgBouncer && 'needs pgbouncer' }, async (t) => {
  const { url, sql } = await useDatabase(t);
  const [session, dropping, transaction, statement] = await Promise.all([
    startPgBouncer(t, url, refusesSettings),
    startPgBouncer(t, url, dropsSettings),
    startPgBouncer(t, url, { mode: 'transaction', settings: losesStatements }),
    startPgBouncer(t, url, { mode: 'statement' }),
  ]);
  const past = { DATABASE_DIRECT_URL: url };
  await expectLines(t, [
    [
      'no LISTEN',
      { DATABASE_URL: transaction },
      /DATABASE_URL .* transaction mode, which keeps no LISTEN: set DATABASE_DIRECT_URL /,
    ],
    [
      'the wrong way round',
      { DATABASE_URL: url, DATABASE_DIRECT_URL: transaction },
      /DATABASE_DIRECT_URL .* transaction mode/,
    ],
    [
      'statements',
      { DATABASE_URL: transaction, ...past },
      /DATABASE_URL .* loses prepared statements: .*max_prepared_statements/,
    ],
    [
      'no transactions',
      { DATABASE_URL: statement, ...past },
      /DATABASE_URL .* statement mode, which knows no transactions: use its session mode, or .*max_prepared_statements/,
    ],
  ]);

  // One that keeps a session serves as the database itself does, and is told what its role should be told.
  const good = await Promise.all([session, dropping].map((each) => spawnNode(t, { DATABASE_URL: each })));
  for (const node of good) {
    const { ada, boardId, stream } = await openBoard(t, node);
    t.equal((await ada.post(`/boards/${boardId}/items`, { text: 'through' })).status, 201);
    await stream.next('changed', ({ data }) => data.object.text === 'through');
    stream.close();
    t.match(
      node.logged.filter(({ cure }) => cure),
      [{ setting: 'DATABASE_URL', cure: /^alter role \S+ set statement_timeout = '5s';/ }],
    );
    node.kill('SIGINT');
    await node.exit();
  }

  await alterDatabase(sql, { default_transaction_isolation: 'serializable', extra_float_digits: '0' });
  const line =
    /drops our settings, and default_transaction_isolation is serializable, extra_float_digits is 0: .*alter role \S+ set default_transaction_isolation = 'read committed';/;
  await expectLines(t, [
    ['refused', { DATABASE_URL: await startPgBouncer(t, url, refusesSettings) }, line],
    ['dropped', { DATABASE_URL: await startPgBouncer(t, url, dropsSettings) }, line],
  ]);
});

t.test(
  'a pooler in transaction mode that keeps statements',
  { skip: !keepsStatements && 'needs pgbouncer 1.21' },
  async (t) => {
    const { url } = await useDatabase(t);
    const pooled = await startPgBouncer(t, url, { mode: 'transaction' });
    const node = await spawnNode(t, { DATABASE_URL: pooled, DATABASE_DIRECT_URL: url });
    const { ada, boardId, stream } = await openBoard(t, node);
    const writes = Array.from({ length: 20 }, () => ada.post(`/boards/${boardId}/items`, { text: 'x' }));
    t.ok((await Promise.all(writes)).every(({ status }) => status === 201));
    await stream.next('changed', ({ data }) => data.seq === 22);
    stream.close();
  },
);

async function alterDatabase(
  sql: TestDatabase['sql'],
  settings: Record<string, string>,
  other?: string,
): Promise<void> {
  const [{ name } = { name: '' }] = await sql<{ name: string }>('select coalesce($1, current_database()) as name', [
    other,
  ]);
  for (const [setting, value] of Object.entries(settings)) {
    await sql(`alter database ${name} set ${setting} = '${value}'`);
  }
}

t.test('whatever the defaults of a database are, writes are taken and figures stay what they are', async (t) => {
  const { url, sql } = await useDatabase(t);
  await alterDatabase(sql, oddDefaults);
  // Its connections are as these defaults make them, but for time limits that a slow machine does not keep.
  const other = new pg.Client({ connectionString: url, options: '-c statement_timeout=0 -c idle_session_timeout=0' });
  await other.connect();
  const node = await spawnNode(t, { DATABASE_URL: url });
  const { ada, boardId, stream } = await openBoard(t, node);
  const items = `/boards/${boardId}/items`;
  const figures = [0.1 + 0.2, 1e-7 / 3, 123_456_789.123_456_78, -5e-324, 1.7976931348623157e308];
  const before = new Date();
  const made = await Promise.all(figures.map((x) => ada.post(items, { text: "it's \\ 'so'", x, y: x, data: { x } })));
  t.ok(
    made.every(({ status }) => status === 201),
    'side by side',
  );
  const changed = await Promise.all(
    made.map(({ body: { item } }) => ada.patch(`${items}/${item.id}`, { text: 'once more' })),
  );
  t.ok(changed.every(({ status }) => status === 200));
  await stream.next('changed', ({ data }) => data.seq === 2 + 2 * figures.length);
  const snapshot = await ada.get(`/boards/${boardId}`);
  for (const [index, x] of figures.entries()) {
    const { id } = made[index]?.body.item ?? {};
    const versions = [
      made[index]?.body.item,
      (await ada.get(`${items}/${id}`)).body.item,
      snapshot.body.items.find((item: { id: string }) => item.id === id),
      ...stream.frames.filter(({ data }) => data.id === id).map(({ data }) => data.object),
    ];
    t.equal(versions.length, 5);
    t.ok(
      versions.every((item) => item.x === x && item.y === x && item.data.x === x),
      `${x} everywhere`,
    );
    // By another service, which has these defaults.
    await other.query(
      `begin; set transaction read write; set local extra_float_digits = 0; set local TimeZone = 'Asia/Kathmandu';
       set local teamboard.actor = '${ada.user.id}';
       update teamboard.items set text = 'by SQL' where id = '${id}'; commit`,
    );
    const isBySql = ({ data }: ReceivedFrame) => data.id === id && data.object.text === 'by SQL';
    versions.push((await stream.next('changed', isBySql)).data.object);
    for (const { createdAt } of versions) {
      t.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      t.ok(Math.abs(Date.parse(createdAt) - before.getTime()) < 60_000, 'in UTC');
    }
    t.ok(
      versions.every((item) => item.x === x && item.y === x && item.data.x === x),
      `${x} everywhere`,
    );
  }
  stream.close();
  await other.end();
});

t.test('and a new database is migrated under them, however long that takes', async (t) => {
  const { name, url } = await useEmptyDatabase(t);
  const { sql } = await useDatabase(t);
  await alterDatabase(sql, { ...oddDefaults, statement_timeout: '100ms', lock_timeout: '50ms' }, name);
  // Another one that migrates takes longer than any of these.
  const other = new pg.Client({ connectionString: url, options: '-c idle_session_timeout=0' });
  await other.connect();
  await other.query(`select pg_advisory_lock(hashtextextended('teamboard migrate', 0))`);
  const migrating = runCli(t, ['migrate'], { DATABASE_URL: url, LOG_LEVEL: 'silent' });
  const waiting = `select from pg_stat_activity where datname = $1 and application_name = 'teamboard migrate'
    and wait_event = 'advisory' and clock_timestamp() > query_start + interval '200 ms'`;
  await until(async () => (await sql(waiting, [name])).length > 0, 'the migration to have waited', START_MS);
  await other.end();
  const { code, output } = await migrating;
  t.equal(code, 0, output);
  t.match(output, /^Applied /);
});

t.test('roles: one that migrates, and one that serves', async (t) => {
  const { name, url } = await useEmptyDatabase(t);
  const { sql } = await useDatabase(t);
  const role = `server_${randomBytes(4).toString('hex')}`;
  await sql(`create role ${role} login`);
  t.teardown(async () => {
    await dropDatabase(name);
    await createEmptyDatabase(name);
    await sql(`drop role ${role}`);
  });
  const as = { DATABASE_URL: url.replace(/\/\/[^@]*@/, `//${role}@`), DATABASE_DIRECT_URL: url };
  t.match(await refusal({ DATABASE_URL: as.DATABASE_URL }), /may not make a schema in the database/, 'nobody migrates');
  // By whoever may connect.
  await sql(`revoke connect on database ${name} from public`);
  const closed = /refused: permission denied for database .*: let the owner of the database grant it \(grant connect /;
  t.match(await refusal({ DATABASE_URL: as.DATABASE_URL }), closed);
  await sql(`grant connect on database ${name} to public`);
  t.match(await runCli(t, ['migrate'], { LOG_LEVEL: 'silent', ...as }), { code: 0, output: /^Applied / });
  t.match(await refusal(as), /^DATABASE_URL connects as server_.* who may not use the schema teamboard: select /);
  const owner = new pg.Client({ connectionString: url });
  await owner.connect();
  const [, grants = ''] = /: (select .*;) by its owner/.exec(await refusal(as)) ?? [];
  await owner.query(grants);
  await owner.end();
  t.equal(await refusal(as), 'it starts', 'as it was told');
  t.equal(await refusal({ DATABASE_URL: as.DATABASE_URL }), 'it starts', 'and alone');

  // The time limits that a pooler drops, set for the role as the page says.
  await sql(textOf('docs/pgbouncer.md', 'Behind PgBouncer').replaceAll('alter role teamboard ', `alter role ${role} `));
  const server = new pg.Client({ connectionString: as.DATABASE_URL });
  await server.connect();
  for (const limit of ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'] as const) {
    const { rows } = await server.query(`select current_setting('${limit}') as value`);
    t.equal(rows[0].value, poolSettings[limit], limit);
  }
  await server.end();
});
