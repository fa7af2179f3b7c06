// Users of an application that is asked who is calling (AUTH_URL): what it is asked, what counts as its answer, and how
// long that holds (threats 4, 5, 7 and 34).

import type { ServerResponse } from 'node:http';
import t from 'tap';
import { ApplicationSession } from '../../src/accounts/application-session.ts';
import type { ApplicationUser } from '../../src/accounts/ask-application.ts';
import { timings as real } from '../../src/timings.ts';
import { startAuthServer } from '../helpers/auth-server.ts';
import { Client } from '../helpers/client.ts';
import { type EventStream, openStream } from '../helpers/event-stream.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { until } from '../helpers/until.ts';

const LONG_MS = 3_600_000;
const database = await useDatabase(t);
const application = await startAuthServer(t);
const { answers, questions } = application;
/** @param answerMs longer than a machine stands still, where an answer is to come */
const start = (graceMs: number, answerMs = LONG_MS) =>
  startNode(t, database.url, {
    auth: { url: application.url, recheckMs: 1000, graceMs },
    timings: { ...real, issuerKeys: { ...real.issuerKeys, retryMs: 100, answerMs } },
  });
const node = await start(LONG_MS);
const nobody = Client.nobody(node);
const as = (cookie: string) => ({ cookie });
let users = 0;

/** @returns the cookie of a new user of the application */
function signInThere(answer: object = {}): string {
  users += 1;
  const cookie = `app=${users}`;
  answers.set(cookie, { user: { id: users, name: 'Ada' }, ...answer });
  return cookie;
}

async function createBoard(cookie: string): Promise<string> {
  return (await nobody.post('/boards', { name: 'Plans' }, as(cookie))).body.board.id;
}

/** A stream of the board alone, and one of it and another. */
async function openBoth(cookie: string, at: Pick<TestNode, 'url'> = node): Promise<[string, EventStream[]]> {
  const [boardId, besideId] = [await createBoard(cookie), await createBoard(cookie)];
  const streams = [
    await openStream(t, at.url, boardId, { cookie }),
    await openStream(t, at.url, boardId, { cookie, beside: [besideId] }),
  ];
  for (const stream of streams) await stream.next('ready');
  return [boardId, streams];
}

const addItem = (boardId: string, text: string) =>
  database.sql('insert into teamboard.items (board_id, text) values ($1, $2)', [boardId, text]);

t.test('whom the application names is calling, by what it gets of the request and no more', async (t) => {
  const cookie = 'app=ada; theme=dark';
  answers.set(cookie, { user: { id: 17, name: ' Ada \n' }, somethingElse: true });
  const { status, body } = await nobody.get('/session', {
    cookie: `tb_session=x; app=ada;  __Host-tb_session=y; theme=dark`,
    'x-secret': 'no business of theirs',
    'user-agent': 'a browser',
  });
  t.same([status, body.user.name, body.user.email], [200, 'Ada', null]);
  const asked = questions.at(-1) ?? {};
  t.equal(asked.cookie, cookie, 'without our own session');
  t.equal(asked.authorization, undefined);
  t.not(asked['user-agent'], 'a browser');
  t.equal(asked['x-secret'], undefined);
  const [identity] = await database.sql('select issuer, subject from teamboard.identities where user_id = $1', [
    body.user.id,
  ]);
  t.same(identity, { issuer: 'application', subject: '17' });

  answers.set(cookie, { user: { id: '17', name: 'Ada Lovelace' } });
  const renamed = await until(async () => {
    const { user } = (await nobody.get('/session', as(cookie))).body;
    return user.name === 'Ada Lovelace' && user;
  }, 'the name of the newest answer');
  t.equal(renamed.id, body.user.id, 'a number and its text are one user');

  answers.set('Basic YTpi', { user: { id: 'basic' } });
  answers.set('Bearer of-theirs', { user: { id: 'bearer' } });
  for (const authorization of ['Basic YTpi', 'Bearer of-theirs']) {
    const answer = await nobody.get('/session', { authorization });
    t.equal(answer.body.user.name, 'Unnamed', authorization);
    t.equal(questions.at(-1)?.authorization, authorization);
  }
});

