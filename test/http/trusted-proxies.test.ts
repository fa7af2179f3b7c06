// What proxies say of a request (X-Forwarded-For, -Proto, -Host), believed of those that TRUST_PROXY names and of nobody else.

import http from 'node:http';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const start = (trustProxy: string[], publicUrl?: string, host = '127.0.0.1') =>
  startNode(t, database.url, { trustProxy, publicUrl, host, logRequestsPerSecond: 1_000_000 });
/** Tests come from 127.0.0.1. */
const trusting = await start(['loopback', '10.0.0.0/8', 'fd00::/8']);
const distrusting = await start(['10.0.0.0/8']);
const deaf = await start([]);
const nodes = { 'none is named': deaf, 'another one is named': distrusting };

let count = 0;

/** @returns where the node thinks that the request has come from, by its log */
async function addressSeen(node: TestNode, headers: Record<string, string>): Promise<unknown> {
  const id = `asked-${++count}`;
  await Client.nobody(node).get('/session', { ...headers, 'x-request-id': id });
  const line = await until(
    () => node.logged.find(({ requestId, msg }) => requestId === id && msg === 'request'),
    'its line',
  );
  return line.address;
}

/** As a browser, or a proxy, which says what it likes; `fetch` sends no Host of one's own. */
function send(node: TestNode, path: string, headers: http.OutgoingHttpHeaders, body?: object) {
  return new Promise<{ status: number; headers: http.IncomingHttpHeaders; text: string }>((resolve, reject) => {
    const type = body && { 'content-type': 'application/json' };
    const request = http.request(
      node.url + path,
      { method: body ? 'POST' : 'GET', headers: { ...type, ...headers }, agent: false },
      async (response) => {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      },
    );
    request.on('error', reject);
    request.end(body && JSON.stringify(body));
  });
}

