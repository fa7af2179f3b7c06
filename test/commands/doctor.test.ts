// What is wrong with an installation, found out: a healthy one, and one that is broken in each way.

import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Hindrance, startHinderingProxy } from '../helpers/hindering-proxy.ts';
import { startNode, type TestDatabase, useDatabase } from '../helpers/node.ts';
import { hasPgBouncer, startPgBouncer } from '../helpers/pgbouncer.ts';
import { runCli, startCli } from '../helpers/process.ts';
import { noPrivateRedis, startRedisOnPort } from '../helpers/redis.ts';
import { startRefusingServer } from '../helpers/refusing-server.ts';
import { until } from '../helpers/until.ts';

interface Found {
  code: number | null;
  /** By check: `state text`; of several lines the last. */
  lines: Record<string, string>;
  output: string;
}

async function examine(t: Test, environment: Record<string, string>, ...args: string[]): Promise<Found> {
  const { code, output } = await runCli(t, ['doctor', '--json', ...args], environment);
  const told = output.split('\n').filter((line) => line.startsWith('{"check"'));
  const found = told.map((line) => JSON.parse(line) as { check: string; state: string; text: string });
  return {
    code,
    lines: Object.fromEntries(found.map(({ check, state, text }) => [check, `${state} ${text}`])),
    output,
  };
}

/** @returns what has failed */
const failed = ({ lines }: Found) => Object.keys(lines).filter((check) => lines[check]?.startsWith('fail'));

const guestsOf = async ({ sql }: TestDatabase) => (await sql<{ id: string }>('select id from teamboard.users')).length;

t.test('a healthy installation', { skip: noPrivateRedis }, async (t) => {
  const database = await useDatabase(t);
  const redis = await startRedisOnPort(t);
  const node = await startNode(t, database.url, { redisUrl: redis.url, heartbeatSeconds: 1 });
  const environment = { DATABASE_URL: database.url, REDIS_URL: redis.url };
  const found = await examine(t, environment, '--url', `${node.url}/`);
  t.equal(found.code, 0, found.output);
  t.strictSame(failed(found), []);
  const well = [
    ...['node', 'settings', 'database', 'version', 'encoding', 'writes', 'pooler', 'settings of sessions', 'schema'],
    ...['rights', 'LISTEN', 'queue', 'clock', 'redis', 'redis kind', 'redis rights', 'redis writes', 'redis eviction'],
    ...['redis clock', 'GET /livez', 'GET /readyz', 'guest', 'buffering', 'compression', 'silence', 'forwarded'],
  ];
  for (const check of well) t.match(found.lines[check], /^ok ./, check);
  t.match(found.lines.HTTP, /^warn HTTP\/1\.1, .* nginx: /, 'what browsers want, and how they get it');
  t.match(found.lines.connections, / a node takes 17 at most/);
  t.match(found.lines.descriptors, /^(ok|warn) /);
  t.equal(await guestsOf(database), 0, 'its guest has gone');

  const people = await runCli(t, ['doctor'], { DATABASE_URL: database.url });
  t.equal(people.code, 0);
  t.match(people.output, /^ok {7}node {18}Node \d/);
  t.match(people.output, /^skipped {2}redis {17}REDIS_URL is not set/m);
});

t.test('settings: each that is wrong is told, and the others are looked at', async (t) => {
  const { url } = await useDatabase(t);
  const { code, output } = await runCli(t, ['doctor'], {
    ...{ DATABASE_URL: url, LOG_LEVEL: 'loud', METRICS_TOKEN: 'hunter2', HARTBEAT_SECONDS: '3' },
  });
  t.equal(code, 1);
  t.match(output, /^fail {5}settings {14}LOG_LEVEL must be fatal, .* and is 'loud'\.$/m, 'as a start says it');
  t.match(output, /^fail {5}settings {14}METRICS_TOKEN must be 16 /m);
  t.match(output, /^warn {5}settings {14}HARTBEAT_SECONDS is no setting, .* is HEARTBEAT_SECONDS meant\?$/m);
  t.match(output, /^ok {7}LISTEN /m, 'none ends the others');
  t.match(output, /^teamboard: 2 of these checks failed: .+ \[TB_CHECK_FAILED\]$/m);
  t.notMatch(output, 'hunter2');
  const unread = await examine(t, { DATABASE_URL: 'http://me:hunter2@host/', REDIS_URL: 'redis://127.0.0.1:1' });
  t.strictSame(failed(unread), ['settings', 'redis']);
  t.match(unread.lines.database, /^skipped /, 'and no embedded one is taken for it');
  t.notMatch(unread.output, 'hunter2');
  for (const url of ['boards.example', 'https://me:hunter2@boards.example']) {
    const told = await runCli(t, ['doctor', '--url', url], {});
    t.match(told, { code: 2, output: /^teamboard: --url must be .+ \[TB_USAGE\]\n$/ });
    t.notMatch(told.output, 'hunter2');
  }
});

