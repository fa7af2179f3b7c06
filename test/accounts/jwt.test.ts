// Users of other applications, by the JWTs that those make (threats 1, 5 and 7).

import { createHmac, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type JWK, UnsecuredJWT } from 'jose';
import t from 'tap';
import { IssuerKeys } from '../../src/accounts/issuer-keys.ts';
import { createJwtVerifier } from '../../src/accounts/jwt-verifier.ts';
import { timings as real } from '../../src/timings.ts';
import { AUDIENCE, makeKeyPair, secretIssuer, sign, startKeyServer } from '../helpers/application.ts';
import { Client } from '../helpers/client.ts';
import { complaintsOf } from '../helpers/complaints.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { sameProblem } from '../helpers/problem.ts';
import { timings } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const rsa = await makeKeyPair('RS256', 'rsa-1');
const ec = await makeKeyPair('ES256', 'ec-1');
const stranger = await makeKeyPair('RS256', 'rsa-1');
const keyServer = await startKeyServer(t, rsa, ec);
const app = secretIssuer();
const iss = app.config.issuer;
const idp = 'https://idp.example/';
const node = await startNode(t, database.url, {
  jwtIssuers: [app.config, { issuer: idp, audience: AUDIENCE, keys: keyServer.url }],
});
const nobody = Client.nobody(node);
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const users = async () => (await database.sql('select from teamboard.users')).length;

t.test('a JWT opens every route, the stream too, and is a user from its first sight on', async (t) => {
  for (const [signer, issuer] of [
    [app.signer, iss],
    [rsa, idp],
    [ec, idp],
  ] as const) {
    const sub = `first ${signer.alg}`;
    const exp = inSeconds(600);
    const jwt = await sign(signer, { iss: issuer, sub, name: ' Ada ', exp });
    const { status, body } = await nobody.get('/session', bearer(jwt));
    t.equal(status, 200, signer.alg);
    const { id, createdAt, ...user } = body.user;
    t.same(user, { name: 'Ada', guest: false, email: null });
    t.equal(body.expiresAt, new Date(exp * 1000).toISOString());

    const ada = await Client.bearing(node, await sign(signer, { iss: issuer, sub, aud: ['other', AUDIENCE] }));
    t.equal(ada.user.id, id, 'the same user by another token');
    const { boardId, stream } = await openBoard(t, node, ada);
    const { item } = (await ada.post(`/boards/${boardId}/items`, { text: 'Hi' })).body;
    const { data } = await stream.next('changed');
    t.same([data.id, data.actor], [item.id, { id, name: 'Ada' }]);
    stream.close();
    t.same(await database.sql('select issuer, subject from teamboard.identities where user_id = $1', [id]), [
      { issuer, subject: sub },
    ]);
  }
  const evil = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
  const anywhere = { ...bearer(await sign(app.signer, { iss, sub: 'first HS256' })), ...evil };
  t.equal((await nobody.post('/boards', { name: 'x' }, anywhere)).status, 201, 'no page adds it unasked');
});

