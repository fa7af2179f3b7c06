// How often somebody may guess a password.

import t from 'tap';
import { AttemptLimits } from '../../src/accounts/attempt-limits.ts';
import { createPasswords } from '../../src/accounts/passwords.ts';
import { Problem } from '../../src/errors.ts';
import { addressKey } from '../../src/http/client-address.ts';
import { type Answer, Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';

const password = 'correct horse';
const email = 'ada@example.org';

t.test('the eleventh wrong password within a minute is not even looked at', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url, { clientAddressHeader: 'x-client' });
  const nobody = Client.nobody(node);
  const ada = await Client.keep(node, { name: 'Ada', email, password });
  const signIn = (address: string, tried: string, name = email) =>
    nobody.post('/session', { email: name, password: tried }, { 'x-client': address });
  const isRefused = (answer: Answer) => {
    sameProblem(t, answer, 'TB_TOO_MANY_ATTEMPTS');
    const seconds = Number(answer.headers.get('retry-after'));
    t.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `${seconds} s`);
  };

  // From everywhere: a limit for each address alone would let a botnet guess as it likes.
  const wrong = await Promise.all(Array.from({ length: 12 }, (_, n) => signIn(`192.0.2.${n}`, `wrong ${n}`)));
  t.same(wrong.map(({ status }) => status).sort(), [...Array(10).fill(401), 429, 429], 'also when all come at once');
  isRefused(await signIn('198.51.100.1', password));
  isRefused(await signIn('198.51.100.1', password, ` ${email.toUpperCase()}`));
  isRefused(await ada.patch('/users/me', { password: 'new password', currentPassword: 'wrong' }));
  t.equal((await ada.get('/session')).status, 200, 'who is signed in stays so');
  await Promise.all(Array.from({ length: 10 }, (_, n) => signIn(`192.0.2.${n}`, 'wrong', 'nobody@example.org')));
  isRefused(await signIn('198.51.100.1', 'wrong', 'nobody@example.org'));

  const bob = { name: 'Bob', email: 'bob@example.org', password };
  await Client.keep(node, bob);
  for (let n = 0; n < 12; n += 1) t.equal((await signIn('198.51.100.2', password, bob.email)).status, 201);

  const guesses = Array.from({ length: 32 }, (_, n) => signIn('203.0.113.1', 'wrong', `user${n}@example.org`));
  const statuses = (await Promise.all(guesses)).map(({ status }) => status);
  t.same(statuses.sort(), [...Array(30).fill(401), 429, 429], 'an address that goes through the accounts');
  isRefused(await signIn('203.0.113.1', password, bob.email));
  isRefused(await nobody.post('/users', bob, { 'x-client': '203.0.113.1' }));
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
  const limits = new AttemptLimits(() => now);
  const fail = (account = 'ada', error: Error = new Problem('TB_WRONG_CREDENTIALS', '')) =>
    limits
      .run('address', account, () => Promise.reject(error))
      .catch((caught) => (caught instanceof Problem ? caught.code : caught.message));
  for (let n = 0; n < 20; n += 1) {
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

t.test('an IPv6 client is its network: it has 2^64 addresses', async (t) => {
  for (const [socket, named, key] of [
    ['127.0.0.1', undefined, '127.0.0.1'],
    ['::ffff:192.0.2.1', undefined, '192.0.2.1'],
    ['::1', undefined, '0:0:0:0'],
    ['2001:db8:1:2:3:4:5:6', undefined, '2001:db8:1:2'],
    ['2001:db8:1:2::9', undefined, '2001:db8:1:2'],
    ['2001:DB8::1', undefined, '2001:db8:0:0'],
    ['fe80::1%eth0', undefined, 'fe80:0:0:0'],
    ['127.0.0.1', '192.0.2.7', '192.0.2.7'],
    ['127.0.0.1', '2001:db8:1:2::9', '2001:db8:1:2'],
    ['127.0.0.1', '192.0.2.7, 192.0.2.8', '127.0.0.1'],
    ['127.0.0.1', ['192.0.2.7', '192.0.2.8'], '127.0.0.1'],
    ['127.0.0.1', '', '127.0.0.1'],
  ] as const) {
    t.equal(addressKey(socket, named as string | string[] | undefined), key, `${socket} ${named}`);
  }
});

t.test('four hashes at once; who comes after many that wait is told so', async (t) => {
  const passwords = await createPasswords();
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
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 4 + 64);
  const [refused] = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  t.match(refused, { code: 'TB_UNAVAILABLE', headers: { 'retry-after': /\d/ } });
  t.comment(`${Math.round(most / 2 ** 20)} MiB more at most`);
  t.ok(most < 200 * 2 ** 20, 'each hash takes 19 MiB');
});
