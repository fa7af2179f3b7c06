// Accounts with email and password: made, signed in to, kept by guests, changed.

import t from 'tap';
import { type Answer, Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const nobody = Client.nobody(node);
const password = 'correct horse';
let accounts = 0;

/** Of an account that no other test has. */
const newAccount = (name = 'Ada') => ({ name, email: `user${++accounts}@example.org`, password });
const signIn = (email: string, tried = password, headers?: Record<string, string>) =>
  nobody.post('/session', { email, password: tried }, headers);
const isSignedIn = async (client: Client) => (await client.get('/session')).status === 200;

t.test('POST /users makes an account and signs in', async (t) => {
  const account = newAccount();
  const answer = await nobody.post('/users', { ...account, name: ' Ada ' });
  t.equal(answer.status, 201);
  const { user } = answer.body;
  t.same(user, { id: user.id, name: 'Ada', guest: false, email: account.email, createdAt: user.createdAt });
  t.same((await nobody.after(answer).get('/session')).body.user, user);
  t.match(answer.headers.getSetCookie()[0], /^tb_session=[\w-]{43}; Max-Age=7776000; Path=\/; HttpOnly; SameSite=Lax$/);

  const [stored] = await database.sql('select email, password_hash from teamboard.credentials where user_id = $1', [
    user.id,
  ]);
  t.match(stored, {
    email: account.email,
    password_hash: /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/,
  });
});

t.test('an email is of one account, however it is written and however many come at once', async (t) => {
  const { email } = newAccount();
  const spellings = [email, email.toUpperCase(), `  ${email}\n`, email.replace('user', 'uSer')];
  const answers = await Promise.all(
    spellings.map((each) => nobody.post('/users', { name: 'A', email: each, password })),
  );
  t.same(answers.map(({ status }) => status).sort(), [201, 409, 409, 409]);
  for (const answer of answers.filter(({ status }) => status === 409)) {
    sameProblem(t, answer, 'TB_EMAIL_TAKEN');
    t.same(answer.headers.getSetCookie(), [], 'nobody is signed in');
  }
  for (const spelling of spellings) t.equal((await signIn(spelling)).status, 201, JSON.stringify(spelling));
  t.equal((await database.sql(`select from teamboard.users where name = 'A'`)).length, 1, 'and no user is left over');
});

t.test('what an email and a password may be', async (t) => {
  const long = `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;
  t.equal(long.length, 254);
  for (const email of [long, 'a@b', "o'neil+tag@Sub.Example.ORG"]) {
    t.equal((await nobody.post('/users', { name: 'A', email, password })).status, 201, email);
  }
  for (const fine of ['8 bytes.', '🔑'.repeat(256), 'ä'.repeat(512), '        ']) {
    t.equal((await nobody.post('/users', { ...newAccount(), password: fine })).status, 201, fine.slice(0, 10));
  }
  const faults: Array<[object, string, string | RegExp]> = [
    [{ email: '' }, '/email', 'must be an email address'],
    [{ email: 'example.org' }, '/email', 'must be an email address'],
    [{ email: '@example.org' }, '/email', 'must be an email address'],
    [{ email: 'a@' }, '/email', 'must be an email address'],
    [{ email: 'a b@example.org' }, '/email', 'must be an email address'],
    [{ email: 'a@b@example.org' }, '/email', 'must be an email address'],
    [{ email: 'a@example..org' }, '/email', 'must be an email address'],
    [{ email: 'a@-example.org' }, '/email', 'must be an email address'],
    [{ email: 'ä@example.org' }, '/email', 'must be an email address'],
    [{ email: 'a@example.org\r\nBcc: b@example.org' }, '/email', 'must be an email address'],
    [{ email: `${'a'.repeat(65)}@example.org` }, '/email', 'must be an email address'],
    [{ email: `a${long}` }, '/email', /more than 254/],
    [{ email: 'a\0@example.org' }, '/email', 'must not contain the character U+0000'],
    [{ email: null }, '/email', 'must be string'],
    [{ email: undefined }, '/email', 'is missing'],
    [{ password: '7 bytes' }, '/password', /fewer than 8/],
    [{ password: '🔑🔑' }, '/password', /fewer than 8/],
    [{ password: 'x'.repeat(1025) }, '/password', /more than 1024/],
    [{ password: '🔑'.repeat(257) }, '/password', 'must NOT have more than 1024 bytes'],
    [{ password: 12345678 }, '/password', 'must be string'],
    [{ name: ' ' }, '/name', /one line/],
    [{ guest: true }, '/guest', 'is not a field that is known here'],
    [{ id: '018f' }, '/id', 'is not a field that is known here'],
  ];
  for (const [index, [part, path, message]] of faults.entries()) {
    const answer = await nobody.post('/users', { ...newAccount(), ...part });
    sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors, message: `fault ${index}` });
    t.equal(answer.body.errors?.[0]?.path, path, `fault ${index}`);
    t.match(answer.body.errors?.[0]?.message, message, `fault ${index}`);
  }
});

t.test('signing in begins a new session, and ends the one that came with the request', async (t) => {
  const account = newAccount();
  const first = await Client.keep(node, account);
  const answer = await signIn(account.email);
  t.equal(answer.status, 201);
  t.equal(answer.body.user.id, first.user.id);
  const second = nobody.after(answer);
  t.not(second.cookie, first.cookie);
  t.same([await isSignedIn(first), await isSignedIn(second)], [true, true], 'a sign-in elsewhere ends nothing');

  const again = await signIn(account.email, password, { cookie: second.cookie });
  t.same([await isSignedIn(second), await isSignedIn(nobody.after(again))], [false, true]);

  const eve = await Client.signUp(node, 'Eve');
  await signIn(account.email, password, { cookie: eve.cookie });
  t.notOk(await isSignedIn(eve), 'also when it was that of somebody else');
  const [one, two] = [await Client.signUp(node, 'Eve'), await Client.signUp(node, 'Eve')];
  await signIn(account.email, password, { cookie: `tb_session=stale; ${one.cookie}; ${two.cookie}` });
  t.same([await isSignedIn(one), await isSignedIn(two)], [false, false], 'of several cookies each may have been it');
  const planted = await signIn(account.email, password, { cookie: 'tb_session=planted' });
  t.notMatch(planted.headers.getSetCookie()[0], 'planted');
  t.ok(await isSignedIn(first));

  const other = await Client.signUp(node, 'Eve');
  await signIn(account.email, 'a wrong one', { cookie: other.cookie });
  t.ok(await isSignedIn(other), 'one that fails ends nothing');
  await nobody.post('/users', newAccount(), { cookie: `tb_session=stale; ${other.cookie}` });
  t.notOk(await isSignedIn(other), 'a new account takes its place as well');
});

t.test('a wrong pair gets the same answer in the same time whichever part is wrong', async (t) => {
  const account = newAccount();
  const guest = await Client.signUp(node, 'Guest');
  await nobody.post('/users', account);
  const seen = async (email: string, tried: string) => {
    const answer = await signIn(email, tried);
    sameProblem(t, answer, 'TB_WRONG_CREDENTIALS');
    t.match(answer.headers.get('www-authenticate'), /Bearer realm="teamboard", Cookie /);
    t.same(answer.headers.getSetCookie(), []);
    const fields = [...answer.headers.keys()].sort().join();
    return JSON.stringify([answer.body, fields]);
  };
  const answers = new Set([
    await seen(account.email, 'another one'),
    await seen(account.email, ''),
    await seen(account.email, password.toUpperCase()),
    await seen('nobody@example.org', password),
    await seen('no address', password),
    await seen(guest.user.id, password),
  ]);
  t.equal(answers.size, 1, [...answers].join('\n'));

  // In turns, and the fastest of each, so that what else the machine does meets neither.
  const fresh = await startNode(t, database.url);
  const client = Client.nobody(fresh);
  const times: Record<'known' | 'unknown', number[]> = { known: [], unknown: [] };
  for (let round = 0; round < 9; round += 1) {
    for (const [kind, email] of [
      ['known', account.email],
      ['unknown', `nobody${round}@example.org`],
    ] as const) {
      const start = performance.now();
      t.equal((await client.post('/session', { email, password: 'another one' })).status, 401);
      times[kind].push(performance.now() - start);
    }
  }
  const [known, unknown] = [Math.min(...times.known), Math.min(...times.unknown)];
  t.comment(`known ${known.toFixed(1)} ms, unknown ${unknown.toFixed(1)} ms`);
  t.ok(unknown > known / 3 && unknown < known * 3, `${known} ms against ${unknown} ms`);
});

t.test('one password may be written in two ways', async (t) => {
  const account = newAccount();
  await nobody.post('/users', { ...account, password: 'ﬁancée 1' });
  t.equal((await signIn(account.email, 'fiance\u0301e 1')).status, 201);
});

t.test('a guest keeps the account with an email and a password', async (t) => {
  const guest = await Client.signUp(node, 'Guest');
  const boardId = await guest.createBoard();
  const account = newAccount();
  for (const [part, path] of [
    [{ email: account.email }, '/password'],
    [{ password }, '/email'],
    [{ ...account, currentPassword: 'x' }, '/currentPassword'],
    [{ ...account, email: 'x' }, '/email'],
    [{ ...account, password: 'short' }, '/password'],
    [{ currentPassword: 'x' }, '/'],
    [{}, ''],
  ] as const) {
    const answer = await guest.patch('/users/me', part);
    sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors });
    t.equal(answer.body.errors[0].path, path || '/');
  }
  const taken = await guest.patch('/users/me', { email: (await takenEmail()).toUpperCase(), password });
  sameProblem(t, taken, 'TB_EMAIL_TAKEN');
  t.match((await guest.get('/session')).body.user, { guest: true, email: null }, 'what fails changes nothing');

  const { email } = account;
  const kept = await guest.patch('/users/me', { name: ' Ada ', email: ` ${email} `, password });
  t.equal(kept.status, 200);
  t.match(kept.body.user, { id: guest.user.id, name: 'Ada', guest: false, email });
  const now = guest.after(kept);
  t.not(now.cookie, guest.cookie);
  t.same([await isSignedIn(guest), await isSignedIn(now)], [false, true], 'a new session in the place of the old one');
  t.equal((await now.get(`/boards/${boardId}`)).body.board.id, boardId, 'with the same boards');
  t.equal((await signIn(email)).body.user.id, guest.user.id);

  // Two who come with one guest's cookie at once: one of them keeps it.
  const twice = await Client.signUp(node, 'Guest');
  const both = await Promise.all(
    [newAccount(), newAccount()].map(({ name: _, ...each }) => twice.patch('/users/me', each)),
  );
  t.same(both.map(({ status }) => status === 200).sort(), [false, true]);
});

t.test('name, email and password of an account can change; credentials only with the current password', async (t) => {
  const account = newAccount();
  const ada = await Client.keep(node, account);
  const elsewhere = nobody.after(await signIn(account.email));
  const renamed = await ada.patch('/users/me', { name: ' Countess ' });
  t.same([renamed.status, renamed.body.user.name, renamed.headers.getSetCookie()], [200, 'Countess', []]);
  t.equal((await elsewhere.get('/session')).body.user.name, 'Countess', 'a name signs nobody out');

  const email = newAccount().email;
  for (const change of [{ email }, { password: 'new password' }]) {
    const missing = await ada.patch('/users/me', change);
    sameProblem(t, missing, 'TB_INVALID', { errors: missing.body.errors });
    t.equal(missing.body.errors[0].path, '/currentPassword');
    sameProblem(t, await ada.patch('/users/me', { ...change, currentPassword: 'wrong' }), 'TB_WRONG_PASSWORD');
  }
  const useless = await ada.patch('/users/me', { name: 'X', currentPassword: password });
  t.equal(useless.body.errors[0].path, '/currentPassword');
  const taken = await ada.patch('/users/me', { email: await takenEmail(), currentPassword: password });
  sameProblem(t, taken, 'TB_EMAIL_TAKEN');
  t.ok(await isSignedIn(elsewhere), 'what fails changes nothing');
  t.equal((await signIn(account.email)).status, 201);

  const changed = await ada.patch('/users/me', { email, password: 'new password', currentPassword: password });
  t.match([changed.status, changed.body.user], [200, { id: ada.user.id, name: 'Countess', email }]);
  const now = ada.after(changed);
  t.same([await isSignedIn(ada), await isSignedIn(elsewhere), await isSignedIn(now)], [false, false, true]);
  t.equal((await signIn(email, 'new password')).status, 201);
  t.same([(await signIn(email)).status, (await signIn(account.email, 'new password')).status], [401, 401]);

  const upper = await now.patch('/users/me', { email: email.toUpperCase(), currentPassword: 'new password' });
  t.equal(upper.body.user.email, email.toUpperCase(), 'one’s own address is not taken');
  const both = await Promise.all(
    ['one 12345', 'two 12345'].map((next) =>
      now.after(upper).patch('/users/me', { password: next, currentPassword: 'new password' }),
    ),
  );
  t.equal(both.filter(({ status }) => status === 200).length, 1, 'of two changes at once, one');
});

t.test('no secret reaches the log or a table', async (t) => {
  const canary = 'canary-password';
  const account = { ...newAccount(), password: canary };
  const ada = await Client.keep(node, account);
  const token = (await ada.post('/tokens', { name: 'canary' })).body.secret;
  const bearer = { authorization: `Bearer ${token}` };
  await signIn(account.email, canary);
  await signIn(account.email, `wrong-${canary}`);
  await nobody.post('/users', { ...account, password: `${canary}${'x'.repeat(1100)}` });
  await nobody.post('/users', `{"password":"${canary}`);
  await nobody.get('/session', { authorization: `${bearer.authorization}x` });
  await ada.patch('/users/me', { password: `new-${canary}`, currentPassword: 'wrong' });
  // Faults of the server log the most.
  await database.sql('alter table teamboard.boards rename column layout to hidden');
  t.equal((await ada.post('/boards', { name: 'x' })).status, 500);
  t.equal((await ada.post('/boards', { name: 'x' }, bearer)).status, 500);
  await database.sql('alter table teamboard.boards rename column hidden to layout');
  await database.sql('alter table teamboard.credentials rename column password_hash to hidden');
  t.equal((await signIn(account.email, canary)).status, 500);
  await database.sql('alter table teamboard.credentials rename column hidden to password_hash');

  const secrets = [canary, token.slice(3), ada.cookie.split('=')[1] ?? ''];
  const log = JSON.stringify(node.logged);
  t.match(log, 'request failed');
  const tables = await database.sql<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'teamboard' and table_type = 'BASE TABLE'`,
  );
  t.ok(tables.length > 5);
  for (const secret of secrets) {
    t.ok(secret.length > 10);
    t.notMatch(log, secret);
    for (const { name } of tables) {
      const found = await database.sql(`select from teamboard.${name} as line where strpos(line::text, $1) > 0`, [
        secret,
      ]);
      t.equal(found.length, 0, `not in ${name}`);
    }
  }
});

async function takenEmail(): Promise<string> {
  const account = newAccount();
  const answer: Answer = await nobody.post('/users', account);
  if (answer.status !== 201) throw new Error(`${answer.status}`);
  return account.email;
}
