// Tickets: a stream for an EventSource that can send neither header nor cookie (threats 1, 2, 3, 5 and 7).

import { createHash, createSecretKey, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import t from 'tap';
import { createTicketStore } from '../../src/accounts/ticket-store.ts';
import { secretIssuer, sign } from '../helpers/application.ts';
import { Client } from '../helpers/client.ts';
import { openMany, openStream } from '../helpers/event-stream.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { spawnNode } from '../helpers/process.ts';
import { startReader } from '../helpers/reader.ts';
import { range } from '../helpers/seqs.ts';
import { serverSideOf } from '../helpers/server-side.ts';
import { until } from '../helpers/until.ts';

const allowed = 'https://app.example';
const hostile = 'https://evil.example';
const application = secretIssuer();
const database = await useDatabase(t);
const settings = { jwtIssuers: [application.config], corsOrigins: [allowed] };
const node = await startNode(t, database.url, settings);
const nobody = Client.nobody(node);
const json = { accept: 'application/json' };

/** @returns what POST …/tickets answers */
async function makeTicket(client: Client, boardId: string): Promise<{ ticket: string; expiresAt: string }> {
  return (await client.post(`/boards/${boardId}/tickets`, undefined)).body;
}
const eventsOf = (boardId: string, ticket: string) => `/boards/${boardId}/events?ticket=${ticket}`;
const hashOf = (ticket: string) => createHash('sha256').update(ticket).digest();

/** One user by each kind of credential, with a board. */
async function callers(): Promise<Array<[kind: string, client: Client]>> {
  const byCookie = await Client.signUp(node, 'Ada');
  const byToken = await Client.bearing(node, (await byCookie.post('/tokens', { name: 'ci' })).body.secret);
  const jwt = await sign(application.signer, { iss: application.config.issuer, sub: `ada ${byCookie.user.id}` });
  return [
    ['cookie', byCookie],
    ['token', byToken],
    ['JWT', await Client.bearing(node, jwt)],
  ];
}

t.test(
  'a ticket is made by any credential, shown once, kept as its SHA-256, and opens the stream of its board',
  async (t) => {
    for (const [kind, maker] of await callers()) {
      const boardId = await maker.createBoard();
      const answer = await maker.post(`/boards/${boardId}/tickets`, {});
      t.equal(answer.status, 201, kind);
      t.equal(answer.headers.get('cache-control'), 'no-store');
      t.equal(answer.headers.get('referrer-policy'), 'no-referrer');
      const { ticket, expiresAt, ...rest } = answer.body;
      t.same(rest, {});
      t.match(ticket, /^[\w-]{43}$/, '256 random bits');
      const seconds = (Date.parse(expiresAt) - Date.now()) / 1000;
      t.ok(seconds > 50 && seconds <= 61, `${seconds} s`);
      t.equal((await database.sql('select from teamboard.tickets where ticket_hash = $1', [hashOf(ticket)])).length, 1);
      t.equal(
        (await database.sql('select from teamboard.tickets where tickets::text like $1', [`%${ticket}%`])).length,
        0,
      );

      const arrived = once(node.app.server, 'request');
      const stream = await openStream(t, node.url, boardId, { cookie: '', query: `?ticket=${ticket}` });
      await stream.next('ready');
      const [{ url }] = await arrived;
      t.equal(url, `/boards/${boardId}/events`, 'nothing that the framework logs has it any more');
      t.equal(stream.headers['referrer-policy'], 'no-referrer');
      await until(() => stream.presence.length > 0, 'who is there');
      t.same(
        stream.presence[0]?.users.map(({ id }) => id),
        [maker.user.id],
        'its maker',
      );
      const { body } = await maker.post(`/boards/${boardId}/items`, { text: 'Hi' });
      t.equal((await stream.next('changed')).data.id, body.item.id);
      stream.close();
      const page = await nobody.get(eventsOf(boardId, ticket), json);
      t.equal(page.body.events.length, 3, 'the pages of the same log too');
      t.not((await makeTicket(maker, boardId)).ticket, ticket);
    }
  },
);

t.test('only those who see the board make tickets for it', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const eve = await Client.signUp(node, 'Eve');
  const boardId = await ada.createBoard();
  const path = `/boards/${boardId}/tickets`;
  sameProblem(t, await nobody.post(path, undefined), 'TB_UNAUTHENTICATED');
  const foreign = await eve.post(path, undefined);
  sameProblem(t, foreign, 'TB_NOT_FOUND');
  t.same((await eve.post(`/boards/${eve.user.id}/tickets`, undefined)).body, foreign.body, 'as for none');
  sameProblem(t, await ada.post('/boards/none/tickets', undefined), 'TB_NOT_FOUND');
  await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
    boardId,
    eve.user.id,
  ]);
  t.equal((await eve.post(path, undefined)).status, 201, 'a viewer may');
  for (const [body, pointer] of [
    [{ ttl: 3600 }, '/ttl'],
    [[], '/'],
    ['"x"', '/'],
  ] as const) {
    const answer = await ada.post(path, body);
    sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors });
    t.ok(answer.body.errors.some((fault: { path: string }) => fault.path === pointer));
  }
  const crossSite = await ada.post(path, undefined, { 'sec-fetch-site': 'cross-site', origin: hostile });
  sameProblem(t, crossSite, 'TB_CROSS_SITE');
});

