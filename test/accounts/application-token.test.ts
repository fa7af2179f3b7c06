// The token of the application beside this server: users before they come, members, tickets, broadcasts, the end of streams
// (E6, threat 35).

import t from 'tap';
import { AUDIENCE, secretIssuer, sign } from '../helpers/application.ts';
import { expectWithin, SECOND_MS, timed } from '../helpers/bounds.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { withoutSweeps } from '../helpers/timings.ts';

const database = await useDatabase(t);
const { sql } = database;
const issuer = secretIssuer();
const iss = issuer.config.issuer;
// What ends has ended by the announcement.
const settings = { jwtIssuers: [issuer.config], timings: withoutSweeps() };
const node = await startNode(t, database.url, settings);
const other = await startNode(t, database.url, settings);
const nobody = Client.nobody(node);
const makeToken = async (name: string) => {
  const [made] = await sql<{ secret: string }>('select teamboard.make_application_token($1) as secret', [name]);
  return made?.secret ?? '';
};
const shop = await Client.bearing(node, await makeToken('Shop'));
const comeByJwt = async (sub: string, name?: string) =>
  Client.bearing(node, await sign(issuer.signer, { iss, aud: AUDIENCE, sub, name }));
const put = (subject: string, name?: string) => shop.request('PUT', '/users', { issuer: iss, subject, name });
let boards = 0;

/** As SQL makes one, on which nobody is. */
async function openBoard(): Promise<string> {
  boards += 1;
  const [made] = await sql<{ id: string }>('select teamboard.open_board($1) as id', [`shelf:${boards}`]);
  return made?.id ?? '';
}

t.test('a user is there before coming, once, and with the newest name', async (t) => {
  const { status, body } = await put('user-1', ' Ada ');
  t.same([status, body.user.name, body.user.guest, body.user.email], [200, 'Ada', false, null]);
  t.same((await put('user-1')).body.user, body.user, 'without a name it keeps the one that it has');
  t.equal((await put('user-1', 'Ada Lovelace')).body.user.id, body.user.id);
  t.equal((await comeByJwt('user-1')).user.id, body.user.id, 'and comes by a JWT as the same');
  t.equal((await put('user-1')).body.user.name, 'Ada Lovelace');
  const all = await Promise.all(Array.from({ length: 8 }, () => put('at-once', 'Bo')));
  t.equal(new Set(all.map(({ body }) => body.user.id)).size, 1);
  const inSql = 'select teamboard.put_user($1, $2, $3) as id';
  t.equal((await sql(inSql, [iss, 'user-1', 'Countess']))[0]?.id, body.user.id);
  t.equal((await put('user-1')).body.user.name, 'Countess');
  const made = await Promise.all(Array.from({ length: 8 }, () => sql(inSql, [iss, 'by-sql', 'Cy'])));
  t.equal(new Set(made.map(([row]) => row?.id)).size, 1);
  t.equal((await comeByJwt('by-sql')).user.id, made[0]?.[0]?.id);
});

t.test('nobody else may, and what is no user is refused', async (t) => {
  const guest = await Client.signUp(node);
  const { secret } = (await guest.post('/tokens', { name: 'mine' })).body;
  const user = { issuer: iss, subject: 'user-2' };
  for (const client of [guest, await Client.bearing(node, secret), await comeByJwt('user-2')]) {
    sameProblem(t, await client.request('PUT', '/users', user), 'TB_FORBIDDEN');
    sameProblem(t, await client.delete(`/users/${guest.user.id}/streams`), 'TB_FORBIDDEN');
    const boardId = await client.createBoard();
    sameProblem(t, await client.post(`/boards/${boardId}/tickets`, { userId: client.user.id }), 'TB_FORBIDDEN');
  }
  sameProblem(t, await nobody.request('PUT', '/users', user), 'TB_UNAUTHENTICATED');
  for (const wrong of [
    {},
    { ...user, issuer: '' },
    { ...user, subject: 'x'.repeat(256) },
    { ...user, subject: 'a\0' },
  ]) {
    const { status, body } = await shop.request('PUT', '/users', wrong);
    t.same([status, body.code], [400, 'TB_INVALID'], JSON.stringify(wrong).slice(0, 60));
  }
  const unknown = '01900000-0000-7000-8000-000000000000';
  sameProblem(t, await shop.delete(`/users/${unknown}/streams`), 'TB_NOT_FOUND');
});

