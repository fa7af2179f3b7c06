// Sharing a board: who is on it, in which role, and the links that let others in.

import t, { type Test } from 'tap';
import { removeEndedInvites } from '../../src/boards/invite-store.ts';
import { type Answer, Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { lockHead } from '../helpers/lock-head.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const other = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');
const bob = await Client.signUp(node, 'Bob');
const cy = await Client.signUp(node, 'Cy');
const nobody = Client.nobody(node);
const unknownId = '01900000-0000-7000-8000-000000000000';
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

type Role = 'owner' | 'editor' | 'viewer';

/** A board of Ada's with further members. */
async function makeBoard(...members: Array<[Client, Role]>): Promise<{ boardId: string; board: string }> {
  const boardId = await ada.createBoard();
  for (const [{ user }, role] of members) await ada.post(`/boards/${boardId}/members`, { userId: user.id, role });
  return { boardId, board: `/boards/${boardId}` };
}

async function rolesOn(boardId: string): Promise<Record<string, Role>> {
  const rows = await database.sql<{ name: string; role: Role }>(
    `select users.name, role from teamboard.members join teamboard.users on users.id = user_id where board_id = $1 order by name`,
    [boardId],
  );
  return Object.fromEntries(rows.map(({ name, role }) => [name, role]));
}

const eventsSince = (boardId: string, seq: number) =>
  database.sql(
    `select resource, action, resource_id as id, object, changes, actor_id as actor, mutation_id as mutation
     from teamboard.board_events where board_id = $1 and seq > $2 order by seq`,
    [boardId, seq],
  );

const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status).sort();

t.test('owners add members, change their roles and remove them, and each is an event (E1)', async (t) => {
  const { boardId, board } = await makeBoard();
  const key = (name: string) => ({ 'idempotency-key': `${boardId.slice(-8)}-${name}` });
  const added = await ada.post(`${board}/members`, { userId: bob.user.id, role: 'viewer' }, key('add'));
  t.equal(added.status, 201);
  const { member } = added.body;
  const { id, name } = bob.user;
  t.same(added.body, { member: { boardId, user: { id, name }, role: 'viewer', createdAt: member.createdAt } });
  t.match(member.createdAt, rfc3339);
  const changed = await ada.patch(`${board}/members/${id}`, { role: 'editor' }, key('change'));
  t.equal(changed.status, 200);
  t.same(changed.body, { member: { ...member, role: 'editor' } });
  t.same((await ada.patch(`${board}/members/${id}`, { role: 'editor' })).body, changed.body, 'no change, no event');

  const list = await bob.get(`${board}/members`);
  t.equal(list.status, 200);
  t.match(list.body, { members: [{ user: { name: 'Ada' }, role: 'owner' }, changed.body.member] });
  t.same(list.body.members, (await ada.get(board)).body.members);

  const removed = await ada.delete(`${board}/members/${id}`, key('remove'));
  t.equal(removed.status, 204);
  sameProblem(t, await bob.get(board), 'TB_NOT_FOUND', { message: 'who was removed sees nothing' });
  for (const answer of [
    await ada.delete(`${board}/members/${id}`),
    await ada.patch(`${board}/members/${id}`, { role: 'viewer' }),
  ]) {
    sameProblem(t, answer, 'TB_NOT_FOUND', { message: 'no member' });
  }
  const event = { resource: 'member', id, actor: ada.user.id, changes: null };
  t.same(await eventsSince(boardId, 2), [
    { ...event, action: 'created', object: member, mutation: key('add')['idempotency-key'] },
    {
      ...event,
      action: 'updated',
      object: changed.body.member,
      changes: ['role'],
      mutation: key('change')['idempotency-key'],
    },
    { ...event, action: 'deleted', object: changed.body.member, mutation: key('remove')['idempotency-key'] },
  ]);
  for (const [again, first] of [
    [await ada.at(other).post(`${board}/members`, { userId: id, role: 'viewer' }, key('add')), added],
    [await ada.at(other).patch(`${board}/members/${id}`, { role: 'editor' }, key('change')), changed],
    [await ada.at(other).delete(`${board}/members/${id}`, key('remove')), removed],
  ] as const) {
    t.equal(again.headers.get('idempotent-replayed'), 'true');
    t.same([again.status, again.body], [first.status, first.body], 'done once');
  }
  t.equal((await eventsSince(boardId, 2)).length, 3);
});

