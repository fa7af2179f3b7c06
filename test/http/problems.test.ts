// Every way in which a request can fail answers application/problem+json (RFC 9457), and no answer goes out bare.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setInterval as every } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { Problem, type ProblemCode, problems } from '../../src/problems/problem.ts';
import { timings } from '../../src/timings.ts';
import { bestOf, expectWithin } from '../helpers/bounds.ts';
import { type Answer, Client } from '../helpers/client.ts';
import { complaintsOf } from '../helpers/complaints.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { RawConnection } from '../helpers/raw-connection.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const BODY_SILENCE_MS = 3000;
const impatient = await startNode(t, database.url, {
  timings: { ...timings, requests: { ...timings.requests, bodySilenceMs: BODY_SILENCE_MS, bodyLookMs: 100 } },
});
const ada = await Client.signUp(node, 'Ada');
const jsonType = { 'content-type': 'application/json' };

/** A body that is always about to go on, and what came of it. */
async function sendSlowly(): Promise<{ answer: Answer; answerMs: number }> {
  const connection = new RawConnection(t, impatient);
  const startedAt = performance.now();
  connection.write(
    'POST /guests HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
  );
  for await (const _ of every(100)) {
    if (connection.closed) break;
    connection.write(' ');
  }
  return { answer: await connection.answer(), answerMs: performance.now() - startedAt };
}
/** A body that comes in pieces. @returns undefined when the connection was ended before it was whole */
async function sendSteadily(piece: number, everyMs: number, pieces: number): Promise<{ answer: Answer; ms: number }> {
  const connection = new RawConnection(t, impatient);
  const start = performance.now();
  connection.write(
    `POST /boards HTTP/1.1\r\nHost: a\r\nCookie: ${ada.cookie}\r\nConnection: close\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${piece * pieces}\r\n\r\n`,
  );
  let sent = 0;
  for await (const _ of every(everyMs)) {
    if (connection.closed || sent === pieces) break;
    sent += 1;
    const text = sent === pieces ? '{"name":"slow"}' : '';
    connection.write(text.padStart(piece));
  }
  return { answer: await connection.answer(), ms: performance.now() - start };
}

/** A request to a node whose connections to the database are open at both ends and carry nothing. */
async function askInVain(): Promise<{ answer: Answer; answerMs: number; again: Answer }> {
  const proxy = await startFaultyProxy(t, database.url);
  const halfOpen = await startNode(t, proxy.url);
  const client = await Client.signUp(halfOpen, 'Ada');
  proxy.swallow();
  const startedAt = performance.now();
  const answer = await client.get('/boards');
  const answerMs = performance.now() - startedAt;
  const again = await until(
    async () => {
      const next = await client.get('/boards');
      return next.status === 200 && next;
    },
    'a connection that works',
    30_000,
  );
  return { answer, answerMs, again };
}

// These two run beside the other tests: they take their time.
const slowBody = sendSlowly();
const steadyBody = sendSteadily(5000, 400, 11);
const silentBody = sendSteadily(60_000, 2 * BODY_SILENCE_MS, 2);
const hangingDatabase = askInVain();

t.test('the table of errors is consistent', async (t) => {
  const titles = new Set<string>();
  for (const [code, { status, title }] of Object.entries(problems)) {
    t.match(code, /^TB_[A-Z]+(_[A-Z]+)*$/);
    t.ok(Number.isInteger(status) && status >= 400 && status < 600, `${code}: ${status}`);
    t.match(title, /^[A-Z].*[^.]$/);
    t.notOk(titles.has(title), `${code}: its title is its own`);
    titles.add(title);
    const problem = new Problem(code as ProblemCode, 'Do this.');
    t.equal(problem.status, status);
    t.same(JSON.parse(JSON.stringify(problem)), {
      type: `urn:teamboard:error:${code}`,
      title,
      status,
      detail: 'Do this.',
      code,
    });
  }
});

