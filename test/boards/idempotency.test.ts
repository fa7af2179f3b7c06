// A write that carries an Idempotency-Key is done once, whatever becomes of its answer, its node or its twins.

import t, { type Test } from 'tap';
import { Client } from '../helpers/client.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const other = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');

interface Request {
  method: string;
  path: string;
  /** Sent as it is when it is a string. */
  body?: object | string;
}

/** All of an answer that a repeat gets again, and whether it says that it is one. */
interface Sent {
  first: { status: number; text: string; etag: string | null; location: string | null; type: string | null };
  replayed: string | null;
}

async function send(at: TestNode, { cookie }: Client, { method, path, body }: Request, key?: string): Promise<Sent> {
  const response = await fetch(at.url + path, {
    method,
    headers: {
      cookie,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(key !== undefined && { 'idempotency-key': key }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const { headers } = response;
  const [etag, location, type] = [headers.get('etag'), headers.get('location'), headers.get('content-type')];
  return {
    first: { status: response.status, text: await response.text(), etag, location, type },
    replayed: headers.get('idempotent-replayed'),
  };
}

/** Kept apart from what shows them: a repeat finds what its first has put there. */
const large = [{ text: 'x'.repeat(1000) }, { text: 'y', data: { note: 'x'.repeat(1000) } }];

let count = 0;
function newKey(): string {
  count += 1;
  return `key-${count}`;
}

/** A board and an item on it, both Ada's. */
async function makeItem(): Promise<{ boardId: string; board: string; items: string; item: string }> {
  const boardId = await ada.createBoard();
  const board = `/boards/${boardId}`;
  const { body } = await ada.post(`${board}/items`, { text: 'Hi' });
  return { boardId, board, items: `${board}/items`, item: `${board}/items/${body.item.id}` };
}

const eventsOf = (key: string) =>
  database.sql('select resource, action from teamboard.board_events where mutation_id = $1 order by seq', [key]);

const isRemembered = async (key: string) =>
  (await database.sql('select from teamboard.idempotency_keys where key = $1', [key])).length > 0;

async function checkGapless(t: Test, boardId: string): Promise<number> {
  const [log] = await database.sql<{ head: number; count: number; newest: number }>(
    `select head::int, (select count(*)::int from teamboard.board_events where board_id = $1),
       (select max(seq)::int from teamboard.board_events where board_id = $1) as newest
     from teamboard.board_log where board_id = $1`,
    [boardId],
  );
  t.same(log, { head: log?.count, count: log?.count, newest: log?.count }, 'the log has no gap (E2)');
  return log?.count ?? 0;
}

/** Holds the lock of a row until it is called. */
async function lockRow(t: Test, table: 'boards' | 'items', path: string): Promise<() => Promise<void>> {
  const locker = await database.pool.connect();
  await locker.query('begin');
  await locker.query(`select from teamboard.${table} where id = $1 for update`, [path.split('/').at(-1)]);
  let held = true;
  const release = async () => {
    if (!held) return;
    held = false;
    await locker.query('rollback');
    locker.release();
  };
  t.teardown(release);
  return release;
}

const waiters = async () => {
  const [row] = await database.sql<{ count: number }>(
    `select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return row?.count ?? 0;
};

t.test('a repeat of any write answers the same bytes, at any node, and writes nothing (E1)', async (t) => {
  const { board, items, item } = await makeItem();
  const data = { b: [1, { c: 1e21 }], a: 'ü\u2028"' };
  const writes: Array<[Request, number, object[]]> = [
    [
      { method: 'POST', path: '/boards', body: { name: 'New' } },
      201,
      [
        { resource: 'board', action: 'created' },
        { resource: 'member', action: 'created' },
      ],
    ],
    [{ method: 'POST', path: items, body: { text: 'é', data } }, 201, [{ resource: 'item', action: 'created' }]],
    [{ method: 'PATCH', path: item, body: { x: 1.5, data } }, 200, [{ resource: 'item', action: 'updated' }]],
    [{ method: 'PATCH', path: item, body: { x: 1.5 } }, 200, []],
    [{ method: 'PATCH', path: board, body: { name: 'Old' } }, 200, [{ resource: 'board', action: 'updated' }]],
    [{ method: 'PATCH', path: board, body: { name: 'Old' } }, 200, []],
    [{ method: 'DELETE', path: item }, 204, [{ resource: 'item', action: 'deleted' }]],
    // Another one: who has no board is told nothing of it again.
    [{ method: 'DELETE', path: `/boards/${await ada.createBoard()}` }, 204, [{ resource: 'board', action: 'deleted' }]],
  ];
  const done: Array<[string, Request, Sent]> = [];
  for (const [request, status, events] of writes) {
    const key = newKey();
    const answer = await send(node, ada, request, key);
    t.equal(answer.first.status, status);
    t.equal(answer.replayed, null, 'the first is no replay');
    t.same(await eventsOf(key), events);
    if (request.method === 'POST') t.match(answer.first.location, /^\/boards\//);
    if (status !== 204) t.match(answer.first.type, /^application\/json/);
    done.push([key, request, answer]);
    await send(node, ada, { method: 'PATCH', path: item, body: { y: count } });
  }
  const [before] = await database.sql('select sum(head)::int as heads from teamboard.board_log');
  for (const at of [node, other, node]) {
    for (const [key, request, answer] of done) {
      const about = `${request.method} ${request.path} again`;
      t.same(await send(at, ada, request, key), { ...answer, replayed: 'true' }, about);
    }
  }
  t.same(await database.sql('select sum(head)::int as heads from teamboard.board_log'), [before], 'nothing was logged');
});

t.test('twenty that come together at two nodes are one write and twenty equal answers', async (t) => {
  const { boardId, board, items, item } = await makeItem();
  const requests: Request[] = [
    { method: 'POST', path: '/boards', body: { name: 'New' } },
    { method: 'POST', path: items, body: { text: 'New' } },
    { method: 'PATCH', path: item, body: { text: 'New' } },
    { method: 'PATCH', path: item, body: { text: 'New' } },
    { method: 'PATCH', path: board, body: { name: 'New' } },
    ...large.map((body) => ({ method: 'POST', path: items, body })),
    ...large.map((body) => ({ method: 'PATCH', path: item, body })),
    {
      method: 'POST',
      path: `${board}/batch`,
      body: { operations: large.map((item) => ({ op: 'create', item })) },
    },
    { method: 'DELETE', path: item },
    { method: 'DELETE', path: board },
  ];
  for (const request of requests) {
    const key = newKey();
    const about = `${request.method} ${request.path}`;
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => send(index % 2 ? node : other, ada, request, key)),
    );
    const [{ first } = { first: undefined }] = answers;
    t.ok(first && first.status < 300, about);
    for (const answer of answers) t.same(answer.first, first, about);
    t.equal(answers.filter(({ replayed }) => replayed === 'true').length, 19, about);
    t.ok((await eventsOf(key)).length <= 2, about);
  }
  t.equal(await checkGapless(t, boardId), 14, 'three of the set-up, and eleven of these writes');
});

t.test('the same key with another request is 422 and writes nothing', async (t) => {
  const { boardId, board, items, item } = await makeItem();
  const key = newKey();
  const data = { a: { b: 1, c: [1, 2] }, d: '' };
  const first = await send(node, ada, { method: 'POST', path: items, body: { text: 'é', data } }, key);
  const before = await checkGapless(t, boardId);
  const others: Request[] = [
    { method: 'POST', path: items, body: { text: 'e', data } },
    { method: 'POST', path: items, body: { text: 'é', data, x: 0 } },
    { method: 'POST', path: items, body: { text: 'é', data: { ...data, a: { b: 1, c: [2, 1] } } } },
    { method: 'POST', path: `${items}?x`, body: { text: 'é', data } },
    { method: 'POST', path: `/boards/${await ada.createBoard()}/items`, body: { text: 'é', data } },
    { method: 'POST', path: '/boards', body: { name: 'x' } },
    { method: 'PATCH', path: item, body: { text: 'é', data } },
    { method: 'DELETE', path: item },
    { method: 'DELETE', path: board },
    { method: 'DELETE', path: '/boards/01900000-0000-7000-8000-000000000000' },
  ];
  for (const { method, path, body } of others) {
    const answer = await ada.at(other).request(method, path, body, { 'idempotency-key': key });
    sameProblem(t, answer, 'TB_KEY_REUSED', { message: `${method} ${path}` });
    t.equal(answer.headers.get('idempotent-replayed'), null);
  }
  t.equal(await checkGapless(t, boardId), before);

  const anew = ' { "data" : {"d":"", "a":{"c":[1,2.0],"b":1}}, "text":"\\u00e9"}';
  t.same(
    await send(node, ada, { method: 'POST', path: items, body: anew }, key),
    { ...first, replayed: 'true' },
    'the same JSON in another order and spacing is the same request',
  );
  t.equal((await send(node, ada, { method: 'POST', path: items, body: { text: 'e' } }, newKey())).first.status, 201);
});

t.test('a key is its user’s own', async (t) => {
  const { boardId, items } = await makeItem();
  const eve = await Client.signUp(node, 'Eve');
  const stranger = await Client.signUp(node, 'Sam');
  await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
    boardId,
    eve.user.id,
  ]);
  const key = newKey();
  const request = { method: 'POST', path: items, body: { text: 'mine' } };
  const answers = await Promise.all([ada, eve, stranger].map((user) => send(node, user, request, key)));
  t.same(
    answers.map(({ first, replayed }) => [first.status, replayed]),
    [
      [201, null],
      [201, null],
      [404, null],
    ],
  );
  t.not(answers[0]?.first.location, answers[1]?.first.location);
  t.same(await send(other, eve, request, key), { ...answers[1], replayed: 'true' });
  t.equal((await send(other, stranger, request, key)).first.status, 404, 'and shows nothing to a stranger');
});

t.test('what was refused is not remembered: the repeat is tried again', async (t) => {
  const { boardId, board, items, item } = await makeItem();
  const eve = await Client.signUp(node, 'Eve');
  const key = newKey();
  const request: Request = { method: 'PATCH', path: item, body: { data: { b: 'x'.repeat(9000) } } };
  const statuses: number[] = [];
  const attempt = async () => statuses.push((await send(node, eve, request, key)).first.status);
  await attempt();
  await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
    boardId,
    eve.user.id,
  ]);
  await attempt();
  await database.sql(`update teamboard.members set role = 'editor' where board_id = $1 and user_id = $2`, [
    boardId,
    eve.user.id,
  ]);
  await ada.patch(item, { data: { a: 'x'.repeat(9000) } });
  await attempt();
  await ada.patch(item, { data: { a: null } });
  const release = await lockRow(t, 'items', item);
  await attempt();
  await release();
  t.notOk(await isRemembered(key));
  await attempt();
  t.same(statuses, [404, 403, 400, 503, 200], 'no member, a viewer, too much data, a lock, and done');
  t.equal((await send(other, eve, request, key)).replayed, 'true');

  await database.sql('delete from teamboard.members where board_id = $1 and user_id = $2', [boardId, eve.user.id]);
  t.equal((await send(other, eve, request, key)).first.status, 404, 'what was answered once shows the board');
  t.equal((await send(other, eve, { method: 'DELETE', path: board }, newKey())).first.status, 404);
  t.equal((await send(other, eve, { method: 'POST', path: items, body: { text: '' } }, newKey())).first.status, 404);
});

t.test('the answer is lost after the commit: 503, and the repeat learns what was written (E1, E8)', async (t) => {
  const proxy = await startFaultyProxy(t, database.url);
  const cutOff = await startNode(t, proxy.url);
  const { board, items, item } = await makeItem();
  const requests: Request[] = [
    { method: 'POST', path: '/boards', body: { name: 'once' } },
    { method: 'POST', path: items, body: { text: 'once' } },
    { method: 'PATCH', path: item, body: { text: 'once' } },
    { method: 'DELETE', path: item },
    { method: 'DELETE', path: board },
  ];
  for (const [index, request] of requests.entries()) {
    const about = `${request.method} ${request.path}`;
    const key = newKey();
    const cut = proxy.cutAnswerTo(key);
    const lost = await send(cutOff, ada, request, key);
    await cut;
    t.equal(lost.first.status, 503, about);
    t.match(lost.first.text, /"code":"TB_OUTCOME_UNKNOWN"/, about);
    const events = await eventsOf(key);
    t.ok(events.length > 0, `${about}: was committed`);
    const repeat = await send(index % 2 ? node : cutOff, ada, request, key);
    t.ok(repeat.first.status < 300, about);
    t.equal(repeat.replayed, 'true', about);
    t.same(await eventsOf(key), events, `${about}: once`);
  }
});

t.test(
  'who may not see the board any more gets no answer again that shows it, and one that shows nothing',
  async (t) => {
    const eve = await Client.signUp(node, 'Eve');
    const { boardId, board, items, item } = await makeItem();
    const join = (role = 'editor') =>
      database.sql('insert into teamboard.members (board_id, user_id, role) values ($1, $2, $3)', [
        boardId,
        eve.user.id,
        role,
      ]);
    await join();
    const { body } = await ada.post(`${board}/invites`, { role: 'editor' });
    const itemId = item.split('/').at(-1);
    const showing: Request[] = [
      { method: 'POST', path: `/invites/${body.token}/accept` },
      { method: 'POST', path: items, body: { text: 'x' } },
      { method: 'PATCH', path: item, body: { text: 'y' } },
      { method: 'PATCH', path: board, body: { name: 'y' } },
      { method: 'POST', path: `${board}/batch`, body: { operations: [{ op: 'update', id: itemId, item: { x: 1 } }] } },
    ];
    const sendAll = (at: TestNode) =>
      Promise.all(showing.map((request, index) => send(at, eve, request, `shown-${index}`)));
    const firsts = await sendAll(node);
    t.same(new Set(firsts.map(({ first }) => first.status)), new Set([200, 201]));
    const leave: Request = { method: 'DELETE', path: `${board}/members/${eve.user.id}` };
    const left = await send(node, eve, leave, 'leave');
    t.equal(left.first.status, 204);
    for (const { first, replayed } of await sendAll(other)) {
      t.equal(replayed, null);
      t.equal(first.status, 404);
      t.match(first.text, 'TB_NOT_FOUND');
    }
    t.same(await send(other, eve, leave, 'leave'), { ...left, replayed: 'true' }, 'that one has left shows nothing');
    await join('viewer');
    t.same(
      await sendAll(other),
      firsts.map((answer) => ({ ...answer, replayed: 'true' })),
      'back again, the answers are the first ones',
    );

    const create: Request = { method: 'POST', path: '/boards', body: { name: 'x' } };
    const created = await send(node, eve, create, 'create');
    t.equal((await send(other, eve, create, 'create')).replayed, 'true');
    const path = created.first.location ?? '';
    const deleted = await send(node, eve, { method: 'DELETE', path }, 'delete');
    t.same(await send(other, eve, { method: 'DELETE', path }, 'delete'), { ...deleted, replayed: 'true' });
    t.equal((await send(other, eve, create, 'create')).first.status, 404, 'the board that it made is gone');
  },
);

/** @param t ends what it starts @returns what the repeat is answered, and how long its first had been waiting by then */
async function overtake(t: Test) {
  const proxy = await startFaultyProxy(t, database.url);
  const doomed = await startNode(t, proxy.url);
  const { boardId, item } = await makeItem();
  const request: Request = { method: 'PATCH', path: item, body: { text: 'once'.repeat(100) } };
  const key = newKey();
  const release = await lockRow(t, 'items', item);
  const startedAt = performance.now();
  const first = send(doomed, ada, request, key);
  await until(async () => (await waiters()) === 1, 'the first to wait for the row');
  proxy.cut();
  t.equal((await first).first.status, 503);
  const repeat = send(node, ada, request, key);
  await until(async () => (await waiters()) === 2 || performance.now() - startedAt > 2000, 'the repeat to wait for it');
  await release();
  return { answer: await repeat, waitedMs: performance.now() - startedAt, key, boardId };
}

t.test('a repeat that overtakes its first, whose node is gone, waits for it and replays it', async (t) => {
  let overtaken = await overtake(t);
  // After 2 s a row has been waited for too long, and then there was no first: on a machine that stood still.
  for (let tries = 1; tries < 5 && overtaken.waitedMs > 1500; tries += 1) overtaken = await overtake(t);
  const { answer, key, boardId } = overtaken;
  t.match(answer, { first: { status: 200, etag: '"2"' }, replayed: 'true' });
  t.equal((await eventsOf(key)).length, 1);
  await checkGapless(t, boardId);
});

t.test('a repeat waits for no row that others hold', async (t) => {
  const { item } = await makeItem();
  const request: Request = { method: 'PATCH', path: item, body: { text: 'once' } };
  const key = newKey();
  const first = await send(node, ada, request, key);
  const release = await lockRow(t, 'items', item);
  t.same(await send(node, ada, request, key), { ...first, replayed: 'true' });
  await release();
});

t.test('after 24 hours a key is a new one', async (t) => {
  const { items } = await makeItem();
  const key = newKey();
  const request: Request = { method: 'POST', path: items, body: { text: 'New' } };
  const first = await send(node, ada, request, key);
  const [{ ms } = { ms: 0 }] = await database.sql<{ ms: number }>(
    `select extract(epoch from expires_at - now()) * 1000::float8 as ms from teamboard.idempotency_keys where key = $1`,
    [key],
  );
  t.ok(Math.abs(ms - 24 * 3_600_000) < 60_000);
  const age = (interval: string) =>
    database.sql('update teamboard.idempotency_keys set expires_at = now() + $2::interval where key = $1', [
      key,
      interval,
    ]);

  await age('1 minute');
  t.same(await send(node, ada, request, key), { ...first, replayed: 'true' });
  await age('0');
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) => send(index % 2 ? node : other, ada, request, key)),
  );
  t.equal(answers.filter(({ replayed }) => replayed === null).length, 1, 'of ten at once one is the new first');
  const [second] = answers;
  t.not(second?.first.location, first.first.location);
  for (const answer of answers) t.same(answer.first, second?.first);
  t.same(await send(other, ada, request, key), { ...second, replayed: 'true' });

  await age('0');
  const another = await send(node, ada, { ...request, body: { text: 'another' } }, key);
  t.equal(another.first.status, 201, 'also for another request');
  t.equal((await eventsOf(key)).length, 3);
});

t.test('a key has 1 to 64 printable characters', async (t) => {
  const key = `${newKey()}~!"'\\`.padEnd(64, 'k');
  const request: Request = { method: 'POST', path: '/boards', body: { name: 'x' } };
  const first = await send(node, ada, request, key);
  t.equal(first.first.status, 201);
  t.same(await send(node, ada, request, key), { ...first, replayed: 'true' });
  for (const bad of [`${key}k`, '', 'a b', 'k, k']) {
    t.equal((await send(node, ada, request, bad)).first.status, 400, `'${bad}'`);
  }
});

t.test('writers with and without keys, also with the keys of others’ requests, do not deadlock', async (t) => {
  const boardId = await ada.createBoard();
  const items = `/boards/${boardId}/items`;
  const paths: string[] = [];
  for (let made = 0; made < 4; made += 1) {
    paths.push((await send(node, ada, { method: 'POST', path: items, body: { text: '' } })).first.location ?? '');
  }
  const seen = new Map<number, number>();
  const write = async (writer: number) => {
    for (let turn = 0; turn < 30; turn += 1) {
      const path = paths[(writer * 7 + turn) % paths.length] ?? '';
      const requests: Request[] = [
        { method: 'PATCH', path, body: { x: turn } },
        { method: 'POST', path: items, body: { text: 'x' } },
        { method: 'PATCH', path: `/boards/${boardId}`, body: { name: `${turn}` } },
        { method: 'PATCH', path, body: { data: { [writer]: turn } } },
      ];
      const request = requests[(writer + turn) % requests.length] ?? { method: 'GET', path };
      // Of three: none, one's own, and one that others use at the same time for other requests.
      const key = [undefined, `w${writer}-${turn}`, `shared-${turn}`][(writer + (turn >> 1)) % 3];
      const { first } = await send(writer % 2 ? node : other, ada, request, key);
      seen.set(first.status, (seen.get(first.status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, writer) => write(writer)));
  t.same([...seen.keys()].sort(), [200, 201, 422], JSON.stringify([...seen]));
  t.ok((seen.get(422) ?? 0) > 30, 'keys did meet');
  const [stat] = await database.sql('select deadlocks::int from pg_stat_database where datname = current_database()');
  t.equal(stat?.deadlocks, 0);
  await checkGapless(t, boardId);
});

t.test('a board and what is on it, written at once under one key, do not deadlock', async (t) => {
  for (let round = 0; round < 10; round += 1) {
    const { board, items, item } = await makeItem();
    const key = newKey();
    const answers = await Promise.all([
      send(node, ada, { method: 'POST', path: items, body: { text: 'x' } }, key),
      send(other, ada, { method: 'DELETE', path: board }, key),
      send(node, ada, { method: 'PATCH', path: item, body: { x: 1 } }, key),
      send(other, ada, { method: 'PATCH', path: board, body: { name: 'x' } }, key),
    ]);
    const done = answers.filter(({ first }) => first.status < 300);
    t.equal(done.length, 1, answers.map(({ first }) => first.status).join());
    t.equal(answers.filter(({ first }) => first.status === 422).length, 3);
  }
});
