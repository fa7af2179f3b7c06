// Boards that a token, or the application's answer, lets its user in to: the claim `boards` (E6; threats 5, 11 and 34).

import t, { type Test } from 'tap';
import { timings as real } from '../../src/timings.ts';
import { secretIssuer, sign } from '../helpers/application.ts';
import { startAuthServer } from '../helpers/auth-server.ts';
import { Client } from '../helpers/client.ts';
import { complaintsOf } from '../helpers/complaints.ts';
import { type EventStream, openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { until } from '../helpers/until.ts';

const LONG_MS = 3_600_000;
const database = await useDatabase(t);
const app = secretIssuer();
const application = await startAuthServer(t);
const node = await startNode(t, database.url, {
  jwtIssuers: [app.config],
  jwtCookie: 'app_jwt',
  auth: { url: application.url, recheckMs: 1000, graceMs: LONG_MS },
  timings: { ...real, issuerKeys: { ...real.issuerKeys, answerMs: LONG_MS } },
});
node.app.log.level = 'debug';
const nobody = Client.nobody(node);
const owner = await Client.signUp(node, 'Owner');
const bearer = (jwt: string) => ({ authorization: `Bearer ${jwt}` });
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
let made = 0;

/** @param claims beside `boards` */
const jwtOf = (sub: string, boards: unknown, claims: object = {}) =>
  sign(app.signer, { iss: app.config.issuer, sub, name: sub, boards, ...claims });

async function createBoard(): Promise<{ id: string; name: string }> {
  made += 1;
  const key = `shelf:${made}`;
  const { body } = await owner.post('/boards', { name: 'Plans', key });
  return { id: body.board.id, name: `~${key}` };
}

const addItem = (boardId: string, text: string) =>
  database.sql('insert into teamboard.items (board_id, text) values ($1, $2)', [boardId, text]);

/** Waits for the item, and for nothing that was told before it. */
const heard = (stream: EventStream, text: string) => stream.next('changed', ({ data }) => data.object.text === text);

t.test('it lets in by key and by id, in the header and in the cookie, for as long as it is sent', async (t) => {
  const { id, name } = await createBoard();
  const claims = { key: { [name]: 'editor' }, id: { [id]: 'editor' }, capitals: { [id.toUpperCase()]: 'editor' } };
  for (const [kind, boards] of Object.entries(claims)) {
    const jwt = await jwtOf(kind, boards);
    for (const headers of [bearer(jwt), { cookie: `app_jwt=${jwt}` }]) {
      for (const board of [id, name]) {
        t.equal((await nobody.get(`/boards/${board}`, headers)).body.board.id, id, kind);
        t.equal((await nobody.post(`/boards/${board}/items`, { text: kind }, headers)).status, 201, kind);
      }
    }
    sameProblem(t, await nobody.get(`/boards/${id}`, bearer(await jwtOf(kind, undefined))), 'TB_NOT_FOUND');
    sameProblem(t, await nobody.get(`/boards/${id}`, bearer(await jwtOf(kind, null))), 'TB_NOT_FOUND');
    sameProblem(t, await nobody.get(`/boards/${id}`, bearer(await jwtOf(kind, {}))), 'TB_NOT_FOUND');
  }
  const { members } = (await owner.get(`/boards/${id}/members`)).body;
  t.same(
    members.map(({ user }: { user: { name: string } }) => user.name),
    ['Owner'],
    'nobody became a member',
  );
  const { boards } = (await nobody.get('/boards', bearer(await jwtOf('key', claims.key)))).body;
  t.same(boards, [], 'and the list of boards is that of memberships');
});

t.test('it is of its board and its token alone', async (t) => {
  const [board, other] = [await createBoard(), await createBoard()];
  const claiming = bearer(await jwtOf('eve', { [board.name]: 'editor', '~nowhere': 'editor' }));
  sameProblem(t, await nobody.get(`/boards/${other.id}`, claiming), 'TB_NOT_FOUND');
  sameProblem(t, await nobody.get('/boards/~nowhere', claiming), 'TB_NOT_FOUND', { message: 'no board is made by it' });
  const broadcast = { name: 'typing', data: {} };
  const path = `/boards/${board.id}/broadcasts`;
  t.equal((await nobody.post(path, broadcast, claiming)).status, 202);
  const without = bearer(await jwtOf('eve', undefined));
  sameProblem(t, await nobody.post(path, broadcast, without), 'TB_NOT_FOUND', {
    message: 'not by what was remembered',
  });
  sameProblem(t, await nobody.post(path, broadcast, bearer(await jwtOf('mallory', undefined))), 'TB_NOT_FOUND');

  const key = { ...claiming, 'idempotency-key': 'once' };
  t.equal((await nobody.post(`/boards/${board.id}/items`, { text: 'x' }, key)).status, 201);
  const repeat = await nobody.post(`/boards/${board.id}/items`, { text: 'x' }, { ...key, ...without });
  sameProblem(t, repeat, 'TB_NOT_FOUND', { message: 'a repeat shows nothing that may not be seen' });

  await owner.delete(`/boards/${board.id}`);
  sameProblem(t, await nobody.get(`/boards/${board.id}`, claiming), 'TB_NOT_FOUND');
  const [{ id = '' } = {}] = await database.sql('select teamboard.open_board($1) as id', [board.name.slice(1)]);
  t.equal((await nobody.get(`/boards/${id}`, claiming)).status, 200, 'another board of the key is one of it');
});

t.test('of two roles the higher one holds', async (t) => {
  const { id, name } = await createBoard();
  const patch = async (jwt: string) => (await nobody.patch(`/boards/${id}`, { name: 'Changed' }, bearer(jwt))).status;
  t.equal(await patch(await jwtOf('two', { [name]: 'viewer', [id]: 'editor' })), 200, 'of the claim');
  t.equal(await patch(await jwtOf('two', { [name]: 'editor', [id]: 'viewer' })), 200);
  const ada = await Client.bearing(node, await jwtOf('ada', undefined));
  for (const [role, claimed, status] of [
    ['viewer', 'viewer', 403],
    ['viewer', 'editor', 200],
    ['editor', 'viewer', 200],
    ['owner', 'viewer', 200],
  ] as const) {
    await owner.post(`/boards/${id}/members`, { userId: ada.user.id, role });
    t.equal(await patch(await jwtOf('ada', { [name]: claimed })), status, `${role} and ${claimed}`);
    if (role === 'owner') {
      const invite = { role: 'viewer' };
      const jwt = await jwtOf('ada', { [name]: claimed });
      t.equal((await nobody.post(`/boards/${id}/invites`, invite, bearer(jwt))).status, 201, 'an owner stays one');
    }
    await owner.delete(`/boards/${id}/members/${ada.user.id}`);
  }
});

t.test('what is no claim is refused with the whole of its token, and the log says why', async (t) => {
  const { id } = await createBoard();
  const many = Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`~${index}`, 'viewer']));
  const wrong: Array<[unknown, RegExp]> = [
    [[id], /must be an object/],
    ['~shelf', /must be an object/],
    [{ shelf: 'viewer' }, /"shelf", which is no board/],
    [{ '~': 'viewer' }, /which is no board/],
    [{ '~a b': 'viewer' }, /which is no board/],
    [{ [`~${'x'.repeat(129)}`]: 'viewer' }, /which is no board/],
    [{ [id]: 'owner' }, /must be viewer or editor/],
    [{ [id]: null }, /must be viewer or editor/],
    [{ [id]: ['editor'] }, /must be viewer or editor/],
    [many, /more than 256 boards/],
  ];
  for (const [boards, reason] of wrong) {
    const jwt = await jwtOf('wrong', boards);
    sameProblem(t, await nobody.get('/session', bearer(jwt)), 'TB_UNAUTHENTICATED');
    sameProblem(t, await nobody.get('/session', { cookie: `app_jwt=${jwt}` }), 'TB_UNAUTHENTICATED');
    t.match(node.logged.map(({ reason }) => reason).join(), reason);
    application.answers.set('app=wrong', { user: { id: 'wrong' }, boards });
    sameProblem(t, await nobody.get('/session', { cookie: 'app=wrong' }), 'TB_UNAVAILABLE', { message: 'no answer' });
    node.logged.length = 0;
  }
  const most = Object.fromEntries(Object.entries(many).slice(1));
  const { status } = await nobody.get(`/boards/${id}`, bearer(await jwtOf('many', { ...most, [id]: 'viewer' })));
  t.equal(status, 401, 'one more than there may be');
  const { '~1': one, ...rest } = most;
  const fine = bearer(await jwtOf('many', { ...rest, [id]: one }));
  t.equal((await nobody.get(`/boards/${id}`, fine)).status, 200);
  const stream = await openStream(t, node.url, id, { cookie: '', headers: fine });
  await stream.next('ready');
  stream.close();
});