t.test('a JWT that is no good is 401 like any wrong token, and makes nobody', async (t) => {
  const good = { iss, sub: 'nobody' };
  const theirs = { iss: idp, sub: 'nobody' };
  const now = inSeconds(0);
  const publicPem = createPublicKey({ key: rsa.publicJwk as JWK, format: 'jwk' }).export({
    type: 'spki',
    format: 'pem',
  });
  const byPublicKey = createSecretKey(Buffer.from(publicPem));
  const [head, payload, signature] = (await sign(app.signer, good)).split('.');
  const unsigned = new UnsecuredJWT(good).setAudience(AUDIENCE).setExpirationTime('1h').encode();
  const wrong: Record<string, string> = {
    'without a signature': unsigned,
    'alg none, with a signature': `${unsigned}${signature}`,
    'signature cut off': `${head}.${payload}.`,
    'signature of another': `${head}.${payload}.${signature?.split('').reverse().join('')}`,
    'payload of another': `${head}.${Buffer.from(JSON.stringify({ ...good, sub: 'ada' })).toString('base64url')}.${signature}`,
    'four parts': `${head}.${payload}.${signature}.x`,
    'no JSON': `${Buffer.from('{').toString('base64url')}.${payload}.${signature}`,
    'another secret': await sign(secretIssuer().signer, good),
    'HS256 by the public key': await sign({ alg: 'HS256', key: byPublicKey, kid: 'rsa-1' }, theirs),
    'HS512 by the secret': await sign({ alg: 'HS512', key: app.signer.key }, good),
    'RS256 of an issuer with a secret': await sign(rsa, good),
    'HS256 of an issuer with keys': await sign(app.signer, theirs),
    'RS256 of another key with the same kid': await sign(stranger, theirs),
    'unknown kid': await sign({ ...rsa, kid: 'rsa-2' }, theirs),
    'kid of the other kind': await sign({ ...rsa, kid: 'ec-1' }, theirs),
    'unknown issuer': await sign(app.signer, { ...good, iss: 'https://evil.example' }),
    'issuer with a slash more': await sign(app.signer, { ...good, iss: `${iss}/` }),
    'no issuer': await sign(app.signer, { ...good, iss: undefined }),
    'a list of issuers': await sign(app.signer, { ...good, iss: [iss] }),
    'another audience': await sign(app.signer, { ...good, aud: 'other' }),
    'no audience': await sign(app.signer, { ...good, aud: undefined }),
    'no end': await sign(app.signer, { ...good, exp: undefined }),
    'an end that is no number': await sign(app.signer, { ...good, exp: '2099-01-01' }),
    'an end beyond all years': await sign(app.signer, { ...good, exp: 1e15 }),
    expired: await sign(app.signer, { ...good, exp: now - 10 }),
    'not yet valid': await sign(app.signer, { ...good, nbf: now + 3600 }),
    'no subject': await sign(app.signer, { ...good, sub: undefined }),
    'an empty subject': await sign(app.signer, { ...good, sub: '' }),
    'a subject that is a number': await sign(app.signer, { ...good, sub: 17 }),
    'a long subject': await sign(app.signer, { ...good, sub: 'x'.repeat(256) }),
    'a subject with NUL': await sign(app.signer, { ...good, sub: 'a\0b' }),
    'a subject with half a character': await sign(app.signer, { ...good, sub: 'a\ud800' }),
    'ours by its beginning': `tb_${await sign(app.signer, good)}`,
  };
  const ada = await Client.signUp(node, 'Ada');
  const boardId = await ada.createBoard();
  const before = await users();
  const { body: plain } = await ada.get('/session', bearer('x'));
  for (const [about, jwt] of Object.entries(wrong)) {
    for (const path of ['/session', `/boards/${boardId}/events`]) {
      const answer = await ada.get(path, bearer(jwt));
      sameProblem(t, answer, 'TB_UNAUTHENTICATED', { message: `${about}: ${path}` });
      t.same(answer.body, plain);
      t.equal(answer.headers.get('www-authenticate'), 'Bearer realm="teamboard", error="invalid_token"');
    }
  }
  t.equal(await users(), before);
  // Signed anew each time: on its way it comes nearer to what is too late.
  const isGood = async () => {
    const fits = await sign(app.signer, { ...good, exp: inSeconds(-2), nbf: inSeconds(3), sub: 'x'.repeat(255) });
    return (await nobody.get('/session', bearer(fits))).status === 200;
  };
  await until(isGood, 'one that is good, as clocks may be five seconds apart');
});