t.test('the database: away, refusing, behind, closed', async (t) => {
  const { url, sql } = await useDatabase(t);
  const away = await examine(t, { DATABASE_URL: 'postgres://me:hunter2@127.0.0.1:1/x' });
  t.equal(away.code, 1);
  t.strictSame(failed(away), ['database']);
  t.match(
    away.lines.database,
    /^fail DATABASE_URL: PostgreSQL at 127\.0\.0\.1:1\/x cannot be reached \(.+\): start it/,
  );
  t.match(away.lines.LISTEN, /^skipped /);
  const port = await startRefusingServer(t, { error: ['28P01', 'password authentication failed for user "me"'] });
  const refused = await examine(t, { DATABASE_URL: `postgres://me:hunter2@127.0.0.1:${port}/app` });
  t.match(refused.lines.database, /^fail DATABASE_URL is refused: password .* check user and password/);
  t.notMatch(away.output + refused.output, 'hunter2');

  const role = `doctor_${randomBytes(4).toString('hex')}`;
  await sql(`create role ${role} login; grant usage on schema teamboard to ${role};
    grant select on teamboard.schema_migrations to ${role}`);
  t.teardown(() => sql(`drop owned by ${role}; drop role ${role}`));
  const asRole = url.replace(/\/\/[^@]*@/, `//${role}@`);
  const closed = await examine(t, { DATABASE_URL: asRole, DATABASE_DIRECT_URL: url });
  t.strictSame(failed(closed), ['rights']);
  t.match(closed.lines.rights, /who may not .+: select teamboard\.grant_serving\(/);
  t.match(closed.lines['one database'], /^ok /);

  await sql(`delete from teamboard.schema_migrations where name = '0010_webhooks'`);
  const behind = await examine(t, { DATABASE_URL: url });
  t.equal(behind.code, 0, 'a start mends it');
  t.match(behind.lines.schema, /^warn teamboard \(DATABASE_SCHEMA\) lacks 0010_webhooks: run 'teamboard migrate'/);
  t.match(behind.lines.rights, /^skipped /);
});

t.test('a pooler that keeps no LISTEN', { skip: !hasPgBouncer && 'no pgbouncer on PATH' }, async (t) => {
  const { url } = await useDatabase(t);
  const pooled = await startPgBouncer(t, url, {
    mode: 'transaction',
    settings: ['ignore_startup_parameters = options'],
  });
  const alone = await examine(t, { DATABASE_URL: pooled });
  t.equal(alone.code, 1);
  t.match(
    alone.lines.pooler,
    /^fail DATABASE_URL leads through a pooler in transaction mode, .* set DATABASE_DIRECT_URL/,
  );
  t.match(alone.lines.LISTEN, /^fail a notification did not come through DATABASE_URL within 10 s/);
  const past = await examine(t, { DATABASE_URL: pooled, DATABASE_DIRECT_URL: url });
  t.match(past.lines.pooler, /^ok /);
  t.match(past.lines.LISTEN, /^ok a notification came through DATABASE_DIRECT_URL/);
});

t.test('Redis: away, a wrong password, a replica, one that throws keys away', { skip: noPrivateRedis }, async (t) => {
  const { url } = await useDatabase(t);
  const small = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'];
  const master = await startRedisOnPort(t, ...small);
  const locked = await startRedisOnPort(t, '--requirepass', 'hunter2');
  const replica = await startRedisOnPort(t, '--replicaof', '127.0.0.1', `${master.port}`);
  const look = (redisUrl: string) => examine(t, { DATABASE_URL: url, REDIS_URL: redisUrl });
  const away = await look('redis://127.0.0.1:1');
  t.match(away.lines.redis, /^fail REDIS_URL: Redis did not answer \(.+\): start it/);
  t.match(away.lines['redis rights'], /^skipped /);
  t.match(away.lines.LISTEN, /^ok /);
  const wrong = await look(locked.url.replace('//', '//default:hunter3@'));
  t.match(wrong.lines.redis, /^fail REDIS_URL is refused: its user or password is wrong\./);
  t.notMatch(wrong.output, 'hunter');
  const second = await look(replica.url);
  t.match(second.lines['redis kind'], /^fail REDIS_URL leads to a replica/);
  const throwing = await look(master.url);
  t.equal(throwing.code, 0, 'a warning is no failure');
  t.match(throwing.lines['redis eviction'], /^warn REDIS_URL: .* \(maxmemory-policy allkeys-lru\)/);
});

t.test('the way: what holds back, compresses or ends silence, and who is in between', async (t) => {
  const database = await useDatabase(t);
  const settings = { heartbeatSeconds: 2 };
  const node = await startNode(t, database.url, settings);
  const trusting = await startNode(t, database.url, { ...settings, trustProxy: ['127.0.0.1'] });
  const look = async (hindrance: Hindrance, target = node.url) =>
    examine(t, { DATABASE_URL: database.url }, '--url', await startHinderingProxy(t, hindrance, target));
  const [holds, compresses, cuts] = await Promise.all([look('holds'), look('compresses', trusting.url), look('cuts')]);
  t.match(holds.lines.buffering, /^fail \d+ events .* holds them back\. .*nginx: take out `proxy_ignore_headers/);
  t.equal(holds.code, 1);
  t.match(holds.lines.forwarded, /^warn the node does not learn who the client is, .* set TRUST_PROXY/);
  t.match(compresses.lines.compression, /^warn Something in between compresses the events \(gzip\)/);
  t.match(compresses.lines.forwarded, /^ok the node believes/);
  t.match(
    cuts.lines.silence,
    /^fail After .* ended the connection, before a heartbeat\. .*nginx: `proxy_read_timeout 60s`/,
  );
  t.equal(await guestsOf(database), 0, 'no guest stays');
});

t.test('an address that leads to no node', async (t) => {
  const { url } = await useDatabase(t);
  const nobody = await examine(t, { DATABASE_URL: url }, '--url', 'http://127.0.0.1:1');
  t.match(nobody.lines['GET /livez'], /^fail http:\/\/127\.0\.0\.1:1 cannot be reached \(.+\): check --url/);
  t.match(nobody.lines.silence, /^skipped /);
  const node = await startNode(t, url, { heartbeatSeconds: 1 });
  const elsewhere = await examine(t, { DATABASE_URL: url }, '--url', `${node.url}/below`);
  t.match(elsewhere.lines['GET /livez'], /^fail it answers 404, and not as a node does/);
  const renamed = await startHinderingProxy(t, 'renames', node.url);
  const foreign = await examine(t, { DATABASE_URL: url }, '--url', renamed);
  t.match(foreign.lines.guest, /^fail POST \/guests answers 403: .*Host/, 'as a page of that address would hear');
  t.match(foreign.lines.silence, /^skipped /);
});

t.test('the embedded database: none yet, and one that nobody serves', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'teamboard-data-'));
  t.teardown(() => rm(dataDir, { recursive: true, force: true }));
  const before = await examine(t, { DATA_DIR: dataDir });
  t.equal(before.code, 0, before.output);
  t.match(before.lines.database, /^skipped no DATABASE_URL, and no embedded database in DATA_DIR/);
  t.strictSame(await readdir(dataDir), [], 'and none is made');
  t.equal((await runCli(t, ['boards'], { DATA_DIR: dataDir })).code, 0);
  const made = await examine(t, { DATA_DIR: dataDir });
  t.equal(made.code, 0, made.output);
  t.match(made.lines['embedded server'], /^ok /);
  t.match(made.lines.LISTEN, /^ok /);
});

t.test('Ctrl-C ends it, and its guest goes', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url, { heartbeatSeconds: 60 });
  const run = startCli(t, ['doctor', '--url', node.url], { DATABASE_URL: database.url });
  await until(() => /^ok +guest /m.test(run.output), 'the guest');
  run.child.kill('SIGINT');
  t.match(await run.exit(), { code: 130 });
  t.equal(await guestsOf(database), 0);
});