t.test('it writes and broadcasts, and other sites cannot make it', async (t) => {
  const cookie = signInThere();
  const boardId = await createBoard(cookie);
  const broadcast = { name: 'typing', data: {} };
  t.equal((await nobody.post(`/boards/${boardId}/broadcasts`, broadcast, as(cookie))).status, 202);
  sameProblem(t, await nobody.get(`/boards/${boardId}`, as(signInThere())), 'TB_NOT_FOUND');
  const otherSite = { cookie, 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
  sameProblem(t, await nobody.post('/boards', { name: 'x' }, otherSite), 'TB_CROSS_SITE');
  sameProblem(t, await nobody.get(`/boards/${boardId}/events`, otherSite), 'TB_CROSS_SITE');
});

t.test('who is nobody there is nobody here, and what is ours is not asked about', async (t) => {
  answers.set('app=null', { user: null });
  sameProblem(t, await nobody.get('/session', as('app=null')), 'TB_UNAUTHENTICATED');
  sameProblem(t, await nobody.get('/session', as('app=unknown')), 'TB_UNAUTHENTICATED');
  sameProblem(t, await nobody.get('/session', { authorization: 'Bearer unknown' }), 'TB_UNAUTHENTICATED');
  const before = questions.length;
  const guest = await Client.signUp(node, 'Guest');
  const theirs = signInThere();
  const { body } = await nobody.get('/session', as(`${guest.cookie}; ${theirs}`));
  t.equal(body.user.id, guest.user.id, 'a session of ours is good without asking');
  sameProblem(t, await nobody.get('/session', as('tb_session=wrong')), 'TB_UNAUTHENTICATED');
  sameProblem(t, await nobody.get('/session'), 'TB_UNAUTHENTICATED');
  sameProblem(t, await nobody.get('/session', { authorization: 'Bearer tb_x' }), 'TB_UNAUTHENTICATED');
  sameProblem(t, await nobody.get('/session', as(`app=${'x'.repeat(9000)}`)), 'TB_UNAUTHENTICATED');
  t.equal(questions.length, before);
  sameProblem(t, await nobody.get('/tokens', as(theirs)), 'TB_SESSION_REQUIRED');
});

t.test('what is no answer is none: 503, and a stream that is told to come back', async (t) => {
  const cookie = signInThere();
  const boardId = await createBoard(cookie);
  const raw =
    (status: number, body = '', headers = {}) =>
    (_request: unknown, response: ServerResponse) =>
      response.writeHead(status, headers).end(body);
  const wrong: Record<string, unknown> = {
    redirect: raw(302, '', { location: `${application.url}?again` }),
    fault: raw(500),
    forbidden: raw(403),
    text: raw(200, 'Welcome!'),
    null: null,
    list: [],
    'no user': {},
    'no id': { user: {} },
    'an empty id': { user: { id: '' } },
    'a long id': { user: { id: 'x'.repeat(256) } },
    'half an id': { user: { id: 1.5 } },
    'an id that is no text': { user: { id: 'a\0b' } },
    'an end before now': { user: { id: 1 }, expiresInSeconds: -1 },
    'an end that is none': { user: { id: 1 }, expiresInSeconds: 'soon' },
    large: { user: { id: 1 }, more: 'x'.repeat(70_000) },
  };
  const unfinished: Record<string, unknown> = {
    silence: () => {},
    'half an answer': (_request: unknown, response: ServerResponse) => response.write('{'),
  };
  const impatient = Client.nobody(await start(LONG_MS, 200));
  await Promise.all(
    Object.entries({ ...wrong, ...unfinished }).map(async ([about, answer]) => {
      const odd = `odd=${about.replaceAll(' ', '-')}`;
      answers.set(odd, answer ?? raw(200, 'null'));
      const refused = await (about in unfinished ? impatient : nobody).get('/session', as(odd));
      sameProblem(t, refused, 'TB_UNAVAILABLE', { message: about });
      t.match(refused.headers.get('retry-after'), /^\d+$/);
    }),
  );
  t.same([...application.paths], ['/whoami'], 'a redirect is not followed');
  const stream = await openStream(t, node.url, boardId, as('odd=fault'));
  await stream.end();
  t.match(stream.frames, [{ event: 'close', data: { reason: 'busy', retry: true } }]);
  t.equal((await nobody.get('/session', as(cookie))).status, 200, 'and nobody else is harmed');
  const told = node.logged.filter(({ owner }) => owner === 'application');
  t.match(told, [{ level: 40, reason: /./ }], 'the log tells it once');
});

t.test('one question at a time for each credential, however many come with it', async (t) => {
  const cookie = signInThere();
  const all = await Promise.all(Array.from({ length: 50 }, () => nobody.get('/session', as(cookie))));
  t.ok(all.every(({ status }) => status === 200));
  t.equal(application.mostAtOnce, 1);
});

t.test('who signs out there, or is another, loses the streams of it, and nobody else does (E6)', async (t) => {
  const [leaving, changing, staying] = [signInThere(), signInThere(), signInThere()];
  const [boardId, left] = await openBoth(leaving);
  const [, changed] = await openBoth(changing);
  const [stayingId, stayed] = await openBoth(staying);
  answers.delete(leaving);
  answers.set(changing, { user: { id: 'somebody-else' } });
  for (const stream of [...left, ...changed]) {
    t.match((await stream.next('close')).data, { reason: 'revoked', retry: false });
    await stream.end();
  }
  await addItem(boardId, 'after');
  sameProblem(t, await nobody.get(`/boards/${boardId}`, as(leaving)), 'TB_UNAUTHENTICATED');
  await addItem(stayingId, 'still here');
  for (const stream of stayed) {
    await stream.next('changed', ({ data }) => data.object.text === 'still here');
    stream.close();
  }
  t.notOk(left.some(({ raw }) => raw.includes('"after"')));
});

t.test('what expires there is over at that moment (E6)', async (t) => {
  const cookie = signInThere();
  const [, streams] = await openBoth(cookie);
  const asked = () => questions.filter((headers) => headers.cookie === cookie).length;
  const [before, from] = [asked(), performance.now()];
  answers.set(cookie, { user: { id: Number(cookie.slice(4)) }, expiresInSeconds: 3 });
  await until(() => asked() > before, 'the next question');
  // And then it says no more.
  answers.set(cookie, () => {});
  for (const stream of streams) {
    t.match((await stream.next('close')).data, { reason: 'expired', retry: false });
    await stream.end();
  }
  t.ok(performance.now() - from >= 3000, 'and not before');
});

t.test('when a session of the application is asked about, put off, and ended', async (t) => {
  const clock = useFakeClock(t);
  let answer: ApplicationUser | undefined | 'away' = { subject: '17', name: undefined, endsInMs: 10_000 };
  let asked = 0;
  const session = new ApplicationSession({
    ask: async () => {
      asked += 1;
      if (answer === 'away') throw new Error('away');
      return answer;
    },
    recheckMs: 30_000,
    graceMs: 60_000,
    retryMs: 2000,
  });
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.pass(50);
      // What was asked is answered between two ticks.
      for (let turns = 0; turns < 10; turns += 1) await Promise.resolve();
    }
  };
  await Promise.all(Array.from({ length: 50 }, () => session.find()));
  t.equal(asked, 1, 'one is enough for all who come meanwhile');
  await pass(700);
  await session.find();
  t.equal(asked, 1, 'and for those who come within 0.8 s');
  const ends: string[] = [];
  const hold = (subject: string) =>
    session.hold({ subject }, { end: (reason) => ends.push(reason), reclaim: () => {} });
  hold('17');
  hold('18');
  t.same(ends.splice(0), ['revoked'], 'whom it names no more');
  await pass(30_000);
  t.same(ends, [], 'put off by each answer');
  t.ok(asked >= 5 && asked <= 9, `asked ${asked} times, each in time`);
  answer = 'away';
  await pass(10_000);
  t.same(ends.splice(0), ['expired'], 'its time is over, whether there is an answer or not');

  answer = { subject: '17', name: undefined, endsInMs: undefined };
  await pass(2000);
  await session.find();
  const letGo = hold('17');
  hold('17');
  letGo();
  const before = asked;
  await pass(60_000);
  t.ok(asked - before >= 3 && asked - before <= 4, 'soon after a stream was opened, and then every 24 to 30 s');
  answer = 'away';
  await pass(59_950);
  t.same(ends, [], 'who is in stays for the grace');
  await session.find();
  await pass(30_050);
  t.same(ends, ['busy'], 'and no longer');
  await t.rejects(session.find(), { code: 'TB_UNAVAILABLE' });
  const last = asked;
  await pass(100_000);
  t.equal(asked, last, 'nobody asks for nobody');
});

