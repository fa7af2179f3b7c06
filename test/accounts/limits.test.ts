// How much one may have, also when many ask at once; and guests whom nobody can be any more.

import t, { type Test } from 'tap';
import { createGuestStore, type GuestPosition } from '../../src/accounts/guest-store.ts';
import { type Answer, Client } from '../helpers/client.ts';
import { complaintsOf } from '../helpers/complaints.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url, {
  boardsPerUser: 3,
  membersPerBoard: 4,
  invitesPerBoard: 3,
  tokensPerUser: 3,
  guestDays: 30,
});
/** More than one has left, at once. */
const RUSH = 8;

const count = async (text: string, id: string) => (await database.sql<{ n: number }>(text, [id]))[0]?.n;

/** Holds that of several requests at once so many were done, and that the others name the limit. */
function expectLimit(t: Test, answers: Answer[], done: number, names: RegExp): void {
  const refused = answers.filter(({ status }) => status !== 201 && status !== 200);
  t.equal(answers.length - refused.length, done);
  for (const answer of refused) sameProblem(t, answer, 'TB_LIMIT_REACHED');
  for (const { body } of refused) t.match(body.detail, names);
}

t.test('boards that one user makes at once take turns, and none waits for another that waits for it', async (t) => {
  const own = await startNode(t, database.url);
  const ada = await Client.signUp(own);
  const { pool } = own.app;
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<unknown>;
  const codes: unknown[] = [];
  pool.query = ((...args: unknown[]) =>
    query(...args).catch((error) => {
      codes.push(error.code);
      throw error;
    })) as typeof pool.query;
  const answers = await Promise.all(Array.from({ length: 30 }, () => ada.post('/boards', { name: 'Plans' })));
  t.same(new Set(answers.map(({ status }) => status)), new Set([201]));
  t.strictSame(codes, [], 'no deadlock');
});

t.test('a user makes so many boards, also with many requests at once', async (t) => {
  const ada = await Client.signUp(node);
  const make = (key?: string) => ada.post('/boards', { name: 'Plans' }, key ? { 'idempotency-key': key } : {});
  const first = await make('first');
  expectLimit(t, await Promise.all(Array.from({ length: RUSH }, () => make())), 2, /3 boards/);
  t.equal(await count('select count(*)::integer as n from teamboard.boards where created_by = $1', ada.user.id), 3);
  t.equal((await make('first')).headers.get('idempotent-replayed'), 'true', 'a repeat is told what it has made');

  const bob = await Client.signUp(node, 'Bob');
  const [one, two] = [await bob.createBoard(), await bob.createBoard()];
  for (const id of [one, two]) {
    t.equal((await bob.post(`/boards/${id}/members`, { userId: ada.user.id, role: 'owner' })).status, 201);
  }
  t.equal((await ada.delete(`/boards/${first.body.board.id}`)).status, 204);
  t.equal((await make()).status, 201, 'those of others do not count, whatever role they give');
  expectLimit(t, [await make('second')], 0, /3 boards/);
  t.equal((await ada.delete(`/boards/${(await ada.get('/boards')).body.boards[0].id}`)).status, 204);
  t.equal((await make('second')).status, 201, 'what was refused is not remembered under its key');
});

