// What an address may do before anybody is known who could be held to a limit of their own.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { noPrivateRedis, startPrivateRedis } from '../helpers/redis.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url, {
  trustProxy: ['127.0.0.1'],
  signInsPerMinute: 3,
  openingsPerMinute: 2,
  lookupsPerMinute: 3,
  streamsPerNode: 300,
});
const nobody = Client.nobody(node);
/** Each test has addresses of its own. */
const from = (host: string) => ({ 'x-forwarded-for': host });

t.test('an address signs in so many times a minute, and others are not concerned', async (t) => {
  const account = { email: 'ada@example.org', password: 'correct horse' };
  await Client.keep(node, { name: 'Ada', ...account });
  const signIn = (host: string) => nobody.post('/session', account, from(host));
  for (let n = 0; n < 3; n += 1) t.equal((await signIn('192.0.2.1')).status, 201);
  const refused = await signIn('192.0.2.1');
  sameProblem(t, refused, 'TB_TOO_MANY_ATTEMPTS');
  const seconds = Number(refused.headers.get('retry-after'));
  t.ok(seconds >= 1 && seconds <= 20, `${seconds} s`);
  t.equal(refused.headers.get('ratelimit-policy'), '"sign-ins";q=3;w=60');
  t.equal((await signIn('192.0.2.2')).status, 201);
  for (let n = 0; n < 4; n += 1)
    t.equal((await nobody.post('/session', account)).status, 201, 'nor all clients of a proxy that names none');
});

t.test('a stranger looks up so many invites a minute, and whoever is signed in is not concerned', async (t) => {
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const { token } = (await ada.post(`/boards/${boardId}/invites`, { role: 'viewer' })).body;
  const look = (who: Client, invite: string, host: string) => who.get(`/invites/${invite}`, from(host));
  const guessed = 'x'.repeat(32);
  for (let n = 0; n < 3; n += 1) t.equal((await look(nobody, guessed, '192.0.2.3')).status, 404);
  sameProblem(t, await look(nobody, guessed, '192.0.2.3'), 'TB_TOO_MANY_LOOKUPS');
  sameProblem(t, await look(nobody, token, '192.0.2.3'), 'TB_TOO_MANY_LOOKUPS');
  t.equal((await look(nobody, token, '192.0.2.4')).status, 200);
  t.equal((await look(await Client.signUp(node, 'Bob'), token, '192.0.2.3')).status, 200);
});

t.test('new accounts of one address open so many streams a minute; then they are told to come back (E5)', async (t) => {
  const guest = await Client.signUp(node);
  const boardId = await guest.createBoard();
  const open = (client: Client, host: string) =>
    openStream(t, node.url, boardId, { cookie: client.cookie, headers: from(host) });
  for (let n = 0; n < 2; n += 1) await (await open(guest, '192.0.2.5')).next('ready');
  const refused = await open(guest, '192.0.2.5');
  await refused.end();
  t.equal(refused.status, 200, 'which an EventSource outlives');
  t.match(refused.frames, [{ event: 'close', data: { reason: 'busy', retry: true } }]);
  await (await open(guest, '192.0.2.6')).next('ready');
  // An account that is older than a day.
  const account = { email: 'known@example.org', password: 'correct horse' };
  t.equal((await guest.patch('/users/me', account)).status, 200);
  await database.sql(`update teamboard.users set created_at = now() - interval '2 days' where id = $1`, [
    guest.user.id,
  ]);
  const known = guest.after(await nobody.post('/session', account));
  await (await open(known, '192.0.2.5')).next('ready');
});

t.test('the key of a board is looked up for nobody who does not say who is calling', async (t) => {
  const ada = await Client.signUp(node);
  t.equal((await ada.post('/boards', { name: 'Plans', key: 'plans' })).status, 201);
  const asked: string[] = [];
  const restore = [node.app.pool, node.app.logPool].map((pool) => {
    const query = pool.query;
    pool.query = ((...args: unknown[]) => {
      asked.push(String((args[0] as { name?: string }).name));
      return (query as (...all: unknown[]) => unknown).apply(pool, args);
    }) as typeof query;
    return () => {
      pool.query = query;
    };
  });
  t.teardown(() => {
    for (const give of restore) give();
  });
  const paths = ['/boards/~plans/events', '/events?boards=~plans', '/boards/~plans', '/boards/~plans/items'];
  for (const path of paths) t.equal((await nobody.get(path)).status, 401, path);
  t.notOk(asked.includes('boards-by-key'), `${asked}`);
  const stream = await openStream(t, node.url, '~plans', { cookie: ada.cookie, headers: from('192.0.2.7') });
  await stream.next('ready');
  t.ok(asked.includes('boards-by-key'), 'and for all others it is');
});

t.test('a node does so many checks of the way at once, whoever asks', async (t) => {
  const [ada, bob] = [await Client.signUp(node, 'Ada'), await Client.signUp(node, 'Bob')];
  const path = '/streams/check?ticks=2&silence=60';
  const ending = new AbortController();
  t.teardown(() => ending.abort());
  for (let n = 0; n < 3; n += 1) {
    const { status } = await fetch(node.url + path, { headers: { cookie: ada.cookie }, signal: ending.signal });
    t.equal(status, 200);
  }
  sameProblem(t, await bob.get(path), 'TB_TOO_MANY_STREAMS');
});

t.test('nodes on one Redis count an address together', { skip: noPrivateRedis }, async (t) => {
  const redis = await startPrivateRedis();
  t.teardown(() => redis.stop());
  const nodes: TestNode[] = [];
  for (let n = 0; n < 2; n += 1) {
    const settings = { trustProxy: ['127.0.0.1'], lookupsPerMinute: 2, redisUrl: redis.url };
    nodes.push(await startNode(t, database.url, settings));
  }
  const look = async (index: number, host: string) => {
    const { status } = await Client.nobody(nodes[index] ?? node).get('/invites/none', from(host));
    return status;
  };
  // Each connects when Redis answers, and counts for itself until then.
  let host = 0;
  await until(async () => {
    host += 1;
    const statuses = [
      await look(0, `198.51.100.${host}`),
      await look(0, `198.51.100.${host}`),
      await look(1, `198.51.100.${host}`),
    ];
    return statuses.join() === '404,404,429';
  }, 'the third to be refused, by the other node');
  t.ok(host < 100, `${host}`);
});