t.test('a stream of it ends with its token, and so does a ticket (E6)', async (t) => {
  const { id, name } = await createBoard();
  const { id: besideId } = await createBoard();
  const boards = { [name]: 'viewer', [besideId]: 'viewer' };
  const headers = bearer(await jwtOf('brief', boards, { exp: inSeconds(5) }));
  const { ticket } = (await nobody.post(`/boards/${name}/tickets`, undefined, headers)).body;
  const { ticket: ofMany } = (await nobody.post('/tickets', { boards: [name, besideId] }, headers)).body;
  const streams = [
    await openStream(t, node.url, id, { cookie: '', headers }),
    await openStream(t, node.url, id, { cookie: '', headers, beside: [besideId] }),
    await openStream(t, node.url, id, { cookie: '', query: `?ticket=${ticket}` }),
    await openStream(t, node.url, id, { cookie: '', query: `?ticket=${ofMany}`, beside: [besideId] }),
  ];
  for (const stream of streams) await stream.next('ready');
  await addItem(id, 'before');
  for (const stream of streams) await heard(stream, 'before');
  for (const stream of streams) t.equal((await stream.next('close')).data.reason, 'expired');
  await addItem(id, 'after');
  for (const stream of streams) {
    await stream.end();
    t.notMatch(stream.raw, /"after"/);
  }
  for (const path of [`/boards/${id}/events?ticket=${ticket}`, `/events?boards=${id},${besideId}&ticket=${ofMany}`]) {
    sameProblem(t, await nobody.get(path, { accept: 'application/json' }), 'TB_UNAUTHENTICATED');
  }
  t.same(await complaintsOf(node), []);
});