t.test('it sets the members of a board that it is not on, and reads nothing of it', async (t) => {
  const boardId = await openBoard();
  const [ada, bo] = [(await put('ada', 'Ada')).body.user, (await put('bo', 'Bo')).body.user];
  const members = `/boards/~shelf:${boards}/members`;
  t.equal((await shop.post(members, { userId: ada.id, role: 'owner' })).status, 201);
  const once = { 'idempotency-key': 'add-bo' };
  t.equal((await shop.post(members, { userId: bo.id, role: 'viewer' }, once)).status, 201);
  const again = await shop.post(members, { userId: bo.id, role: 'viewer' }, once);
  t.same([again.status, again.headers.get('idempotent-replayed')], [201, 'true']);
  t.equal((await shop.patch(`${members}/${bo.id}`, { role: 'editor' })).status, 200);
  t.same(
    (await shop.get(members)).body.members.map(({ user, role }: { user: { id: string }; role: string }) => [
      user.id,
      role,
    ]),
    [
      [ada.id, 'owner'],
      [bo.id, 'editor'],
    ],
  );
  sameProblem(t, await shop.post(members, { userId: bo.id, role: 'viewer' }), 'TB_ALREADY_MEMBER');
  sameProblem(t, await shop.delete(`${members}/${ada.id}`), 'TB_LAST_OWNER');
  const owner = await comeByJwt('ada');
  const stream = await openStream(t, node.url, boardId, { cookie: '', headers: owner.headers });
  await stream.next('ready');
  t.equal((await shop.delete(`${members}/${bo.id}`)).status, 204);
  const { data } = await stream.next('changed');
  t.match(data, { resource: 'member', action: 'deleted', actor: { id: shop.user.id, name: 'Shop' } });
  stream.close();
  for (const path of ['', '/items', '/presence', '/events']) {
    const answer = await shop.get(`/boards/${boardId}${path}`, { accept: 'application/json' });
    sameProblem(t, answer, 'TB_NOT_FOUND', { message: `it is on no board: ${path}` });
  }
  sameProblem(t, await shop.post(`/boards/${boardId}/items`, { text: 'x' }), 'TB_NOT_FOUND');
  sameProblem(t, await shop.delete(`/boards/${boardId}`), 'TB_NOT_FOUND');
  const unknown = '/boards/01900000-0000-7000-8000-000000000000/members';
  sameProblem(t, await shop.get(unknown), 'TB_NOT_FOUND');
  sameProblem(t, await shop.post(unknown, { userId: bo.id, role: 'viewer' }), 'TB_NOT_FOUND');
});

t.test('its broadcasts are heard, and its tickets open the streams of those that they are for (E6)', async (t) => {
  const token = await makeToken('Another');
  const shop = await Client.bearing(node, token);
  const [one, two] = [await openBoard(), await openBoard()];
  const { user } = (await put('reader', 'Reader')).body;
  for (const id of [one, two]) await shop.post(`/boards/${id}/members`, { userId: user.id, role: 'owner' });
  const alone = await shop.post(`/boards/${one}/tickets`, { userId: user.id });
  const both = await shop.post('/tickets', { boards: [one, two], userId: user.id });
  t.same([alone.status, both.status], [201, 201]);
  const stranger = (await put('stranger')).body.user;
  sameProblem(t, await shop.post(`/boards/${one}/tickets`, { userId: stranger.id }), 'TB_NOT_FOUND');
  sameProblem(t, await shop.post(`/boards/${one}/tickets`, {}), 'TB_NOT_FOUND', { message: 'it is on no board' });
  const streams = [
    await openStream(t, node.url, one, { cookie: '', query: `?ticket=${alone.body.ticket}` }),
    await openStream(t, other.url, one, { cookie: '', query: `?ticket=${both.body.ticket}`, beside: [two] }),
  ];
  for (const stream of streams) await stream.next('ready');
  t.equal((await shop.post(`/boards/${one}/broadcasts`, { name: 'sold', data: { left: 3 } })).status, 202);
  for (const stream of streams) {
    const { data } = await stream.next('broadcast');
    t.match(data, { name: 'sold', data: { left: 3 }, from: { user: { id: shop.user.id, name: 'Another' } } });
  }
  await sql('delete from teamboard.tokens where user_id = $1', [shop.user.id]);
  for (const stream of streams) {
    t.match((await stream.next('close')).data, { reason: 'revoked', retry: false });
    await stream.end();
  }
  sameProblem(t, await shop.get('/session'), 'TB_UNAUTHENTICATED');
});