t.test('what cannot be a member is refused, and a member who is added again keeps their role', async (t) => {
  const { boardId, board } = await makeBoard([bob, 'owner']);
  const faults: Array<[object, string, string]> = [
    [{ role: 'viewer' }, '/userId', 'is missing'],
    [{ userId: 'x', role: 'viewer' }, '/userId', 'must be a UUID'],
    [{ userId: cy.user.id, role: 'boss' }, '/role', 'must be one of owner, editor, viewer'],
    [{ userId: cy.user.id, role: 'viewer', name: 'x' }, '/name', 'is not a field that is known here'],
    [{ userId: unknownId, role: 'viewer' }, '/userId', 'is no user here'],
  ];
  for (const [body, path, message] of faults) {
    const answer = await ada.post(`${board}/members`, body);
    sameProblem(t, answer, 'TB_INVALID', { errors: [{ path, message }], message: JSON.stringify(body) });
  }
  sameProblem(t, await ada.post(`${board}/members`, { userId: bob.user.id, role: 'viewer' }), 'TB_ALREADY_MEMBER');
  t.same(await rolesOn(boardId), { Ada: 'owner', Bob: 'owner' });
});

t.test('everyone may leave, and only owners send others away', async (t) => {
  const { boardId, board } = await makeBoard([bob, 'editor'], [cy, 'viewer']);
  sameProblem(t, await bob.delete(`${board}/members/${cy.user.id}`), 'TB_FORBIDDEN');
  sameProblem(t, await bob.delete(`${board}/members/${unknownId}`), 'TB_FORBIDDEN', {
    message: 'also who is not there',
  });
  sameProblem(t, await cy.patch(`${board}/members/${cy.user.id}`, { role: 'owner' }), 'TB_FORBIDDEN');
  t.same(await rolesOn(boardId), { Ada: 'owner', Bob: 'editor', Cy: 'viewer' });
  t.same(statusesOf([await bob.delete(`${board}/members/${bob.user.id}`)]), [204]);
  t.same(statusesOf([await cy.delete(`${board}/members/${cy.user.id}`)]), [204]);
  t.same(await rolesOn(boardId), { Ada: 'owner' });
  sameProblem(t, await cy.delete(`${board}/members/${cy.user.id}`), 'TB_NOT_FOUND', { message: 'left already' });
});

t.test('who is removed has no stream any more, on any node (E6)', async (t) => {
  const { boardId, board } = await makeBoard([bob, 'editor']);
  const stream = await openStream(t, other.url, boardId, bob);
  await stream.next('ready');
  await ada.delete(`${board}/members/${bob.user.id}`);
  await ada.post(`${board}/items`, { text: 'after' });
  await stream.end();
  t.match(stream.frames.at(-1), { event: 'close', data: { reason: 'revoked', retry: false } });
  t.same(stream.seqs, [4], 'the removal is the last that he sees');
});

t.test('a board keeps an owner, whoever writes', async (t) => {
  const { boardId, board } = await makeBoard([bob, 'editor']);
  const me = `${board}/members/${ada.user.id}`;
  const key = { 'idempotency-key': `${boardId}-leave` };
  sameProblem(t, await ada.patch(me, { role: 'editor' }), 'TB_LAST_OWNER');
  sameProblem(t, await ada.delete(me, key), 'TB_LAST_OWNER');
  const refused = { code: '23001', constraint: 'members_keep_owner' };
  for (const sql of [
    'delete from teamboard.members where board_id = $1',
    `update teamboard.members set role = 'viewer' where board_id = $1`,
    `delete from teamboard.users where id = (select user_id from teamboard.members where board_id = $1 and role = 'owner')`,
  ]) {
    await t.rejects(database.sql(sql, [boardId]), refused, sql);
  }
  t.same(await rolesOn(boardId), { Ada: 'owner', Bob: 'editor' });
  t.same(await eventsSince(boardId, 3), []);

  await database.sql(`do $$ begin
    update teamboard.members set role = 'viewer' where board_id = '${boardId}' and user_id = '${ada.user.id}';
    update teamboard.members set role = 'owner' where board_id = '${boardId}' and user_id = '${bob.user.id}';
  end $$`);
  t.same(await rolesOn(boardId), { Ada: 'viewer', Bob: 'owner' }, 'one for the other, in one transaction');
  t.equal((await ada.delete(me, key)).status, 204, 'what was refused is not remembered');
  t.equal((await bob.delete(board)).status, 204, 'a board that goes needs no owner');
});

