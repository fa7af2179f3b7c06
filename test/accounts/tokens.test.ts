// Personal API tokens: what programs send in place of the cookie.

import { createHash } from 'node:crypto';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const nobody = Client.nobody(node);
const DAY_MS = 24 * 60 * 60 * 1000;
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

/** @returns what POST /tokens answers */
async function makeToken(client: Client, body: object = { name: 'ci' }) {
  const { body: made } = await client.post('/tokens', body);
  return made as { token: { id: string; name: string; createdAt: string; expiresAt: string | null }; secret: string };
}

t.test('a token is shown once, and kept as its SHA-256', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const answer = await ada.post('/tokens', { name: ' ci ' });
  t.equal(answer.status, 201);
  t.equal(answer.headers.get('cache-control'), 'no-store');
  const { token, secret } = answer.body;
  t.same(token, { id: token.id, name: 'ci', createdAt: token.createdAt, expiresAt: null });
  t.match(secret, /^tb_[\w-]{43}$/);
  const { body } = await ada.get('/tokens');
  t.same(body, { tokens: [token] });
  const hash = createHash('sha256').update(secret).digest();
  t.same(await database.sql('select id from teamboard.tokens where token_hash = $1', [hash]), [{ id: token.id }]);

  const other = await makeToken(ada, { name: 'x', expiresInDays: 7 });
  t.not(other.secret, secret);
  const days = (Date.parse(other.token.expiresAt ?? '') - Date.parse(other.token.createdAt)) / DAY_MS;
  t.equal(days, 7);
  t.same(
    (await ada.get('/tokens')).body.tokens.map(({ id }: { id: string }) => id),
    [other.token.id, token.id],
  );
  const eve = await Client.signUp(node, 'Eve');
  t.same((await eve.get('/tokens')).body, { tokens: [] }, 'of nobody else');
});

t.test('a token opens every route, the stream too', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const { secret, token } = await makeToken(ada, { name: 'ci', expiresInDays: 1 });
  for (const authorization of [`Bearer ${secret}`, `bearer ${secret}`, `BEARER  ${secret}`]) {
    const { status, body } = await nobody.get('/session', { authorization });
    t.same([status, body.user.id, body.expiresAt], [200, ada.user.id, token.expiresAt], authorization.slice(0, 8));
  }
  const { board } = (await nobody.post('/boards', { name: 'By a program' }, bearer(secret))).body;
  const stream = await openStream(t, node.url, board.id, { cookie: '', headers: bearer(secret) });
  await stream.next('ready');
  const written = await nobody.post(`/boards/${board.id}/items`, { text: 'Hi' }, bearer(secret));
  const { data } = await stream.next('changed');
  t.same([data.id, data.actor.id], [written.body.item.id, ada.user.id]);
  stream.close();
  t.equal((await nobody.get('/session', bearer((await makeToken(ada)).secret))).body.expiresAt, null);
});

t.test('a wrong token is 401, also beside a good cookie; another scheme says nothing', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const { secret } = await makeToken(ada);
  const boardId = await ada.createBoard();
  const wrong = [
    `${secret}x`,
    secret.slice(0, -1),
    'tb_',
    '',
    'x',
    secret.slice(3),
    `${secret} x`,
    ada.cookie.split('=')[1],
  ];
  for (const each of wrong) {
    for (const path of ['/session', '/boards', `/boards/${boardId}/events`, '/tokens']) {
      const answer = await ada.get(path, { authorization: `Bearer ${each}`.trim() });
      sameProblem(t, answer, 'TB_UNAUTHENTICATED', { message: `${path} ${each?.length}` });
      t.equal(answer.headers.get('www-authenticate'), 'Bearer realm="teamboard", error="invalid_token"');
    }
  }
  const basic = { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` };
  t.equal((await ada.get('/session', basic)).status, 200, 'of a proxy in front, perhaps');
  sameProblem(t, await nobody.get('/session', basic), 'TB_UNAUTHENTICATED');
  const eve = await Client.signUp(node, 'Eve');
  t.equal((await eve.get('/session', bearer(secret))).body.user.id, ada.user.id, 'a good one wins over a cookie');
});

t.test('a token that was deleted or has expired opens nothing', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const eve = await Client.signUp(node, 'Eve');
  const [deleted, expired] = [await makeToken(ada), await makeToken(ada, { name: 'x', expiresInDays: 1 })];
  const path = `/tokens/${deleted.token.id}`;
  sameProblem(t, await eve.delete(path), 'TB_NOT_FOUND');
  sameProblem(t, await eve.delete('/tokens/none'), 'TB_NOT_FOUND');
  t.equal((await nobody.get('/session', bearer(deleted.secret))).status, 200);
  t.equal((await ada.delete(path)).status, 204);
  sameProblem(t, await ada.delete(path), 'TB_NOT_FOUND');
  await database.sql('update teamboard.tokens set expires_at = now() where id = $1', [expired.token.id]);
  for (const { secret } of [deleted, expired]) {
    sameProblem(t, await nobody.get('/session', bearer(secret)), 'TB_UNAUTHENTICATED');
  }
  t.same((await ada.get('/tokens')).body, { tokens: [] });
});

t.test('a token can neither make tokens nor touch the account and its sessions', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const { secret, token } = await makeToken(ada);
  for (const [method, path, body] of [
    ['GET', '/tokens'],
    ['POST', '/tokens', { name: 'x' }],
    ['DELETE', `/tokens/${token.id}`],
    ['PATCH', '/users/me', { name: 'Eve' }],
    ['PATCH', '/users/me', { email: 'eve@example.org', password: 'a password' }],
    ['DELETE', '/session'],
    ['DELETE', '/sessions'],
  ] as Array<[string, string, object?]>) {
    const answer = await ada.request(method, path, body, bearer(secret));
    sameProblem(t, answer, 'TB_SESSION_REQUIRED', { message: `${method} ${path}` });
  }
  t.match((await ada.get('/session')).body.user, { name: 'Ada', guest: true });
  t.equal((await ada.get('/tokens')).body.tokens.length, 1);
});

t.test('what a token may be, and how many', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  for (const [body, path] of [
    [{}, '/name'],
    [{ name: ' ' }, '/name'],
    [{ name: 'x'.repeat(101) }, '/name'],
    [{ name: 'x', expiresInDays: 0 }, '/expiresInDays'],
    [{ name: 'x', expiresInDays: 3651 }, '/expiresInDays'],
    [{ name: 'x', expiresInDays: 1.5 }, '/expiresInDays'],
    [{ name: 'x', expiresInDays: null }, '/expiresInDays'],
    [{ name: 'x', secret: 'tb_x' }, '/secret'],
  ] as const) {
    const answer = await ada.post('/tokens', body);
    sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors });
    t.equal(answer.body.errors[0].path, path);
  }
  await database.sql(
    `insert into teamboard.tokens (user_id, token_hash, name, expires_at)
     select $1, sha256(n::text::bytea), 'n', case n when 1 then now() end from generate_series(1, 50) n`,
    [ada.user.id],
  );
  t.equal((await ada.post('/tokens', { name: 'the fiftieth' })).status, 201, 'one that has expired does not count');
  sameProblem(t, await ada.post('/tokens', { name: 'one more' }), 'TB_LIMIT_REACHED');
  t.equal((await ada.get('/tokens')).body.tokens.length, 50);
});