t.test('what is no request of this API is answered in its form', async (t) => {
  const get = (path: string) => ada.get(path);
  const post = (body: string | undefined, headers?: Record<string, string>) =>
    ada.request('POST', '/boards', body, headers);
  const boardId = await ada.createBoard();
  const body = (message: string) => [{ path: '/', message }];
  const cases: Array<[string, ProblemCode, Promise<Answer>, Array<{ path: string; message: string }>?]> = [
    ['an unknown route', 'TB_NOT_FOUND', get('/nothing/here?at=all')],
    ['a method of none', 'TB_METHOD_NOT_ALLOWED', ada.request('PUT', `/boards/${boardId}`, {})],
    ['a method of others', 'TB_METHOD_NOT_ALLOWED', ada.request('PATCH', '/boards', {})],
    ['OPTIONS', 'TB_METHOD_NOT_ALLOWED', ada.request('OPTIONS', '/boards')],
    ['a method of nothing', 'TB_NOT_FOUND', ada.request('PUT', '/nothing', {})],
    ['a path that is badly encoded', 'TB_INVALID', get('/boards/%zz')],
    ['a path that is no UTF-8', 'TB_INVALID', get('/boards/%ff')],
    ['a parameter that is too long', 'TB_NOT_FOUND', get(`/boards/${'x'.repeat(2000)}`)],
    ['a path below /docs that is not there', 'TB_NOT_FOUND', get('/docs/static/nothing.js')],
    ['malformed JSON', 'TB_INVALID', post('{"name":'), body('must be JSON, and must not name a prototype')],
    ['no JSON at all', 'TB_INVALID', post('hello'), body('must be JSON, and must not name a prototype')],
    ['an empty body', 'TB_INVALID', post('', jsonType), body('is missing: send JSON with name')],
    ['no body', 'TB_INVALID', post(undefined), body('is missing: send JSON with name')],
    ['no patch', 'TB_INVALID', ada.request('PATCH', `/boards/${boardId}`), body('is missing: send a JSON object')],
    ['a body that is no object', 'TB_INVALID', post('[]'), body('must be object')],
    ['a form', 'TB_UNSUPPORTED_MEDIA_TYPE', post('name=x', { 'content-type': 'application/x-www-form-urlencoded' })],
    ['plain text', 'TB_UNSUPPORTED_MEDIA_TYPE', post('{"name":"x"}', { 'content-type': 'text/plain' })],
    ['a type that is none', 'TB_UNSUPPORTED_MEDIA_TYPE', post('{"name":"x"}', { 'content-type': 'nonsense' })],
    ['a large body', 'TB_TOO_LARGE', post(JSON.stringify({ name: 'x'.repeat(256 * 1024) }))],
    ['nobody', 'TB_UNAUTHENTICATED', fetchAnswer(`${node.url}/session`)],
    [
      'a representation that is not there',
      'TB_NOT_ACCEPTABLE',
      ada.get(`/boards/${boardId}/events`, { accept: 'image/png' }),
    ],
  ];
  for (const [message, code, promise, errors] of cases) sameProblem(t, await promise, code, { errors, message });

  const head = await fetch(`${node.url}/boards/${boardId}/events`, { method: 'HEAD', headers: { cookie: ada.cookie } });
  t.equal(head.status, 405, 'HEAD of the stream opens none');
  t.equal(head.headers.get('allow'), 'GET');
  const { headers: allowed } = await ada.request('PUT', `/boards/${boardId}`, {});
  t.same(allowed.get('allow')?.split(', ').sort(), ['DELETE', 'GET', 'HEAD', 'PATCH']);
  t.match(head.headers.get('content-type'), /^application\/problem\+json/);
  const nobody = await fetchAnswer(`${node.url}/session`);
  t.equal(
    nobody.headers.get('www-authenticate'),
    'Bearer realm="teamboard", Cookie realm="teamboard", cookie-name="tb_session"',
  );
});

t.test('an address that is too long is not told back', async (t) => {
  const answer = await ada.get(`/boards/${'x'.repeat(20_000)}`);
  sameProblem(t, answer, 'TB_INVALID');
  t.equal(answer.body.detail, 'The address is too long.');
});

t.test('a body may have 256 KiB, chunked or not, and not a byte more', async (t) => {
  const limit = 256 * 1024;
  const bodyOf = (bytes: number) => `{"name":""${' '.repeat(bytes - 11)}}`;
  for (const [bytes, code] of [
    [limit, 'TB_INVALID'],
    [limit + 1, 'TB_TOO_LARGE'],
  ] as const) {
    const whole = await ada.post('/boards', bodyOf(bytes));
    const chunked = await fetchAnswer(`${node.url}/boards`, {
      method: 'POST',
      headers: { cookie: ada.cookie, ...jsonType },
      body: new Blob([bodyOf(bytes)]).stream(),
      duplex: 'half',
    } as RequestInit);
    for (const answer of [whole, chunked]) sameProblem(t, answer, code, { errors: answer.body.errors });
  }
});

t.test('who goes past a limit is told its number', async (t) => {
  const board = `/boards/${await ada.createBoard()}`;
  const path = `${board}/items`;
  const { item } = (await ada.post(path, { text: '' })).body;
  const x = (count: number) => 'x'.repeat(count);
  const operation = { op: 'create', item: { text: '' } };
  const key = { 'idempotency-key': x(65) };
  const cases: Array<[number: RegExp, method: string, path: string, body?: unknown, headers?: Record<string, string>]> =
    [
      [/\b256 KiB/, 'POST', '/boards', x(256 * 1024 + 1)],
      [/\b1024 KiB/, 'POST', `${board}/batch`, x(1024 * 1024 + 1)],
      [/\b7 KiB/, 'POST', `${board}/broadcasts`, { name: 'n', data: x(7 * 1024) }],
      [/\b7168 bytes/, 'POST', `${board}/broadcasts`, `{"name":"n","data":[${'1e20,'.repeat(1000)}1]}`],
      [/\b64\b/, 'POST', `${board}/broadcasts`, { name: x(65), data: 1 }],
      [/\b32 KiB/, 'GET', board, undefined, { 'x-large': x(32 * 1024) }],
      [/\b200 characters/, 'POST', '/boards', { name: x(201) }],
      [/\b200 characters/, 'PATCH', board, { name: x(201) }],
      [/\b100 characters/, 'POST', '/guests', { name: x(101) }],
      [/\b100 characters/, 'POST', '/tokens', { name: x(101) }],
      [/\b3650\b/, 'POST', '/tokens', { name: 'x', expiresInDays: 3651 }],
      [/\b10000 characters/, 'POST', path, { text: x(10_001) }],
      [/\b200 characters/, 'POST', path, { text: '', rank: `a${x(200)}` }],
      [/\b16 KiB/, 'POST', path, { text: '', data: { a: x(16 * 1024) } }],
      [/\b64 KiB/, 'PATCH', `${path}/${item.id}`, { data: { a: x(64 * 1024) } }],
      [/\b100 levels/, 'POST', path, `{"text":"","data":{"a":${'['.repeat(101)}${']'.repeat(101)}}}`],
      [/\b50000\b/, 'POST', path, `{"text":"","data":{"a":[${'1,'.repeat(60_000)}1]}}`],
      [/\b500 items/, 'POST', `${board}/batch`, { operations: Array.from({ length: 501 }, () => operation) }],
      [/\b1 items/, 'POST', `${board}/batch`, { operations: [] }],
      [/\b64 characters/, 'POST', '/boards', { name: 'x' }, key],
      [/\b64 characters/, 'DELETE', board, undefined, key],
      [/\b200\b/, 'GET', '/boards?limit=201'],
      [/\b1\b/, 'GET', '/boards?limit=0'],
      [/\b500\b/, 'GET', `${board}/events?limit=501`, undefined, { accept: 'application/json' }],
      [/\b8760\b/, 'POST', `${board}/invites`, { role: 'viewer', expiresInHours: 8761 }],
      [/\b10000\b/, 'POST', `${board}/invites`, { role: 'viewer', maxUses: 10_001 }],
      [/\b254 characters/, 'POST', '/users', { name: 'x', email: `${x(250)}@a.de`, password: x(8) }],
      [/\b8 characters/, 'POST', '/users', { name: 'x', email: 'x@a.de', password: x(7) }],
      [/\b1024 bytes/, 'POST', '/users', { name: 'x', email: 'x@a.de', password: 'ü'.repeat(513) }],
    ];
  for (const [number, method, address, body, headers] of cases) {
    const answer = await ada.request(method, address, body, headers);
    const message = `${method} ${address} ${number}`;
    t.ok([400, 413, 431].includes(answer.status), `${message}: ${answer.status}`);
    t.match(answer.body.detail, number, message);
  }
});