t.test('a ticket is good nowhere else', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const [boardId, other] = [await ada.createBoard(), await ada.createBoard()];
  const { ticket } = await makeTicket(ada, boardId);
  const unknown = await nobody.get(eventsOf(boardId, 'x'.repeat(43)));
  for (const [about, path] of Object.entries({
    'another board of its maker': eventsOf(other, ticket),
    'a board that does not exist': eventsOf(ada.user.id, ticket),
    'no board at all': eventsOf('none', ticket),
    'a shorter one': eventsOf(boardId, ticket.slice(1)),
    empty: eventsOf(boardId, ''),
    'in front of another, of which the last one counts': `${eventsOf(boardId, ticket)}&ticket=${ticket.slice(1)}`,
    'another case': eventsOf(boardId, ticket.toUpperCase()),
  })) {
    for (const headers of [json, { accept: 'text/event-stream' }]) {
      const answer = await nobody.get(path, headers);
      sameProblem(t, answer, 'TB_UNAUTHENTICATED', { message: about });
      t.same(answer.body, unknown.body, 'they cannot be told apart');
    }
  }
  for (const path of ['/session', '/boards', `/boards/${boardId}`, `/boards/${boardId}/presence`, '/tokens']) {
    sameProblem(t, await nobody.get(`${path}?ticket=${ticket}`), 'TB_UNAUTHENTICATED', { message: path });
  }
  for (const path of ['/boards', `/boards/${boardId}/items`, `/boards/${boardId}/tickets`, '/session']) {
    const answer = await nobody.post(`${path}?ticket=${ticket}`, {}, { 'sec-fetch-site': 'cross-site' });
    sameProblem(t, answer, 'TB_CROSS_SITE', { message: `${path}: no way round the check` });
  }
  const bearer = await nobody.get('/session', { authorization: `Bearer ${ticket}` });
  sameProblem(t, bearer, 'TB_UNAUTHENTICATED', { message: 'as a token' });
  sameProblem(t, await nobody.get('/session', { cookie: `tb_session=${ticket}` }), 'TB_UNAUTHENTICATED');
  const [row] = await database.sql('select used_at from teamboard.tickets where ticket_hash = $1', [hashOf(ticket)]);
  t.same(row, { used_at: null }, 'none of that was a use');
  t.equal((await nobody.get(eventsOf(boardId.toUpperCase(), ticket), json)).status, 200);
});

