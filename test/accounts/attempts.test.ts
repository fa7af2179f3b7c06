// How often somebody may guess a password.

import t from 'tap';
import { AttemptLimits } from '../../src/accounts/attempt-limits.ts';
import { createPasswords } from '../../src/accounts/passwords.ts';
import { addressKey } from '../../src/http/client-address.ts';
import { Problem } from '../../src/problems/problem.ts';
import { type Answer, Client } from '../helpers/client.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { noPrivateRedis, startPrivateRedis } from '../helpers/redis.ts';
import { until } from '../helpers/until.ts';

const password = 'correct horse';
const email = 'ada@example.org';

t.test('the eleventh wrong password from an address within a minute is not even looked at', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url, { trustProxy: ['127.0.0.1'] });
  const nobody = Client.nobody(node);
  const ada = await Client.keep(node, { name: 'Ada', email, password });
  const signIn = (address: string, tried: string, name = email) =>
    nobody.post('/session', { email: name, password: tried }, { 'x-forwarded-for': address });
  const isRefused = (answer: Answer) => {
    sameProblem(t, answer, 'TB_TOO_MANY_ATTEMPTS');
    const seconds = Number(answer.headers.get('retry-after'));
    t.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `${seconds} s`);
  };

  const wrong = await Promise.all(Array.from({ length: 12 }, (_, n) => signIn('192.0.2.1', `wrong ${n}`)));
  t.same(wrong.map(({ status }) => status).sort(), [...Array(10).fill(401), 429, 429], 'also when all come at once');
  isRefused(await signIn('192.0.2.1', password));
  isRefused(await signIn('192.0.2.1', password, ` ${email.toUpperCase()}`));
  const change = { password: 'new password', currentPassword: 'wrong' };
  isRefused(await ada.patch('/users/me', change, { 'x-forwarded-for': '192.0.2.1' }));
  t.equal((await ada.get('/session')).status, 200, 'who is signed in stays so');
  t.equal((await signIn('198.51.100.1', password)).status, 201, 'and the owner comes in from anywhere else');
  // What is answered with 503, as by a machine that stood still, was no guess.
  for (let guesses = 0; guesses < 10; ) {
    const rest = Array.from({ length: 10 - guesses }, () => signIn('192.0.2.2', 'wrong', 'nobody@example.org'));
    guesses += (await Promise.all(rest)).filter(({ status }) => status === 401).length;
  }
  isRefused(await signIn('192.0.2.2', 'wrong', 'nobody@example.org'));

  const bob = { name: 'Bob', email: 'bob@example.org', password };
  await Client.keep(node, bob);
  for (let n = 0; n < 12; n += 1) t.equal((await signIn('198.51.100.2', password, bob.email)).status, 201);

  const guesses = Array.from({ length: 32 }, (_, n) => signIn('203.0.113.1', 'wrong', `user${n}@example.org`));
  const statuses = (await Promise.all(guesses)).map(({ status }) => status);
  t.same(statuses.sort(), [...Array(30).fill(401), 429, 429], 'an address that goes through the accounts');
  isRefused(await signIn('203.0.113.1', password, bob.email));
  isRefused(await nobody.post('/users', bob, { 'x-forwarded-for': '203.0.113.1' }));
  t.equal((await signIn('203.0.113.2', password, bob.email)).status, 201, 'nobody else is refused');
  t.equal((await signIn('no address', password, bob.email)).status, 201, 'a header that is no address is not believed');
});

t.test('without the setting nobody chooses the address by which they are counted', async (t) => {
  const database = await useDatabase(t);
  const nobody = Client.nobody(await startNode(t, database.url));
  const guesses = Array.from({ length: 31 }, (_, n) =>
    nobody.post(
      '/session',
      { email: `user${n}@example.org`, password },
      { 'x-forwarded-for': `192.0.2.${n}`, 'fly-client-ip': `192.0.2.${n}`, forwarded: `for=192.0.2.${n}` },
    ),
  );
  t.equal((await Promise.all(guesses)).filter(({ status }) => status === 429).length, 1);
});

