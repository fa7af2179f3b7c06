// What pages of other sites can make a browser do here, and what they can read of it.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import t from 'tap';
import { timings } from '../../src/timings.ts';
import { type Answer, Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { until } from '../helpers/until.ts';

const allowed = 'https://app.example';
const sibling = 'http://localhost:5173';
const hostile = 'https://evil.example';
const database = await useDatabase(t);
const node = await startNode(t, database.url, {
  publicUrl: 'https://boards.example',
  corsOrigins: [allowed, sibling],
});
const ada = await Client.signUp(node, 'Ada');
const boardId = await ada.createBoard();
const own = new URL(node.url).host;

type Headers = Record<string, string>;
type Paths = Record<
  string,
  Record<string, { parameters?: Array<{ name: string; in: string }>; responses: Record<string, { headers?: object }> }>
>;

/** fetch() sets some of these headers itself. */
async function send(
  method: string,
  path: string,
  headers: Headers,
  body?: object,
  { port }: Pick<TestNode, 'port'> = node,
): Promise<Answer> {
  const request = http.request({ port, host: '127.0.0.1', method, path, agent: false, headers: { ...headers } });
  if (body) request.setHeader('content-type', 'application/json');
  request.end(body && JSON.stringify(body));
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve).once('error', reject);
  });
  const fields = new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
  const isStream = response.headers['content-type'] === 'text/event-stream';
  let text = '';
  if (isStream) request.destroy();
  else for await (const chunk of response) text += chunk;
  return { status: response.statusCode ?? 0, headers: fields, body: text.startsWith('{') ? JSON.parse(text) : {} };
}

// As in Go's net/http/csrf_test.go, and the same with an origin on the list.
const matrix: Array<[about: string, headers: Headers, passes: boolean]> = [
  ['no browser', {}, true],
  ['same-origin', { 'sec-fetch-site': 'same-origin' }, true],
  ['the user themselves', { 'sec-fetch-site': 'none' }, true],
  ['same-site', { 'sec-fetch-site': 'same-site' }, false],
  ['cross-site', { 'sec-fetch-site': 'cross-site' }, false],
  ['a word that nobody knows', { 'sec-fetch-site': 'sideways' }, false],
  ['an empty word', { 'sec-fetch-site': '' }, false],
  ['two words', { 'sec-fetch-site': 'same-origin, cross-site' }, false],
  ['same-origin, whatever Origin says', { 'sec-fetch-site': 'same-origin', origin: hostile }, true],
  ['cross-site, whatever Origin says', { 'sec-fetch-site': 'cross-site', origin: `http://${own}` }, false],
  ['cross-site by the public address', { 'sec-fetch-site': 'cross-site', origin: 'https://boards.example' }, false],
  ['Origin is the host', { origin: `http://${own}` }, true],
  ['Origin is the host, behind TLS', { origin: `https://${own}` }, true],
  ['Origin is the host, in capitals', { origin: 'http://localhost:80', host: 'LOCALHOST' }, true],
  ['Origin is the public address', { origin: 'https://boards.example' }, true],
  ['Origin is the public address, written otherwise', { origin: 'HTTPS://Boards.Example.:443' }, true],
  ['Origin is the host with the port of its scheme', { origin: 'https://board.lan', host: 'board.lan:443' }, true],
  ['Origin has the port that the host leaves out', { origin: 'http://board.lan:80', host: 'board.lan' }, true],
  [
    'Origin is the host, but for the port of the other scheme',
    { origin: 'http://board.lan', host: 'board.lan:443' },
    false,
  ],
  ['Origin is the host with a dot', { origin: 'http://board.lan', host: 'board.lan.' }, true],
  ['Origin is the host in IPv6', { origin: 'http://[2001:db8::1]:80', host: '[2001:DB8:0:0::0:1]' }, true],
  ['Origin is another in IPv6', { origin: 'http://[2001:db8::1]', host: '[2001:db8::2]' }, false],
  ['Origin has a path', { origin: `http://${own}/x` }, false],
  ['Origin has a user', { origin: `http://x@${own}` }, false],
  ['Origin is the public address without TLS', { origin: 'http://boards.example' }, false],
  ['Origin is another', { origin: hostile }, false],
  ['Origin is another port', { origin: 'http://127.0.0.1:1' }, false],
  ['Origin begins like the host', { origin: `http://${own}.evil.example` }, false],
  ['Origin ends like an allowed one', { origin: 'https://evilapp.example' }, false],
  ['Origin is null', { origin: 'null' }, false],
  ['Origin is empty', { origin: '' }, false],
  ['Origin is nonsense', { origin: 'evil' }, false],
  ['allowed', { origin: allowed }, true],
  ['allowed, written otherwise', { origin: 'https://APP.example.:443' }, true],
  ['allowed, cross-site', { 'sec-fetch-site': 'cross-site', origin: allowed }, true],
  ['allowed, same-site', { 'sec-fetch-site': 'same-site', origin: sibling }, true],
  ['not quite allowed', { 'sec-fetch-site': 'cross-site', origin: `${allowed}:8443` }, false],
  ['allowed, without TLS', { 'sec-fetch-site': 'cross-site', origin: 'http://app.example' }, false],
];

