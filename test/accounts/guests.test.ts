// Guests: an account that is one request to make, and a cookie that is all there is to it.

import { createHash } from 'node:crypto';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const DAY_MS = 24 * 60 * 60 * 1000;

/** Makes a guest, and takes the cookie apart. */
async function signUp({ url }: Pick<TestNode, 'url'>, name = 'Ada') {
  const response = await fetch(`${url}/guests`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  });
  const cookies = response.headers.getSetCookie();
  const [pair = '', ...attributes] = (cookies[0] ?? '').split('; ');
  const { user } = (await response.json()) as { user: { id: string; name: string; createdAt: string } };
  return {
    status: response.status,
    headers: response.headers,
    cookies,
    pair,
    token: pair.split('=')[1] ?? '',
    attributes,
    user,
  };
}

async function request(method: string, path: string, cookie?: string) {
  const response = await fetch(node.url + path, { method, headers: cookie ? { cookie } : {} });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : undefined };
}

t.test('POST /guests makes an account and signs in, for thirty days', async (t) => {
  const before = Date.now();
  const { status, user, pair, cookies } = await signUp(node);
  t.equal(status, 201);
  t.same(user, { id: user.id, name: 'Ada', guest: true, email: null, createdAt: user.createdAt });
  t.match(user.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  t.match(user.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.equal(cookies.length, 1);

  const session = await request('GET', '/session', pair);
  t.equal(session.status, 200);
  t.same(session.body, { user, expiresAt: session.body.expiresAt });
  t.match(session.body.expiresAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const lifetime = Date.parse(session.body.expiresAt) - before;
  t.ok(Math.abs(lifetime - 30 * DAY_MS) < 60_000, `${lifetime} ms`);
});

t.test('a cookie may be called what every object has', async (t) => {
  const { pair } = await signUp(node);
  for (const name of ['constructor', '__proto__', 'toString', 'valueOf', 'hasOwnProperty']) {
    const response = await fetch(`${node.url}/session`, { headers: { cookie: `${name}=x; ${pair}` } });
    t.equal(response.status, 200, name);
  }
});

t.test('of several cookies of the name any good one counts, up to four, and signing out ends them all', async (t) => {
  const { user, token } = await signUp(node);
  const good = [
    `tb_session=${token}`,
    `tb_session=old; tb_session=${token}`,
    `tb_session=${token}; tb_session=old`,
    `theme=dark; tb_session=; tb_session=a; tb_session=a; tb_session=b;tb_session=c; tb_session=${token}; x=y`,
    `__Host-tb_session=a; __Host-tb_session=b; __Host-tb_session=c; __Host-tb_session=d; tb_session="${token}"`,
  ];
  for (const cookie of good) t.equal((await request('GET', '/session', cookie)).body.user?.id, user.id, cookie);
  const bad = [
    `tb_session=a; tb_session=b; tb_session=c; tb_session=d; tb_session=${token}`,
    `__Host-tb_session=${token}`,
    `x_tb_session=${token}`,
    `tb_session=${token}x`,
  ];
  for (const cookie of bad) t.equal((await request('GET', '/session', cookie)).status, 401, cookie);
  t.equal((await request('DELETE', '/session', `tb_session=old; tb_session=${token}`)).status, 204);
  t.equal((await request('GET', '/session', `tb_session=${token}`)).status, 401);
});

t.test(
  'behind TLS only the cookie of this host counts: nobody beside it signs a visitor in or keeps one out',
  async (t) => {
    const secure = await startNode(t, database.url, { publicUrl: 'https://boards.example' });
    const [{ user, token }, eve] = [await signUp(secure), await signUp(secure, 'Eve')];
    const boardId = await (await Client.signUp(secure)).createBoard();
    const ask = (path: string, cookie: string, method = 'GET') =>
      fetch(secure.url + path, { method, headers: { cookie } });
    const good = [
      `__Host-tb_session=${token}`,
      `tb_session=a; tb_session=b; tb_session=c; tb_session=d; __Host-tb_session=${token}`,
      `tb_session=${eve.token}; __Host-tb_session=${token}`,
      `__Host-tb_session=old; __Host-tb_session="${token}"`,
    ];
    for (const cookie of good) t.match(await (await ask('/session', cookie)).json(), { user: { id: user.id } }, cookie);
    const planted = [
      `tb_session=${eve.token}`,
      `__Host-tb_session=old; tb_session=${eve.token}`,
      `__host-tb_session=${eve.token}`,
      `__Secure-tb_session=${eve.token}`,
    ];
    for (const cookie of planted) {
      for (const path of ['/session', '/boards', `/boards/${boardId}`, `/boards/${boardId}/events`]) {
        t.equal((await ask(path, cookie)).status, 401, `${path} by ${cookie}`);
      }
    }
    const both = `tb_session=${eve.token}; __Host-tb_session=${token}`;
    t.equal((await ask('/session', both, 'DELETE')).status, 204);
    t.equal((await ask('/session', `__Host-tb_session=${token}`)).status, 401);
    t.equal((await ask('/session', `__Host-tb_session=${eve.token}`)).status, 200, 'what does not count does not end');
  },
);

t.test('the cookie is out of reach of scripts, other sites and, behind TLS, of plain connections', async (t) => {
  const { attributes } = await signUp(node);
  const lifetime = `Max-Age=${(90 * DAY_MS) / 1000}`;
  const expected = ['HttpOnly', lifetime, 'Path=/', 'SameSite=Lax'];
  t.same([...attributes].sort(), expected, 'no Domain, not Secure; as long as a session can last');

  for (const [publicUrl, secure] of [
    ['https://boards.example', true],
    ['http://boards.example', false],
  ] as const) {
    const other = await startNode(t, database.url, { publicUrl });
    const made = await signUp(other);
    t.equal(made.attributes.includes('Secure'), secure, publicUrl);
    t.match(made.pair, secure ? /^__Host-tb_session=/ : /^tb_session=/, 'of this host alone, where a browser can tell');
    t.notOk(made.attributes.some((attribute) => /^domain/i.test(attribute)));
    const signedOut = await fetch(`${other.url}/session`, { method: 'DELETE', headers: { cookie: made.pair } });
    t.equal(signedOut.headers.getSetCookie()[0]?.includes('; Secure'), secure, 'and the one that voids it');
  }
});

t.test('the token is 256 random bits, of which the database keeps only the SHA-256', async (t) => {
  const [one, two] = [await signUp(node), await signUp(node)];
  t.match(one.token, /^[A-Za-z0-9_-]{43}$/);
  t.not(one.token, two.token);
  const hash = createHash('sha256').update(one.token).digest();
  const rows = await database.sql('select user_id from teamboard.sessions where token_hash = $1', [hash]);
  t.same(rows, [{ user_id: one.user.id }]);
  const tables = await database.sql<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'teamboard' and table_type = 'BASE TABLE'`,
  );
  t.ok(tables.length > 5);
  for (const { name } of tables) {
    const found = await database.sql(`select from teamboard.${name} as line where strpos(line::text, $1) > 0`, [
      one.token,
    ]);
    t.equal(found.length, 0, `not in ${name}`);
  }
  for (const secret of [one.token, two.token]) t.notMatch(JSON.stringify(node.logged), secret, 'nor in the log');
  for (const forged of [hash.toString('base64url'), hash.toString('hex'), `${one.token}=`, one.token.slice(1), '']) {
    const answer = await request('GET', '/session', `tb_session=${forged}`);
    sameProblem(t, answer, 'TB_UNAUTHENTICATED', { message: `a token that is none: ${forged}` });
  }
});

t.test('a session that has ended signs nobody in, at that very moment and everywhere', async (t) => {
  const { pair, user } = await signUp(node);
  const other = await startNode(t, database.url);
  const at = ({ url }: TestNode) => fetch(`${url}/boards`, { headers: { cookie: pair } }).then(({ status }) => status);
  t.same([await at(node), await at(other)], [200, 200]);
  await database.sql(`update teamboard.sessions set expires_at = now() + interval '1 minute' where user_id = $1`, [
    user.id,
  ]);
  t.same([await at(node), await at(other)], [200, 200]);
  await database.sql('update teamboard.sessions set expires_at = now() where user_id = $1', [user.id]);
  t.same([await at(node), await at(other)], [401, 401]);
  sameProblem(t, await request('GET', '/session', pair), 'TB_UNAUTHENTICATED');
  sameProblem(t, await request('DELETE', '/session', pair), 'TB_UNAUTHENTICATED');
});

t.test('signing out ends this session, voids the cookie and leaves the account and its other sessions', async (t) => {
  const { pair, user } = await signUp(node);
  await database.sql(
    `insert into teamboard.sessions (token_hash, user_id, expires_at) values (sha256('another'), $1, now() + interval '1 day')`,
    [user.id],
  );
  const answer = await request('DELETE', '/session', pair);
  t.equal(answer.status, 204);
  t.equal(answer.body, undefined);
  const [cookie = ''] = answer.headers.getSetCookie();
  t.match(cookie, /^tb_session=; /);
  t.match(cookie, /Expires=Thu, 01 Jan 1970 00:00:00 GMT/);
  for (const attribute of ['Path=/', 'HttpOnly', 'SameSite=Lax']) t.match(cookie, attribute);

  sameProblem(t, await request('GET', '/session', pair), 'TB_UNAUTHENTICATED', { message: 'the old cookie' });
  sameProblem(t, await request('DELETE', '/session', pair), 'TB_UNAUTHENTICATED', { message: 'signed out twice' });
  t.equal((await request('GET', '/session', 'tb_session=another')).body.user.id, user.id);
});

t.test('a new account is never that of the cookie that came with the request (session fixation)', async (t) => {
  const eve = await Client.signUp(node, 'Eve');
  const answer = await eve.post('/guests', { name: 'Ada' });
  t.not(answer.body.user.id, eve.user.id);
  t.notMatch(answer.headers.getSetCookie()[0], eve.cookie);
  t.equal((await eve.get('/session')).body.user.name, 'Eve');

  const planted = await fetch(`${node.url}/guests`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', cookie: 'tb_session=planted' },
    body: '{"name":"Ada"}',
  });
  t.equal(planted.status, 201);
  t.notMatch(planted.headers.getSetCookie()[0], 'planted');
  t.equal((await request('GET', '/session', 'tb_session=planted')).status, 401);
});

t.test('a name is trimmed, and is there', async (t) => {
  const anonymous = await Client.signUp(node);
  for (const [given, kept] of [
    ['  Ada  ', 'Ada'],
    ['\t\u00a0Ada Lovelace\u3000\n', 'Ada Lovelace'],
    ['Ада 👩🏽‍💻', 'Ада 👩🏽‍💻'],
    ['👋'.repeat(100), '👋'.repeat(100)],
    ['<b>&amp;', '<b>&amp;'],
  ]) {
    const { body } = await anonymous.post('/guests', { name: given });
    t.equal(body.user.name, kept);
  }
  const faults: Array<[unknown, string, string | RegExp]> = [
    [{}, '/name', 'is missing'],
    [{ name: '' }, '/name', /fewer than 1/],
    [{ name: ' ' }, '/name', /one line/],
    [{ name: '\t\n\u00a0\u3000\u2028\ufeff' }, '/name', /one line/],
    [{ name: '👋'.repeat(101) }, '/name', /more than 100/],
    [{ name: 5 }, '/name', 'must be string'],
    [{ name: null }, '/name', 'must be string'],
    [{ name: ['Ada'] }, '/name', 'must be string'],
    [{ name: 'a\0b' }, '/name', 'must not contain the character U+0000'],
    ['{"name":"\\udead"}', '/name', 'must not contain half of a surrogate pair'],
    [{ name: 'Ada', guest: false }, '/guest', 'is not a field that is known here'],
    [{ name: 'Ada', id: anonymous.user.id }, '/id', 'is not a field that is known here'],
    [{ name: 'Ada', email: 'a@example.org', password: 'x' }, '/email', 'is not a field that is known here'],
  ];
  for (const [index, [body, path, message]] of faults.entries()) {
    const about = `fault ${index}`;
    const answer = await anonymous.post('/guests', body);
    sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors, message: about });
    t.equal(answer.body.errors[0].path, path, about);
    t.match(answer.body.errors[0].message, message, about);
    t.same(answer.headers.getSetCookie(), [], 'and nobody is signed in');
  }
});
