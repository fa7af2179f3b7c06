// The process as its user has it: start, Ctrl-C, kill -9 and start again, and what it says when it cannot start.

import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import t, { type Test } from 'tap';
import { readPostmasterPid } from '../../src/postgres/embedded/postmaster-pid.ts';
import { inspectProcess } from '../../src/postgres/embedded/process-table.ts';
import { curlSession } from '../../src/welcome.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { useDatabase } from '../helpers/node.ts';
import { runCli, spawnNode } from '../helpers/process.ts';
import { projectPath } from '../helpers/project.ts';
import { createEmptyDatabase, dropDatabase } from '../helpers/test-cluster.ts';
import { until } from '../helpers/until.ts';

// One beside the other: most of each is waiting.
t.jobs = 3;

async function useDataDir(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'teamboard-data-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The embedded PostgreSQL of a data folder, as the kernel sees it. */
async function findPostgres(dataDir: string): Promise<number | undefined> {
  const [line] = (await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  return line && (await inspectProcess(Number(line))) ? Number(line) : undefined;
}

t.test(
  'a node with its embedded database: a write reaches the stream, kill -9 keeps it, Ctrl-C ends all',
  async (t) => {
    const dataDir = await useDataDir(t);
    const first = await spawnNode(t, { DATA_DIR: dataDir });
    t.match(first.logged[0], { dataDir, msg: /^DATABASE_URL is not set: an embedded PostgreSQL keeps / }, 'said first');
    const settings = { dataDir, databaseUrl: 'embedded' };
    t.match(first.logged[1], { msg: 'starting', version: /^\d/, node: process.versions.node, settings });
    await until(() => first.output.includes(curlSession(first.url)), 'a session to try, in what the start prints');
    const ada = await Client.signUp(first);
    const boardId = await ada.createBoard();
    const stream = await openStream(t, first.url, boardId, ada);
    await stream.next('ready');
    await ada.post(`/boards/${boardId}/items`, { text: 'kept' });
    const { id: cursor } = await stream.next('changed');

    first.kill('SIGKILL');
    await first.exit();
    t.ok(await findPostgres(dataDir), 'its PostgreSQL is an orphan now');
    const second = await spawnNode(t, { DATA_DIR: dataDir });
    const again = ada.at(second);
    t.equal((await again.get(`/boards/${boardId}`)).body.items[0].text, 'kept');
    const resumed = await openStream(t, second.url, boardId, { ...ada, headers: { 'last-event-id': cursor ?? '' } });
    await resumed.next('ready');
    t.equal(resumed.frames[0]?.data.resumedFrom, cursor, 'the same history goes on');
    await again.post(`/boards/${boardId}/items`, { text: 'more' });
    await resumed.next('changed', ({ data }) => data.seq === 4);
    const postgres = await findPostgres(dataDir);

    second.kill('SIGINT');
    t.strictSame(await second.exit(), { code: 0, signal: null }, 'in the time that an end has, with a stream open');
    // Cleanly; its end may be heard of after that of the process.
    await resumed.end();
    t.match(resumed.frames.at(-1), { event: 'close', data: { reason: 'shutdown', retry: true } });
    const [backMs = 0] = resumed.retries.slice(-1);
    t.ok(backMs >= 300 && backMs <= 1000, `its client is told to come back soon: ${backMs} ms`);
    const stopping = second.logged.findIndex(({ msg }) => msg === 'stopping');
    t.not(stopping, -1);
    t.same(
      second.logged.slice(stopping).filter(({ level }) => Number(level) >= 40),
      [],
      'and nothing went wrong by it',
    );
    t.ok(postgres);
    t.equal(await findPostgres(dataDir), undefined, 'and PostgreSQL with it');
  },
);

t.test(
  'a second signal leaves nothing of the embedded database, and its loss ends the node as a failure',
  async (t) => {
    const dataDir = await useDataDir(t);
    const hurried = await spawnNode(t, { DATA_DIR: dataDir, DRAIN_SECONDS: '60' });
    const { socketFolder = '' } = (await readPostmasterPid(join(dataDir, 'postgres'))) ?? {};
    t.ok(existsSync(socketFolder));
    const ada = await Client.signUp(hurried);
    const stream = await openStream(t, hurried.url, await ada.createBoard(), ada);
    await stream.next('ready');
    hurried.kill('SIGTERM');
    await until(() => hurried.output.includes('stopping'), 'the drain to begin');
    hurried.kill('SIGTERM');
    t.match(await hurried.exit(), { code: 1 });
    await until(async () => (await findPostgres(dataDir)) === undefined, 'its PostgreSQL to end by itself');
    t.notOk(existsSync(socketFolder), 'nor a socket');

    const bereft = await spawnNode(t, { DATA_DIR: dataDir });
    process.kill((await findPostgres(dataDir)) ?? Number.NaN, 'SIGKILL');
    t.match(await bereft.exit(), { code: 1 }, 'so that what watches it starts it again');
    t.match(bereft.output, /the embedded PostgreSQL has ended/);
  },
);

t.test('a start that cannot be says why in one line', async (t) => {
  const { url } = await useDatabase(t);
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  const cases: Array<[Record<string, string>, RegExp, exitCode: number, command?: string]> = [
    [
      { NODE_ENV: 'production' },
      /^teamboard: DATABASE_URL is not set and NODE_ENV is production: .* \[TB_SETTING\]\n$/,
      2,
    ],
    [{}, /^teamboard: DATABASE_URL is not set: name the database, or .* \[TB_SETTING\]\n$/, 2, 'migrate'],
    [
      { DATABASE_URL: url, PORT: String(port) },
      new RegExp(`^teamboard: port ${port} is taken: .* \\[TB_CANNOT_LISTEN\\]\n$`),
      1,
    ],
    [{ PORT: 'http' }, /^teamboard: PORT must be integer, and is 'http'\. \[TB_SETTING\]\n$/, 2],
    [{ JWT_ISSUERS: '[{}]' }, /^teamboard: JWT_ISSUERS, entry 1: issuer must be .*\n$/, 2],
    [
      { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x', REDIS_URL: 'http://x' },
      /^teamboard: REDIS_URL must be .*\n$/,
      2,
    ],
  ];
  for (const [environment, line, exitCode, command = 'serve'] of cases) {
    const { code, output } = await runCli(t, [command], { LOG_LEVEL: 'silent', ...environment });
    t.equal(code, exitCode);
    t.match(output, line);
  }
});

t.test('an old Node is told so, and reads nothing that it cannot', async (t) => {
  const engines = JSON.parse(await readFile(projectPath('package.json'), 'utf8')).engines.node as string;
  // What it would say of itself.
  const pretend = encodeURIComponent(`Object.defineProperty(process, 'versions', { value: { node: '20.18.3' } })`);
  const { code, output } = await runCli(t, ['serve'], { NODE_OPTIONS: `--import=data:text/javascript,${pretend}` });
  t.equal(code, 2);
  t.equal(output, `teamboard: Node 20.18.3 is too old: ${engines.replace('>=', '')} or newer is needed.\n`);
  const entry = await readFile(projectPath('build/src/cli.js'), 'utf8');
  t.notMatch(entry, /^import |^await |\?\.|\?\?/m, 'what an old Node does not know comes after the look at it');
});

t.test('a node does not start on a schema of a later version, nor on a PostgreSQL that is too old', async (t) => {
  const { url, sql } = await useDatabase(t);
  const later = { LOG_LEVEL: 'silent', DATABASE_URL: url };
  const expectRefusal = async (line: RegExp) => {
    for (const command of ['serve', 'migrate']) {
      const { code, output } = await runCli(t, [command], later);
      t.equal(code, 4, command);
      t.match(output, line);
    }
  };
  await sql(`insert into teamboard.schema_migrations (name, run_on) values ('9999_future', now())`);
  await expectRefusal(/^teamboard: the database's schema is of a later version of Teamboard \(9999_future\): .*\n$/);
  await sql(`delete from teamboard.schema_migrations where name = '9999_future'`);

  // As PostgreSQL 14 would say it: there is none here.
  await sql(`create schema old;
    create function old.current_setting(name text) returns text language sql
      return case name when 'server_version' then '14.9 (Debian)' else '140009' end`);
  const [{ name } = { name: '' }] = await sql<{ name: string }>('select current_database() as name');
  await sql(`alter database ${name} set search_path = old, pg_catalog, public`);
  await expectRefusal(
    /^teamboard: DATABASE_URL leads to PostgreSQL 14\.9 \(Debian\), and 15 or newer is needed: .*\n$/,
  );
});

t.test('`teamboard token --application` prints a token of the application', async (t) => {
  const database = await useDatabase(t);
  const environment = { DATABASE_URL: database.url, LOG_LEVEL: 'silent' };
  const { code, output } = await runCli(t, ['token', '--application', 'Shop'], environment);
  t.equal(code, 0);
  t.match(output, /^tb_[0-9a-f]{64}\n$/);
  const node = await spawnNode(t, environment);
  const { body } = await Client.nobody(node).get('/session', { authorization: `Bearer ${output.trim()}` });
  t.equal(body.user.name, 'Shop');
  t.match(await runCli(t, ['token', '--application', ''], environment), {
    code: 2,
    output: /^teamboard: --application must be .+ \[TB_USAGE\]\n$/,
  });
});

t.test('`teamboard migrate` brings a database up to date, and does nothing the second time', async (t) => {
  const name = `test_cli_${process.pid}`;
  const url = await createEmptyDatabase(name);
  t.teardown(() => dropDatabase(name));
  const environment = { DATABASE_URL: url, LOG_LEVEL: 'silent' };
  const [one, two] = await Promise.all([runCli(t, ['migrate'], environment), runCli(t, ['migrate'], environment)]);
  const files = await readdir(projectPath('src/postgres/migrations'));
  const names = files.map((file) => file.replace(/\.sql$/, '')).sort();
  const outputs = [one.output, two.output].sort();
  t.strictSame([one.code, two.code], [0, 0]);
  t.strictSame(outputs, [`Applied ${names.join(', ')}.\n`, 'Nothing to do.\n'], 'at once');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.teardown(() => client.end());
  t.equal((await client.query('select * from teamboard.boards')).rowCount, 0);
});