t.test('two owners who go, or send each other away, at the same moment leave one behind', async (t) => {
  const outcomes = new Set<string>();
  for (let round = 0; round < 12; round += 1) {
    const { boardId, board } = await makeBoard([bob, 'owner']);
    const path = (user: Client) => `${board}/members/${user.user.id}`;
    const [one, two] =
      [
        () => [ada.delete(path(ada)), bob.at(other).delete(path(bob))],
        () => [ada.delete(path(bob)), bob.at(other).delete(path(ada))],
        () => [ada.patch(path(bob), { role: 'viewer' }), bob.at(other).patch(path(ada), { role: 'viewer' })],
        () => [ada.patch(path(ada), { role: 'viewer' }), bob.at(other).patch(path(bob), { role: 'viewer' })],
      ][round % 4]?.() ?? [];
    const answers = [await one, await two].map((answer) => answer as Answer);
    const [done, refused = 0] = statusesOf(answers);
    t.ok(done === 200 || done === 204, `round ${round}: one of them`);
    t.ok([403, 404, 409].includes(refused), `round ${round}: and not the other: ${refused}`);
    outcomes.add(`${round % 4} ${refused}`);
    t.equal(Object.values(await rolesOn(boardId)).filter((role) => role === 'owner').length, 1, `round ${round}`);
  }
  t.ok(outcomes.has('0 409') && outcomes.has('3 409'), [...outcomes].join());
});

t.test('of two owners who send each other away at the same moment one stays, also when there is a third', async (t) => {
  for (let round = 0; round < 10; round += 1) {
    const { boardId, board } = await makeBoard([bob, 'owner'], [cy, 'owner']);
    const answers = await Promise.all([
      ada.delete(`${board}/members/${bob.user.id}`),
      bob.at(other).delete(`${board}/members/${ada.user.id}`),
    ]);
    t.same(statusesOf(answers), [204, 404], 'the second is no owner any more when its turn comes');
    t.equal(Object.keys(await rolesOn(boardId)).length, 2);
  }
});

t.test('writers past the API who take the last two owners at once leave one behind', async (t) => {
  for (const isolation of ['read committed', 'repeatable read']) {
    const { boardId } = await makeBoard([bob, 'owner']);
    const clients = await Promise.all([database.pool.connect(), database.pool.connect()]);
    for (const [index, client] of clients.entries()) {
      await client.query(`begin isolation level ${isolation}`);
      await client.query('delete from teamboard.members where board_id = $1 and user_id = $2', [
        boardId,
        [ada, bob][index]?.user.id,
      ]);
    }
    // Both are on their way to the end before either can get there.
    const release = await lockHead(t, database, boardId);
    const commits = Promise.allSettled(clients.map((client) => client.query('commit')));
    await until(async () => (await waiters()) === 2, 'both commits to wait for the head');
    await release();
    const ends = await commits;
    for (const client of clients) client.release();
    t.same(ends.map(({ status }) => status).sort(), ['fulfilled', 'rejected'], isolation);
    t.equal(Object.keys(await rolesOn(boardId)).length, 1);
  }
});

/** A new invite to a board of Ada's. */
async function makeInvite(board: string, fields: object = { role: 'editor' }) {
  const { status, body } = await ada.post(`${board}/invites`, fields);
  if (status !== 201) throw new Error(JSON.stringify(body));
  const { invite, token } = body;
  return { invite, token, link: `/invites/${token}`, accept: `/invites/${token}/accept` };
}