t.test('a `crit` that nobody knows is refused, whatever signs it', async (t) => {
  // By hand: no library makes one.
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = part({ iss, sub: 'crit', aud: AUDIENCE, exp: inSeconds(60) });
  const make = (header: object) => {
    const signed = `${part({ alg: 'HS256', ...header })}.${claims}`;
    const secret = (app.signer.key as KeyObject).export();
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
  t.equal((await nobody.get('/session', bearer(make({})))).status, 200);
  for (const header of [{ crit: ['x'], x: 1 }, { crit: [] }, { crit: 'exp' }, { crit: ['b64'], b64: false }]) {
    sameProblem(t, await nobody.get('/session', bearer(make(header))), 'TB_UNAUTHENTICATED');
  }
});

t.test('without issuers no JWT is good', async (t) => {
  const closed = await startNode(t, database.url);
  const answer = await Client.nobody(closed).get('/session', bearer(await sign(app.signer, { iss, sub: 'x' })));
  sameProblem(t, answer, 'TB_UNAUTHENTICATED');
});

t.test('many first requests at once make one user', async (t) => {
  const before = await users();
  const second = await startNode(t, database.url, { jwtIssuers: [app.config] });
  const jwt = await sign(app.signer, { iss, sub: 'at once', name: 'Ada' });
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, n) => Client.nobody(n % 2 ? node : second).get('/session', bearer(jwt))),
  );
  t.same([...new Set(answers.map(({ status }) => status))], [200]);
  t.equal(new Set(answers.map(({ body }) => body.user.id)).size, 1);
  t.equal(await users(), before + 1, 'and none is left over');
});

t.test(
  'the same subject of two issuers is two users; subjects are compared exactly; an email links nothing',
  async (t) => {
    const email = 'ada@example.org';
    const kept = await Client.keep(node, { name: 'Ada', email, password: 'correct horse' });
    const identities: Array<[typeof app.signer, string, string]> = [
      [app.signer, iss, 'ada'],
      [rsa, idp, 'ada'],
      [app.signer, iss, 'Ada'],
      [app.signer, iss, 'ada '],
      [app.signer, iss, kept.user.id],
      [app.signer, iss, email],
    ];
    const ids = [kept.user.id];
    for (const [signer, issuer, sub] of identities) {
      const jwt = await sign(signer, { iss: issuer, sub, email, email_verified: true });
      const { user } = (await nobody.get('/session', bearer(jwt))).body;
      t.equal(user.email, null);
      ids.push(user.id);
    }
    t.equal(new Set(ids).size, 7);
  },
);

t.test('the name is the one that the application has, by its newest token', async (t) => {
  const session = async (claims: object) =>
    (await nobody.get('/session', bearer(await sign(app.signer, { iss, sub: 'named', ...claims })))).body.user;
  const iat = inSeconds(-100);
  const { id, name } = await session({ name: 'Ada', iat });
  t.equal(name, 'Ada');
  const versions = async () =>
    (
      await database.sql(
        `select users.xmin::text as "user", identities.xmin::text as identity
         from teamboard.users join teamboard.identities on user_id = id where id = $1`,
        [id],
      )
    )[0];
  const version = await versions();
  t.equal((await session({ name: 'Ada', iat: iat + 1 })).name, 'Ada');
  t.equal((await session({ iat: iat + 2 })).name, 'Ada', 'a token without a name says nothing of it');
  t.equal((await session({ name: 'Eve', iat: iat - 1 })).name, 'Ada', 'nor does an older token');
  t.equal((await session({ name: 'Eve', iat: undefined })).name, 'Ada', 'nor one without a time');
  t.same(await versions(), version, 'nothing was written');
  t.equal((await session({ name: 'Ada L.', iat: iat + 3 })).name, 'Ada L.');
  t.equal((await session({ name: 'Ada', iat: iat + 1 })).name, 'Ada L.', 'two tokens in use do not take turns');
  t.equal((await session({ name: 'Ahead', iat: inSeconds(3600) })).name, 'Ahead');
  await until(async () => (await session({ name: 'Now' })).name === 'Now', 'the next second');

  const first = async (claims: object) => session({ sub: `named ${JSON.stringify(claims)}`, ...claims });
  for (const [claims, expected] of [
    [{}, 'Unnamed'],
    [{ name: ' ' }, 'Unnamed'],
    [{ name: 17 }, 'Unnamed'],
    [{ email: 'ada@example.org' }, 'Unnamed'],
    [{ preferred_username: 'ada' }, 'ada'],
    [{ name: '', nickname: 'Ada' }, 'Ada'],
    [{ name: 'Ada', preferred_username: 'ada' }, 'Ada'],
    [{ name: `${'💗'.repeat(99)} x` }, '💗'.repeat(99)],
    [{ name: 'a\0b\ud800' }, 'ab\ufffd'],
  ] as const) {
    t.equal((await first(claims)).name, expected, JSON.stringify(claims).slice(0, 40));
  }
});