t.test('the client is the last of the chain that is not trusted', async (t) => {
  for (const [forwarded, seen] of [
    [undefined, '127.0.0.1'],
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2::9', '2001:db8:1:2::9'],
    ['192.0.2.7, 10.1.2.3', '192.0.2.7'],
    ['192.0.2.7, fd00::5, 10.1.2.3', '192.0.2.7'],
    ['2001:db8::1,10.1.2.3', '2001:db8::1'],
    ['203.0.113.99, 192.0.2.7, 10.1.2.3', '192.0.2.7'],
    ['10.9.9.9, 192.0.2.7', '192.0.2.7'],
    ['127.0.0.1, 192.0.2.7', '192.0.2.7'],
    ['10.9.9.9, 10.1.2.3', '10.9.9.9'],
    ['::ffff:192.0.2.7, ::ffff:10.1.2.3', '::ffff:192.0.2.7'],
    // What is no address was sent by the client of the proxy that passed it on.
    ['unknown', '127.0.0.1'],
    ['192.0.2.7, unknown', '127.0.0.1'],
    ['192.0.2.7, _hidden, 10.1.2.3', '10.1.2.3'],
    ['192.0.2.7:4711', '127.0.0.1'],
    ['[2001:db8::1]', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['for=192.0.2.7', '127.0.0.1'],
    [', ,', '127.0.0.1'],
    [`${'10.1.2.3, '.repeat(1000)}10.1.2.3`, '10.1.2.3'],
  ] as const) {
    const headers: Record<string, string> = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
    t.equal(await addressSeen(trusting, headers), seen, `${forwarded}`.slice(0, 60));
  }
  const others = { 'x-real-ip': '192.0.2.7', forwarded: 'for=192.0.2.7', 'fly-client-ip': '192.0.2.7' };
  t.equal(await addressSeen(trusting, others), '127.0.0.1', 'no other field says it');
});

t.test('a proxy that comes by IPv6, or by IPv4 to an address of IPv6, is the one that is named', async (t) => {
  const node = await start(['::1', '127.0.0.1'], undefined, '::').catch(() => undefined);
  if (!node) return t.comment('no IPv6 here');
  const headers = { 'x-forwarded-for': '2001:db8::7' };
  for (const host of ['[::1]', '127.0.0.1']) {
    const url = `http://${host}:${node.port}`;
    t.equal(await addressSeen({ ...node, url }, headers), '2001:db8::7', host);
  }
  const other = await start(['::2'], undefined, '::1');
  t.equal(await addressSeen(other, headers), '::1');
});

t.test('from anybody else these fields change nothing', async (t) => {
  const forged = { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' };
  for (const [name, node] of Object.entries(nodes)) {
    t.equal(await addressSeen(node, forged), '127.0.0.1', name);
    for (const bad of ['a b', 'x/../y', '']) {
      const headers = { 'x-forwarded-host': bad, 'x-forwarded-proto': 'gopher', 'x-forwarded-for': bad };
      t.equal((await send(node, '/livez', headers)).status, 200, `${name}: not even looked at`);
    }
    const made = await send(node, '/guests', forged, { name: 'Ada' });
    const [cookie = ''] = made.headers['set-cookie'] ?? [];
    t.match(cookie, /^tb_session=/);
    t.notMatch(cookie.toLowerCase(), 'secure');
    t.equal(made.headers['strict-transport-security'], undefined);
    const ada = Client.nobody(node).after({ headers: new Headers({ 'set-cookie': cookie }) });
    const board = await ada.createBoard();
    const invite = await ada.post(`/boards/${board}/invites`, { role: 'viewer' }, forged);
    t.ok(invite.body.url.startsWith(`${node.url}/invites/`), invite.body.url);
    const page = { ...forged, origin: 'https://evil.example' };
    sameProblem(t, await ada.post('/boards', { name: 'x' }, page), 'TB_CROSS_SITE', { message: name });
  }
});

t.test('of a trusted proxy: links, Secure cookies and whose page it is go by what it says', async (t) => {
  const said = { 'x-forwarded-host': 'boards.example:8443', 'x-forwarded-proto': 'https', host: 'inner' };
  const made = await send(trusting, '/guests', said, { name: 'Ada' });
  t.equal(made.status, 201);
  const [cookie = ''] = made.headers['set-cookie'] ?? [];
  t.match(cookie, /^__Host-tb_session=.*; Secure/);
  t.equal(made.headers['strict-transport-security'], 'max-age=31536000; includeSubDomains');
  const pair = cookie.split(';')[0] ?? '';
  t.equal((await send(trusting, '/session', { ...said, cookie: pair })).status, 200);
  const plain = pair.replace('__Host-', '');
  const planted = await send(trusting, '/session', { ...said, cookie: plain });
  t.equal(planted.status, 401, 'one without the prefix could have been planted');
  t.match(planted.headers['www-authenticate'], 'cookie-name="__Host-tb_session"');
  const bare = await send(trusting, '/session', { cookie: pair });
  t.equal(bare.status, 401, 'and on a connection without TLS the other name counts');
  t.match(bare.headers['www-authenticate'], 'cookie-name="tb_session"');

  const headers = { ...said, cookie: pair };
  const board = JSON.parse((await send(trusting, '/boards', headers, { name: 'x' })).text).board.id;
  const invite = await send(trusting, `/boards/${board}/invites`, headers, { role: 'viewer' });
  t.match(JSON.parse(invite.text).url, /^https:\/\/boards\.example:8443\/invites\//);
  const own = { ...headers, origin: 'https://boards.example:8443' };
  t.equal((await send(trusting, '/boards', own, { name: 'x' })).status, 201, 'a page of its own');
  const foreign = await send(trusting, '/boards', { ...headers, origin: 'https://inner' }, { name: 'x' });
  t.equal(foreign.status, 403, 'what the proxy calls the node is nobody to a browser');
  const stream = await openStream(t, trusting.url, board, {
    cookie: pair,
    headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'boards.example:8443' },
  });
  await stream.next('ready');
  t.equal(stream.headers['strict-transport-security'], 'max-age=31536000; includeSubDomains');
  stream.close();

  const twice = {
    ...said,
    'x-forwarded-host': 'evil.example, boards.example:8443',
    'x-forwarded-proto': 'http, https',
  };
  const passed = await send(trusting, `/boards/${board}/invites`, { ...twice, cookie: pair }, { role: 'viewer' });
  t.match(
    JSON.parse(passed.text).url,
    /^https:\/\/boards\.example:8443\//,
    'the last is what the proxy itself has said',
  );
  for (const [field, values] of Object.entries({
    host: ['a b', 'x/y', 'user@boards.example', 'boards.example,'],
    proto: ['gopher', 'HTTPS', 'https,'],
  })) {
    for (const value of values) {
      const refused = await send(trusting, '/session', { ...said, [`x-forwarded-${field}`]: value });
      t.equal(refused.status, 400, value);
      t.match(JSON.parse(refused.text), { code: 'TB_INVALID', errors: [{ path: `/x-forwarded-${field}` }] });
    }
  }
});

t.test('PUBLIC_URL wins over what a proxy says', async (t) => {
  const said = { 'x-forwarded-host': 'other.example', 'x-forwarded-proto': 'http', host: 'inner' };
  const node = await start(['127.0.0.1'], 'https://boards.example');
  const made = await send(node, '/guests', said, { name: 'Ada' });
  const [cookie = ''] = made.headers['set-cookie'] ?? [];
  t.match(cookie, /^__Host-tb_session=.*; Secure/);
  const headers = { ...said, cookie: cookie.split(';')[0] ?? '' };
  const board = JSON.parse((await send(node, '/boards', headers, { name: 'x' })).text).board.id;
  const invite = await send(node, `/boards/${board}/invites`, headers, { role: 'viewer' });
  t.match(JSON.parse(invite.text).url, /^https:\/\/boards\.example\/invites\//);
  const open = await start(['127.0.0.1'], 'http://boards.example');
  const plain = await send(open, '/guests', { ...said, 'x-forwarded-proto': 'https' }, { name: 'Ada' });
  t.match(plain.headers['set-cookie']?.[0], /^tb_session=/);
});

t.test('limits of an address are those of the client, and a forged one has none of its own', async (t) => {
  const limited = { trustProxy: ['127.0.0.1', '10.0.0.0/8'], accountsPerMinute: 2 };
  const node = await startNode(t, database.url, limited);
  const sign = async (forwarded: string) =>
    (await Client.nobody(node).post('/guests', { name: 'Eve' }, { 'x-forwarded-for': forwarded })).status;
  t.same([await sign('192.0.2.1'), await sign('192.0.2.1'), await sign('192.0.2.1')], [201, 201, 429]);
  t.equal(await sign('203.0.113.9, 192.0.2.1, 10.1.1.1'), 429, 'whatever it puts in front');
  t.equal(await sign('192.0.2.2, 10.1.1.1'), 201, 'another one behind the same proxies');
  t.equal(await sign('2001:db8:1:2::1'), 201);
  t.equal(await sign('2001:db8:1:2::2'), 201);
  t.equal(await sign('2001:db8:1:2::3'), 429, 'of IPv6 a network is one');
});