t.test('an invite is made once per key, and each repeat gets a link that leads to it', async (t) => {
  const { boardId, board } = await makeBoard();
  const key = { 'idempotency-key': `${boardId}-invite` };
  const make = (client: Client, role = 'viewer', at = node) =>
    client.at(at).post(`${board}/invites`, { role, maxUses: 2 }, key);
  const [first, second] = await Promise.all([make(ada), make(ada, 'viewer', other)]);
  t.same([first.status, second.status], [201, 201]);
  t.same(second.body.invite, first.body.invite);
  t.same((await ada.get(`${board}/invites`)).body.invites, [first.body.invite]);
  const replays = [first, second].map(({ headers }) => headers.get('idempotent-replayed'));
  t.same(replays.sort(), [null, 'true']);
  t.not(second.body.token, first.body.token, 'the first token is kept nowhere');
  sameProblem(t, await make(ada, 'editor'), 'TB_KEY_REUSED');

  const guests = await Promise.all(['Cy', 'Di', 'Eve'].map((name) => Client.signUp(node, name)));
  const accept = ({ body }: Answer, index: number) =>
    guests[index]?.post(`/invites/${body.token}/accept`, undefined) as Promise<Answer>;
  t.same([(await accept(first, 0)).status, (await accept(second, 1)).status], [200, 200]);
  sameProblem(t, await accept(first, 2), 'TB_INVITE_ENDED', { message: 'both count as uses of one invite' });

  const member = `${board}/members`;
  await ada.post(member, { userId: bob.user.id, role: 'owner' });
  t.equal((await bob.patch(`${member}/${ada.user.id}`, { role: 'viewer' })).status, 200);
  sameProblem(t, await make(ada), 'TB_FORBIDDEN', { message: 'no link for who is an owner no more' });
  t.equal((await bob.delete(board)).status, 204);
  sameProblem(t, await make(ada), 'TB_NOT_FOUND');
});

t.test('repeats give an invite so many links, and one that has ended goes after a week', async (t) => {
  const { boardId, board } = await makeBoard();
  const make = (key: string) => ada.post(`${board}/invites`, { role: 'viewer' }, { 'idempotency-key': key });
  const [kept, ended, revoked] = await Promise.all(
    ['kept', 'ended', 'revoked'].map((name) => make(`${boardId}-${name}`)),
  );
  for (let links = 1; links < 20; links += 1) t.equal((await make(`${boardId}-kept`)).status, 201);
  sameProblem(t, await make(`${boardId}-kept`), 'TB_LIMIT_REACHED', { message: 'no more of them' });

  const idOf = (answer?: Answer) => (answer?.body.invite as { id: string } | undefined)?.id;
  await database.sql(
    `update teamboard.invites set created_at = now() - interval '30 days', expires_at = now() - interval '8 days'
    where id = $1`,
    [idOf(ended)],
  );
  await database.sql(`update teamboard.invites set revoked_at = now() - interval '8 days' where id = $1`, [
    idOf(revoked),
  ]);
  await removeEndedInvites(database.pool, 100);
  const left = await database.sql('select id from teamboard.invites where board_id = $1', [boardId]);
  t.same(left, [{ id: idOf(kept) }]);
});