t.test('only failures count, for a minute, and no fault of the server is one', async (t) => {
  let now = 0;
  const limits = new AttemptLimits({ now: () => now });
  const fail = (account = 'ada', error: Error = new Problem('TB_WRONG_CREDENTIALS', '')) =>
    limits
      .run('address', account, () => Promise.reject(error))
      .catch((caught) => (caught instanceof Problem ? caught.code : caught.message));
  for (let n = 0; n < 6; n += 1) {
    await limits.run('address', 'ada', async () => {});
    t.equal(await fail('ada', new Problem('TB_UNAVAILABLE', '')), 'TB_UNAVAILABLE');
    t.equal(await fail('ada', new Error('bug')), 'bug');
  }
  for (let n = 0; n < 10; n += 1) {
    now = n * 1000;
    t.equal(await fail(), 'TB_WRONG_CREDENTIALS');
  }
  t.equal(await fail(), 'TB_TOO_MANY_ATTEMPTS');
  t.equal(await fail('bob'), 'TB_WRONG_CREDENTIALS');
  now = 59_999;
  await t.rejects(
    limits.run('address', 'ada', async () => {}),
    { code: 'TB_TOO_MANY_ATTEMPTS', headers: { 'retry-after': '1' } },
  );
  now = 60_000;
  t.equal(await fail(), 'TB_WRONG_CREDENTIALS', 'a minute after the first');
});

t.test('who knows a password can use it so often, and takes no turns from those who sign in', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url, { trustProxy: ['127.0.0.1'] });
  const eve = { name: 'Eve', email: 'eve@example.org', password };
  const from = { 'x-forwarded-for': '192.0.2.1' };
  const page = await Client.keep(node, eve);
  await Client.keep(node, { name: 'Ada', email, password });
  const signIn = (account: { email: string }, headers: object) =>
    Client.nobody(node).post('/session', { email: account.email, password }, { ...headers });
  // Seven at once: what is under way counts as a failure, and ten of those are refused for another reason.
  const rush = async () => {
    const answers: Answer[] = [];
    while (answers.length < 70)
      answers.push(...(await Promise.all(Array.from({ length: 7 }, () => signIn(eve, from)))));
    return answers;
  };
  const startedAt = performance.now();
  const [rushed, ada, sameAddress, elsewhere] = await Promise.all([
    rush(),
    signIn({ email }, { 'x-forwarded-for': '192.0.2.2' }),
    signIn({ email }, from),
    signIn(eve, { 'x-forwarded-for': '192.0.2.2' }),
  ]);
  t.same([ada.status, sameAddress.status, elsewhere.status], [201, 201, 201], 'it is in nobody else’s way');
  const refused = rushed.filter(({ status }) => status !== 201);
  const cameBack = Math.ceil((performance.now() - startedAt) / 2000);
  t.ok(refused.length >= 40 - cameBack && refused.length <= 40, `${refused.length} of 70, and ${cameBack} came back`);
  for (const answer of refused) sameProblem(t, answer, 'TB_TOO_MANY_ATTEMPTS');
  const wrong = { email: 'new@example.org', currentPassword: 'wrong' };
  const changes = await Promise.all(Array.from({ length: 8 }, () => page.patch('/users/me', wrong, from)));
  const codes = changes.map(({ body }) => body.code);
  t.ok(codes.includes('TB_TOO_MANY_ATTEMPTS'), 'nor by way of the account');
});

