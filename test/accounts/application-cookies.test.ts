// Users of an application by the cookie that its pages have anyway: a JWT, or the session of Rails (threats 4, 5 and 7).

import t from 'tap';
import { createReadRailsCookie } from '../../src/accounts/rails-cookie.ts';
import { readRailsSession } from '../../src/config/rails-session.ts';
import { secretIssuer, sign } from '../helpers/application.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { railsCookies } from '../helpers/rails-cookies.ts';

const { secretKeyBase, cookie: railsCookie, good, bad } = railsCookies;
const database = await useDatabase(t);
const app = secretIssuer();
const iss = app.config.issuer;
const rails = readRailsSession(secretKeyBase, railsCookie);
const node = await startNode(t, database.url, { jwtIssuers: [app.config], jwtCookie: 'app_jwt', rails });
const nobody = Client.nobody(node);
const withCookie = (...pairs: string[]) => ({ cookie: pairs.join('; ') });
const jwtOf = (sub: string, claims: object = {}) => sign(app.signer, { iss, sub, ...claims });
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const otherSite = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };

t.test('a JWT in the cookie is its user, for requests, writes and broadcasts', async (t) => {
  const jwt = await jwtOf('ada', { name: 'Ada' });
  const byCookie = withCookie(`other=1; app_jwt=${jwt}`);
  const { status, body } = await nobody.get('/session', byCookie);
  t.same([status, body.user.name], [200, 'Ada']);
  t.equal(body.user.id, (await Client.bearing(node, jwt)).user.id, 'the same user as by the header');
  const made = await nobody.post('/boards', { name: 'Plans' }, byCookie);
  t.equal(made.status, 201);
  const broadcast = { name: 'typing', data: {} };
  const path = `/boards/${made.body.board.id}/broadcasts`;
  t.equal((await nobody.post(path, broadcast, byCookie)).status, 202);
  const other = withCookie(`app_jwt=${await jwtOf('eve')}`);
  sameProblem(t, await nobody.post(path, broadcast, other), 'TB_NOT_FOUND', { message: 'nobody is taken for another' });
});

t.test('what other sites make the browser send is refused, as by a cookie of our own', async (t) => {
  const jwt = await jwtOf('csrf');
  const boardId = await (await Client.bearing(node, jwt)).createBoard();
  const cookies = [`app_jwt=${jwt}`, `${railsCookie}=${good['SHA-256, a number'].value}`];
  for (const cookie of cookies) {
    sameProblem(t, await nobody.post('/boards', { name: 'x' }, { cookie, ...otherSite }), 'TB_CROSS_SITE');
    sameProblem(t, await nobody.get(`/boards/${boardId}/events`, { cookie, ...otherSite }), 'TB_CROSS_SITE');
  }
});

t.test('a cookie that is wrong is none: the session beside it counts, and of several the good one', async (t) => {
  const guest = await Client.signUp(node, 'Guest');
  const expired = await jwtOf('late', { exp: inSeconds(-60) });
  const forged = await sign(secretIssuer().signer, { iss, sub: 'forged' });
  for (const wrong of [expired, forged, 'x', 'a.b.c', '', '"']) {
    sameProblem(t, await nobody.get('/session', withCookie(`app_jwt=${wrong}`)), 'TB_UNAUTHENTICATED');
    const { body } = await nobody.get('/session', withCookie(`app_jwt=${wrong}`, guest.cookie));
    t.equal(body.user.id, guest.user.id);
  }
  const fine = await jwtOf('several', { name: 'Several' });
  const several = withCookie(`app_jwt=${forged}`, `app_jwt="${fine}"`, guest.cookie);
  t.equal((await nobody.get('/session', several)).body.user.name, 'Several', "the application's before our own");
  const ten = Array.from({ length: 10 }, (_, n) => `app_jwt=${forged}${n}`);
  sameProblem(t, await nobody.get('/session', withCookie(...ten, `app_jwt=${fine}`)), 'TB_UNAUTHENTICATED', {
    message: 'no more than four are looked at',
  });
  sameProblem(t, await nobody.get('/tokens', withCookie(`app_jwt=${fine}`)), 'TB_SESSION_REQUIRED');
  t.equal((await nobody.get('/tokens', withCookie(`app_jwt=${fine}`, guest.cookie))).status, 200, "the session's own");
});