t.test('a link lets others in, with the role that it gives and for as long as it says', async (t) => {
  const { boardId, board } = await makeBoard();
  const created = await ada.post(`${board}/invites`, { role: 'editor' });
  t.equal(created.status, 201);
  const { invite, token } = created.body;
  t.same(created.body, {
    invite: {
      id: invite.id,
      boardId,
      role: 'editor',
      maxUses: null,
      uses: 0,
      createdBy: ada.user.id,
      createdAt: invite.createdAt,
      expiresAt: invite.expiresAt,
    },
    token,
    url: `${node.url}/invites/${token}`,
  });
  t.match(token, /^[\w-]{32}$/, '192 bits');
  t.equal(Date.parse(invite.expiresAt) - Date.parse(invite.createdAt), 7 * 24 * 3_600_000);
  t.match((await makeInvite(board, { role: 'viewer', expiresInHours: 1, maxUses: 3 })).invite, { maxUses: 3 });

  const found = await bob.get(`/invites/${token}`);
  t.equal(found.status, 200);
  t.same(found.body, {
    invite: {
      board: { id: boardId, name: 'Plans' },
      role: 'editor',
      invitedBy: { id: ada.user.id, name: 'Ada' },
      expiresAt: invite.expiresAt,
      yourRole: null,
    },
  });
  sameProblem(t, await bob.get(board), 'TB_NOT_FOUND', { message: 'looking lets nobody in' });
  t.same((await nobody.get(`/invites/${token}`)).body, found.body, 'who holds the link may look, without a name');
  const forgotten = await nobody.get(`/invites/${token}`, { cookie: 'tb_session=x' });
  t.same(forgotten.body, found.body, 'also with the cookie of a session that has ended');
  for (const header of [{ authorization: 'Bearer tb_x' }, { 'user-id': bob.user.id }]) {
    sameProblem(t, await nobody.get(`/invites/${token}`, header), 'TB_UNAUTHENTICATED', {
      message: 'but not in disguise',
    });
  }
  sameProblem(t, await nobody.get('/invites/x'), 'TB_NOT_FOUND');
  sameProblem(t, await nobody.post(`/invites/${token}/accept`, undefined), 'TB_UNAUTHENTICATED');

  const key = { 'idempotency-key': `${boardId}-accept` };
  const accepted = await bob.post(`/invites/${token}/accept`, undefined, key);
  t.equal(accepted.status, 200);
  t.same(accepted.body, { board: (await bob.get(board)).body.board, role: 'editor' });
  t.match(await eventsSince(boardId, 2), [
    { resource: 'member', action: 'created', id: bob.user.id, actor: bob.user.id, mutation: key['idempotency-key'] },
  ]);
  const replayed = await bob.at(other).post(`/invites/${token}/accept`, undefined, key);
  t.equal(replayed.headers.get('idempotent-replayed'), 'true');
  t.same(replayed.body, accepted.body);
  t.equal((await bob.get(`/invites/${token}`)).body.invite.yourRole, 'editor');
  const { invites } = (await ada.get(`${board}/invites`)).body;
  t.match(invites, [
    { role: 'viewer', uses: 0 },
    { id: invite.id, uses: 1 },
  ]);
  t.notMatch(JSON.stringify(invites), token, 'the link is shown once');

  const behindProxy = await startNode(t, database.url, { publicUrl: 'https://boards.example' });
  const cookie = `__Host-${ada.cookie}`;
  const elsewhere = await ada.at(behindProxy).post(`${board}/invites`, { role: 'viewer' }, { cookie });
  t.equal(elsewhere.body.url, `https://boards.example/invites/${elsewhere.body.token}`);
});

t.test('the database does not hold the secret of a link (T26)', async (t) => {
  const { board } = await makeBoard();
  const { token, accept } = await makeInvite(board);
  await bob.post(accept, undefined, { 'idempotency-key': 'accept' });
  const tables = await database.sql<{ name: string }>(
    `select format('%I', tablename) as name from pg_tables where schemaname = 'teamboard'`,
  );
  t.ok(tables.length > 5);
  for (const { name } of tables) {
    const rows = await database.sql(`select from teamboard.${name} as line where line::text like '%' || $1 || '%'`, [
      token,
    ]);
    t.same(rows, [], name);
  }
});

t.test('an invite that does not fit is refused', async (t) => {
  const { board } = await makeBoard();
  for (const [body, path] of [
    [{}, '/role'],
    [{ role: 'owner' }, '/role'],
    [{ role: 'viewer', expiresInHours: 0 }, '/expiresInHours'],
    [{ role: 'viewer', expiresInHours: 8761 }, '/expiresInHours'],
    [{ role: 'viewer', maxUses: 0 }, '/maxUses'],
    [{ role: 'viewer', maxUses: '5' }, '/maxUses'],
    [{ role: 'viewer', token: 'mine' }, '/token'],
  ] as Array<[object, string]>) {
    const answer = await ada.post(`${board}/invites`, body);
    sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors, message: JSON.stringify(body) });
    t.equal(answer.body.errors[0].path, path);
  }
});