t.test('thirty attempts in a row, good ones too, and then one each two seconds', async (t) => {
  let now = 0;
  const limits = new AttemptLimits({ now: () => now });
  let done = 0;
  const act = async () => {
    done += 1;
  };
  const run = (address = 'home', account = 'ada') => limits.run(address, account, act);
  for (let n = 0; n < 30; n += 1) await run();
  await t.rejects(run(), { code: 'TB_TOO_MANY_ATTEMPTS', headers: { 'retry-after': '2' } });
  t.equal(done, 30, 'and no hash is made for more');
  await run('elsewhere');
  await run('home', 'bob');
  now = 2000;
  await run();
  await t.rejects(run(), { code: 'TB_TOO_MANY_ATTEMPTS' });
  now = 5 * 60_000;
  const fail = () => limits.run('home', 'ada', () => Promise.reject(new Problem('TB_WRONG_CREDENTIALS', '')));
  for (let n = 0; n < 10; n += 1)
    await t.rejects(fail(), { code: 'TB_WRONG_CREDENTIALS' }, 'none of which was a failure');
});

t.test('an account that is guessed at from everywhere is slowed, and no stranger locks its owner out', async (t) => {
  const pauses: number[] = [];
  const limits = new AttemptLimits({ now: () => 0, pause: async (ms) => pauses.push(ms) });
  const guess = (address: string) =>
    limits.run(address, 'ada', () => Promise.reject(new Problem('TB_WRONG_CREDENTIALS', ''))).catch(({ code }) => code);
  for (let n = 0; n < 100; n += 1) t.equal(await guess(`address ${n}`), 'TB_WRONG_CREDENTIALS');
  t.same(pauses, []);
  const codes = await Promise.all(Array.from({ length: 5 }, () => guess('botnet')));
  t.same(codes.sort(), [...Array(2).fill('TB_TOO_MANY_ATTEMPTS'), ...Array(3).fill('TB_WRONG_CREDENTIALS')]);
  t.same(pauses, [1000, 1000, 1000]);
  for (let n = 0; n < 20; n += 1) t.equal(await limits.run('home', 'ada', async () => 'in'), 'in', 'the owner');
  t.equal(pauses.length, 23, 'is slowed, too');
});

t.test('an address makes so many accounts a minute, by whichever way', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url, { trustProxy: ['127.0.0.1'], accountsPerMinute: 4 });
  const nobody = Client.nobody(node);
  const from = { 'x-forwarded-for': '192.0.2.1' };
  const guests = await Promise.all(Array.from({ length: 3 }, () => nobody.post('/guests', { name: 'Eve' }, from)));
  t.same(
    guests.map(({ status }) => status),
    [201, 201, 201],
  );
  const account = { name: 'Eve', email: 'eve@example.org', password };
  t.equal((await nobody.post('/guests', { name: ' ' }, from)).status, 400, 'what makes none is not counted');
  t.equal((await nobody.post('/users', account, from)).status, 201);

  const cookie = guests[0]?.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const others = { email: 'other@example.org', password };
  for (const refused of [
    await nobody.post('/guests', { name: 'Eve' }, from),
    await nobody.post('/users', { ...account, email: 'eve2@example.org' }, from),
    await nobody.patch('/users/me', others, { ...from, cookie }),
  ]) {
    sameProblem(t, refused, 'TB_TOO_MANY_ACCOUNTS');
    const seconds = Number(refused.headers.get('retry-after'));
    t.ok(seconds >= 1 && seconds <= 15, 'at most a quarter of a minute for each of four');
    t.equal(refused.headers.get('ratelimit'), `"accounts";r=0;t=${seconds}`);
    t.equal(refused.headers.get('ratelimit-policy'), '"accounts";q=4;w=60');
    t.same(refused.headers.getSetCookie(), []);
  }
  const [{ count } = { count: 0 }] = await database.sql<{ count: number }>(
    'select count(*)::integer from teamboard.users',
  );
  t.equal(count, 4);
  t.equal((await nobody.post('/session', account, from)).status, 400, 'signing in is no new account');
  t.equal((await nobody.post('/session', { email: account.email, password }, from)).status, 201);
  t.equal(
    (await nobody.post('/guests', { name: 'Ada' }, { 'x-forwarded-for': '192.0.2.2' })).status,
    201,
    'others make theirs',
  );
});