t.test('what no pattern of a schema lets through is told in a sentence', async (t) => {
  const board = `/boards/${await ada.createBoard()}`;
  const answers: Array<[RegExp, Awaited<ReturnType<Client['post']>>]> = [
    [/^\/name must be one line/, await ada.post('/boards', { name: '\u200b' })],
    [/^\/name must be one line/, await ada.patch(board, { name: 'a\nb' })],
    [/^\/name must be 1 to 64 letters/, await ada.post(`${board}/broadcasts`, { name: 'a b', data: 1 })],
    [/^\/idempotency-key must be printable/, await ada.post('/boards', { name: 'x' }, { 'idempotency-key': 'a b' })],
    [/^\/rank must be a key/, await ada.post(`${board}/items`, { text: '', rank: '1.5' })],
    [/^\/id must be a UUID, and neither/, await ada.post(`${board}/items`, { text: '', id: 'x' })],
    [
      /^\/operations\/0\/id must be a UUID, and neither/,
      await ada.post(`${board}/batch`, { operations: [{ op: 'create', id: 'x', item: { text: '' } }] }),
    ],
    [/^\/userId must be a UUID/, await ada.post(`${board}/members`, { userId: 'x', role: 'viewer' })],
    [/^\/stream-id must be a UUID/, await ada.post('/boards', { name: 'x' }, { 'stream-id': 'x' })],
    [/^\/after must be a UUID/, await ada.get('/boards?after=x')],
    [
      /^\/data must be at most 16 KiB .* with numbers written out/,
      await ada.post(`${board}/items`, `{"text":"","data":{"a":[${Array(60).fill('1e300').join()}]}}`),
    ],
  ];
  for (const [sentence, answer] of answers) {
    t.match(answer.body.detail, sentence);
    sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors });
  }
  t.notMatch(JSON.stringify(answers), /pattern|format/);
});

t.test('a client that names many or long unknown fields gets a short answer', async (t) => {
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`field${index}`, 1]));
  const long = { name: 'x', ['k'.repeat(200_000)]: 1 };
  for (const body of [many, long]) {
    const answer = await ada.post('/boards', body);
    t.equal(answer.status, 400);
    t.ok(JSON.stringify(answer.body).length < 4000);
    t.ok(answer.body.errors.length <= 20);
  }
});

t.test('a body is plain UTF-8, or nothing of it is kept', async (t) => {
  const boardId = await ada.createBoard();
  const path = `/boards/${boardId}/items`;
  const post = (bytes: Buffer, headers: Record<string, string>) =>
    fetchAnswer(node.url + path, {
      method: 'POST',
      headers: { cookie: ada.cookie, ...jsonType, ...headers },
      body: bytes,
    });
  const text = (bytes: string, encoding: BufferEncoding = 'latin1') =>
    Buffer.concat([Buffer.from('{"text":"'), Buffer.from(bytes, encoding), Buffer.from('"}')]);
  const json = Buffer.from('{"text":"\u00e9"}');
  const utf16 = Buffer.from('\ufeff{"text":"x"}', 'utf16le');
  const notUtf8 = [{ path: '/', message: 'must be UTF-8' }];
  const cases: Array<[string, ProblemCode, Buffer, Record<string, string>?]> = [
    ['Latin-1', 'TB_INVALID', text('\xe9')],
    ['a character that is cut', 'TB_INVALID', text('\xe2\x82')],
    ['an overlong form', 'TB_INVALID', text('\xc0\xaf')],
    ['half of a surrogate pair', 'TB_INVALID', text('\xed\xa0\x80')],
    ['past the last character', 'TB_INVALID', text('\xf4\x90\x80\x80')],
    ['a byte that never is', 'TB_INVALID', text('\xff')],
    ['in a name', 'TB_INVALID', Buffer.from('{"text":"x","\xe9":1}', 'latin1')],
    ['in nothing', 'TB_INVALID', Buffer.from([0x80])],
    ['UTF-16', 'TB_INVALID', utf16],
    ['another charset', 'TB_UNSUPPORTED_MEDIA_TYPE', json, { 'content-type': 'application/json; charset=iso-8859-1' }],
    ['one in quotes', 'TB_UNSUPPORTED_MEDIA_TYPE', json, { 'content-type': 'application/json;charset="utf-16"' }],
    ['two', 'TB_UNSUPPORTED_MEDIA_TYPE', json, { 'content-type': 'application/json; charset=utf-8; charset=utf-7' }],
    ['gzip', 'TB_UNSUPPORTED_MEDIA_TYPE', gzipSync(json), { 'content-encoding': 'gzip' }],
    ['gzip that is none', 'TB_UNSUPPORTED_MEDIA_TYPE', json, { 'content-encoding': 'identity, GZIP' }],
  ];
  for (const [message, code, bytes, headers = {}] of cases) {
    const answer = await post(bytes, headers);
    sameProblem(t, answer, code, { message, ...(code === 'TB_INVALID' && { errors: notUtf8 }) });
    if ('content-encoding' in headers) t.equal(answer.headers.get('accept-encoding'), 'identity', message);
  }
  t.same((await ada.get(`/boards/${boardId}`)).body.items, [], 'nothing was kept');
  for (const headers of [
    { 'content-type': 'application/json; charset=UTF-8' },
    { 'content-type': 'application/json;charset="utf-8"' },
    { 'content-encoding': 'identity' },
  ]) {
    const { status, body } = await post(json, headers);
    t.equal(status, 201, JSON.stringify(headers));
    t.equal((body.item as { text: string }).text, '\u00e9');
  }
});