t.test('a board has so many members, by whichever way they come', async (t) => {
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const { body } = await ada.post(`/boards/${boardId}/invites`, { role: 'editor' });
  const guests = await Promise.all(Array.from({ length: RUSH }, () => Client.signUp(node, 'Guest')));
  const answers = guests.map((guest, n) =>
    n % 2
      ? guest.post(`/invites/${body.token}/accept`, undefined)
      : ada.post(`/boards/${boardId}/members`, { userId: guest.user.id, role: 'viewer' }),
  );
  expectLimit(t, await Promise.all(answers), 3, /4 members/);
  t.equal(await count('select count(*)::integer as n from teamboard.members where board_id = $1', boardId), 4);
  const [{ uses } = { uses: 0 }] = await database.sql<{ uses: number }>(
    'select uses from teamboard.invites where board_id = $1',
    [boardId],
  );
  const editors = `select count(*)::integer as n from teamboard.members where board_id = $1 and role = 'editor'`;
  t.equal(uses, await count(editors, boardId), 'who was not let in has used nothing up');
  t.equal((await ada.patch(`/boards/${boardId}/members/${ada.user.id}`, { role: 'owner' })).status, 200);

  await database.sql(
    `with other as (insert into teamboard.users (name, guest) values ('Eve', false) returning id)
     insert into teamboard.members (board_id, user_id, role) select $1, id, 'viewer' from other`,
    [boardId],
  );
  t.equal(
    await count('select count(*)::integer as n from teamboard.members where board_id = $1', boardId),
    5,
    'another service may go past it',
  );
});

t.test('a board has so many open invites; one that has ended is none', async (t) => {
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const path = `/boards/${boardId}/invites`;
  const invite = () => ada.post(path, { role: 'viewer', maxUses: 1 });
  expectLimit(t, await Promise.all(Array.from({ length: RUSH }, invite)), 3, /3 open invites/);
  const [revoked, expired] = (await ada.get(path)).body.invites;
  t.equal((await ada.delete(`${path}/${revoked.id}`)).status, 204);
  const { token } = (await invite()).body;
  expectLimit(t, [await invite()], 0, /3 open invites/);
  t.equal((await (await Client.signUp(node)).post(`/invites/${token}/accept`, undefined)).status, 200);
  t.equal((await invite()).status, 201, 'one that is used up');
  await database.sql('update teamboard.invites set expires_at = now() where id = $1', [expired.id]);
  t.equal((await invite()).status, 201, 'one that has expired');
  const bob = await Client.signUp(node, 'Bob');
  const member = `/boards/${boardId}/members/${bob.user.id}`;
  await ada.post(`/boards/${boardId}/members`, { userId: bob.user.id, role: 'owner' });
  await database.sql('update teamboard.invites set created_by = $2 where board_id = $1 and revoked_at is null', [
    boardId,
    bob.user.id,
  ]);
  t.equal((await ada.patch(member, { role: 'viewer' })).status, 200);
  t.same((await ada.get(path)).body.invites, [], 'those of a former owner let nobody in, and nobody sees them');
  expectLimit(t, await Promise.all(Array.from({ length: 3 }, invite)), 3, /3 open invites/);
  expectLimit(t, [await invite()], 0, /3 open invites/);
});

t.test('a user has so many tokens, and the oldest session ends for the next', async (t) => {
  const account = { name: 'Ada', email: 'ada@example.org', password: 'correct horse' };
  const ada = await Client.keep(node, account);
  const make = () => ada.post('/tokens', { name: 'ci' });
  expectLimit(t, await Promise.all(Array.from({ length: RUSH }, make)), 3, /3 tokens/);
  const [token] = (await ada.get('/tokens')).body.tokens;
  t.equal((await ada.delete(`/tokens/${token.id}`)).status, 204);
  t.equal((await make()).status, 201);

  await database.sql(
    `insert into teamboard.sessions (token_hash, user_id, created_at, expires_at)
     select sha256(n::text::bytea), $1, now() - interval '1 day', now() + interval '1 day' from generate_series(1, 120) n`,
    [ada.user.id],
  );
  const { status } = await Client.nobody(node).post('/session', account);
  t.equal(status, 400, 'no name belongs there');
  await Client.nobody(node).post('/session', { email: account.email, password: account.password });
  t.equal(await count('select count(*)::integer as n from teamboard.sessions where user_id = $1', ada.user.id), 100);
  t.equal((await ada.get('/session')).status, 200, 'the newer ones stay');
});

