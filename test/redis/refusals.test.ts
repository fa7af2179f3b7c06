// A Redis that answers and refuses stops the start, in one line that names the setting and the cure, without a secret; one
// that cannot be reached is waited for, and what it refuses when it is back is logged once.

import { execFileSync, spawnSync } from 'node:child_process';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import t, { type Test } from 'tap';
import { RedisStreamRegistry } from '../../src/liveness/redis-stream-registry.ts';
import { RedisRefusedError } from '../../src/redis/redis-refusal.ts';
import { expectWithin } from '../helpers/bounds.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { runCli } from '../helpers/process.ts';
import { noPrivateRedis, startRedisOnPort } from '../helpers/redis.ts';
import { recordingLog, startNode, streamOf, times } from '../helpers/registry.ts';
import { createEmptyDatabase, dropDatabase } from '../helpers/test-cluster.ts';
import { until } from '../helpers/until.ts';

const SECRET = 'hunter2';
const prefix = 'teamboard';
if (noPrivateRedis) t.plan(0, noPrivateRedis);

/** Starts a registry that must be refused. @returns why */
async function refusal(t: Test, url: string, by = prefix): Promise<string> {
  let message = '';
  await expectWithin(t, { refusedMs: 8000 }, async () => {
    const log = recordingLog();
    const registry = new RedisStreamRegistry({ url, prefix: by, log, ...times });
    t.teardown(() => registry.stop());
    const startedAt = performance.now();
    const error: Error = await registry.start().then(
      () => new Error(`accepted, and logged ${JSON.stringify(log.matching(/./))}`),
      (reason) => reason,
    );
    const refusedMs = performance.now() - startedAt;
    t.ok(error instanceof RedisRefusedError, error.message);
    t.match(error.message, /^REDIS_(URL|PREFIX)[ :][^\n]+\.$/);
    t.notMatch(error.message, SECRET);
    t.strictSame(log.matching(/./), [], 'the error says it all');
    ({ message } = error);
    return { refusedMs };
  });
  return message;
}

t.test('who may not', async (t) => {
  const { port, client } = await startRedisOnPort(t, '--requirepass', SECRET);
  const as = (user: string, password: string) => `redis://${user}:${password}@127.0.0.1:${port}`;
  t.match(await refusal(t, as('', `${SECRET}x`)), /user or password is wrong/);
  t.match(await refusal(t, as('nobody', SECRET)), /user or password is wrong/);
  t.match(await refusal(t, `redis://127.0.0.1:${port}`), /has no password and this Redis wants one/);
  await client.call('ACL', 'SETUSER', 'other', 'on', `>${SECRET}`, '~other:*', '+@all');
  t.match(await refusal(t, as('other', SECRET)), /^REDIS_PREFIX: the user of REDIS_URL may not use keys/);
  await client.call('ACL', 'SETUSER', 'reader', 'on', `>${SECRET}`, '~teamboard:*', '+@all', '-@write');
  t.match(
    await refusal(t, as('reader', SECRET)),
    /may not do HDEL, HINCRBY, HSET, HSETNX, SET, XADD, ZADD, ZREM with.*docs\/redis\.md/,
  );
  await client.call('ACL', 'SETUSER', 'weak', 'on', `>${SECRET}`, '~teamboard:*', '+@all', '-@scripting');
  t.match(await refusal(t, as('weak', SECRET)), /lacks a right.*docs\/redis\.md/);
  t.match(await refusal(t, `redis+cluster://:${SECRET}x@127.0.0.1:${port}`), /user or password is wrong/);
});

t.test('what is not there', async (t) => {
  const { port, url, client } = await startRedisOnPort(t, '--databases', '16');
  t.match(await refusal(t, `${url}/99`), /names a database that this Redis does not have/);
  t.equal(await client.dbsize(), 0, 'and another is not used in its place');
  t.match(await refusal(t, `redis+cluster://127.0.0.1:${port}`), /this is a single server/);
  t.match(await refusal(t, `rediss://127.0.0.1:${port}`), /asks for TLS, and this Redis speaks without/);
  t.match(await refusal(t, `rediss+cluster://127.0.0.1:${port}`), /asks for TLS, and this Redis speaks without/);

  const old = await startProxy(t, port, (text) =>
    text.replace(/redis_version:7\.\d+\.\d+/, (found) => `redis_version:6.2.${'9'.repeat(found.length - 18)}`),
  );
  t.match(await refusal(t, old), /leads to Redis 6\.2\.\d+, which is too old: Redis 7\.0 or newer/);
  const sentinel = await startProxy(t, port, (text) => text.replace('redis_mode:standalone', 'redis_mode:sentinel  '));
  t.match(await refusal(t, sentinel), /leads to a Sentinel/);
});

t.test('who takes no writes', async (t) => {
  const replica = await startRedisOnPort(t, '--replicaof', '127.0.0.1 1');
  await replica.client.config('SET', 'replica-serve-stale-data', 'yes');
  t.match(await refusal(t, replica.url), /leads to a replica/);
  const full = await startRedisOnPort(t, '--maxmemory', '1', '--maxmemory-policy', 'noeviction');
  t.match(await refusal(t, full.url), /is full/);
  const unsaved = await startRedisOnPort(t, '--save', '1 1', '--rdbcompression', 'no');
  const { folder } = unsaved;
  execFileSync('rm', ['-r', folder]);
  await unsaved.client.set('a', 'b');
  await until(async () => /bgsave_status:err/.test(await unsaved.client.info('persistence')), 'a save to fail');
  t.match(await refusal(t, unsaved.url), /cannot save its data/);
  // By itself it would take a port 10,000 above, which there may not be.
  const member = await startRedisOnPort(t, '--cluster-enabled', 'yes', '--cluster-port', `${await findFreePort()}`);
  t.match(await refusal(t, member.url), /one node of a Redis Cluster: begin it with redis\+cluster:/);
});