t.test('it ends the streams of a user on every node within a second, whatever they hang on (E6)', async (t) => {
  let rounds = 0;
  await expectWithin(t, { ended: SECOND_MS }, async (t) => {
    rounds += 1;
    const [boardId, besideId] = [await openBoard(), await openBoard()];
    const ada = await comeByJwt(`leaver-${rounds}`, 'Ada');
    const guest = await Client.signUp(node);
    for (const id of [boardId, besideId]) {
      for (const userId of [ada.user.id, guest.user.id]) {
        await shop.post(`/boards/${id}/members`, { userId, role: 'owner' });
      }
    }
    const { ticket } = (await shop.post(`/boards/${boardId}/tickets`, { userId: ada.user.id })).body;
    const byJwt = { cookie: '', headers: ada.headers };
    const byTicket = { cookie: '', query: `?ticket=${ticket}` };
    const streams = [
      await openStream(t, node.url, boardId, byJwt),
      await openStream(t, other.url, boardId, { ...byJwt, beside: [besideId] }),
      await openStream(t, other.url, boardId, byTicket),
    ];
    const staying = await openStream(t, other.url, boardId, guest);
    for (const stream of [...streams, staying]) await stream.next('ready');
    const since = performance.now();
    t.equal((await shop.delete(`/users/${ada.user.id}/streams`)).status, 204);
    const ended = await timed(async () => {
      for (const stream of streams) {
        t.match((await stream.next('close')).data, { reason: 'revoked', retry: false });
        await stream.end();
      }
    }, since);
    await guest.post(`/boards/${boardId}/items`, { text: 'after' });
    await staying.next('changed');
    t.notOk(streams.some(({ raw }) => raw.includes('"after"')));
    staying.close();
    sameProblem(t, await nobody.get(`/boards/${boardId}/events?ticket=${ticket}`), 'TB_UNAUTHENTICATED');
    t.equal((await ada.get(`/boards/${boardId}`)).status, 200, 'who is still let in may come back');
    // Of a session just as well, by SQL.
    const bySession = await openStream(t, node.url, boardId, guest);
    await bySession.next('ready');
    await sql('select teamboard.end_streams($1)', [guest.user.id]);
    t.match((await bySession.next('close')).data, { reason: 'revoked' });
    await bySession.end();
    const fresh = Client.nobody(await startNode(t, database.url, settings));
    t.equal((await fresh.get('/session', { cookie: guest.cookie })).status, 200, 'the session goes on');
    return { ended };
  });
});

t.test('SQL says who writes by an issuer and a subject', async (t) => {
  const { user } = (await put('a writer', 'Writer')).body;
  const boardId = await openBoard();
  const writeAs = async (actor: string) => {
    await database.sql(`begin; select set_config('teamboard.actor', '${actor}', true);
      insert into teamboard.items (board_id, text) values ('${boardId}', 'x'); commit`);
    const [event] = await sql(
      'select actor_id, actor_name from teamboard.board_events where board_id = $1 order by seq desc limit 1',
      [boardId],
    );
    return event;
  };
  t.same(await writeAs(`${iss} a writer`), { actor_id: user.id, actor_name: 'Writer' }, 'a subject may have blanks');
  t.same(await writeAs(user.id), { actor_id: user.id, actor_name: 'Writer' });
  t.same(await writeAs(`${iss} whom-nobody-has-made`), { actor_id: null, actor_name: null });
  t.same(await writeAs(''), { actor_id: null, actor_name: null });
  await t.rejects(writeAs('not-a-uuid'), /uuid/);
});