t.test('accepting twice is harmless, uses nothing up twice, and never lowers a role', async (t) => {
  const { boardId, board } = await makeBoard([cy, 'viewer']);
  const once = await makeInvite(board, { role: 'editor', maxUses: 1 });
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) => bob.at(index % 2 ? node : other).post(once.accept, undefined)),
  );
  t.same(new Set(statusesOf(answers)), new Set([200]), 'at once');
  t.equal((await bob.post(once.accept, undefined)).status, 200, 'and later, when it is used up');
  t.equal((await bob.get(once.link)).status, 200);
  sameProblem(t, await cy.post(once.accept, undefined), 'TB_INVITE_ENDED', { message: 'one use is one' });

  const forViewers = await makeInvite(board, { role: 'viewer', maxUses: 1 });
  for (const [client, role] of [
    [ada, 'owner'],
    [bob, 'editor'],
    [cy, 'viewer'],
  ] as const) {
    t.match((await client.post(forViewers.accept, undefined)).body, { board: { id: boardId }, role });
  }
  t.match((await ada.get(`${board}/invites`)).body.invites, [{ uses: 0 }], 'none of them used it up');
  const forEditors = await makeInvite(board, { role: 'editor' });
  t.equal((await cy.post(forEditors.accept, undefined)).body.role, 'editor', 'a higher role is given');
  t.same(await rolesOn(boardId), { Ada: 'owner', Bob: 'editor', Cy: 'editor' });
  const { length } = await eventsSince(boardId, 0);
  t.equal(length, 5, 'two for the new board, Cy, Bob, and Cy’s new role');
});

t.test('who follows two links at the same moment gets the higher role', async (t) => {
  const { board, boardId } = await makeBoard();
  const forEditors = await makeInvite(board, { role: 'editor' });
  const forViewers = await makeInvite(board, { role: 'viewer' });
  for (let round = 0; round < 12; round += 1) {
    const eve = await Client.signUp(node, `Eve ${round}`);
    const accepts = [forEditors.accept, forViewers.accept].map((path, index) =>
      eve.at(index ? node : other).post(path, undefined),
    );
    t.same(statusesOf(await Promise.all(accepts)), [200, 200]);
    t.equal((await rolesOn(boardId))[`Eve ${round}`], 'editor');
  }
});

t.test('an invite that has ended lets nobody in, and says why', async (t) => {
  const { boardId, board } = await makeBoard([cy, 'owner']);
  const end: Record<string, (id: string) => Promise<unknown>> = {
    revoked: (id) => ada.delete(`${board}/invites/${id}`),
    expired: (id) => database.sql('update teamboard.invites set expires_at = now() where id = $1', [id]),
    'as many': (id) => database.sql('update teamboard.invites set max_uses = 5, uses = 5 where id = $1', [id]),
    'no longer an owner': () => cy.patch(`${board}/members/${ada.user.id}`, { role: 'editor' }),
  };
  for (const [detail, act] of Object.entries(end)) {
    const { invite, link, accept } = await makeInvite(board);
    t.equal((await bob.get(link)).status, 200);
    await act(invite.id);
    for (const answer of [await bob.get(link), await nobody.get(link), await bob.post(accept, undefined)]) {
      sameProblem(t, answer, 'TB_INVITE_ENDED', { message: detail });
      t.match(answer.body.detail, detail);
    }
    t.same((await cy.get(`${board}/invites`)).body, { invites: [] }, 'and is in no list');
    t.equal((await cy.delete(`${board}/invites/${invite.id}`)).status, 204, 'revoking it again is harmless');
  }
  t.same(await rolesOn(boardId), { Ada: 'editor', Cy: 'owner' });
  for (const token of ['x', 'x'.repeat(32), 'x'.repeat(101), '%00', unknownId]) {
    sameProblem(t, await bob.get(`/invites/${token}`), 'TB_NOT_FOUND', { message: token });
    sameProblem(t, await bob.post(`/invites/${token}/accept`, undefined), 'TB_NOT_FOUND', { message: token });
  }
  await cy.delete(board);
  t.same(
    await database.sql('select from teamboard.invites where board_id = $1', [boardId]),
    [],
    'they go with their board',
  );
});

