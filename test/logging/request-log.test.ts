// What the log is told of requests: a line for each, by which name, how many; and of no client's secret or text at any level.

import t from 'tap';
import { loadConfig } from '../../src/config/config.ts';
import { settingsTold } from '../../src/config/settings-told.ts';
import { createLogger } from '../../src/logging/create-logger.ts';
import { RepeatedLines } from '../../src/logging/repeated-lines.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { RawConnection } from '../helpers/raw-connection.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
let text = '';
const output = {
  write: (line: string) => {
    text += line;
  },
  onLost: () => {},
};
const logger = createLogger('trace', output, false);
const node = await startNode(t, database.url, { logger, logRequestsPerSecond: 1_000_000 });
const lines = () =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const linesOf = (requestId: string | null) => lines().filter((line) => line.requestId === requestId);

/** The answer is there before its line is. */
async function lineOf(requestId: string | null): Promise<Record<string, unknown>> {
  return until(() => linesOf(requestId).find(({ msg }) => msg === 'request'), `the line of ${requestId}`);
}

t.test('a request has one line: its route, status, time, name and user, and nothing of its address', async (t) => {
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const answer = await ada.get(`/boards/${boardId}/items?limit=1&after=hunter2`);
  const line = await lineOf(answer.headers.get('x-request-id'));
  t.match(line, {
    level: 30,
    method: 'GET',
    route: '/boards/:id/items',
    status: answer.status,
    userId: ada.user.id,
    ms: Number,
    msg: 'request',
  });
  t.notMatch(JSON.stringify(line), boardId);
  t.notMatch(JSON.stringify(line), 'hunter2');
  const nowhere = await Client.nobody(node).get('/no/such/hunter2');
  const missing = await lineOf(nowhere.headers.get('x-request-id'));
  t.match(missing, { status: 404, code: 'TB_NOT_FOUND', method: 'GET' });
  t.notOk('userId' in missing || 'route' in missing, 'nobody, and nowhere');
  await Client.nobody(node).get('/livez', { 'x-request-id': 'a-probe' });
  await Client.nobody(node).get('/session', { 'x-request-id': 'after-it' });
  t.match(await lineOf('after-it'), { status: 401, code: 'TB_UNAUTHENTICATED' });
  t.equal(linesOf('a-probe').length, 0, 'whoever looks every few seconds whether the node is well has none');
});