t.test('while it is away those who are in stay for the grace, and nobody new gets in (E6)', async (t) => {
  const strict = await start(0);
  const [inside, outside] = [signInThere(), signInThere()];
  const [boardId, streams] = await openBoth(inside);
  const atStrict = await openStream(t, strict.url, boardId, as(inside));
  await atStrict.next('ready');
  const { ticket } = (await nobody.post(`/boards/${boardId}/tickets`, {}, as(inside))).body;
  await application.stop();
  sameProblem(t, await nobody.get('/session', as(outside)), 'TB_UNAVAILABLE', { message: 'nobody new' });
  sameProblem(t, await nobody.get('/session', as('app=unknown')), 'TB_UNAVAILABLE', { message: 'nor is anybody 401' });
  await until(() => strict.logged.some(({ owner, level }) => owner === 'application' && level === 40), 'the log of it');
  const { data } = await atStrict.next('close');
  t.match(data, { reason: 'busy', retry: true }, 'without grace it ends, and comes back');
  await atStrict.end();
  sameProblem(t, await Client.nobody(strict).get('/session', as(inside)), 'TB_UNAVAILABLE');
  t.equal((await nobody.post(`/boards/${boardId}/items`, { text: 'by hand' }, as(inside))).status, 201);
  for (const stream of streams) await stream.next('changed', ({ data }) => data.object.text === 'by hand');
  const byTicket = await openStream(t, node.url, boardId, { cookie: '', query: `?ticket=${ticket}` });
  await byTicket.next('ready');
  byTicket.close();

  await application.start();
  await until(async () => (await nobody.get('/session', as(outside))).status === 200, 'who is new gets in');
  const again = Client.nobody(strict);
  await until(async () => (await again.get('/session', as(inside))).status === 200, 'who was in is in again');
  await addItem(boardId, 'all is well');
  for (const stream of streams) {
    await stream.next('changed', ({ data }) => data.object.text === 'all is well');
    t.notOk(stream.frames.some(({ event }) => event === 'close'));
    stream.close();
  }
});