const refusedOf = ({ body }: { body: { refused: Array<{ boardId: string }> } }) =>
  body.refused.map(({ boardId }) => boardId).sort();

t.test('a ticket opens what its maker was let in to, and lets nobody in anywhere else', async (t) => {
  const [claimed, member, other] = [await createBoard(), await createBoard(), await createBoard()];
  const ada = await Client.bearing(node, await jwtOf('ticket', undefined));
  await owner.post(`/boards/${member.id}/members`, { userId: ada.user.id, role: 'viewer' });
  const headers = bearer(await jwtOf('ticket', { [claimed.name]: 'editor' }));
  const all = [claimed.id, member.id, other.id];
  const { ticket } = (await nobody.post('/tickets', { boards: all }, headers)).body;
  const page = await nobody.get(`/events?boards=${all}&ticket=${ticket}`, { accept: 'application/json' });
  t.same(refusedOf(page), [other.id]);
  const item = nobody.post(`/boards/${claimed.id}/items?ticket=${ticket}`, { text: 'x' });
  t.ok((await item).status >= 400, 'and writes nothing');
  await owner.delete(`/boards/${member.id}/members/${ada.user.id}`);
  const rest = await nobody.get(`/events?boards=${all}&ticket=${ticket}`, { accept: 'application/json' });
  t.same(refusedOf(rest), [member.id, other.id].sort());
  await owner.delete(`/boards/${claimed.id}`);
  const gone = await nobody.get(`/events?boards=${all}&ticket=${ticket}`, { accept: 'application/json' });
  sameProblem(t, gone, 'TB_UNAUTHENTICATED', { message: 'it opens nothing any more' });
});