t.test('a token wins over a ticket, and a ticket over a cookie', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const bob = await Client.signUp(node, 'Bob');
  const boardId = await ada.createBoard();
  const { ticket } = await makeTicket(ada, boardId);
  sameProblem(t, await ada.get(eventsOf(boardId, 'wrong'), json), 'TB_UNAUTHENTICATED', {
    message: 'a wrong ticket beside a good cookie',
  });
  t.equal((await bob.get(eventsOf(boardId, ticket), json)).status, 200, 'beside the cookie of one who sees nothing');
  const { secret } = (await bob.post('/tokens', { name: 'ci' })).body;
  const byToken = { ...json, authorization: `Bearer ${secret}` };
  sameProblem(t, await nobody.get(eventsOf(boardId, ticket), byToken), 'TB_NOT_FOUND', { message: 'Bob by token' });
});

t.test('a ticket is used within a minute or never, and then again and again', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const boardId = await ada.createBoard();
  const [used, unused] = [await makeTicket(ada, boardId), await makeTicket(ada, boardId)];
  const open = async ({ ticket }: { ticket: string }) => (await nobody.get(eventsOf(boardId, ticket), json)).status;
  const rowOf = async ({ ticket }: { ticket: string }) =>
    (
      await database.sql<{ used: Date; version: string }>(
        'select used_at as used, xmin::text as version from teamboard.tickets where ticket_hash = $1',
        [hashOf(ticket)],
      )
    )[0];
  t.same(await Promise.all(Array.from({ length: 20 }, () => open(used))), Array(20).fill(200));
  const first = await rowOf(used);
  await database.sql('update teamboard.tickets set expires_at = now() where user_id = $1', [ada.user.id]);
  t.equal(await open(used), 200);
  t.equal(await open(unused), 401);
  t.same((await rowOf(used))?.used, first?.used, 'a use is no write');
  await database.sql(`update teamboard.tickets set used_at = now() - interval '2 hours' where used_at is not null`);
  t.equal(await open(used), 200);
  t.ok(((await rowOf(used))?.used.getTime() ?? 0) >= (first?.used.getTime() ?? 0), 'but for one an hour');

  const store = createTicketStore(database.pool);
  t.ok((await store.removeExpired(100)) >= 1);
  t.equal(await rowOf(unused), undefined);
  t.ok(await rowOf(used), 'what is in use stays');
  const late = await makeTicket(ada, boardId);
  await database.sql('update teamboard.tickets set expires_at = now() where ticket_hash = $1', [hashOf(late.ticket)]);
  await startNode(t, database.url);
  await until(async () => (await rowOf(late)) === undefined, 'the expiry of a node');
});