t.test('a page of another site changes nothing, opens no stream and signs nobody in', async (t) => {
  const { cookie } = ada;
  const { user } = ada;
  const { secret } = (await ada.post('/tokens', { name: 'ci' })).body;
  const account = { email: 'ada@example.org', password: 'correct horse' };
  await Client.keep(node, { name: 'Ada', ...account });
  const guarded: Array<[string, string, number, object?]> = [
    ['POST', '/guests', 201, { name: 'Eve' }],
    ['POST', '/users', 409, { name: 'Eve', ...account }],
    ['POST', '/session', 201, account],
    // Which names nothing to change: a name can change ten times in a row.
    ['PATCH', '/users/me', 400, {}],
    ['POST', '/boards', 201, { name: 'Plans' }],
    ['PATCH', `/boards/${boardId}`, 200, { name: 'Plans' }],
    ['POST', `/boards/${boardId}/items`, 201, { text: 'Hi' }],
    ['DELETE', `/boards/${user.id}`, 404],
    ['GET', `/boards/${boardId}/events`, 200],
  ];
  // Nobody waits for a minute here: 30 failures would be too many attempts.
  const sender = (path: string): Headers => (path.startsWith('/session') || path === '/users' ? {} : { cookie });
  for (const [about, headers, passes] of matrix) {
    for (const [method, path, status, body] of guarded) {
      if (status === 409 && passes && about !== 'no browser') continue;
      const answer = await send(method, path, { ...sender(path), ...headers }, body);
      if (passes) t.equal(answer.status, status, `${about}: ${method} ${path}`);
      else sameProblem(t, answer, 'TB_CROSS_SITE', { message: `${about}: ${method} ${path}` });
      if (!passes) t.equal(answer.headers.get('set-cookie'), null);
    }
    for (const method of ['GET', 'HEAD']) {
      t.equal((await send(method, `/boards/${boardId}`, { cookie, ...headers })).status, 200, `${about}: ${method}`);
    }
    const bearer = { authorization: `Bearer ${secret}`, ...headers };
    t.equal((await send('PATCH', `/boards/${boardId}`, bearer, { name: 'P' })).status, 200, `${about}: with a token`);
  }

  const attack = { cookie, 'sec-fetch-site': 'cross-site', origin: hostile };
  const patch = (more: Headers) => send('PATCH', `/boards/${boardId}`, { ...attack, ...more }, { name: 'Evil' });
  sameProblem(t, await patch({ authorization: 'Basic YTpi' }), 'TB_CROSS_SITE', { message: 'browsers add Basic' });
  sameProblem(t, await patch({ authorization: 'Bearer x' }), 'TB_UNAUTHENTICATED', { message: 'not with the cookie' });
  sameProblem(t, await patch({ authorization: 'Bearer' }), 'TB_UNAUTHENTICATED', { message: 'nor beside nothing' });
  t.equal((await ada.get(`/boards/${boardId}`)).body.board.name, 'P');
});