t.test('who is let in by it is present, and is no member for anybody', async (t) => {
  const { id, name } = await createBoard();
  const watching = await openStream(t, node.url, id, owner);
  await watching.next('ready');
  const headers = bearer(await jwtOf('present', { [name]: 'viewer' }));
  const stream = await openStream(t, node.url, id, { cookie: '', headers });
  await stream.next('ready');
  const names = async () => {
    const { users } = (await owner.get(`/boards/${id}/presence`)).body;
    return users.map(({ user }: { user: { name: string } }) => user.name).sort();
  };
  await until(async () => (await names()).join() === 'Owner,present', 'both to be there');
  t.equal((await nobody.get(`/boards/${id}/presence`, headers)).status, 200);
  const { members } = (await owner.get(`/boards/${id}`)).body;
  t.equal(members.length, 1);
  stream.close();
  watching.close();
});

t.test('the end of a membership ends the stream, unless its token lets in (E6)', async (t) => {
  const { id, name } = await createBoard();
  const ada = await Client.bearing(node, await jwtOf('both', undefined));
  await owner.post(`/boards/${id}/members`, { userId: ada.user.id, role: 'editor' });
  const plain = await openStream(t, node.url, id, ada);
  const headers = bearer(await jwtOf('both', { [name]: 'viewer' }));
  const claiming = await openStream(t, node.url, id, { cookie: '', headers });
  for (const stream of [plain, claiming]) await stream.next('ready');
  await owner.delete(`/boards/${id}/members/${ada.user.id}`);
  t.equal((await plain.next('close')).data.reason, 'revoked');
  await addItem(id, 'later');
  t.equal((await claiming.next('changed')).data.resource, 'member');
  await heard(claiming, 'later');
  await owner.delete(`/boards/${id}`);
  t.equal((await claiming.next('close')).data.reason, 'deleted');
});

/** A user of the application, who is asked about. */
function answer(boards: object | undefined, cookie: string): void {
  application.answers.set(cookie, { user: { id: cookie, name: 'Ada' }, ...(boards && { boards }) });
}

async function openAll(t: Test, boardId: string, besideId: string, cookie: string) {
  const streams = {
    one: await openStream(t, node.url, boardId, { cookie }),
    many: await openStream(t, node.url, boardId, { cookie, beside: [besideId] }),
  };
  for (const stream of Object.values(streams)) await stream.next('ready');
  return streams;
}

t.test('an answer that names a board no more ends its streams with the next question (E6)', async (t) => {
  const [left, kept] = [await createBoard(), await createBoard()];
  const cookie = 'app=dropped';
  answer({ [left.name]: 'viewer', [kept.name]: 'viewer' }, cookie);
  const { one, many } = await openAll(t, left.id, kept.id, cookie);
  const other = await openStream(t, node.url, kept.id, { cookie });
  await other.next('ready');
  answer({ [kept.name]: 'viewer' }, cookie);
  t.same((await one.next('close')).data, { reason: 'revoked', retry: false });
  t.match((await many.next('close')).data, { reason: 'revoked', boardId: left.id });
  await addItem(left.id, 'not theirs');
  await addItem(kept.id, 'theirs');
  await heard(other, 'theirs');
  await until(() => many.raw.includes('"theirs"'), 'the rest of the stream of many');
  t.notMatch(one.raw + many.raw, /not theirs/);
  sameProblem(t, await nobody.get(`/boards/${left.id}`, { cookie }), 'TB_NOT_FOUND');
  many.close();
  other.close();
});

t.test('who has become a member stays when the answer names the board no more', async (t) => {
  const { id, name } = await createBoard();
  const cookie = 'app=member';
  answer({ [name]: 'viewer' }, cookie);
  const stream = await openStream(t, node.url, id, { cookie });
  await stream.next('ready');
  const { user } = (await nobody.get('/session', { cookie })).body;
  await owner.post(`/boards/${id}/members`, { userId: user.id, role: 'viewer' });
  answer(undefined, cookie);
  const before = application.questions.length;
  await until(() => application.questions.length >= before + 2, 'the application to be asked again');
  await addItem(id, 'still');
  t.equal((await stream.next('changed')).data.resource, 'member');
  await heard(stream, 'still');
  await owner.delete(`/boards/${id}/members/${user.id}`);
  t.equal((await stream.next('close')).data.reason, 'revoked', 'and the membership is what it hangs on then');
});