t.test('a ticket ends with what its maker has come by', async (t) => {
  const issuer = application.config.issuer;
  const cases: Record<string, (maker: Client, boardId: string) => Promise<unknown>> = {
    'cookie: sign-out': (ada) => ada.delete('/session'),
    'cookie: everywhere': (ada) => ada.delete('/sessions'),
    'cookie: expired': ({ user }) =>
      database.sql('update teamboard.sessions set expires_at = now() where user_id = $1', [user.id]),
    'cookie: credentials': (ada) =>
      ada.patch('/users/me', { email: `${ada.user.id}@example.org`, password: 'correct horse' }),
    'token: deleted': ({ user }) => database.sql('delete from teamboard.tokens where user_id = $1', [user.id]),
    'token: expired': ({ user }) =>
      database.sql('update teamboard.tokens set expires_at = now() where user_id = $1', [user.id]),
    'JWT: expired': ({ user }) =>
      database.sql('update teamboard.tickets set jwt_ends_at = now() where user_id = $1', [user.id]),
    'JWT: user gone': ({ user }) => database.sql('delete from teamboard.users where id = $1', [user.id]),
    'JWT: removed': ({ user }) => database.sql('delete from teamboard.members where user_id = $1', [user.id]),
    'cookie: removed': ({ user }) => database.sql('delete from teamboard.members where user_id = $1', [user.id]),
    'token: board gone': (_maker, boardId) => database.sql('delete from teamboard.boards where id = $1', [boardId]),
  };
  for (const [about, end] of Object.entries(cases)) {
    const [, maker] = (await callers()).find(([kind]) => about.startsWith(kind)) ?? [];
    if (!maker) throw new Error(about);
    const bob = await Client.signUp(node, 'Bob');
    const boardId = await bob.createBoard();
    await database.sql(
      `insert into teamboard.members (board_id, user_id, role) select $1, id, 'owner' from teamboard.users where id = any ($2)`,
      [boardId, [maker.user.id]],
    );
    const [used, unused] = [await makeTicket(maker, boardId), await makeTicket(maker, boardId)];
    t.equal((await nobody.get(eventsOf(boardId, used.ticket), json)).status, 200, about);
    await end(maker, boardId);
    for (const { ticket } of [used, unused]) {
      sameProblem(t, await nobody.get(eventsOf(boardId, ticket), json), 'TB_UNAUTHENTICATED', { message: about });
    }
    if (!about.includes('removed')) continue;
    await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'owner')`, [
      boardId,
      maker.user.id,
    ]);
    t.equal((await nobody.get(eventsOf(boardId, used.ticket), json)).status, 401, 'also when its maker is back');
  }

  const exp = Math.floor(Date.now() / 1000) + 600;
  const brief = await Client.bearing(node, await sign(application.signer, { iss: issuer, sub: 'brief', exp }));
  const boardId = await brief.createBoard();
  const { ticket } = await makeTicket(brief, boardId);
  const caller = await createTicketStore(database.pool).find(ticket, [boardId]);
  t.match(caller, { user: brief.user, grant: { id: undefined, expiresAt: new Date(exp * 1000).toISOString() } });
  const [[, byCookie] = [], [, byToken] = []] = await callers();
  for (const [maker, table] of [
    [byCookie, 'sessions'],
    [byToken, 'tokens'],
  ] as const) {
    if (!maker) throw new Error(table);
    const board = await maker.createBoard();
    const found = await createTicketStore(database.pool).find((await makeTicket(maker, board)).ticket, [board]);
    const [row] = await database.sql(`select id from teamboard.${table} where user_id = $1`, [maker.user.id]);
    t.match(found, { grant: { id: row?.id, expiresAt: (await maker.get('/session')).body.expiresAt } });
  }
  await database.sql('update teamboard.tickets set jwt_ends_at = now() where ticket_hash = $1', [hashOf(ticket)]);
  t.ok((await createTicketStore(database.pool).removeExpired(10)) >= 1);
  t.equal((await database.sql('select from teamboard.tickets where ticket_hash = $1', [hashOf(ticket)])).length, 0);
});

t.test('a user has a hundred unused tickets at most, and a thousand that are used', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const boardId = await ada.createBoard();
  const insert = (prefix: string, number: number, usedAt: string) =>
    database.sql(
      `insert into teamboard.tickets (ticket_hash, board_id, user_id, session_id, expires_at, used_at)
       select sha256(($1 || n)::bytea), $2, $3, sessions.id, now() + interval '1 minute', ${usedAt}
       from generate_series(1, $4) n, teamboard.sessions where sessions.user_id = $3`,
      [prefix, boardId, ada.user.id, number],
    );
  await insert('unused', 99, 'null');
  t.equal((await ada.post(`/boards/${boardId}/tickets`, undefined)).status, 201);
  const refused = await ada.post(`/boards/${boardId}/tickets`, undefined);
  sameProblem(t, refused, 'TB_TOO_MANY_TICKETS');
  t.match(refused.body.detail, /\b100\b/);
  t.equal(refused.headers.get('retry-after'), '60');
  const bob = await Client.signUp(node, 'Bob');
  t.equal((await bob.post(`/boards/${await bob.createBoard()}/tickets`, undefined)).status, 201, 'others are others');

  await database.sql('delete from teamboard.tickets where user_id = $1', [ada.user.id]);
  await insert('used', 1001, `now() - n * interval '1 second'`);
  await insert('expired', 200, 'null');
  await database.sql('update teamboard.tickets set expires_at = now() where user_id = $1 and used_at is null', [
    ada.user.id,
  ]);
  t.equal((await ada.post(`/boards/${boardId}/tickets`, undefined)).status, 201, 'what has expired does not count');
  const left = async (name: string) => (await nobody.get(eventsOf(boardId, name), json)).status === 200;
  t.same([await left('used1'), await left('used1000'), await left('used1001')], [true, true, false]);
});

t.test('pages of any origin open a stream by a ticket, and only those of the list can read it', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const boardId = await ada.createBoard();
  const { ticket } = await makeTicket(ada, boardId);
  for (const origin of [allowed, hostile, 'null']) {
    const headers = { origin, 'sec-fetch-site': 'cross-site' };
    const stream = await openStream(t, node.url, boardId, { cookie: '', headers, query: `?ticket=${ticket}` });
    t.equal(stream.status, 200, origin);
    t.equal(stream.headers['access-control-allow-origin'], origin === allowed ? allowed : undefined);
    t.match(stream.headers.vary, /\bOrigin\b/);
    stream.close();
    const wrong = await nobody.get(eventsOf(boardId, 'x'), { ...headers, cookie: ada.cookie });
    sameProblem(t, wrong, 'TB_UNAUTHENTICATED', { message: `${origin}: a wrong one beside a cookie opens nothing` });
    t.equal(wrong.headers.get('access-control-allow-origin'), origin === allowed ? allowed : null);
    const ambient = await openStream(t, node.url, boardId, { cookie: ada.cookie, headers });
    t.equal(ambient.status, origin === allowed ? 200 : 403, 'the cookie alone is checked');
    ambient.close();
  }
});

t.test('an EventSource with a ticket comes back and misses nothing, until its maker signs out (E1, E2)', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const bob = await Client.signUp(node, 'Bob');
  const boardId = await ada.createBoard();
  await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
    boardId,
    bob.user.id,
  ]);
  const { ticket } = await makeTicket(ada, boardId);
  const second = await startNode(t, database.url, settings);
  let address = node.url;
  const reader = startReader(t, { address: () => address, boardId, client: nobody, ticket });
  await until(() => reader.isOpen, 'the stream');
  let head = 3;
  const write = async () => {
    await bob.post(`/boards/${boardId}/items`, { text: 'Hi' });
    head += 1;
  };
  await write();
  await until(() => reader.seqs.at(-1) === head, 'what came before');
  // Nothing counts by what it was made within any more.
  await database.sql("update teamboard.tickets set expires_at = now() - interval '1 hour' where user_id = $1", [
    ada.user.id,
  ]);

  serverSideOf(node, (follower) => follower.boardId === boardId)?.stream.close('rotated', [100, 200]);
  await until(() => !reader.isOpen, 'the end of the first connection');
  await write();
  await until(() => reader.seqs.at(-1) === head, 'what came meanwhile');

  address = second.url;
  node.app.server.closeAllConnections();
  await until(() => !reader.isOpen, 'the cut');
  await write();
  await until(() => reader.seqs.at(-1) === head, 'what came meanwhile, at another node');
  t.same(reader.seqs, range(4, head));
  t.same(
    reader.connections.map(({ status }) => status),
    [200, 200, 200],
  );

  t.equal((await ada.delete('/session')).status, 204);
  second.app.server.closeAllConnections();
  await until(() => reader.connections.length === 4 && reader.connections[3]?.status, 'the next attempt');
  t.equal(reader.connections[3]?.status, 401);
  const his = await openStream(t, second.url, boardId, bob);
  await his.next('ready');
  await write();
  await his.next('changed', ({ data }) => data.seq === head);
  t.notOk(reader.seqs.includes(head));
  t.equal(reader.connections.length, 4, 'nor does it come back');
});

t.test('made on one node, used on the other; while the database is away the stream comes back', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const boardId = await ada.createBoard();
  const { ticket } = await makeTicket(ada, boardId);
  const proxy = await startFaultyProxy(t, database.url);
  const second = await startNode(t, proxy.url, settings);
  const open = () => openStream(t, second.url, boardId, { cookie: '', query: `?ticket=${ticket}` });
  proxy.cut();
  const busy = await open();
  await busy.end();
  t.same([busy.status, busy.frames.at(-1)?.data.reason], [200, 'busy']);
  proxy.restore();
  await until(async () => {
    const stream = await open();
    await until(() => stream.frames.length > 0, 'a frame');
    stream.close();
    return stream.frames[0]?.event === 'ready';
  }, 'the stream');
});

t.test('nothing of what says who is calling gets into the log (threat 3)', async (t) => {
  const secret = 'canary-canary-canary-canary-canary';
  const issuer = 'https://canary.example';
  const logging = await spawnNode(t, {
    DATABASE_URL: database.url,
    LOG_LEVEL: 'trace',
    JWT_ISSUERS: JSON.stringify([{ issuer, audience: 'teamboard', secret }]),
    HEARTBEAT_SECONDS: '1',
    STREAMS_PER_USER: '2',
  });
  const ada = await Client.signUp(logging, 'Ada');
  const token = (await ada.post('/tokens', { name: 'ci' })).body.secret;
  const key = createSecretKey(Buffer.from(secret));
  const jwt = await sign({ alg: 'HS256', key }, { iss: issuer, sub: 'canary' });
  const old = await sign({ alg: 'HS256', key }, { iss: issuer, sub: 'canary', exp: 1 });
  const boardId = await ada.createBoard();
  const { ticket } = await makeTicket(ada, boardId);
  const stream = await openStream(t, logging.url, boardId, { cookie: '', query: `?ticket=${ticket}` });
  await stream.next('heartbeat');
  const credentials: Array<[string, Record<string, string>]> = [
    ['', { cookie: ada.cookie }],
    [`?ticket=${ticket}`, {}],
    [`?ticket=${ticket}x`, {}],
    ['', { authorization: `Bearer ${token}` }],
    ['', { authorization: `Bearer ${token}x` }],
    ['', { authorization: `Bearer ${jwt}` }],
    ['', { authorization: `Bearer ${old}` }],
  ];
  const paths = [`/boards/${boardId}/events`, '/session', '/nothing', '/%zz', `/boards/${token}`];
  const ask = async () => {
    for (const [query, headers] of credentials) {
      const { status } = await openStream(t, logging.url, boardId, { cookie: '', headers, query });
      t.ok([200, 401, 404, 429, 500].includes(status), `${status}`);
      for (const accept of ['application/json', 'image/png']) {
        for (const path of paths) await Client.nobody(logging).get(path + query, { accept, ...headers });
      }
    }
  };
  await ask();
  await database.sql('alter function teamboard.access_to rename to absent');
  await ask();
  await database.sql('alter function teamboard.absent rename to access_to');
  stream.close();
  await until(() => logging.output.includes('stream closed'), 'the end of the stream');
  logging.kill('SIGINT');
  await logging.exit();
  t.match(logging.output, /"level":50/, 'errors were logged');
  t.match(logging.output, /a JWT was refused/, 'and what nobody but a developer reads');
  const canaries = { ticket, cookie: ada.cookie.split('=')[1] ?? '', token, jwt, old, secret };
  for (const [about, canary] of Object.entries(canaries)) {
    t.ok(canary.length > 30);
    t.notOk(logging.output.includes(canary), about);
    t.notOk(logging.output.includes(canary.slice(3, 30)), `a part of ${about}`);
  }
});

t.test('the streams of a ticket end with what its maker has come by (E6, threats 2, 7, 8)', async (t) => {
  for (const [kind, maker] of await callers()) {
    const boardId = await maker.createBoard();
    const other = await Client.signUp(node, 'Other');
    await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
      boardId,
      other.user.id,
    ]);
    const theirs = await makeTicket(other, boardId);
    const staying = await openStream(t, node.url, boardId, { cookie: '', query: `?ticket=${theirs.ticket}` });
    await staying.next('ready');

    let client = maker;
    if (kind === 'JWT') {
      const claims = { iss: application.config.issuer, sub: `ada ${boardId}` };
      const known = await Client.bearing(node, await sign(application.signer, claims));
      await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
        boardId,
        known.user.id,
      ]);
      // The last of all: it must still be good when its streams are opened.
      const exp = Math.floor(Date.now() / 1000) + 6;
      client = await Client.bearing(node, await sign(application.signer, { ...claims, exp }));
    }
    const { ticket } = await makeTicket(client, boardId);
    const byTicket = await openStream(t, node.url, boardId, { cookie: '', query: `?ticket=${ticket}` });
    const streams = [byTicket, await openStream(t, node.url, boardId, client)];
    await Promise.all(streams.map((stream) => stream.next('ready')));
    if (kind === 'cookie') await client.delete('/session');
    if (kind === 'token') await database.sql('delete from teamboard.tokens where user_id = $1', [client.user.id]);
    const reason = kind === 'JWT' ? 'expired' : 'revoked';
    for (const stream of streams) {
      await stream.end();
      t.same(stream.frames.at(-1)?.data, { reason, retry: false }, kind);
    }
    t.notOk(staying.ended);
    const again = await nobody.get(eventsOf(boardId, ticket), json);
    sameProblem(t, again, 'TB_UNAUTHENTICATED', { message: `${kind}, again` });
    staying.close();
  }
});

t.test('a ticket of many boards opens any of them, and nothing else, also when it comes back (threat 2)', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const eve = await Client.signUp(node, 'Eve');
  const [one, two, other] = [await eve.createBoard(), await eve.createBoard(), await eve.createBoard()];
  const foreign = await eve.createBoard();
  await database.sql(
    `insert into teamboard.members (board_id, user_id, role) select unnest($1::uuid[]), $2, 'editor'`,
    [[one, two, other], ada.user.id],
  );
  const answer = await ada.post('/tickets', { boards: [one, foreign, two.toUpperCase(), one] });
  t.equal(answer.status, 201);
  t.equal(answer.headers.get('cache-control'), 'no-store');
  t.same(Object.keys(answer.body).sort(), ['expiresAt', 'ticket']);
  const { ticket } = answer.body;
  for (const [boards, code] of [
    [[foreign, randomUUID()], 'TB_NOT_FOUND'],
    [[], 'TB_INVALID'],
    [['x'], 'TB_INVALID'],
    [Array.from({ length: 257 }, () => one), 'TB_INVALID'],
  ] as const) {
    const refused = await ada.post('/tickets', { boards });
    t.equal(refused.body.code, code, `${boards}`.slice(0, 80));
  }
  sameProblem(t, await nobody.post('/tickets', { boards: [one] }), 'TB_UNAUTHENTICATED');

  const refusedOf = (boards: Array<{ refused?: number }>) => boards.map(({ refused }) => refused);
  const byTicket = { cookie: '', query: `&ticket=${ticket}` };
  const stream = await openMany(t, node.url, [two, other, one, foreign], byTicket);
  const { boards: told } = (await stream.next('ready')).data;
  t.same(refusedOf(told), [undefined, 404, undefined, 404], 'others as if not visible');
  await ada.post(`/boards/${one}/items`, { text: 'x' });
  const { id = '' } = await stream.next('changed');
  stream.close();
  await ada.post(`/boards/${two}/items`, { text: 'y' });
  const headers = { 'last-event-id': id };
  const again = await openMany(t, node.url, [one, two], { ...byTicket, headers });
  t.equal((await again.next('changed')).data.boardId, two, 'it goes on where it was');
  const page = await nobody.get(`/events?boards=${one},${other}&ticket=${ticket}`, json);
  t.same(page.body.refused, [{ boardId: other, refused: 404 }]);
  t.ok(page.body.events.every(({ boardId }: { boardId: string }) => boardId === one));
  sameProblem(t, await nobody.get(`/events?boards=${other}&ticket=${ticket}`, json), 'TB_UNAUTHENTICATED');
  sameProblem(t, await nobody.get(`/events?boards=${one}&ticket=${ticket}x`, json), 'TB_UNAUTHENTICATED');
  t.equal((await nobody.get(`/events?boards=x&ticket=${ticket}`, json)).status, 400);
  t.equal((await nobody.get(eventsOf(one, ticket), json)).status, 200, 'one of them alone');
  sameProblem(t, await nobody.get(eventsOf(other, ticket), json), 'TB_UNAUTHENTICATED');
  const single = await makeTicket(ada, one);
  t.equal((await nobody.get(`/events?boards=${one}&ticket=${single.ticket}`, json)).status, 200, 'as one of one board');

  // A membership that ends takes its board, and the last one the ticket.
  const remove = (boardId: string) =>
    database.sql('delete from teamboard.members where board_id = $1 and user_id = $2', [boardId, ada.user.id]);
  await remove(one);
  await again.next('close', ({ data }) => data.boardId === one);
  const rest = await openMany(t, node.url, [one, two], byTicket);
  t.same(refusedOf((await rest.next('ready')).data.boards), [404, undefined]);
  await remove(two);
  await again.end();
  sameProblem(t, await nobody.get(`/events?boards=${one},${two}&ticket=${ticket}`, json), 'TB_UNAUTHENTICATED');
  await createTicketStore(database.pool).removeExpired(100);
  t.same(
    await database.sql('select from teamboard.tickets where ticket_hash = $1', [hashOf(ticket)]),
    [],
    'it is gone',
  );
});

t.test('a ticket of many boards ends with what it was made by (E6)', async (t) => {
  for (const [kind, maker] of (await callers()).slice(0, 2)) {
    const boards = [await maker.createBoard(), await maker.createBoard()];
    const { ticket } = (await maker.post('/tickets', { boards })).body;
    const stream = await openMany(t, node.url, boards, { cookie: '', query: `&ticket=${ticket}` });
    await stream.next('ready');
    if (kind === 'cookie') await maker.delete('/session');
    else await database.sql('delete from teamboard.tokens where user_id = $1', [maker.user.id]);
    await stream.end();
    t.same(stream.frames.at(-1)?.data, { reason: 'revoked', retry: false }, kind);
    sameProblem(t, await nobody.get(`/events?boards=${boards}&ticket=${ticket}`, json), 'TB_UNAUTHENTICATED');
    t.same(await database.sql('select from teamboard.ticket_boards where ticket_hash = $1', [hashOf(ticket)]), []);
  }
});

/** A transaction that removes the user from these boards, while what the work does waits for it. */
async function whileRemoved<Result>(userId: string, boards: string[], work: () => Promise<Result>): Promise<Result> {
  const remover = await database.pool.connect();
  await remover.query('begin');
  await remover.query('delete from teamboard.members where user_id = $1 and board_id = any ($2)', [userId, boards]);
  const done = work();
  const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await until(async () => (await database.sql(waiting)).length > 0, 'the request to wait');
  await remover.query('commit');
  remover.release();
  return done;
}

t.test('a membership that ends while a ticket is made takes its own board from it, and no other one', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const eve = await Client.signUp(node, 'Eve');
  const [one, two, three] = [await eve.createBoard(), await eve.createBoard(), await eve.createBoard()];
  await database.sql(
    `insert into teamboard.members (board_id, user_id, role) select unnest($1::uuid[]), $2, 'editor'`,
    [[one, two, three], ada.user.id],
  );
  const make = (boards: string[]) =>
    whileRemoved(ada.user.id, boards.slice(0, 1), () => ada.post('/tickets', { boards }));
  const made = await make([one, two, three]);
  t.equal(made.status, 201, JSON.stringify(made.body));
  const byTicket = { cookie: '', query: `&ticket=${made.body.ticket}` };
  const stream = await openMany(t, node.url, [one, two, three], byTicket);
  const { boards } = (await stream.next('ready')).data;
  t.same(
    boards.map(({ refused }: { refused?: number }) => refused),
    [404, undefined, undefined],
  );
  stream.close();

  const last = await make([two, three]);
  t.equal(last.status, 201, 'the one that is left');
  const page = await nobody.get(eventsOf(three, last.body.ticket), json);
  t.equal(page.status, 200);
  sameProblem(t, await make([three]), 'TB_NOT_FOUND', { message: 'none is left' });
});
