// How long a session lasts, how a user ends the others, and how the rows go.

import t from 'tap';
import { createSessionStore } from '../../src/accounts/session-store.ts';
import { createTokenStore } from '../../src/accounts/token-store.ts';
import { Client } from '../helpers/client.ts';
import { complaintsOf } from '../helpers/complaints.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { unheard } from '../helpers/unheard.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** Makes the only session of a user older than it is. */
async function age({ user }: Client, created: string, expires: string): Promise<void> {
  await database.sql(
    `update teamboard.sessions set created_at = now() - $2::interval, expires_at = now() + $3::interval where user_id = $1`,
    [user.id, created, expires],
  );
}

/** @returns in how many days the session ends, by the answer and by the table */
async function daysLeft(client: Client): Promise<[told: number, stored: number, rowVersion: string]> {
  const { body } = await client.get('/session');
  const [row] = await database.sql<{ days: number; version: string }>(
    `select extract(epoch from expires_at - now())::float8 / 86400 as days, xmin::text as version
     from teamboard.sessions where user_id = $1`,
    [client.user.id],
  );
  const round = (days: number) => Math.round(days * 100) / 100;
  return [round((Date.parse(body.expiresAt) - Date.now()) / DAY_MS), round(row?.days ?? 0), row?.version ?? ''];
}

t.test('a session lasts for thirty days after a request, and a read is a write once a day at most', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  await age(ada, '1 hour', '29 days 1 hour');
  const [, , untouched] = await daysLeft(ada);
  t.same(await daysLeft(ada), [29.04, 29.04, untouched], 'less than a day old: not written');
  await age(ada, '2 days', '28 days 23 hours');
  const [told, stored, renewed] = await daysLeft(ada);
  t.same([told, stored], [30, 30]);
  t.same(await daysLeft(ada), [30, 30, renewed]);
  await age(ada, '29 days', '1 second');
  t.same((await daysLeft(ada)).slice(0, 2), [30, 30], 'just in time');
});

t.test('a session ends ninety days after its sign-in, whatever happens', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  await age(ada, '70 days', '10 days');
  const [told, stored, renewed] = await daysLeft(ada);
  t.same([told, stored], [20, 20]);
  await age(ada, '89 days', '1 day');
  const [, , last] = await daysLeft(ada);
  t.not(last, renewed);
  t.same(await daysLeft(ada), [1, 1, last], 'nothing is left to put off');
  await age(ada, '90 days', '0 days');
  sameProblem(t, await ada.get('/session'), 'TB_UNAUTHENTICATED');
  const [row] = await database.sql('select expires_at <= now() as ended from teamboard.sessions where user_id = $1', [
    ada.user.id,
  ]);
  t.same(row, { ended: true }, 'one that has ended does not begin again');
});

t.test('while the database takes no writes, sessions are as good as before', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  await age(ada, '10 days', '20 days');
  await database.sql(`create function teamboard.refuse() returns trigger language plpgsql as
    $$ begin raise 'disk full' using errcode = 'disk_full'; end $$`);
  await database.sql(
    'create trigger refuse before update on teamboard.sessions for each row execute function teamboard.refuse()',
  );
  t.same((await daysLeft(ada)).slice(0, 2), [20, 20]);
  t.match(complaintsOf(node), [{ reason: 'disk full' }]);
  await database.sql('drop trigger refuse on teamboard.sessions');
  t.same((await daysLeft(ada)).slice(0, 2), [30, 30]);
});

t.test('DELETE /sessions signs the user out everywhere, and nobody else', async (t) => {
  const account = { name: 'Ada', email: 'ada@example.org', password: 'correct horse' };
  const one = await Client.keep(node, account);
  const two = one.after(
    await one.request('POST', '/session', account && { email: account.email, password: account.password }, {
      cookie: '',
    }),
  );
  const bob = await Client.signUp(node, 'Bob');
  const token = (await one.post('/tokens', { name: 'ci' })).body.secret;
  t.equal((await two.get('/session')).status, 200);
  const answer = await one.delete('/sessions');
  t.equal(answer.status, 204);
  t.match(answer.headers.getSetCookie()[0], /^tb_session=; .*Expires=Thu, 01 Jan 1970/);
  for (const each of [one, two]) sameProblem(t, await each.get('/session'), 'TB_UNAUTHENTICATED');
  t.equal((await bob.get('/session')).status, 200);
  t.equal((await Client.nobody(node).get('/session', { authorization: `Bearer ${token}` })).status, 200, 'tokens stay');
});

t.test('what has ended is removed, a few rows at a time', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const tables = ['sessions', 'tokens'] as const;
  for (const table of tables) {
    await database.sql(
      `insert into teamboard.${table} (token_hash, user_id, expires_at${table === 'tokens' ? ', name' : ''})
       select sha256(n::text::bytea), $1, now() + (n - 21) * interval '1 minute'${table === 'tokens' ? `, 'n'` : ''}
       from generate_series(1, 30) n`,
      [ada.user.id],
    );
  }
  await database.sql(`insert into teamboard.tokens (token_hash, user_id, name) values (sha256('never'), $1, 'n')`, [
    ada.user.id,
  ]);
  const left = (table: string) =>
    database.sql(`select from teamboard.${table} where user_id = $1`, [ada.user.id]).then(({ length }) => length);
  const stores = { sessions: createSessionStore(database.pool, unheard), tokens: createTokenStore(database.pool, 50) };
  for (const table of tables) t.equal(await stores[table].removeExpired(15), 15);
  t.same(await Promise.all(tables.map(left)), [16, 16]);
  await startNode(t, database.url);
  for (const table of tables) await until(async () => (await left(table)) <= 11, `the expiry of a node: ${table}`);
  t.same(await Promise.all(tables.map(left)), [11, 11], 'those that count stay, and one that ended just now');
  t.equal((await ada.get('/session')).status, 200);
});

t.test('what names another user than is signed in is refused, whatever it is, and nothing is done', async (t) => {
  const [ada, bob] = [await Client.signUp(node, 'Ada'), await Client.signUp(node, 'Bob')];
  const boardId = await ada.createBoard();
  const { body } = await ada.post('/tokens', { name: 'a script' });
  const script = body.secret ? await Client.bearing(node, body.secret) : ada;
  for (const caller of [ada, script]) {
    const count = (await ada.get(`/boards/${boardId}`)).body.items.length;
    for (const named of [bob.user.id, 'nobody', '']) {
      const meant = { 'user-id': named };
      sameProblem(t, await caller.post(`/boards/${boardId}/items`, { text: 'x' }, meant), 'TB_OTHER_USER');
      sameProblem(t, await caller.get(`/boards/${boardId}`, meant), 'TB_OTHER_USER');
      sameProblem(t, await caller.post(`/boards/${boardId}/broadcasts`, { name: 'x' }, meant), 'TB_OTHER_USER');
    }
    t.equal((await ada.get(`/boards/${boardId}`)).body.items.length, count);
    const own = { 'user-id': ada.user.id.toUpperCase() };
    t.equal((await caller.post(`/boards/${boardId}/items`, { text: 'x' }, own)).status, 201);
  }
  t.equal((await ada.get('/session')).status, 200, 'nobody is signed out by it');
});