t.test('while the database takes no writes, users whom it knows are as good as before', async (t) => {
  const jwt = (claims: object) => sign(app.signer, { iss, sub: 'read only', ...claims });
  await nobody.get('/session', bearer(await jwt({ name: 'Ada', iat: inSeconds(-60) })));
  await database.sql(`create function teamboard.refuse() returns trigger language plpgsql as
    $$ begin raise 'disk full' using errcode = 'disk_full'; end $$`);
  await database.sql(
    'create trigger refuse before update on teamboard.identities for each row execute function teamboard.refuse()',
  );
  const later = bearer(await jwt({ name: 'Ada L.' }));
  t.equal((await nobody.get('/session', later)).body.user.name, 'Ada');
  t.match(complaintsOf(node), [{ reason: 'disk full' }]);
  await database.sql('drop trigger refuse on teamboard.identities');
  t.equal((await nobody.get('/session', later)).body.user.name, 'Ada L.');
});

t.test('a JWT can touch neither the account nor sessions and tokens', async (t) => {
  const ada = await Client.bearing(node, await sign(app.signer, { iss, sub: 'account', name: 'Ada' }));
  for (const [method, path, body] of [
    ['GET', '/tokens'],
    ['POST', '/tokens', { name: 'x' }],
    ['PATCH', '/users/me', { name: 'Eve' }],
    ['PATCH', '/users/me', { email: 'eve@example.org', password: 'a password' }],
    ['DELETE', '/session'],
    ['DELETE', '/sessions'],
  ] as Array<[string, string, object?]>) {
    sameProblem(t, await ada.request(method, path, body), 'TB_SESSION_REQUIRED', { message: `${method} ${path}` });
  }
});

t.test('an issuer that stands there twice is changing its secret', async (t) => {
  const [old, next] = [secretIssuer(), secretIssuer()];
  const both = await startNode(t, database.url, { jwtIssuers: [old.config, next.config] });
  const ids = [];
  for (const { signer } of [old, next]) {
    ids.push((await Client.bearing(both, await sign(signer, { iss, sub: 'rotated' }))).user.id);
  }
  t.equal(ids[0], ids[1]);
  const other = await sign(secretIssuer().signer, { iss, sub: 'rotated' });
  sameProblem(t, await Client.nobody(both).get('/session', bearer(other)), 'TB_UNAUTHENTICATED');
});

t.test('new keys are good without a restart, from an address and from a file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'teamboard-keys-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'jwks.json');
  const server = await startKeyServer(t, rsa);
  const show = async (...pairs: Array<typeof rsa>) => {
    server.show(...pairs);
    await writeFile(path, JSON.stringify({ keys: pairs.map(({ publicJwk }) => publicJwk) }));
  };
  await show(rsa);
  const startedAt = performance.now();
  const rotating = await startNode(t, database.url, {
    timings,
    jwtIssuers: [
      { issuer: iss, audience: AUDIENCE, keys: server.url },
      { issuer: idp, audience: AUDIENCE, keys: pathToFileURL(path) },
    ],
  });
  const status = async (issuer: string, pair: typeof rsa) => {
    const jwt = await sign(pair, { iss: issuer, sub: 'rotated keys' });
    return (await Client.nobody(rotating).get('/session', bearer(jwt))).status;
  };
  for (const issuer of [iss, idp]) t.same([await status(issuer, rsa), await status(issuer, ec)], [200, 401]);
  await show(rsa, ec);
  for (const issuer of [iss, idp]) {
    await until(async () => (await status(issuer, ec)) === 200, `the new key of ${issuer}`);
    t.equal(await status(issuer, rsa), 200);
  }
  // An unknown key is no reason to ask again at once.
  const most = 1 + (performance.now() - startedAt) / timings.issuerKeys.cooldownMs;
  t.ok(server.requests >= 2 && server.requests <= most, `asked ${server.requests} times, of ${most}`);
});