t.test('an invite is found through its own board only (IDOR)', async (t) => {
  const { board } = await makeBoard();
  const { invite, link } = await makeInvite(board);
  const eve = await Client.signUp(node, 'Eve');
  const own = await eve.createBoard();
  sameProblem(t, await eve.delete(`/boards/${own}/invites/${invite.id}`), 'TB_NOT_FOUND');
  t.equal((await eve.get(link)).status, 200, 'it was not revoked');
});

t.test('of twenty who come at once by an invite for five, five get in', async (t) => {
  const guests = await Promise.all(Array.from({ length: 20 }, () => Client.signUp(node, 'Guest')));
  const { boardId, board } = await makeBoard();
  const { accept, invite } = await makeInvite(board, { role: 'viewer', maxUses: 5 });
  // Each asks twice, at both nodes: who is in is in twice, and uses one of the five.
  const answers = await Promise.all(
    guests.flatMap((guest) => [node, other].map((at) => guest.at(at).post(accept, undefined))),
  );
  const wins = answers.filter(({ status }) => status === 200).length;
  t.same(new Set(statusesOf(answers)), new Set([200, 410]));
  t.ok(wins >= 5 && wins <= 10, `${wins} answers`);
  const [row] = await database.sql('select uses from teamboard.invites where id = $1', [invite.id]);
  t.equal(row?.uses, 5);
  t.equal((await ada.get(`${board}/members`)).body.members.length, 6);
  await checkGapless(t, boardId);
});

t.test('members who come, go and are deleted with their board do not deadlock', async (t) => {
  for (let round = 0; round < 8; round += 1) {
    const { board } = await makeBoard([bob, 'owner'], [cy, 'editor']);
    const { accept } = await makeInvite(board);
    const eve = await Client.signUp(node, 'Eve');
    const answers = await Promise.all([
      ada.patch(`${board}/members/${cy.user.id}`, { role: 'viewer' }),
      bob.at(other).delete(`${board}/members/${cy.user.id}`),
      eve.post(accept, undefined),
      cy.at(other).post(accept, undefined),
      bob.delete(board),
    ]);
    t.ok(
      answers.every(({ status }) => status < 500),
      answers.map(({ status }) => status).join(),
    );
  }
  const [stat] = await database.sql('select deadlocks::int from pg_stat_database where datname = current_database()');
  t.equal(stat?.deadlocks, 0);
});

