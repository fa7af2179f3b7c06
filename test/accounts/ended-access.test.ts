// What the database announces of sessions and tokens that end, whoever ends them, and what a node reads of them.

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import t, { type Test } from 'tap';
import { createGrantStore } from '../../src/access/grant-store.ts';
import { createSessionStore } from '../../src/accounts/session-store.ts';
import { useDatabase } from '../helpers/node.ts';
import { unheard } from '../helpers/unheard.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const { sql } = database;
const { readRemaining } = createGrantStore(database.pool);

/** @returns the ids of the rows, and of their user */
async function addRows(table: 'sessions' | 'tokens', count: number, ends: string | null = '30 days') {
  const [user] = await sql<{ id: string }>(
    `insert into teamboard.users (name, guest) values ('Ada', true) returning id`,
  );
  const names = table === 'tokens' ? [', name', `, 'ci'`] : ['', ''];
  const rows = await sql<{ id: string }>(
    `insert into teamboard.${table} (token_hash, user_id, expires_at${names[0]})
     select sha256(uuid_send(gen_random_uuid())), $1, now() + $3::interval${names[1]} from generate_series(1, $2::int)
     returning id`,
    [user?.id, count, ends],
  );
  return { userId: user?.id ?? '', ids: rows.map(({ id }) => id) };
}

/** @returns what has been announced since the last call, in the order of the ids */
async function listen(t: Test): Promise<() => Promise<{ payloads: string[]; ids: string[] }>> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  t.teardown(() => client.end());
  let heard: string[] = [];
  client.on('notification', ({ payload = '' }) => void heard.push(payload));
  await client.query('listen teamboard_access_ended');
  return async () => {
    const last = randomUUID();
    await sql(`select pg_notify('teamboard_access_ended', $1)`, [last]);
    await until(() => heard.includes(last), 'the last of them');
    const payloads = heard.filter((payload) => payload !== last);
    heard = [];
    return { payloads, ids: payloads.flatMap((payload) => payload.split(',')).sort() };
  };
}

for (const table of ['sessions', 'tokens'] as const) {
  t.test(`whatever ends ${table} is announced, once for each of them (E6, threat 8)`, async (t) => {
    const announced = await listen(t);
    const { ids, userId } = await addRows(table, 5);
    t.same((await announced()).ids, [], 'not what begins');
    await sql(`delete from teamboard.${table} where id = $1`, [ids[0]]);
    t.same((await announced()).ids, [ids[0]]);
    await sql(`update teamboard.${table} set expires_at = expires_at - interval '1 second' where id = $1`, [ids[1]]);
    t.same((await announced()).ids, [ids[1]], 'what ends sooner');
    await sql(`update teamboard.${table} set expires_at = expires_at + interval '1 second' where user_id = $1`, [
      userId,
    ]);
    await sql(`update teamboard.${table} set created_at = now() where user_id = $1`, [userId]);
    await sql(`begin; delete from teamboard.${table} where user_id = '${userId}'; rollback`);
    t.same((await announced()).ids, [], 'nothing that does not end');
    await sql(`update teamboard.${table} set id = $2 where id = $1`, [ids[1], randomUUID()]);
    t.same((await announced()).ids, [ids[1]]);
    await sql(`delete from teamboard.users where id = $1`, [userId]);
    t.equal((await announced()).ids.length, 4, 'by a cascade');
    const others = await addRows(table, 3);
    await sql(`truncate teamboard.${table} cascade`);
    t.same((await announced()).ids, others.ids.sort());
    t.same(await sql(`select from teamboard.${table}`), []);
  });

  t.test(`ten thousand ${table} that one statement ends are fifty announcements`, async (t) => {
    const announced = await listen(t);
    const { ids, userId } = await addRows(table, 10_000);
    const startedAt = performance.now();
    await sql(`delete from teamboard.${table} where user_id = $1`, [userId]);
    t.comment(`${Math.round(performance.now() - startedAt)} ms`);
    const { payloads, ids: heard } = await announced();
    t.equal(payloads.length, 50);
    t.ok(payloads.every(({ length }) => length < 7500));
    t.same(heard, ids.sort());
  });
}

t.test('a token that never ended and now does is announced; one that never does any more is not', async (t) => {
  const announced = await listen(t);
  const { ids } = await addRows('tokens', 1, null);
  await sql(`update teamboard.tokens set expires_at = now() + interval '1 year' where id = $1`, [ids[0]]);
  t.same((await announced()).ids, ids);
  await sql('update teamboard.tokens set expires_at = null where id = $1', [ids[0]]);
  t.same((await announced()).ids, []);
});

t.test('what has expired is swept away in silence', async (t) => {
  const announced = await listen(t);
  await addRows('sessions', 20, '-61 seconds');
  await addRows('sessions', 1);
  t.equal(await createSessionStore(database.pool, unheard).removeExpired(100), 20);
  t.same((await announced()).payloads, []);
});

t.test('what is left is told in milliseconds of the database, and of what is not there nothing', async (t) => {
  const [expired, soon, late] = await Promise.all(
    ['-1 hour', '10 seconds', '30 days'].map(async (ends) => (await addRows('sessions', 1, ends)).ids[0] ?? ''),
  );
  const [never, farAway, ended] = (await addRows('tokens', 3, null)).ids;
  // The first and the last time that a token can end at.
  await sql(`update teamboard.tokens set expires_at = '9999-12-31 23:59:59Z' where id = $1`, [farAway]);
  await sql(`update teamboard.tokens set expires_at = '0001-01-01 00:00:00Z' where id = $1`, [ended]);
  const ids = [expired, soon, late, never, farAway, ended].map((id) => id ?? '');
  const remaining = await readRemaining([...ids, randomUUID()]);
  const day = 86_400_000;
  const left = ids.map((id) => remaining.get(id) ?? Number.NaN);
  t.same(left.toSpliced(1, 1), [0, day, day, day, 0]);
  t.ok((left[1] ?? 0) > 5000 && (left[1] ?? 0) <= 10_000, `${left[1]}`);
  t.equal(remaining.size, ids.length);
});

t.test('the sweep of a node on which ten thousand sessions have streams', async (t) => {
  const { ids } = await addRows('sessions', 10_000);
  await sql('analyze teamboard.sessions');
  const took: number[] = [];
  const cpuBefore = process.cpuUsage().user;
  for (let start = 0; start < ids.length; start += 1000) {
    const startedAt = performance.now();
    t.equal((await readRemaining(ids.slice(start, start + 1000))).size, 1000);
    took.push(performance.now() - startedAt);
  }
  const cpuMs = Math.round((process.cpuUsage().user - cpuBefore) / 1000);
  // What else the machine does meanwhile meets some of them.
  const fastest = Math.min(...took);
  t.comment(`ten questions of ${Math.round(fastest)} ms at best; ${cpuMs} ms of this process`);
  t.ok(10 * fastest < 2500, 'half of the time between two sweeps');
});