t.test('keys that cannot be read: 503, streams come back, one line in the log; known ones stay good', async (t) => {
  const server = await startKeyServer(t, rsa);
  const jwtIssuers = [{ issuer: idp, audience: AUDIENCE, keys: server.url }];
  const known = await startNode(t, database.url, { jwtIssuers, timings });
  const jwt = await sign(rsa, { iss: idp, sub: 'away' });
  const ada = await Client.bearing(known, jwt);
  const boardId = await ada.createBoard();
  await server.stop();
  const cold = await startNode(t, database.url, { jwtIssuers, timings });
  for (let n = 0; n < 20; n += 1) {
    const refused = await ada.at(cold).get('/session');
    sameProblem(t, refused, 'TB_UNAVAILABLE');
    t.equal(refused.headers.get('retry-after'), `${Math.ceil(timings.issuerKeys.retryMs / 1000)}`);
    const stream = await openStream(t, cold.url, boardId, ada);
    await stream.end();
    t.equal(stream.status, 200, 'an EventSource comes back');
    t.match(stream.frames, [{ event: 'close', data: { reason: 'busy', retry: true } }]);
    t.equal((await ada.get('/session')).status, 200, 'known keys stay good');
  }
  const unknown = await sign({ ...rsa, kid: 'rsa-2' }, { iss: idp, sub: 'away' });
  await until(async () => (await ada.get('/session', bearer(unknown))).status === 503, 'a key that may be new');
  for (const each of [cold, known]) {
    const warnings = complaintsOf(each).filter(({ issuer }) => issuer === idp);
    t.match(warnings, [{ reason: /ECONNREFUSED/ }], 'once for the outage');
    t.equal(warnings.length, 1);
  }
  await server.start();
  await until(async () => (await ada.at(cold).get('/session')).status === 200, 'the keys');
  const told = cold.logged.filter(({ issuer }) => issuer === idp);
  t.match(told.at(-1), { msg: 'the keys of an issuer of JWTs can be read again' });
});

t.test('when keys are read again', async (t) => {
  const server = await startKeyServer(t, rsa);
  const lines: string[] = [];
  const log = {
    info: (_: object, line: string) => void lines.push(line),
    warn: (_: object, line: string) => void lines.push(line),
  };
  let now = 0;
  const keys = new IssuerKeys({ issuer: idp, source: server.url, log, timings: real.issuerKeys, now: () => now });
  const find = async (kid: string) =>
    keys.find({ alg: kid === 'ec-1' ? 'ES256' : 'RS256', kid }, { payload: '', signature: '' });
  const codeOf = (error: { code: string }) => error.code;
  await Promise.all([find('rsa-1'), find('rsa-1'), find('rsa-1')]);
  t.equal(server.requests, 1, 'once for all who wait');
  server.show(rsa, ec);
  now = 4999;
  t.equal(await find('ec-1').catch(codeOf), 'ERR_JWKS_NO_MATCHING_KEY');
  t.equal(server.requests, 1);
  now = 5000;
  await find('ec-1');
  t.equal(server.requests, 2, 'a key that is unknown, five seconds later');

  now += 10 * 60_000;
  await find('rsa-1');
  t.equal(server.requests, 2);
  server.show(ec);
  now += 1;
  await find('rsa-1');
  await until(() => server.requests === 3, 'the old ones are read again beside the request');
  await until(async () => (await find('rsa-1').catch(codeOf)) === 'ERR_JWKS_NO_MATCHING_KEY', 'a key is withdrawn');

  await server.stop();
  now += 24 * 60 * 60_000;
  await find('ec-1');
  await until(() => lines.length === 1, 'the failure of what was read beside the request');
  now += 1;
  const away = await find('ec-1').catch((error) => error);
  t.match(away, { code: 'TB_UNAVAILABLE', headers: { 'retry-after': '2' } }, 'they are good for a day');
  await server.start();
  const asked = server.requests;
  t.equal(await find('ec-1').catch(codeOf), 'TB_UNAVAILABLE');
  t.equal(server.requests, asked, 'not asked again at once');
  now += 2000;
  await find('ec-1');
  t.match(lines, [/cannot be read/, /can be read again/]);
});