t.test(
  'nodes on one Redis count accounts together, and each for itself while it is away',
  {
    skip: noPrivateRedis,
  },
  async (t) => {
    const database = await useDatabase(t);
    const redis = await startPrivateRedis();
    t.teardown(() => redis.stop());
    const settings = { trustProxy: ['127.0.0.1'], accountsPerMinute: 4, redisUrl: redis.url };
    const nodes = [await startNode(t, database.url, settings), await startNode(t, database.url, settings)];
    let address = 0;
    /** How many of 12 requests, by turns through both nodes, make a guest. */
    const make = async () => {
      address += 1;
      let made = 0;
      for (let n = 0; n < 12; n += 1) {
        const nobody = Client.nobody(nodes[n % 2] as TestNode);
        const { status } = await nobody.post('/guests', { name: 'Eve' }, { 'x-forwarded-for': `192.0.2.${address}` });
        if (status === 201) made += 1;
      }
      return made;
    };
    await until(async () => (await make()) === 4, 'both to be connected, and to count together');
    redis.pause();
    t.equal(await make(), 8, 'a Redis that hangs holds nobody up');
    redis.resume();
    await until(async () => (await make()) === 4, 'both to be connected again');
    for (const { logged } of nodes) {
      const levels = logged.filter(({ owner }) => owner === 'address-limits').map(({ level }) => level);
      t.ok(levels.length > 0);
      t.strictSame(
        levels,
        levels.map((_, index) => [40, 30][index % 2]),
        'each outage is told once, and its end',
      );
    }
  },
);

t.test('an IPv6 client is its network: it has 2^64 addresses', async (t) => {
  for (const [address, key] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['::1', '0:0:0:0'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
    ['2001:DB8::1', '2001:db8:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    [undefined, ''],
  ] as const) {
    t.equal(addressKey(address), key, `${address}`);
  }
});

t.test('an account that does not exist costs what a wrong password costs', async (t) => {
  const passwords = createPasswords();
  const hashed = await passwords.hash(password);
  const cost = async (known: string | undefined) => {
    const before = process.cpuUsage();
    for (let n = 0; n < 5; n += 1) t.equal(await passwords.verify('another', known), false);
    return process.cpuUsage(before).user / 1000;
  };
  const wrongMs = await cost(hashed);
  const nobodyMs = await cost(undefined);
  t.ok(nobodyMs > wrongMs / 2 && nobodyMs < wrongMs * 2, `${nobodyMs} ms, and ${wrongMs} ms`);
});

t.test('three sign in at once; who comes after many that wait is told so', async (t) => {
  const passwords = createPasswords();
  const hashed = await passwords.hash(password);
  t.equal(await passwords.verify(password, hashed), true);
  t.equal(await passwords.verify('another', hashed), false);
  t.equal(await passwords.verify(password, undefined), false);

  const before = process.memoryUsage.rss();
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss() - before);
  }, 1);
  const results = await Promise.allSettled(Array.from({ length: 100 }, () => passwords.verify(password, hashed)));
  clearInterval(watch);
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 3 + 64);
  const [refused] = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  t.match(refused, { code: 'TB_UNAVAILABLE', headers: { 'retry-after': /\d/ } });
  t.comment(`${Math.round(most / 2 ** 20)} MiB more at most`);
  t.ok(most < 200 * 2 ** 20, 'each hash takes 19 MiB');
});

t.test('those who make accounts hold up nobody who signs in', async (t) => {
  const passwords = createPasswords();
  const hashed = await passwords.hash(password);
  const order: string[] = [];
  const made = Array.from({ length: 30 }, () => passwords.hash(password).then(() => order.push('new')));
  const signIns = Array.from({ length: 3 }, () => passwords.verify(password, hashed).then(() => order.push('sign-in')));
  const results = await Promise.allSettled(made);
  await Promise.all(signIns);
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1 + 16);
  t.ok(order.lastIndexOf('sign-in') < 12, `done in this order: ${order}`);
});