t.test('a node that names no such cookie reads none', async (t) => {
  const plain = Client.nobody(await startNode(t, database.url, { jwtIssuers: [app.config] }));
  const both = withCookie(`app_jwt=${await jwtOf('ada')}`, `${railsCookie}=${good['SHA-1, a number'].value}`);
  sameProblem(t, await plain.get('/session', both), 'TB_UNAUTHENTICATED');
});

t.test('streams by the cookie end with its JWT, and nothing comes after (E6)', async (t) => {
  const owner = await Client.bearing(node, await jwtOf('short'));
  const [boardId, besideId] = [await owner.createBoard(), await owner.createBoard()];
  const exp = inSeconds(6);
  const cookie = `app_jwt=${await jwtOf('short', { exp })}`;
  const one = await openStream(t, node.url, boardId, { cookie });
  const many = await openStream(t, node.url, boardId, { cookie, beside: [besideId] });
  await Promise.all([one.next('ready'), many.next('ready')]);
  for (const stream of [one, many]) {
    const { data } = await stream.next('close');
    t.match(data, { reason: 'expired', retry: false });
    t.ok(Date.now() >= exp * 1000, 'and not before');
    await stream.end();
  }
});

t.test('cookies that Rails has made name their users, whichever digest its keys have', async (t) => {
  const users = new Set<string>();
  for (const [about, { subject, value }] of Object.entries(good)) {
    const { status, body } = await nobody.get('/session', withCookie(`${railsCookie}=${value}`));
    t.equal(status, 200, about);
    const leftMs = Date.parse(body.expiresAt) - Date.now();
    t.ok(leftMs > 0 && leftMs <= 30 * 60_000, 'a cookie of a session is believed for half an hour');
    const [identity] = await database.sql('select issuer, subject from teamboard.identities where user_id = $1', [
      body.user.id,
    ]);
    t.same(identity, { issuer: 'rails', subject }, about);
    users.add(body.user.id);
  }
  t.equal(users.size, 2, 'a user has one account here');
  const byRails = withCookie(`${railsCookie}=${good.Devise.value}`);
  const { board } = (await nobody.post('/boards', { name: 'Books' }, byRails)).body;
  const stream = await openStream(t, node.url, board.id, byRails);
  await stream.next('ready');
  stream.close();
});

t.test('what Rails has not made for a session of this name is nobody', async (t) => {
  const { value } = good['SHA-256, a number'];
  const flipped = (at: number) => value.slice(0, at) + (value[at] === 'A' ? 'B' : 'A') + value.slice(at + 1);
  const [encrypted, iv, tag = ''] = value.split('--');
  const wrong: Record<string, string> = {
    ...bad,
    'another text': flipped(3),
    'another iv': flipped(value.indexOf('--') + 4),
    'another tag': flipped(value.lastIndexOf('--') + 4),
    'a short tag': `${encrypted}--${iv}--${Buffer.from(decodeURIComponent(tag), 'base64').subarray(0, 4).toString('base64')}`,
    'no tag': `${encrypted}--${iv}--`,
    'no iv': `${encrypted}----${tag}`,
    'a part more': `${value}--${tag}`,
    'a broken escape': '%E0%A4--%A--%',
    'nothing but dashes': '----',
  };
  for (const [about, cookie] of Object.entries(wrong)) {
    const answer = await nobody.get('/session', withCookie(`${railsCookie}=${cookie}`));
    sameProblem(t, answer, 'TB_UNAUTHENTICATED', { message: about });
  }
});

t.test('a cookie of Rails with an end is nobody from then on', async (t) => {
  if (!rails) throw new Error('no session');
  const value = good['with an end in 2099'].value;
  const end = Date.UTC(2099, 0, 1);
  const at = (now: number) => createReadRailsCookie(rails, () => now)(value);
  t.match(at(end - 1000), { subject: '17', expiresAt: new Date(end).toISOString() });
  t.equal(at(end), undefined);
});
