// Where a webhook cannot lead: this machine, the network around it, and whatever a redirect or a name would make of it.

import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { createPost, type Outcome } from '../../src/webhooks/post.ts';
import { createPublicLookup, isPublic } from '../../src/webhooks/reach.ts';
import { drawRetryMs, readRetryAfter } from '../../src/webhooks/retry.ts';
import { readWebhookUrl } from '../../src/webhooks/webhook-url.ts';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { timings } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';
import { makeWebhook, startReceiver } from '../helpers/webhook-receiver.ts';

const closed = [
  ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.0.9', '169.254.169.254'],
  ...[
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.1',
  ],
  ...['203.0.113.1', '224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255'],
  ...['::', '::1', '::7f00:1', '::ffff:127.0.0.1', '::ffff:a00:1', '::ffff:169.254.169.254', '::ffff:0:7f00:1'],
  ...['64:ff9b::7f00:1', '64:ff9b::808:808', '64:ff9b:1::a00:1', '100::1', '2001::1', '2001:db8::1', '2002:7f00:1::'],
  ...['fc00::1', 'fd12:3456::1', 'fe80::1', 'fe80::1%eth0', 'fec0::1', 'ff02::1', '3fff::1', '5f00::1'],
  ...['', 'localhost', '1.2.3', 'nonsense'],
];
const open = ['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '::ffff:8.8.8.8', '2606:4700:4700::1111', '2a00::1'];

t.test('which addresses are public', async (t) => {
  for (const address of closed) t.equal(isPublic(address), false, address);
  for (const address of open) t.equal(isPublic(address), true, address);
});

t.test('no spelling of a closed address is taken', async (t) => {
  const spellings = [
    '127.1',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '2130706433',
    '①②⑦.0.0.1',
    '[::1]',
    '[::ffff:7f00:1]',
    '127.0.0.1.',
  ];
  for (const host of spellings) t.throws(() => readWebhookUrl(`https://${host}/`, false), { code: 'TB_INVALID' }, host);
  t.equal(readWebhookUrl('https://8.8.8.8:8443/x?y', false), 'https://8.8.8.8:8443/x?y');
  t.equal(readWebhookUrl('http://127.0.0.1:1/', true), 'http://127.0.0.1:1/');
});

t.test('a socket is given only addresses that are public, whatever a name resolves to', async (t) => {
  const look = (addresses: string[], options: object) =>
    new Promise<string | LookupAddress[]>((resolve, reject) =>
      createPublicLookup(async () => addresses)('name.example', options, (error, found) =>
        error ? reject(error) : resolve(found),
      ),
    );
  t.same(await look(['10.0.0.1', '8.8.8.8', '2a00::1', 'fe80::1'], { all: true }), [
    { address: '8.8.8.8', family: 4 },
    { address: '2a00::1', family: 6 },
  ]);
  t.equal(await look(['10.0.0.1', '8.8.8.8'], {}), '8.8.8.8');
  t.equal(await look(['8.8.8.8', '2a00::1'], { family: 6 }), '2a00::1');
  await t.rejects(look(['127.0.0.1', '::1'], { all: true }), { code: 'NOT_PUBLIC' });
  await t.rejects(look([], {}), { code: 'NOT_PUBLIC' });
});

t.test('a name is looked at anew for each connection (rebinding), and an address each time it is tried', async (t) => {
  let reached = 0;
  const server = createServer((_request, response) => {
    reached += 1;
    response.end();
  });
  server.on('connection', () => {
    reached += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  // At first nowhere that answers, and then here.
  const answers = [['192.0.2.1'], ['127.0.0.1'], ['::ffff:127.0.0.1', '127.0.0.1']];
  const post = createPost({
    allowPrivate: false,
    lookup: createPublicLookup(async () => answers.shift() ?? ['127.0.0.1']),
    userAgent: 'test',
    timings: { connectMs: 1000, answerMs: 2000 },
  });
  t.teardown(() => post.close());
  const refused = { isTaken: false, retryAfterMs: 0, isGone: false };
  const send = (url: string): Promise<Outcome> => post.send(url, {}, '{}', new AbortController().signal);
  for (let round = 0; round < 3; round += 1) {
    t.same(await send(`https://name.example:${port}/`), {
      ...refused,
      failure: 'it leads to an address that is not public',
    });
  }
  for (const host of ['127.0.0.1', '[::1]', '169.254.169.254', '[::ffff:127.0.0.1]']) {
    t.same(await send(`https://${host}:${port}/`), { ...refused, failure: 'it is not public' }, host);
  }
  t.same(await send(`http://name.example:${port}/`), { ...refused, failure: 'it is not public' }, 'nor without TLS');
  t.equal(reached, 0);
});

t.test('one that was made while private addresses were allowed leads nowhere once they are not', async (t) => {
  const database = await useDatabase(t);
  const receiver = await startReceiver(t);
  const allowing = await startNode(t, database.url, { webhookAllowPrivate: true, timings });
  const ada = await Client.signUp(allowing);
  const boardId = await ada.createBoard();
  const webhook = await makeWebhook(ada, boardId, { url: receiver.url });
  await allowing.close();
  const node = await startNode(t, database.url, { timings });
  const here = ada.at(node);
  await here.post(`/boards/${boardId}/items`, { text: 'x' });
  const read = await until(async () => {
    const { body } = await here.get(webhook.path);
    return body.webhook.failures > 0 && body.webhook;
  }, 'a failure');
  t.equal(read.lastFailure, 'it is not public');
  t.equal(receiver.requests.length, 0);
});

t.test('an answer is read to an end of 16 KiB, and one that drips to the end of the time', async (t) => {
  let sent = 0;
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/refuses' ? 500 : 200);
    const chunk = Buffer.alloc(request.url === '/drips' ? 1 : 64 * 1024);
    const timer = setInterval(() => {
      sent += chunk.length;
      response.write(chunk);
    }, 20);
    response.on('close', () => clearInterval(timer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const post = createPost({
    allowPrivate: true,
    lookup: undefined,
    userAgent: 'test',
    timings: { connectMs: 1000, answerMs: 1000 },
  });
  t.teardown(() => post.close());
  const send = (path: string) => post.send(`http://127.0.0.1:${port}${path}`, {}, '{}', new AbortController().signal);
  t.same(await send('/'), { isTaken: true });
  t.match(await send('/refuses'), { isTaken: false, failure: 'it answered 500' });
  t.same(await send('/drips'), { isTaken: true });
  const connections = () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
  await until(async () => (await connections()) === 0, 'no connection to be left');
  t.ok(sent < 64 * 1024 * 1024);
});

t.test('who answers nothing is given up: no connection, no answer, no such name', async (t) => {
  const { createServer: createSocket } = await import('node:net');
  const silent = createSocket(() => {});
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const post = createPost({
    allowPrivate: true,
    lookup: undefined,
    userAgent: 'test',
    timings: { connectMs: 300, answerMs: 600 },
  });
  t.teardown(() => post.close());
  const send = (url: string) => post.send(url, {}, '{}', new AbortController().signal);
  t.match(await send(`http://127.0.0.1:${port}/`), { failure: 'no answer in time' });
  t.match(await send(`https://127.0.0.1:${port}/`), { failure: 'no connection in time' }, 'TLS that never comes');
  silent.close();
  t.match(await send('http://127.0.0.1:1/'), { failure: 'no connection: ECONNREFUSED' });
});

t.test(
  'when it is tried again: full jitter, twice as far each time, to a limit; Retry-After in both forms',
  async (t) => {
    const retry = { firstMs: 2000, lastMs: 3_600_000, giveUpMs: 86_400_000 };
    for (const [failures, most] of [
      [0, 2000],
      [3, 16_000],
      [11, 3_600_000],
      [10_000, 3_600_000],
    ] as const) {
      const drawn = Array.from({ length: 500 }, () => drawRetryMs(failures, 0, retry));
      t.ok(Math.max(...drawn) <= most && Math.max(...drawn) > most / 2, `${failures}: at most ${most}`);
      t.ok(Math.min(...drawn) < most / 4, `${failures}: anywhere below`);
    }
    t.equal(drawRetryMs(0, 60_000, retry), 60_000);
    t.equal(drawRetryMs(0, 1e12, retry), 86_400_000, 'not beyond the end');
    const now = Date.parse('2026-01-01T00:00:00Z');
    t.equal(readRetryAfter('120', now), 120_000);
    t.equal(readRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', now), 60_000);
    for (const field of ['Wed, 31 Dec 2025 00:00:00 GMT', 'soon', '', '-1', undefined])
      t.equal(readRetryAfter(field, now), 0);
  },
);