t.test('a guest whom nobody can be any more goes, with what nobody else would miss', async (t) => {
  const age = (user: { id: string }, days: number) =>
    database.sql(`update teamboard.users set created_at = now() - make_interval(days => $2) where id = $1`, [
      user.id,
      days,
    ]);
  const signOut = (user: { id: string }) =>
    database.sql('delete from teamboard.sessions where user_id = $1', [user.id]);
  const old = async (name: string) => {
    const client = await Client.signUp(node, name);
    await age(client.user, 31);
    return client;
  };
  const gone = await old('gone');
  const itsBoard = await gone.createBoard();
  await gone.post(`/boards/${itsBoard}/items`, { text: 'alone' });
  const expired = await old('expired');
  await database.sql('update teamboard.sessions set expires_at = now() where user_id = $1', [expired.user.id]);

  const signedIn = await old('signed in');
  const young = await Client.signUp(node, 'young');
  const withToken = await old('with a token');
  await withToken.post('/tokens', { name: 'ci' });
  const owner = await old('owner of a board that others are on');
  const shared = await owner.createBoard();
  const member = await old('on the board of another');
  await owner.post(`/boards/${shared}/members`, { userId: member.user.id, role: 'viewer' });
  const lasting = await Client.keep(node, { name: 'lasting', email: 'last@example.org', password: 'correct horse' });
  await age(lasting.user, 400);
  for (const { user } of [gone, young, withToken, owner, member, lasting]) await signOut(user);

  // Pages of one: those that stay do not stop the walk.
  const store = createGuestStore(database.pool, 30);
  const { signal } = new AbortController();
  let after: GuestPosition | undefined;
  let pages = 0;
  do {
    ({ after } = await store.removeUnused(after, 1, signal));
    pages += 1;
  } while (after && pages < 1000);
  t.ok(pages > 5);
  const left = await database.sql<{ id: string }>('select id from teamboard.users');
  const isThere = ({ user }: Client) => left.some(({ id }) => id === user.id);
  t.same([gone, expired].map(isThere), [false, false]);
  t.same([signedIn, young, withToken, owner, member, lasting].map(isThere), Array(6).fill(true));
  t.equal(await count('select count(*)::integer as n from teamboard.boards where id = $1', itsBoard), 0);
  t.equal((await signedIn.get('/session')).status, 200);

  const next = await old('next');
  await signOut(next.user);
  const other = await startNode(t, database.url, { guestDays: 30 });
  await until(
    async () => (await database.sql('select from teamboard.users where id = $1', [next.user.id])).length === 0,
    'a node to remove it by itself',
  );
  t.equal(complaintsOf(other).length, 0);
});

t.test('a guest who cannot be removed keeps none of the others', async (t) => {
  await database.sql(
    `create function teamboard.refuse_removal() returns trigger language plpgsql as $$
     begin raise 'it takes too long' using errcode = 'query_canceled'; end $$`,
  );
  await database.sql(
    `create trigger refuse_removal before delete on teamboard.users for each row when (old.name = 'stuck')
     execute function teamboard.refuse_removal()`,
  );
  t.teardown(() => database.sql('drop function teamboard.refuse_removal() cascade'));
  const add = (name: string, days: number) =>
    database.sql(
      `insert into teamboard.users (id, name, guest, created_at) values (teamboard.uuid_v7(), $1, true, now() - make_interval(days => $2))`,
      [name, days],
    );
  for (const [name, days] of [
    ['later', 50],
    ['stuck', 51],
    ['stuck', 49],
  ] as const) {
    await add(name, days);
  }
  const removing = await startNode(t, database.url, { guestDays: 30 });
  const named = (name: string) => count('select count(*)::integer as n from teamboard.users where name = $1', name);
  const warnings = () => complaintsOf(removing);
  await until(async () => (await named('later')) === 0, 'the guest between them to go');
  await until(() => warnings().length > 0, 'the node to tell of the others');
  t.match(warnings(), [{ owner: 'guest-removal' }]);
  t.equal(await named('stuck'), 2);
  await until(
    () => removing.logged.some(({ msg }) => msg === 'unused guests are removed again'),
    'the walk to come to its end',
  );
});