const waiters = async () => {
  const [row] = await database.sql<{ count: number }>(
    `select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return row?.count ?? 0;
};

async function checkGapless(t: Test, boardId: string): Promise<void> {
  const [log] = await database.sql(
    `select head::int, (select count(*)::int from teamboard.board_events where board_id = $1) as count from teamboard.board_log
     where board_id = $1`,
    [boardId],
  );
  t.equal(log?.head, log?.count, 'the log has no gap (E2)');
}

/** What the snapshot says of a member's name, and its ETag. */
async function nameOn(board: string, { user }: Client): Promise<{ name: string; etag: string }> {
  const { body, headers } = await ada.get(board);
  const { name } = body.members.find((member: { user: { id: string } }) => member.user.id === user.id).user;
  return { name, etag: headers.get('etag') ?? '' };
}

const namesTold = async (boardId: string, { user }: Client) =>
  (await eventsSince(boardId, 0)).flatMap(({ id, object }) => (id === user.id ? [object.user.name] : []));

t.test('a member who is renamed is an event of each board, whoever does it, and another ETag (E3)', async (t) => {
  const dora = await Client.signUp(node, 'Dora');
  const { boardId, board } = await makeBoard([dora, 'viewer']);
  const stream = await openStream(t, other.url, boardId, ada);
  await stream.next('ready');
  const before = await nameOn(board, dora);
  let page = dora;
  const herself = async (change: object) => {
    const answer = await page.patch('/users/me', change);
    t.equal(answer.status, 200);
    if (answer.headers.has('set-cookie')) page = page.after(answer);
  };
  const credentials = { email: 'dora@example.org', password: 'correct horse' };
  const others = { email: 'dora.iv@example.org', currentPassword: credentials.password };
  const renamings: Array<[string, (name: string) => Promise<unknown>, object | null]> = [
    ['Dora II', (name) => herself({ name }), { id: dora.user.id, name: 'Dora II' }],
    ['Dora III', (name) => herself({ name, ...credentials }), { id: dora.user.id, name: 'Dora III' }],
    ['Dora IV', (name) => herself({ name, ...others }), { id: dora.user.id, name: 'Dora IV' }],
    [
      'Dora V',
      (name) => database.sql('update teamboard.users set name = $1 where id = $2', [name, dora.user.id]),
      null,
    ],
  ];
  for (const [name, rename, actor] of renamings) {
    await rename(name);
    const { data } = await stream.next('changed', ({ data }) => data.object.user?.name === name);
    t.match(data, { resource: 'member', action: 'updated', id: dora.user.id, changes: ['user'], actor });
    t.match(data.object, { boardId, user: { id: dora.user.id, name }, role: 'viewer' });
    const after = await nameOn(board, dora);
    t.equal(after.name, name);
    t.not(after.etag, before.etag);
    t.equal((await ada.get(board, { 'if-none-match': before.etag })).status, 200);
  }
  await herself({ name: 'Dora V' });
  await ada.patch(`${board}/members/${dora.user.id}`, { role: 'editor' });
  t.match((await eventsSince(boardId, 0)).at(-1), { changes: ['role'] });
  t.equal((await namesTold(boardId, dora)).length, 6, 'the same name again is no change');
  await stream.close();
});

t.test(
  'a snapshot shows the name that the log has told, also while a board is locked that others wait for',
  async (t) => {
    const eve = await Client.signUp(node, 'Eve');
    await database.sql(
      `with board as (insert into teamboard.boards (name) select 'Plans' from generate_series(1, 250) returning id),
       ada as (insert into teamboard.members (board_id, user_id, role) select id, $1, 'owner' from board)
     insert into teamboard.members (board_id, user_id, role) select id, $2, 'editor' from board`,
      [ada.user.id, eve.user.id],
    );
    const { boardId, board } = await makeBoard([eve, 'editor']);
    const told = async (name: string) =>
      (
        await database.sql('select count(*)::int from teamboard.members where user_id = $1 and told_name = $2', [
          eve.user.id,
          name,
        ])
      )[0]?.count;
    const release = await lockHead(t, database, boardId);
    const before = await nameOn(board, eve);
    await eve.patch('/users/me', { name: 'Eva' });
    await until(async () => (await told('Eva')) === 250, 'the other boards');
    t.same(await nameOn(board, eve), before, 'nothing has changed that the log does not tell');
    await release();
    await until(async () => (await told('Eva')) === 251, 'the last one');
    t.same(await namesTold(boardId, eve), ['Eve', 'Eva']);

    // Of many names in a row only some are told, and the last one always.
    for (let turn = 1; turn <= 20; turn += 1) {
      await database.sql('update teamboard.users set name = $1 where id = $2', [`Eve ${turn}`, eve.user.id]);
    }
    await until(async () => (await told('Eve 20')) === 251, 'the last name');
    await until(async () => (await database.sql('select from teamboard.renames')).length === 0, 'nothing to be left');
    t.equal((await namesTold(boardId, eve)).at(-1), 'Eve 20');
    t.equal((await nameOn(board, eve)).name, 'Eve 20');
  },
);

t.test('who joins while the new name is written is there under the new name', async (t) => {
  const finn = await Client.signUp(node, 'Finn');
  const { boardId, board } = await makeBoard();
  const renaming = await database.pool.connect();
  await renaming.query('begin');
  await renaming.query(`update teamboard.users set name = 'Fynn' where id = $1`, [finn.user.id]);
  const joined = ada.post(`${board}/members`, { userId: finn.user.id, role: 'viewer' });
  await until(async () => {
    const waiting = await database.sql(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return waiting.length > 0;
  }, 'the membership to wait');
  await renaming.query('commit');
  renaming.release();
  t.equal((await joined).body.member.user.name, 'Fynn');
  t.same(await namesTold(boardId, finn), ['Fynn']);
});