t.test('who is refused is told what was compared, and what makes it the same', async (t) => {
  const plain = await startNode(t, database.url, { corsOrigins: [allowed] });
  const detail = async (headers: Headers, to: TestNode) =>
    (await send('POST', '/guests', headers, { name: 'x' }, to)).body.detail as string;
  const rewritten = await detail({ origin: 'https://boards.example', host: 'backend:8080' }, plain);
  for (const word of [
    'https://boards.example',
    'backend:8080',
    'PUBLIC_URL is not set',
    'proxy_set_header Host $http_host',
    'CORS_ORIGINS',
  ]) {
    t.ok(rewritten.includes(word), `${word}: ${rewritten}`);
  }
  const wrong = await detail({ origin: 'https://other.example', host: 'backend' }, node);
  t.match(wrong, /https:\/\/other\.example .* https:\/\/boards\.example \(PUBLIC_URL\) and backend \(Host\)/);
  const concluded = await detail({ 'sec-fetch-site': 'same-site', origin: 'http://localhost:1' }, plain);
  t.match(concluded, /http:\/\/localhost:1 .*"same-site".*CORS_ORIGINS/);
  t.notMatch(concluded, /PUBLIC_URL|Host/, 'which have no say in what the browser concludes');
  t.match(await detail({ 'sec-fetch-site': 'cross-site', origin: 'null' }, plain), /a page that it does not name/);
  const long = await detail({ origin: `https://${'x'.repeat(5000)}` }, plain);
  t.ok(long.length < 1000, `${long.length} characters`);
});

t.test('without a public address the server is what the request calls it', async (t) => {
  const plain = await startNode(t, database.url);
  const host = new URL(plain.url).host;
  const guest = (headers: Headers) => send('POST', '/guests', headers, { name: 'x' }, plain);
  t.equal((await guest({ origin: `http://${host}` })).status, 201);
  t.equal((await guest({ origin: 'http://board.lan', host: 'board.lan' })).status, 201);
  sameProblem(t, await guest({ origin: 'https://boards.example' }), 'TB_CROSS_SITE');
  sameProblem(t, await guest({ origin: allowed }), 'TB_CROSS_SITE');
});

/** Whether a page of `origin` may read the answer, and whether caches know that others may not. */
function isReadable(t: Tap, { headers }: Pick<Answer, 'headers'>, origin: string | undefined, about: string): void {
  t.match(headers.get('vary'), /\bOrigin\b/, `${about}: Vary`);
  const mayRead = origin === allowed || origin === sibling;
  t.equal(headers.get('access-control-allow-origin'), mayRead ? origin : null, `${about}: origin`);
  t.equal(headers.get('access-control-allow-credentials'), mayRead ? 'true' : null, `${about}: credentials`);
  t.equal(
    headers.get('access-control-expose-headers'),
    mayRead
      ? 'Accept-Encoding, Allow, ETag, Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id'
      : null,
    `${about}: exposed`,
  );
}

t.test('pages of allowed origins, and only they, read every answer, whatever it is', async (t) => {
  const { cookie } = ada;
  for (const origin of [allowed, sibling, hostile, 'null', `${allowed}.evil.example`, undefined]) {
    const from: Headers = origin === undefined ? {} : { origin };
    const answers: Array<[number, Promise<Answer>]> = [
      [200, send('GET', '/session', { cookie, ...from })],
      [401, send('GET', '/session', from)],
      [404, send('GET', '/nothing', from)],
      [405, send('PUT', `/boards/${boardId}`, { ...from, authorization: 'Bearer x' })],
      [400, send('POST', '/guests', { 'sec-fetch-site': 'same-origin', ...from }, {})],
      [406, send('GET', `/boards/${boardId}/events`, { cookie, ...from, 'sec-fetch-site': 'none', accept: 'a/b' })],
      [200, send('GET', '/openapi.json', from)],
      [200, send('GET', '/livez', from)],
      [400, send('GET', `/boards/${boardId}%`, { cookie, ...from })],
      [400, send('GET', '/boards/%ff', from)],
    ];
    if (origin === hostile) answers.push([403, send('POST', '/guests', from, { name: 'x' })]);
    for (const [status, promise] of answers) {
      const answer = await promise;
      t.equal(answer.status, status);
      isReadable(t, answer, origin, `${origin} ${status}`);
    }
    const headers = { ...from, 'sec-fetch-site': origin === allowed ? 'cross-site' : 'same-origin' };
    const stream = await openStream(t, node.url, boardId, { cookie, headers });
    t.equal(stream.status, 200);
    isReadable(t, { headers: new Headers(stream.headers as Record<string, string>) }, origin, `a stream, ${origin}`);
    stream.close();
  }
});