t.test('what is no key set is believed by nobody', async (t) => {
  const elsewhere = await startKeyServer(t, rsa);
  const wrong: Record<string, RequestListener> = {
    'a redirect': (_request, response) => void response.writeHead(302, { location: elsewhere.url.href }).end(),
    'an error': (_request, response) => void response.writeHead(500).end('{"keys":[]}'),
    HTML: (_request, response) => void response.end('<html>'),
    'other JSON': (_request, response) => void response.end('{"keys":{}}'),
    'too much': (_request, response) =>
      void response.end(JSON.stringify({ keys: [rsa.publicJwk], more: 'x'.repeat(256 * 1024) })),
    'a connection that breaks': (_request, response) => void response.destroy(),
    'an answer without end': (_request, response) => void response.write('{"keys":['),
  };
  for (const [about, answer] of Object.entries(wrong)) {
    const server = await startKeyServer(t);
    server.answer(answer);
    const warnings: object[] = [];
    const log = { info: () => {}, warn: (details: object) => void warnings.push(details) };
    const keys = new IssuerKeys({
      issuer: idp,
      source: server.url,
      log,
      timings: { ...real.issuerKeys, answerMs: 300 },
    });
    const find = async () => keys.find({ alg: 'RS256', kid: 'rsa-1' }, { payload: '', signature: '' });
    await t.rejects(find(), { code: 'TB_UNAVAILABLE', isLogged: true }, about);
    t.match(warnings, [{ issuer: idp, reason: /\S/ }]);
  }
  t.equal(elsewhere.requests, 0, 'no redirect was followed');
});

t.test('the operator is told why each token is no good, whatever is wrong with it', async (t) => {
  const told: string[] = [];
  const log = { info: () => {}, warn: () => {} };
  const verify = createJwtVerifier([app.config], {
    log,
    onRefusal: (reason) => void told.push(reason),
    timings: real.issuerKeys,
  });
  const sub = 'nobody';
  const refusals: Array<[token: string, reason: RegExp]> = [
    [
      await sign(app.signer, { iss: 'https://unknown.example', sub }),
      /^"iss" is "https:\/\/unknown\.example".*JWT_ISSUERS/,
    ],
    [await sign(app.signer, { iss: `https://${'x'.repeat(5000)}`, sub }), /^.{1,400}$/],
    [await sign(app.signer, { sub }), /^it has no "iss"/],
    ['a.b.c', /^it is no JWT$/],
    ['opaque', /^it is no JWT$/],
    [await sign(app.signer, { iss, sub, aud: 'another' }), /"aud"/],
    [await sign(app.signer, { iss, sub, exp: inSeconds(-60) }), /"exp"/],
    [await sign(stranger, { iss, sub }), /"alg"/],
    [await sign(app.signer, { iss, sub: '' }), /"sub"/],
  ];
  for (const [token, reason] of refusals) {
    told.length = 0;
    t.equal(await verify(token), undefined, String(reason));
    t.equal(told.length, 1, 'one line');
    t.match(told[0], reason);
  }
});