/** How clients say that there is no body: axios, fetch wrappers, `curl -d ''`, and what a proxy makes of them. */
const emptyBodies: Array<[fields: string[], rest?: string]> = [
  [[]],
  [['Content-Length: 0']],
  ...[
    'application/json',
    'application/json; charset=utf-16',
    'application/x-www-form-urlencoded',
    'text/plain',
  ].flatMap(
    (type): Array<[string[], string?]> => [
      [[`Content-Type: ${type}`]],
      [[`Content-Type: ${type}`, 'Content-Length: 0']],
      [[`Content-Type: ${type}`, 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
    ],
  ),
  [['Content-Type: nonsense', 'Content-Length: 00']],
  [['Content-Type:', 'Content-Length: 0']],
  [['Content-Type: multipart/form-data', 'Transfer-Encoding: chunked'], '0\r\nTrailer: x\r\n\r\n'],
  [['Content-Type: application/json', 'Content-Encoding: gzip', 'Content-Length: 0']],
  [['Content-Encoding: gzip', 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
];

t.test('a body without a byte is no body, whatever is said of it', async (t) => {
  const ask = async (client: Client, request: string, fields: string[], body = '') => {
    const connection = new RawConnection(t, node);
    const head = ['Host: a', `Cookie: ${client.cookie}`, 'Connection: close', ...fields];
    connection.write(`${request} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`);
    // By itself: it comes when the head has been looked at.
    if (body) connection.write(body);
    return connection.answer();
  };
  const { paths } = (await ada.get('/openapi.json')).body as { paths: Record<string, Record<string, object>> };
  const writes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => method !== 'get')
      .map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, ada.user.id)}`),
  );
  t.ok(writes.length > 20);
  for (const write of writes) {
    const endsCaller = /^DELETE \/(sessions?|users\/me)$/.test(write);
    const answers: Array<Pick<Answer, 'status' | 'body'>> = [];
    for (const [fields, rest] of emptyBodies) {
      const client = endsCaller ? await Client.signUp(node) : ada;
      const { status, body } = await ask(client, write, fields, rest);
      answers.push({ status, body });
      t.same(answers.at(-1), answers[0], `${write}: ${fields}`);
    }
    const [{ status, body } = { status: 0, body: {} }] = answers;
    // Whatever is sent: they are for an application's token alone.
    if (/^(PUT \/users|DELETE \/users\/.+\/streams)$/.test(write)) t.equal(status, 403, write);
    else if (write.startsWith('DELETE')) t.equal(status, endsCaller ? 204 : 404, write);
    else if (status !== 404) t.match(body, { errors: [{ path: '/', message: /^is missing: send / }] }, write);
  }

  const boardId = await ada.createBoard();
  const board = `/boards/${boardId}`;
  const bob = await Client.signUp(node, 'Bob');
  for (const [fields, rest] of emptyBodies) {
    const { item } = (await ada.post(`${board}/items`, { text: 'x' })).body;
    const { token } = (await ada.post(`${board}/invites`, { role: 'viewer' })).body;
    t.equal((await ask(ada, `DELETE ${board}/items/${item.id}`, fields, rest)).status, 204, `${fields}: an item`);
    t.equal((await ask(ada, `POST ${board}/tickets`, fields, rest)).status, 201, `${fields}: a ticket`);
    t.equal((await ask(bob, `POST /invites/${token}/accept`, fields, rest)).status, 200, `${fields}: an invite`);
  }
  t.same((await ada.get(board)).body.items, []);

  for (const [type, bytes] of [
    ['text/plain', '1\r\nx\r\n0\r\n\r\n'],
    ['application/x-www-form-urlencoded', '3\r\na=b\r\n0\r\n\r\n'],
    ['nonsense', '1\r\n \r\n0\r\n\r\n'],
  ]) {
    const fields = [`Content-Type: ${type}`, 'Transfer-Encoding: chunked'];
    sameProblem(t, await ask(ada, `POST ${board}/tickets`, fields, bytes), 'TB_UNSUPPORTED_MEDIA_TYPE');
  }
  const zipped = gzipSync('');
  const { status } = await fetch(`${node.url}${board}/tickets`, {
    method: 'POST',
    headers: { cookie: ada.cookie, ...jsonType, 'content-encoding': 'gzip' },
    body: zipped,
  });
  t.equal(status, 415, 'nothing, compressed, is twenty bytes');
});

t.test('null is no body where none is needed, unless it could be a mistake that costs something', async (t) => {
  const board = `/boards/${await ada.createBoard()}`;
  const bob = await Client.signUp(node, 'Bob');
  const { item } = (await ada.post(`${board}/items`, { text: 'x' })).body;
  const { token, invite } = (await ada.post(`${board}/invites`, { role: 'viewer' })).body;
  t.equal((await ada.post(`${board}/tickets`, 'null')).status, 201, 'a ticket');
  t.equal((await bob.post(`/invites/${token}/accept`, 'null')).status, 200, 'an invite');
  for (const path of [`${board}/items/${item.id}`, `${board}/invites/${invite.id}`, board]) {
    t.equal((await ada.request('DELETE', path, 'null')).status, 204, path);
  }
  sameProblem(t, await bob.request('DELETE', '/users/me', 'null'), 'TB_INVALID', {
    errors: [{ path: '/', message: 'must be object' }],
  });
  sameProblem(t, await ada.post('/boards', 'null'), 'TB_INVALID', {
    errors: [{ path: '/', message: 'must be object' }],
  });
  t.equal((await bob.get('/session')).status, 200);
});

t.test('a client that leaves before the first byte of its body is nobody’s trouble', async (t) => {
  const { length } = node.logged;
  const arrived = once(node.app.server, 'request');
  const connection = new RawConnection(t, node);
  connection.write(`POST /boards HTTP/1.1\r\nHost: a\r\nCookie: ${ada.cookie}\r\nTransfer-Encoding: chunked\r\n\r\n`);
  const [request, response] = (await arrived) as [IncomingMessage, ServerResponse];
  await until(() => request.listenerCount('readable') > 0, 'the look for a body');
  const over = once(response, 'close');
  connection.destroy();
  await over;
  await until(() => request.listenerCount('readable') === 0, 'the end of the look');
  t.same(complaintsOf(node, length), []);
});

t.test('a request that is refused costs no more than one of its size, and gets a short answer (E5)', async (t) => {
  const boardId = await ada.createBoard();
  const { item } = (await ada.post(`/boards/${boardId}/items`, { text: 'x' })).body;
  const batch = `/boards/${boardId}/batch`;
  const patch = `/boards/${boardId}/items/${item.id}`;
  const fill = (part: string, bytes: number) => part.repeat(Math.floor(bytes / part.length));
  const members = (bytes: number) => {
    const names = Array.from({ length: bytes / 12 }, (_, index) => `"${index.toString(36).padStart(6, 'k')}":1`);
    return names
      .join(',')
      .slice(0, bytes)
      .replace(/,[^,]*$/, '');
  };
  const [large, small] = [1024 * 1024 - 100, 256 * 1024 - 100];
  const send = (path: string, body: string) =>
    ada.request(path === batch ? 'POST' : 'PATCH', path, body, { 'idempotency-key': 'k' });
  const ask = (headers: Record<string, string>, query = '') => ada.get(`/boards${query}`, headers);
  const cases: Record<string, () => Promise<Answer>> = {
    'empty objects': () => send(batch, `{"operations":[${fill('{},', large)}{}]}`),
    'empty arrays': () => send(batch, `{"operations":[${fill('[],', large)}[]]}`),
    numbers: () => send(batch, `{"operations":[${fill('1,', large)}1]}`),
    'unknown fields': () => send(batch, `{${members(large)}}`),
    'operations of unknown fields': () => send(batch, `{"operations":[${fill('{"a":1},', large)}{}]}`),
    'nested arrays': () => send(batch, `{"operations":${fill('[', large)}`),
    'nested objects': () => send(batch, `{"operations":${fill('{"a":', 200_000)}1${fill('}', 40_000)}}`),
    'a text of quotes': () => send(batch, `{"operations":"${fill('\\"', large)}"}`),
    'small members of a patch': () => send(patch, `{"data":{${members(small)}}}`),
    'small members of a patch, inside of others': () => send(patch, `{"data":{${fill('"a":{"b":{}},', small)}"c":1}}`),
    'a long text': () => send(patch, `{"text":"${fill('x', small)}"}`),
    'parameters of the query': () => ask({}, `?limit=x&${fill('a&', 14_000)}a`),
    'the same parameter': () => ask({}, `?${fill('limit=1&', 14_000)}limit=1`),
    cookies: () => ask({ cookie: `${fill('a=b;', 14_000)}a=b` }),
    'cookies of ours': () => ask({ cookie: `${fill('tb_session=x;', 14_000)}a=b` }),
    'media types': () => ada.get(`/boards/${boardId}/events`, { accept: `${fill('a/b;q=0.1,', 14_000)}a/b` }),
    'entity tags': () => ada.patch(patch, { text: 'x' }, { 'if-match': `${fill('"x",', 14_000)}"2` }),
    'blanks for entity tags': () => ada.patch(patch, { text: 'x' }, { 'if-match': `"x"${fill(' ', 14_000)}x` }),
    'a media type of blanks': () =>
      ada.request('POST', batch, '{}', { 'content-type': `application/json${fill('; ', 14_000)}charset` }),
  };
  // What the same bytes cost where there is nothing to be said of them but that they are one text. Of the processor, which
  // other work on this machine takes none of.
  const plain = () => send(batch, `{"operations":"${fill('x', large)}"}`);
  const cost = async (send: () => Promise<Answer>) => {
    const times: number[] = [];
    let answer = await send();
    for (let turn = 0; turn < 3; turn += 1) {
      const start = process.cpuUsage();
      answer = await send();
      const { user, system } = process.cpuUsage(start);
      times.push((user + system) / 1000);
    }
    return { answer, ms: Math.min(...times) };
  };
  const { ms: plainMs } = await cost(plain);
  for (const [name, request] of Object.entries(cases)) {
    const { answer, ms } = await cost(request);
    t.ok(answer.status >= 400 && answer.status < 500, `${name}: ${answer.status}`);
    t.match(answer.headers.get('content-type'), /^application\/problem\+json/, name);
    t.ok(JSON.stringify(answer.body).length < 6000, `${name}: a short answer`);
    t.ok(ms < plainMs * 4 + 30, `${name}: ${ms.toFixed(1)} ms, and ${plainMs.toFixed(1)} ms for one text`);
  }
});

t.test('what is no HTTP is answered as a problem, and the connection ends', async (t) => {
  const cases: Array<[string, ProblemCode, string]> = [
    ['garbage', 'TB_INVALID', 'GARBAGE\r\n\r\n'],
    ['TLS where none is', 'TB_INVALID', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['a length that is none', 'TB_INVALID', 'POST /boards HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n'],
    ['two lengths', 'TB_INVALID', 'POST /boards HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
    [
      'length and chunks',
      'TB_INVALID',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
    [
      'a header that is too large',
      'TB_HEADERS_TOO_LARGE',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`,
    ],
  ];
  for (const [message, code, bytes] of cases) {
    const connection = new RawConnection(t, node);
    connection.write(bytes);
    const answer = await connection.answer();
    sameProblem(t, answer, code, { message });
    t.equal(answer.headers.get('connection'), 'close');
    isBare(t, answer, message);
  }
});

t.test('a request names its host once, and as one that can be', async (t) => {
  const boardId = await ada.createBoard();
  const send = async (lines: string[], target = `/boards/${boardId}/invites`, version = '1.1') => {
    const connection = new RawConnection(t, node);
    const head = [`POST ${target} HTTP/${version}`, `Cookie: ${ada.cookie}`, 'Connection: close', ...lines];
    connection.write(
      `${head.join('\r\n')}\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{"role":"viewer"}`,
    );
    return connection.answer();
  };
  const bad: Array<[string[], string?]> = [
    [[]],
    [['Host:']],
    [['Host: a', 'Host: b']],
    [['Host: a', 'host: a']],
    [['Host: a b']],
    [['Host: a/b']],
    [['Host: evil.example/x?']],
    [['Host: me@a']],
    [['Host: a:b']],
    [['Host: a,b']],
    [['Host: "><script>']],
    [['Host: [::1']],
    [['Host: a'], `http://b/boards/${boardId}/invites`],
  ];
  for (const [lines, target] of bad) {
    const answer = await send(lines, target);
    const message = JSON.stringify(lines);
    sameProblem(t, answer, 'TB_INVALID', { message, errors: answer.body.errors as undefined });
    t.match(answer.body, { errors: [{ path: '/host' }] }, message);
    isBare(t, answer, message);
  }
  sameProblem(t, await send([], undefined, '1.0'), 'TB_INVALID', {
    errors: [{ path: '/host', message: 'is missing: the link is made of it' }],
  });
  t.same((await ada.get(`/boards/${boardId}/invites`)).body.invites, [], 'nothing was done');
  for (const host of ['a', 'a_b.example:80', '127.0.0.1:3000', '[::1]:3000', 'xn--bcher-kva.example']) {
    const { status, body } = await send([`Host: ${host}`]);
    t.equal(status, 201, host);
    t.match(body.url, `http://${host}/invites/`);
  }
  const check = new RawConnection(t, node);
  check.write('GET /livez HTTP/1.0\r\n\r\n');
  t.equal((await check.answer()).status, 200, 'as simple checks of health send it');
});

t.test('what Node would answer in words of its own is a problem too', async (t) => {
  const send = async (head: string) => {
    const connection = new RawConnection(t, node);
    connection.write(`${head}\r\n\r\n`);
    return connection.answer();
  };
  const expected = await send('POST /boards HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: a-miracle');
  sameProblem(t, expected, 'TB_EXPECTATION_FAILED');
  isBare(t, expected, '417');
  const tunnel = await send('CONNECT a:443 HTTP/1.1\r\nHost: a:443');
  sameProblem(t, tunnel, 'TB_METHOD_NOT_ALLOWED');
  isBare(t, tunnel, 'CONNECT');
  const upgrade = await send(
    'GET /session HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\nSec-WebSocket-Version: 13',
  );
  sameProblem(t, upgrade, 'TB_UNAUTHENTICATED', { message: 'an upgrade that nobody does is an ordinary request' });
});

t.test('garbage behind a request does not write into the answer that is on its way (E5)', async (t) => {
  const boardId = await ada.createBoard();
  for (const garbage of ['GARBAGE', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443']) {
    const connection = new RawConnection(t, node);
    connection.write(`GET /boards/${boardId}/events HTTP/1.1\r\nHost: a\r\nCookie: ${ada.cookie}\r\n\r\n`);
    await until(() => connection.text.includes('event:ready'), 'the stream');
    connection.write(`${garbage}\r\n\r\n`);
    await until(() => connection.closed, 'the end of the connection');
    t.equal(connection.text.match(/HTTP\/1\.1/g)?.length, 1, garbage);
    t.notMatch(connection.text, 'problem');
  }
});

t.test('a client that leaves in the middle of its body is nobody’s trouble', async (t) => {
  const { length } = node.logged;
  const arrived = once(node.app.server, 'request');
  const connection = new RawConnection(t, node);
  connection.write(`POST /boards HTTP/1.1\r\nHost: a\r\nCookie: ${ada.cookie}\r\n`);
  connection.write('Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"name":');
  const [request] = (await arrived) as [IncomingMessage];
  const left = once(request, 'close');
  connection.destroy();
  await left.catch(() => {});
  t.equal((await ada.get('/session')).status, 200);
  t.same(complaintsOf(node, length), [], 'and is no warning about the database');
});

t.test(
  'while the database is away: 503 with Retry-After, streams stay, and it comes back by itself (E8)',
  async (t) => {
    const proxy = await startFaultyProxy(t, database.url);
    const cutOff = await startNode(t, proxy.url);
    const client = await Client.signUp(cutOff, 'Ada');
    const boardId = await client.createBoard();
    const item = (await client.post(`/boards/${boardId}/items`, { text: 'before' })).body.item;
    const stream = await openStream(t, cutOff.url, boardId, client);
    await stream.next('ready');

    proxy.cut();
    const address = `/boards/${boardId}`;
    const requests: Array<[string, string, object?]> = [
      ['POST', '/guests', { name: 'Eve' }],
      ['GET', '/session'],
      ['DELETE', '/session'],
      ['POST', '/users', { name: 'Eve', email: 'eve@example.org', password: 'correct horse' }],
      ['POST', '/session', { email: 'eve@example.org', password: 'correct horse' }],
      ['PATCH', '/users/me', { name: 'Eve' }],
      ['DELETE', '/sessions'],
      ['POST', '/tokens', { name: 'ci' }],
      ['GET', '/tokens'],
      ['DELETE', `/tokens/${boardId}`],
      ['GET', '/boards'],
      ['POST', '/boards', { name: 'x' }],
      ['GET', address],
      ['PATCH', address, { name: 'x' }],
      ['DELETE', address],
      ['POST', `${address}/tickets`],
      ['POST', `${address}/items`, { text: 'x' }],
      ['GET', `${address}/items/${item.id}`],
      ['PATCH', `${address}/items/${item.id}`, { text: 'x' }],
      ['DELETE', `${address}/items/${item.id}`],
    ];
    for (const [method, path, body] of requests) {
      const answer = await client.request(method, path, body);
      sameProblem(t, answer, 'TB_UNAVAILABLE', { message: `${method} ${path}` });
      t.equal(answer.headers.get('retry-after'), '2');
      isBare(t, answer, path);
    }
    const page = await client.get(`${address}/events`, { accept: 'application/json' });
    sameProblem(t, page, 'TB_UNAVAILABLE', { message: 'a page of the log' });
    t.equal((await client.get('/livez')).status, 200);
    await until(async () => (await client.get('/readyz')).body.listener === 'down', 'the listener notices');
    const readiness = await client.get('/readyz');
    t.equal(readiness.status, 200, 'an outage of the database takes no node away');
    t.match(readiness.body, { ready: true, postgres: 'down', listener: 'down' });
    t.notOk(stream.closed, 'the stream stays open');

    proxy.restore();
    const back = await until(async () => {
      const answer = await client.post(`${address}/items`, { text: 'after' });
      return answer.status === 201 && answer;
    }, 'the first write');
    await stream.next('changed', ({ data }) => data.id === back.body.item.id);
    t.same(
      (await client.get(address)).body.items.map(({ text }: { text: string }) => text),
      ['before', 'after'],
    );
    await until(async () => (await client.get('/readyz')).body.listener === 'up', 'the listener is back');
  },
);

t.test('a statement that the server was told to end is a 503, and one that hangs on a lock too', async (t) => {
  const boardId = await ada.createBoard();
  const locker = await database.pool.connect();
  t.teardown(() => locker.release());
  await locker.query('begin');
  await locker.query('select from teamboard.boards where id = $1 for update', [boardId]);
  const waiting = () =>
    database.sql<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
  const terminated = ada.patch(`/boards/${boardId}`, { name: 'one' });
  const [backend] = await until(async () => {
    const rows = await waiting();
    return rows.length > 0 && rows;
  }, 'a write that waits');
  await database.sql('select pg_terminate_backend($1)', [backend?.pid]);
  sameProblem(t, await terminated, 'TB_OUTCOME_UNKNOWN', { message: 'terminated' });
  sameProblem(t, await ada.patch(`/boards/${boardId}`, { name: 'two' }), 'TB_UNAVAILABLE', { message: 'lock' });
  await locker.query('rollback');
  t.equal((await ada.patch(`/boards/${boardId}`, { name: 'three' })).status, 200);
});

t.test('a fault of ours says nothing of its cause to the client, and everything to the log', async (t) => {
  const own = await useDatabase(t);
  const broken = await startNode(t, own.url);
  const client = await Client.signUp(broken, 'Ada');
  await own.sql('alter table teamboard.boards rename column layout to secret_column');
  const answer = await client.post('/boards', { name: 'x' });
  sameProblem(t, answer, 'TB_INTERNAL');
  t.notMatch(JSON.stringify(answer.body), /layout|column|42703/);
  const [line] = broken.logged.filter(({ level }) => level === 50);
  t.match(JSON.stringify(line), /layout/);
});

t.test('a request that comes while the server closes is told to come again (E9)', async (t) => {
  // No time limit ends what has begun.
  const closing = await startNode(t, database.url, {
    timings: { ...timings, requests: { ...timings.requests, finishMs: 60_000 } },
  });
  let begun = 0;
  closing.app.server.on('request', () => {
    begun += 1;
  });
  const boardId = await ada.createBoard();
  const requestOf = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\nCookie: ${ada.cookie}\r\n\r\n`;
  const begin = (path: string) => {
    const connection = new RawConnection(t, closing);
    connection.write(
      'POST /guests HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{',
    );
    return { connection, finish: () => connection.write(`"name":"Eve"}${requestOf(path)}`) };
  };
  const plain = begin('/boards');
  const stream = begin(`/boards/${boardId}/events`);
  await until(() => begun === 2, 'both requests');
  const closed = closing.close();
  await until(() => !closing.app.server.listening, 'no new connections');
  plain.finish();
  stream.finish();

  await Promise.all([until(() => plain.connection.closed, 'plain'), until(() => stream.connection.closed, 'stream')]);
  for (const { connection } of [plain, stream]) {
    t.match(connection.text, /^HTTP\/1\.1 201 /, 'what had begun is finished');
    t.equal(connection.lastAnswer().headers.get('connection'), 'close');
  }
  sameProblem(t, plain.connection.lastAnswer(), 'TB_UNAVAILABLE');
  t.equal(plain.connection.lastAnswer().headers.get('retry-after'), '1');
  isBare(t, plain.connection.lastAnswer(), 'while closing');
  t.equal(stream.connection.lastAnswer().status, 200, 'any other status would end an EventSource for good');
  t.match(stream.connection.text, /retry:\d+\nevent:close\ndata:\{"reason":"busy","retry":true\}\n\n/);
  await closed;
});

t.test('every answer says what a browser may do with it, and that no shared cache may keep it (T28)', async (t) => {
  const boardId = await ada.createBoard();
  const { paths } = (await ada.get('/openapi.json')).body as { paths: Record<string, object> };
  const anywhere = ['/openapi.json', '/nothing', '/boards/%zz', `/boards/${boardId}`, '/boards', '/session'];
  for (const path of [...Object.keys(paths).map((path) => path.replaceAll(/\{\w+\}/g, boardId)), ...anywhere]) {
    for (const method of ['GET', 'POST', 'PATCH', 'DELETE', 'OPTIONS']) {
      if (method === 'DELETE' && path === `/boards/${boardId}`) continue;
      const headers = { accept: 'application/json', ...jsonType };
      isBare(t, await fetchAnswer(node.url + path, { method, headers }), `${method} ${path} by nobody`);
    }
    const answer = await ada.get(path, { accept: 'application/json' });
    isBare(t, answer, `${path} by Ada`);
    t.equal(answer.headers.get('strict-transport-security'), null, 'there is no TLS here to insist on');
  }
  const stream = await openStream(t, node.url, boardId, ada);
  isBare(t, { headers: new Headers(stream.headers as Record<string, string>) }, 'a stream');
  t.equal(stream.headers['cache-control'], 'no-store, no-transform');
  stream.close();
});

t.test('behind TLS browsers are told to insist on it', async (t) => {
  for (const [publicUrl, expected] of [
    ['https://boards.example', 'max-age=31536000; includeSubDomains'],
    ['http://boards.example', null],
    // What else is on that host, and below it, is not for us to say.
    ['https://boards.example/team', null],
  ] as const) {
    const other = await startNode(t, database.url, { publicUrl });
    t.equal((await fetchAnswer(`${other.url}/livez`)).headers.get('strict-transport-security'), expected);
    await other.close();
  }
});

t.test('a body that arrives byte by byte is given up as soon as its rate counts (slowloris)', async (t) => {
  const begun = [slowBody];
  await expectWithin(t, { answerMs: BODY_SILENCE_MS + 4000 }, async () => {
    const { answer, answerMs } = await (begun.pop() ?? sendSlowly());
    sameProblem(t, answer, 'TB_TIMEOUT');
    isBare(t, answer, 'a slow body');
    return { answerMs };
  });
  t.match(timings.requests, { headMs: 6000, bodySilenceMs: 8000 }, 'as SECURITY.md says of all nodes');
});

t.test('a body that comes steadily may take its time, and one that stops is given up', async (t) => {
  const begun = [steadyBody];
  const { answer, ms } = await bestOf(
    () => begun.pop() ?? sendSteadily(5000, 400, 11),
    ({ answer }) => answer.status === 201,
  );
  t.equal(answer.status, 201);
  t.ok(ms > BODY_SILENCE_MS, `${Math.round(ms)} ms`);
  const silent = await silentBody;
  sameProblem(t, silent.answer, 'TB_TIMEOUT');
});

t.test('a database that hangs is a 503 within 8 s, and its connections are given up', async (t) => {
  const begun = [hangingDatabase];
  await expectWithin(t, { answerMs: 8000 }, async () => {
    const { answer, answerMs, again } = await (begun.pop() ?? askInVain());
    sameProblem(t, answer, 'TB_UNAVAILABLE');
    t.equal(answer.headers.get('retry-after'), '2');
    t.same(again.body, { boards: [], next: null });
    return { answerMs };
  });
});

/** The header fields of an answer that is no page. */
function isBare(t: Tap, { headers }: Pick<Answer, 'headers'>, message: string): void {
  const expected = {
    'content-security-policy': "default-src 'none';frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  };
  for (const [name, value] of Object.entries(expected)) t.equal(headers.get(name), value, `${message}: ${name}`);
  t.match(headers.get('cache-control'), /no-cache|no-store/, `${message}: cache-control`);
  t.equal(headers.get('x-powered-by') ?? headers.get('server'), null, `${message}: no names`);
}

async function fetchAnswer(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : {} };
}

type Tap = Parameters<typeof sameProblem>[0];