t.test('also while the database is away, and while the node is going down', async (t) => {
  const proxy = await startFaultyProxy(t, database.url);
  const cutOff = await startNode(t, proxy.url, { corsOrigins: [allowed], publicUrl: 'https://boards.example' });
  const from = { origin: allowed, cookie: ada.cookie };
  proxy.cut();
  const away = await send('GET', '/boards', from, undefined, cutOff);
  sameProblem(t, away, 'TB_UNAVAILABLE');
  isReadable(t, away, allowed, 'away');
  const busy = await send('GET', `/boards/${boardId}/events`, from, undefined, cutOff);
  t.same([busy.status, busy.headers.get('content-type')], [200, 'text/event-stream']);
  isReadable(t, busy, allowed, 'a stream that is told to come back');
  proxy.restore();

  // Two requests on one connection, of which the second comes when the server has begun to close.
  const other = await startNode(t, database.url, {
    corsOrigins: [allowed],
    // No time limit ends what has begun.
    timings: { ...timings, requests: { ...timings.requests, finishMs: 60_000 } },
  });
  const socket = net.connect(other.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  const arrived = once(other.app.server, 'request');
  socket.write('POST /guests HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{');
  await arrived;
  const closed = other.close();
  await until(() => !other.app.server.listening, 'no new connections');
  socket.write(`"name":"Eve"}GET /session HTTP/1.1\r\nHost: a\r\nOrigin: ${allowed}\r\n\r\n`);
  await once(socket, 'close');
  await closed;
  const [head = ''] = received.slice(received.lastIndexOf('HTTP/1.1 503')).split('\r\n\r\n');
  const fields = head.split('\r\n').slice(1);
  const headers = new Headers(fields.map((field) => field.split(': ', 2) as [string, string]));
  isReadable(t, { headers }, allowed, 'going down');
});

/** What the libraries and tools put on a request that a page of another site sends. */
const sentHeaders = {
  'the EventSource of @microsoft/fetch-event-source': 'accept, last-event-id',
  'eventsource, with a token': 'authorization, cache-control, last-event-id',
  'axios, jQuery, Prototype': 'content-type, x-requested-with',
  'a page that wants nothing from a cache': 'Cache-Control, Pragma',
  'OpenTelemetry, Datadog, New Relic': 'traceparent, tracestate, baggage',
  Sentry: 'baggage, sentry-trace',
  'a gateway that counts requests': 'X-Request-ID, x-correlation-id',
  'our own writes': 'content-type,idempotency-key,if-match,stream-id,user-id',
  'our own reads': 'IF-NONE-MATCH',
};
/** What a page may read and send without being asked for it (Fetch, 2.2.2), and what none is ever shown. */
const safe =
  /^(set-cookie|cache-control|content-(language|length|type)|expires|last-modified|pragma|accept|accept-language)$/i;

t.test('a preflight says what an allowed page may send, and tells others nothing', async (t) => {
  const preflight = (origin: string, path = `/boards/${boardId}/items`, headers = 'idempotency-key,x-evil') =>
    send('OPTIONS', path, {
      origin,
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': headers,
      'sec-fetch-site': 'cross-site',
    });
  const listOf = (answer: Answer, name: string) => answer.headers.get(name)?.toLowerCase().split(', ') ?? [];
  for (const path of ['/session', '/nothing', `/boards/${boardId}/events`, '/boards%']) {
    const answer = await preflight(allowed, path);
    t.equal(answer.status, 204);
    isReadable(t, answer, allowed, path);
    t.equal(answer.headers.get('access-control-allow-methods'), 'GET, HEAD, POST, PUT, PATCH, DELETE');
    t.notOk(listOf(answer, 'access-control-allow-headers').includes('x-evil'));
    t.equal(answer.headers.get('access-control-max-age'), '7200');
  }
  for (const [about, headers] of Object.entries(sentHeaders)) {
    const allowedNow = listOf(await preflight(allowed, '/session', headers), 'access-control-allow-headers');
    for (const name of headers.toLowerCase().split(/, ?/)) t.ok(allowedNow.includes(name), `${about}: ${name}`);
  }
  const { paths } = (await send('GET', '/openapi.json', {})).body as unknown as { paths: Paths };
  const operations = Object.values(paths).flatMap((methods) => Object.entries(methods));
  const ours = await preflight(allowed);
  for (const [method, { parameters = [], responses }] of operations) {
    t.ok(listOf(ours, 'access-control-allow-methods').includes(method), method);
    for (const { name, in: place } of parameters) {
      if (place !== 'header') continue;
      t.ok(listOf(ours, 'access-control-allow-headers').includes(name.toLowerCase()), `${name} may be sent`);
    }
    for (const name of Object.values(responses).flatMap(({ headers = {} }) => Object.keys(headers))) {
      const exposed = listOf(ours, 'access-control-expose-headers');
      t.ok(safe.test(name) || exposed.includes(name.toLowerCase()), `${name} may be read`);
    }
  }

  const refused = await preflight(hostile);
  sameProblem(t, refused, 'TB_METHOD_NOT_ALLOWED');
  sameProblem(t, await preflight(hostile, '/boards%'), 'TB_INVALID');
  isReadable(t, refused, hostile, 'hostile');
  for (const name of ['methods', 'headers']) t.equal(refused.headers.get(`access-control-allow-${name}`), null);
  const plain = await send('OPTIONS', '/session', { origin: allowed });
  sameProblem(t, plain, 'TB_METHOD_NOT_ALLOWED', { message: 'an OPTIONS that is no preflight' });
  t.equal(plain.headers.get('allow'), 'GET, HEAD, POST, DELETE');
  isReadable(t, plain, allowed, 'no preflight');

  const closed = await startNode(t, database.url);
  const headers = { origin: allowed, 'access-control-request-method': 'GET' };
  const answer = await send('OPTIONS', '/session', headers, undefined, closed);
  sameProblem(t, answer, 'TB_METHOD_NOT_ALLOWED', { message: 'without a list there is no CORS' });
  t.equal(answer.headers.get('vary'), null);
});

type Tap = Parameters<typeof sameProblem>[0];

t.test(
  'the log names the setting that lets in pages of another origin, once for each, and of a few only',
  async (t) => {
    const fresh = await startNode(t, database.url, { corsOrigins: [allowed] });
    const ask = (headers: Headers, method = 'GET') => send(method, '/livez', headers, undefined, fresh);
    const told = () => fresh.logged.filter(({ msg }) => /add it to CORS_ORIGINS/.test(String(msg)));
    for (const origin of [allowed, `http://127.0.0.1:${fresh.port}`, 'null', 'no origin']) await ask({ origin });
    t.same(told(), [], 'not of those that may, nor of what is none');
    await ask({ origin: hostile, 'access-control-request-method': 'POST' }, 'OPTIONS');
    await ask({ origin: hostile });
    const refused = await send('POST', '/guests', { origin: 'HTTPS://Evil.example:443' }, { name: 'x' }, fresh);
    sameProblem(t, refused, 'TB_CROSS_SITE');
    t.match(refused.body.detail, /CORS_ORIGINS can allow/);
    t.match(told(), [{ origin: hostile, level: 30 }]);
    t.equal(told().length, 1);
    for (let n = 0; n < 40; n += 1) await ask({ origin: `https://${n}.example` });
    t.equal(told().length, 20, 'nobody fills the log');
  },
);