t.test('a request keeps the name that it came with, and every answer says it', async (t) => {
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const traceparent = `00-${trace}-00f067aa0ba902b7-01`;
  const named = async (headers: Record<string, string>) =>
    (await ada.get('/boards', headers)).headers.get('x-request-id');
  t.equal(await named({ 'x-request-id': 'proxy.1-2' }), 'proxy.1-2');
  t.equal(await named({ traceparent }), trace);
  t.equal(await named({ traceparent, 'x-request-id': 'both' }), 'both');
  t.equal((await lineOf('both')).trace, trace);
  const made = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
  for (const bad of ['a b', 'x'.repeat(65), 'tb_token', '"', '{}'])
    t.match(await named({ 'x-request-id': bad }), made, bad);
  for (const bad of ['', '00', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, `00-${trace}-${'0'.repeat(16)}-01`, trace])
    t.match(await named({ traceparent: bad }), made, bad);
  t.not(await named({}), await named({}), 'each its own');

  const stream = await openStream(t, node.url, boardId, { ...ada, headers: { 'x-request-id': 'of-a-stream' } });
  const { data: ready } = await stream.next('ready');
  t.equal(stream.headers['x-request-id'], 'of-a-stream');
  stream.close();
  const closed = await until(
    () => lines().find(({ msg, streamId }) => msg === 'stream closed' && streamId === ready.streamId),
    'its end',
  );
  t.match(closed, {
    requestId: 'of-a-stream',
    boardId,
    boards: 1,
    userId: ada.user.id,
    reason: 'client',
    seconds: Number,
    events: 0,
    position: 2,
  });
  t.ok(Number(closed.bytes) > 200, `${closed.bytes} bytes`);
  t.match(
    lines().find(({ msg, streamId }) => msg === 'stream opened' && streamId === ready.streamId),
    { requestId: 'of-a-stream', boardId, userId: ada.user.id },
  );

  for (const target of ['/%zz', '/boards/x#y']) {
    const raw = new RawConnection(t, node);
    raw.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nX-Request-Id: unreadable\r\nConnection: close\r\n\r\n`);
    const { headers } = await raw.answer();
    t.equal(headers.get('x-request-id'), 'unreadable', `also where no route is reached: ${target}`);
  }
});

t.test('what fails names its route and user once, and then how often it has come again', async (t) => {
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  await database.sql('alter table teamboard.members rename to absent');
  const statuses: number[] = [];
  for (let n = 0; n < 5; n += 1) statuses.push((await ada.get(`/boards/${boardId}`)).status);
  await database.sql('alter table teamboard.absent rename to members');
  t.same(statuses, [500, 500, 500, 500, 500]);
  const failed = lines().filter(({ msg }) => msg === 'request failed');
  t.equal(failed.length, 1);
  t.match(failed, [{ level: 50, method: 'GET', route: '/boards/:id', userId: ada.user.id, requestId: String }]);
  t.match(failed[0]?.err, { code: '42P01', message: /members/, stack: /\.[jt]s:\d+/ });
});

t.test('one kind of line comes once in ten seconds, with the number of those that it stands for', async (t) => {
  let now = 0;
  const told: unknown[] = [];
  const repeated = new RepeatedLines(() => now);
  const tell = (kind: string) => repeated.tell(kind, (more) => void told.push([kind, more]));
  for (const kind of ['a', 'a', 'b', 'a']) tell(kind);
  t.strictSame(told.splice(0), [
    ['a', {}],
    ['b', {}],
  ]);
  now = 10_000;
  for (const kind of ['a', 'b', 'a']) tell(kind);
  t.strictSame(told.splice(0), [
    ['a', { repeated: 2 }],
    ['b', {}],
  ]);
});

t.test('above the rate requests have no line, and are counted', async (t) => {
  const busy = await startNode(t, database.url, { logRequestsPerSecond: 1 });
  const nobody = Client.nobody(busy);
  for (let n = 0; n < 20; n += 1) await nobody.get('/session');
  await busy.close();
  const told = busy.logged.filter(({ msg }) => msg === 'request').length;
  const [{ leftOut } = {}] = busy.logged.filter((line) => 'leftOut' in line);
  t.ok(told >= 2 && told < 20, `${told}`);
  t.equal(told + Number(leftOut), 20);
  const silent = await startNode(t, database.url, { logRequestsPerSecond: 0 });
  const { headers } = await Client.nobody(silent).get('/session');
  t.ok(headers.get('x-request-id'), 'named all the same');
  await silent.close();
  t.notOk(silent.logged.some(({ msg }) => msg === 'request'));
});

t.test('no line at any level has a secret, or what somebody has written', async (t) => {
  const canary = (name: string) => `canary-of-${name}-${'x'.repeat(10)}`;
  const account = { name: canary('name'), email: `${canary('email')}@example.org`, password: canary('password') };
  const ada = await Client.keep(node, account);
  const boardId = (await ada.post('/boards', { name: canary('board') })).body.board.id;
  const { secret: token } = (await ada.post('/tokens', { name: canary('token-name') })).body;
  const { ticket } = (await ada.post(`/boards/${boardId}/tickets`, undefined)).body;
  const invite = (await ada.post(`/boards/${boardId}/invites`, { role: 'editor' })).body.token;
  const { secret: webhook } = (
    await ada.post(`/boards/${boardId}/webhooks`, {
      url: `https://hooks.invalid/${canary('url')}`,
      name: canary('webhook'),
    })
  ).body;
  const stream = await openStream(t, node.url, boardId, { cookie: '', query: `?ticket=${ticket}` });
  await stream.next('ready');
  const items = `/boards/${boardId}/items`;
  const note = { text: canary('text'), data: { [canary('field')]: canary('value') } };
  await ada.post(items, note, { 'idempotency-key': canary('key') });
  await stream.next('changed');
  await ada.post(`/boards/${boardId}/broadcasts`, { name: 'typing', data: canary('broadcast') });
  await Client.nobody(node).post('/session', { email: account.email, password: `${account.password}!` });
  await Client.nobody(node).get(`/invites/${invite}`);
  for (const headers of [
    { authorization: `Bearer ${token}` },
    { authorization: `Bearer ${token}x` },
    { cookie: ada.cookie },
  ])
    await Client.nobody(node).get(`/boards?after=${canary('query')}`, headers);
  // The database says the whole row, and the value that it cannot read.
  await database.sql(`alter table teamboard.items add constraint canary check (text not like 'refused%')`);
  const refused = await ada.post(items, { ...note, text: `refused ${canary('text')}` });
  await database.sql('alter table teamboard.items drop constraint canary');
  await database.sql(`create function teamboard.misread() returns trigger language plpgsql as
    $$ begin perform new.text::uuid; return new; end $$`);
  await database.sql(
    'create trigger misread before insert on teamboard.items for each row execute function teamboard.misread()',
  );
  const misread = await ada.post(items, note);
  await database.sql('drop trigger misread on teamboard.items');
  const failures = lines().filter(({ msg }) => msg === 'request failed');
  t.match(
    [refused, misread].map(({ status }) => status),
    [/^(500|400)$/, /^(500|400)$/],
  );
  t.ok(failures.length >= 2, `${failures.length} faults are in the log`);
  stream.close();
  await until(() => lines().some(({ msg, userId }) => msg === 'stream closed' && userId === ada.user.id), 'its end');
  const cookie = ada.cookie.split('=')[1] ?? '';
  for (const [name, secret] of Object.entries({ cookie, token, ticket, invite, webhook, canary: 'canary-of' })) {
    t.ok(secret.length > 8, name);
    t.notOk(text.includes(secret), `${name} is in no line`);
  }
});

t.test('the settings in force are told, and no secret of theirs', async (t) => {
  const told = JSON.stringify(
    settingsTold(
      loadConfig({
        DATABASE_URL: 'postgres://me:hunter2@db.example/teamboard',
        DATABASE_DIRECT_URL: 'postgres://me:hunter2@direct.example/teamboard',
        REDIS_URL: 'redis://:hunter2@redis.example',
        JWT_ISSUERS: JSON.stringify([{ issuer: 'https://app.example', audience: 'a', secret: 'hunter2'.repeat(5) }]),
        RAILS_SECRET_KEY_BASE: 'hunter2'.repeat(20),
        RAILS_COOKIE: '_app_session',
        METRICS_TOKEN: 'hunter2'.repeat(5),
        AUTH_URL: 'https://app.example/who?key=hunter2',
        STREAMS_PER_USER: '17',
      }),
    ),
  );
  t.notMatch(told, 'hunter2');
  for (const part of [
    '"streamsPerUser":17',
    '"guestDays":30',
    'db.example:5432/teamboard',
    'https://app.example',
    '_app_session',
    'https://app.example/who',
  ])
    t.ok(told.includes(part), part);
});