const [outside] = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .filter(({ family, internal }) => family === 'IPv4' && !internal);

t.test('protected mode', { skip: outside ? false : 'there is no address but the loopback' }, async (t) => {
  const { port } = await startRedisOnPort(t, '--bind', '0.0.0.0', '--protected-mode', 'yes');
  t.match(await refusal(t, `redis://${outside?.address}:${port}`), /in protected mode/);
});

t.test('protected mode, of a machine that is busy', async (t) => {
  // It closes on who has written before it has been told, and tells who waits.
  const server = net.createServer((socket) => {
    const telling = setTimeout(() => socket.end('-DENIED Redis is running in protected mode\r\n'), 400);
    socket.once('data', () => socket.resetAndDestroy());
    socket.on('error', () => {}).on('close', () => clearTimeout(telling));
  });
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  t.match(await refusal(t, `redis://127.0.0.1:${port}`), /in protected mode/);
});

t.test('TLS', { skip: spawnSync('openssl', ['version']).error ? 'needs openssl' : false }, async (t) => {
  const tlsPort = await findFreePort();
  const folder = t.testdir();
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=localhost',
  ];
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  await startRedisOnPort(
    t,
    '--tls-port',
    `${tlsPort}`,
    '--tls-cert-file',
    cert,
    '--tls-key-file',
    key,
    '--tls-ca-cert-file',
    cert,
    '--tls-auth-clients',
    'no',
  );
  await until(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = net.connect(tlsPort, '127.0.0.1', () => resolve(true));
        socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
      }),
    'the port to be open',
  );
  t.match(await refusal(t, `redis://127.0.0.1:${tlsPort}`), /leads to a port that wants TLS/);
  t.match(await refusal(t, `redis+cluster://127.0.0.1:${tlsPort}`), /leads to a port that wants TLS/);
  t.match(await refusal(t, `rediss://localhost:${tlsPort}`), /certificate .* not trusted: set NODE_EXTRA_CA_CERTS/);
});

t.test('one that throws keys away is taken, with a warning', async (t) => {
  const { url } = await startRedisOnPort(t, '--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru');
  const log = recordingLog();
  const registry = await startNode(t, { url, prefix, log });
  await until(() => registry.state === 'up', 'it to be taken');
  t.equal(log.matching(/^REDIS_URL: .*maxmemory-policy allkeys-lru.*noeviction/).length, 1);
});

t.test('what refuses only later is logged once as such, and heals by itself', async (t) => {
  const port = await findFreePort();
  const log = recordingLog();
  const registry = await startNode(t, { url: `redis://teamboard:${SECRET}@127.0.0.1:${port}`, prefix, log });
  const stream = streamOf('0190b6e5-0000-7000-8000-000000000000');
  registry.add(stream);
  t.equal(registry.state, 'down', 'it is waited for');
  t.equal(log.matching(/^redis is away: /).length, 1);
  const { client } = await startRedisOnPort(t, '--port', `${port}`);
  await until(() => log.matching(/^redis refuses: /).length > 0, 'the refusal to be told');
  t.match(log.matching(/^redis refuses: /)[0]?.message, /user or password is wrong/);

  await client.call('ACL', 'SETUSER', 'teamboard', 'on', `>${SECRET}`, '~*', '+@all');
  await until(() => registry.state === 'up', 'it works');
  await until(async () => (await registry.list(stream.boardId)).length === 1, 'the stream is registered');
  t.ok(log.matching(/^redis is back/).length > 0);
  t.equal(log.matching(/^redis refuses: /).length, 1);

  await client.config('SET', 'maxmemory', '1');
  await until(() => log.matching(/^redis refuses: .*is full/).length === 1, 'that it is full');
  await client.config('SET', 'maxmemory', '0');
  await until(() => registry.state === 'up', 'it works again');
  await client.call('ACL', 'SETUSER', 'teamboard', '-@write');
  await until(() => log.matching(/^redis refuses: .*lacks a right/).length === 1, 'that a right is gone');
  await client.call('ACL', 'SETUSER', 'teamboard', '+@all');
  await until(() => registry.state === 'up', 'it works again');
  t.equal(log.matching(/^redis refuses: /).length, 3, 'each was told once');
  t.notMatch(
    JSON.stringify(log.matching(/./).map(({ message, details }) => [message, Object.entries(details)])),
    SECRET,
  );
});

t.test('the process says it in one line', async (t) => {
  const name = `test_refused_${process.pid}`;
  const url = await createEmptyDatabase(name);
  t.teardown(() => dropDatabase(name));
  const { port } = await startRedisOnPort(t, '--requirepass', SECRET);
  const environment = {
    DATABASE_URL: url,
    REDIS_URL: `redis://:${SECRET}x@127.0.0.1:${port}`,
    LOG_LEVEL: 'warn',
    PORT: '0',
  };
  const { code, output } = await runCli(t, ['serve'], environment);
  t.equal(code, 4);
  t.equal(output, 'teamboard: REDIS_URL is refused: its user or password is wrong. [TB_REDIS_REFUSES]\n');
});

/** Passes everything on, and changes what the server says; lengths must stay. @returns its address */
async function startProxy(t: Test, port: number, change: (text: string) => string): Promise<string> {
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1');
    const changed = new Transform({
      transform: (chunk, _encoding, done) => done(null, Buffer.from(change(chunk.toString('latin1')), 'latin1')),
    });
    client.pipe(upstream).pipe(changed).pipe(client);
    for (const socket of [client, upstream])
      socket.on('error', () => {}).on('close', () => [client, upstream].map((each) => each.destroy()));
  });
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `redis://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}
