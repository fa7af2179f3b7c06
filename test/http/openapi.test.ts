// The OpenAPI document: whole, true to what is answered, and rendered.

import { randomUUID } from 'node:crypto';
import t from 'tap';
import { problemCodes, problems, problemTable } from '../../src/problems/problem-codes.ts';
import {
  ApiDocument,
  type DocumentedOperation,
  type DocumentedResponse,
  type OpenApi,
  walk,
} from '../fuzz/api-document.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { whileLocked } from '../helpers/lock-tables.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { readProjectFile } from '../helpers/project.ts';
import { until } from '../helpers/until.ts';

interface Operation extends DocumentedOperation {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  security?: Array<Record<string, string[]>>;
}

interface Document extends OpenApi {
  openapi: string;
  info: { title: string; version: string; description: string; license: object };
  servers: object[];
  tags: Array<{ name: string; description: string }>;
  paths: Record<string, Record<string, Operation>>;
}

const database = await useDatabase(t);
const node = await startNode(t, database.url, { streamsPerUser: 1, bytesPerBoard: 2000, broadcastsFrom: 'editor' });
/** Refuses the third write, and describes itself as the other does. */
const hasty = await startNode(t, database.url, {
  writesPerSecond: 1,
  broadcastsPerSecond: 1,
  heartbeatSeconds: 0.2,
  lookupsPerMinute: 1,
  trustProxy: ['127.0.0.1'],
});
const ada = await Client.signUp(node, 'Ada');
const answer = await ada.get('/openapi.json');
const document: Document = answer.body;
const api = new ApiDocument(document);
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ title: `${method.toUpperCase()} ${path}`, path, operation })),
);

t.test('/openapi.json is an OpenAPI 3.1 document in which every reference leads somewhere', async (t) => {
  t.equal(answer.status, 200);
  t.match(answer.headers.get('content-type'), /^application\/json/);
  t.match(document.openapi, /^3\.1\.\d$/);
  t.equal(document.info.title, 'Teamboard');
  t.equal(document.info.version, JSON.parse(readProjectFile('package.json')).version);
  t.match(document.servers, [{ url: '/' }], 'the address from which it was fetched');
  t.equal(document.servers.length, 1);
  t.same(document.info.license, { name: 'MIT', identifier: 'MIT' });

  const references: string[] = [];
  walk(document, (value) => {
    if (typeof value.$ref === 'string') references.push(value.$ref);
  });
  t.notMatch(JSON.stringify(document), /"x-/, 'no keyword that only our validator knows');
  t.ok(references.length > 20);
  const each = JSON.stringify(document).length / operations.length;
  t.ok(each < 4150, `what is said of many operations stands once: ${each} bytes for each`);
  for (const reference of new Set(references)) t.ok(resolve(reference), reference);
  for (const name of Object.keys(document.components.schemas)) {
    t.match(name, /^[A-Z][A-Za-z]+$/, 'a name that says what it is');
    t.ok(references.includes(`#/components/schemas/${name}`), `${name} is used`);
  }
  t.same(document.components.schemas.ProblemCode?.enum, problemCodes);
  t.same(
    [...api.codes],
    problemCodes.map((code) => [code, problems[code].status]),
    'and what each means',
  );

  const behindProxy = await startNode(t, database.url, { publicUrl: 'https://boards.example/team/' });
  const other = (await ada.at(behindProxy).get('/openapi.json')).body;
  t.match(other.servers, [{ url: 'https://boards.example/team' }, { url: '/' }]);
});

t.test('docs/errors.md has the table of the code', async (t) => {
  const page = readProjectFile('docs/errors.md');
  const rows = page.split('\n').filter((line) => line.startsWith('|'));
  t.same(rows, problemTable.split('\n'));
});

/** The document and its rendering, the client, and the board application. */
const isOfPages = (path: string) =>
  /^\/(?:docs|openapi\.json|client|assets\/|team-board\.js|worker\.js|icon|b\/|i\/|debug\/|favicon\.|robots\.txt|site\.webmanifest)/.test(
    path,
  );

t.test(
  'every registered route is in the document, but for the document, its rendering and what pages are and import',
  async (t) => {
    const routes = registeredRoutes()
      .filter(({ method, path }) => method !== 'HEAD' && !isOfPages(path))
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    t.ok(routes.length >= 15, `${routes.length} routes`);
    t.same(operations.map(({ title }) => title).sort(), routes.sort());
  },
);

/** What follows from no rule below. */
const furtherErrors: Record<string, string[]> = {
  'POST /guests': ['429'],
  'POST /users': ['409', '429'],
  'POST /session': ['401', '429'],
  'POST /boards': ['409'],
  'POST /boards/{id}/invites': ['409'],
  'POST /invites/{token}/accept': ['409'],
  'POST /boards/{id}/webhooks': ['409'],
  'POST /boards/{id}/webhooks/{webhookId}/replay': ['410'],
  'GET /invites/{token}': ['429'],
  'PATCH /users/me': ['409', '429'],
  'DELETE /users/me': ['409', '429'],
  'POST /tokens': ['409'],
  'POST /boards/{id}/tickets': ['429'],
  'GET /events': ['404'],
  'GET /streams': ['404'],
  'GET /streams/check': ['403', '429'],
  'GET /boards/{id}': ['410', '429'],
  'GET /boards/{id}/items': ['429'],
  'GET /boards/{id}/items/{itemId}/history': ['410', '429'],
  'POST /tickets': ['404', '429'],
};

const problemType = { 'content-type': 'application/problem+json' };

t.test('every operation says what it is, what it takes and how it can fail', async (t) => {
  const tags = document.tags.map(({ name }) => name);
  for (const { name, description } of document.tags) t.match(description, /\S/, name);
  const ids = operations.map(({ operation }) => operation.operationId);
  t.equal(new Set(ids).size, ids.length, 'each has an id of its own');
  for (const { title, path, operation } of operations) {
    const { summary, tags: own = [], parameters = [], responses, requestBody, security } = operation;
    t.match(operation.operationId, /^[a-z][A-Za-z]+$/, `${title}: a name for the function of a client`);
    t.match(summary, /^[A-Z].*[^.]$/, `${title}: summary`);
    t.ok(security, `${title}: says who may call it`);
    t.ok(own.length === 1 && tags.includes(own[0] ?? ''), `${title}: tag`);
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    t.same(
      parameters.filter(({ in: place, required }) => place === 'path' && required).map(({ name }) => name),
      named,
      `${title}: path parameters`,
    );

    const needed = parameters.filter(({ required }) => required).map(({ name, schema }) => ({ name, schema }));
    walk(requestBody?.content, ({ required = [], properties = {} }) =>
      needed.push(...required.map((name) => ({ name, schema: properties[name] }))),
    );
    const defaulted = needed.filter(({ schema = {} }) => 'default' in schema).map(({ name }) => name);
    t.same(defaulted, [], `${title}: what has a default may be left out, also by a generated client`);

    const isWrite = requestBody !== undefined || title.startsWith('DELETE');
    const isUnsafe = !title.startsWith('GET');
    const expected = new Set<string>();
    if (requestBody) for (const status of ['413', '415']) expected.add(status);
    // An If-Match is held, or refused.
    expected.add('400');
    const isForUsers = security !== undefined && security.length > 0;
    if (isForUsers) expected.add('401');
    const refusesTokens = security?.length === 1;
    // Invites and webhooks are shown to owners only.
    if (refusesTokens || isUnsafe || /\/(events|invites)$|\/webhooks/.test(path)) expected.add('403');
    if (isUnsafe && isForUsers && !refusesTokens) expected.add('429');
    for (const status of furtherErrors[title] ?? []) expected.add(status);
    if (named.length > 0) expected.add('404');
    if (isWrite && /members|batch/.test(path)) expected.add('409');
    if (requestBody && /items/.test(path)) expected.add('409');
    if (isWrite && /itemId|batch|boards\/\{id\}$/.test(path)) expected.add('412');
    if (path.startsWith('/invites/')) expected.add('410');
    if (path.endsWith('/events')) for (const status of ['406', '429']) expected.add(status);
    const isDoneOnce = parameters.some(({ in: place, name }) => place === 'header' && name === 'idempotency-key');
    if (isDoneOnce) expected.add('422');
    for (const status of ['503', '4XX', '500']) expected.add(status);
    const errors = Object.keys(responses).filter((status) => Number.parseInt(status, 10) >= 4 && !/^[23]/.test(status));
    t.same(errors.sort(), [...expected].sort(), `${title}: errors`);
    for (const [status, response] of Object.entries(responses)) {
      const { description, headers = {} } = resolved(response);
      t.match(description, /\S/, `${title} ${status}: description`);
      for (const [name, header] of Object.entries(headers)) {
        t.match(header, { description: /\S/, schema: { type: /^(string|integer)$/ } }, `${title} ${status}: ${name}`);
      }
      if (/^2/.test(status)) t.equal('Idempotent-Replayed' in headers, isDoneOnce, `${title} ${status}: replays`);
      if (/^[23]/.test(status)) continue;
      const codes = codesOf(response);
      t.ok(codes.length > 0, `${title} ${status}: codes`);
      const { examples = {} } = resolved(response).content?.['application/problem+json'] ?? {};
      t.same(Object.keys(examples), codes, `${title} ${status}: an example of each`);
      for (const [code, { value }] of Object.entries(examples)) {
        const fields = { ...Object.fromEntries(Object.keys(headers).map((name) => [name, '1'])), ...problemType };
        const faults = api.answerFaults(api.operations.find((each) => each.title === title) as never, {
          status: value.status as number,
          headers: new Headers(fields),
          body: value,
        });
        t.same(faults, [], `${title} ${status} ${code}: it fits`);
        t.equal(value.code, code);
      }
      if (status !== '4XX') t.same([...new Set(codes.map((code) => `${api.codes.get(code)}`))], [status], title);
    }
    t.ok(
      Object.keys(responses).some((status) => Number(status) < 300),
      `${title}: a success`,
    );
  }
});

t.test('every answer is as the document says, and has no field that it does not know', async (t) => {
  const seen = new Set<string>();
  const check: Check = async (client, method, path, body, headers) => {
    const answer = await client.request(method, path, body, headers);
    const route = Object.keys(document.paths).find((template) => pattern(template).test(path)) ?? '';
    const title = `${method} ${route}`;
    const operation = api.operations.find((each) => each.title === title);
    if (!operation) return t.fail(`${title} is in the document`);
    t.same(api.answerFaults(operation, answer), [], `${title} ${answer.status}`);
    seen.add(`${title} ${answer.status}`);
    if (answer.body?.code) seen.add(`${title} ${answer.status} ${answer.body.code}`);
    return answer.body;
  };

  const json = { accept: 'application/json' };
  const nobody = {
    request: (...args: Parameters<Client['request']>) =>
      ada.request(args[0], args[1], args[2], { cookie: '', ...args[3] }),
  } as Client;
  const eve = await Client.signUp(node, 'Eve');
  const cy = await Client.signUp(node, 'Cy');
  await check(ada, 'POST', '/guests', { name: 'Bob' });
  await check(ada, 'GET', '/session');
  await check(nobody, 'GET', '/session');
  await checkAccounts(check, nobody);
  await checkApplication(check, nobody);
  await check(ada, 'POST', '/boards', { name: 'Plans', layout: 'list' });
  for (const name of ['Keyed', 'Taken']) await check(ada, 'POST', '/boards', { name, key: 'shelf:42' });
  const { board } = await check(ada, 'POST', '/boards', { name: 'Plans' }, { 'idempotency-key': 'k' });
  const address = `/boards/${board.id}`;
  await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
    board.id,
    cy.user.id,
  ]);
  await check(ada, 'GET', '/boards?limit=1');
  await check(ada, 'GET', '/boards');
  await check(ada, 'GET', '/boards?limit=0');
  const data = { a: [1, { b: null }], c: 'ü' };
  const { item } = await check(ada, 'POST', `${address}/items`, { text: 'Hi', x: 1.5, y: -2, color: 'blue', data });
  await database.sql('insert into teamboard.items (board_id, text) values ($1, $2)', [
    board.id,
    'by a writer that is no user',
  ]);
  const itemAddress = `${address}/items/${item.id}`;
  await check(ada, 'GET', itemAddress);
  await check(ada, 'GET', itemAddress, undefined, { 'if-none-match': '"1"' });
  await check(ada, 'PATCH', itemAddress, { text: 'New' });
  await check(ada, 'PATCH', address, { name: 'New' });
  await check(ada, 'PATCH', itemAddress, { text: 'x'.repeat(2000) });
  await check(ada, 'POST', `${address}/items`, { text: 'x'.repeat(2000) });
  for (const tag of ['"1"', '"9"']) {
    for (const [path, body] of [
      [itemAddress, { text: 'Mine' }],
      [address, { name: 'Mine' }],
    ] as const) {
      await check(ada, 'PATCH', path, body, { 'if-match': tag });
      await check(ada, 'DELETE', path, undefined, { 'if-match': tag });
    }
  }
  const [create, update] = [
    { op: 'create', item: { text: 'x' } },
    { op: 'update', id: item.id, item: { text: 'x' } },
  ];
  const { results } = await check(ada, 'POST', `${address}/batch`, { operations: [create, update] });
  await check(ada, 'POST', `${address}/batch`, { operations: [{ ...update, item: { text: 'x'.repeat(2000) } }] });
  const remove = { op: 'delete', id: results[0].id };
  await check(ada, 'POST', `${address}/items`, { text: 'x', id: item.id });
  await check(ada, 'POST', `${address}/batch`, { operations: [{ ...create, id: item.id }] });
  await check(ada, 'POST', `${address}/batch`, { operations: [remove] });
  await check(ada, 'POST', `${address}/batch`, { operations: [remove] });
  await check(ada, 'POST', `${address}/batch`, { operations: [{ ...update, ifMatch: 1 }] });
  const { cursor } = await check(ada, 'GET', address);
  await check(ada, 'GET', address, undefined, { 'if-none-match': `"${cursor}"` });
  await check(ada, 'GET', `${address}/events?limit=3`, undefined, json);
  await check(ada, 'GET', `${address}/events`, undefined, json);
  await check(ada, 'GET', `${address}/events?after=nonsense`, undefined, json);
  await check(ada, 'GET', `${address}/events`, undefined, { accept: 'image/png' });
  await check(ada, 'GET', `${address}/events?limit=0`, undefined, json);
  // More at once than one user may.
  const many = `/events?boards=${board.id}`;
  for (const path of [`${address}/events`, many]) {
    await Promise.all(Array.from({ length: 150 }, () => check(ada, 'GET', path, undefined, json)));
  }
  const page = await check(ada, 'GET', `${many},${randomUUID()}&limit=3`, undefined, json);
  await check(ada, 'GET', `${many}&after=${page.cursor}`, undefined, json);
  await check(ada, 'GET', `${many}&after=nonsense`, undefined, json);
  await check(ada, 'GET', many, undefined, { accept: 'image/png' });
  await check(ada, 'GET', '/events?boards=x');
  const [items, history, past] = [`${address}/items`, `${itemAddress}/history`, `${address}?at=${cursor}`];
  const elsewhere = (await ada.get(`/boards/${await ada.createBoard()}`)).body.cursor;
  for (const path of [`${items}?limit=1`, history, past]) await check(ada, 'GET', path);
  await check(ada, 'GET', past, undefined, { 'if-none-match': `"${cursor}"` });
  for (const path of [`${history}?after=`, `${address}?at=`]) {
    for (const place of ['nonsense', elsewhere]) await check(ada, 'GET', path + place);
  }
  await check(ada, 'GET', `${items}?updatedAfter=yesterday`);
  for (const path of [items, history, past]) {
    let asked: Promise<unknown> = Promise.resolve();
    await whileLocked(database, ['items', 'board_events'], async () => {
      let count = 0;
      asked = Promise.all(
        Array.from({ length: 30 }, async () => {
          await check(ada, 'GET', path);
          count += 1;
        }),
      );
      await until(() => count >= 10, 'ten that are refused');
    });
    await asked;
  }
  const stream = await openStream(t, node.url, board.id, ada);
  await check(ada, 'GET', `${address}/events`, undefined, { accept: 'text/event-stream' });
  await check(ada, 'GET', many, undefined, { accept: 'text/event-stream' });
  await check(ada, 'GET', `${address}/presence`);
  await check(ada, 'GET', `/streams?board=${board.id}`);
  await check(ada, 'GET', '/streams/check?ticks=2&silence=0');
  await Promise.all(Array.from({ length: 5 }, () => check(ada, 'GET', '/streams/check?ticks=5&silence=0')));
  const { streamId } = (await stream.next('ready')).data;
  await check(ada, 'DELETE', `/streams/${streamId}`);
  stream.close();
  await checkTickets(check, ada, nobody, address);
  for (const path of ['/guests', '/boards']) {
    await check(ada, 'POST', path, {});
    if (path === '/boards') {
      await check(nobody, 'POST', path, { name: 'x' });
      await check(ada, 'POST', path, { name: 'x' }, { 'idempotency-key': 'k' });
    }
    await check(ada, 'POST', path, 'x'.repeat(300_000));
    await check(ada, 'POST', path, 'x', { 'content-type': 'text/plain' });
  }
  await check(nobody, 'GET', '/boards');
  for (const [method, path, body] of [
    ['GET', address],
    ['PATCH', address, { name: 'x' }],
    ['DELETE', address],
    ['POST', `${address}/items`, { text: 'x' }],
    ['GET', itemAddress],
    ['GET', items],
    ['GET', history],
    ['PATCH', itemAddress, { text: 'x' }],
    ['DELETE', itemAddress],
    ['POST', `${address}/batch`, { operations: [create] }],
    ['GET', `${address}/events`],
    ['GET', many],
    ['GET', `${address}/presence`],
    ['GET', `/streams?board=${board.id}`],
    ['GET', '/streams/check?ticks=2&silence=0'],
    ['DELETE', `/streams/${streamId}`],
    ['POST', `${address}/tickets`],
    ['POST', '/tickets', { boards: [board.id] }],
    ['POST', `${address}/broadcasts`, { name: 'cursor', data: { x: 1 } }],
  ] as Array<[string, string, object?]>) {
    await checkRefusals(method, path, body);
  }
  await checkSharing(address);
  await checkWebhooks(address, cursor);
  for (const path of [itemAddress, address]) await check(ada, 'DELETE', path, undefined, { 'idempotency-key': 'a b' });
  await check(ada, 'DELETE', itemAddress);
  await check(ada, 'DELETE', address);
  await check(ada, 'DELETE', '/session');
  await check(ada, 'DELETE', '/session');
  await check(nobody, 'GET', '/', undefined, json);
  const start = await ada.get('/');
  t.match(start.body, /^<!doctype html>/);
  await check(ada, 'GET', '/', undefined, { 'if-none-match': String(start.headers.get('etag')) });
  await check(ada, 'GET', '/livez');
  await check(ada, 'GET', '/readyz');

  const narrow = {
    accountsPerMinute: 1,
    boardsPerUser: 1,
    invitesPerBoard: 1,
    membersPerBoard: 1,
    webhooksPerBoard: 0,
  };
  const crowdedNode = await startNode(t, database.url, narrow);
  const full = (await Client.signUp(node)).at(crowdedNode);
  const fullBoard = `/boards/${await full.createBoard()}`;
  const link = await full.post(`${fullBoard}/invites`, { role: 'viewer' });
  await check(full, 'POST', '/boards', { name: 'one more' });
  await check(full, 'POST', `${fullBoard}/invites`, { role: 'viewer' });
  await check(full, 'POST', `${fullBoard}/webhooks`, { url: 'https://hooks.example/' });
  await check(cy.at(crowdedNode), 'POST', `/invites/${link.body.token}/accept`);
  const crowded = Client.nobody(crowdedNode);
  while ((await crowded.post('/guests', { name: 'Ada' })).status !== 429);
  await check(crowded, 'POST', '/guests', { name: 'Ada' });
  await check(crowded, 'POST', '/users', { name: 'Ada', email: 'ada@example.org', password: 'correct horse' });
  await check(full, 'POST', `${fullBoard}/members`, { userId: cy.user.id, role: 'viewer' });

  const fast = await Client.signUp(hasty, 'Di');
  while ((await fast.post('/boards', {})).status !== 429);
  for (const { title, path, operation } of operations) {
    const [method = ''] = title.split(' ');
    if (method === 'GET' || !operation.responses[429] || (operation.security?.length ?? 0) < 2) continue;
    const id = path.replaceAll(/\{\w+\}/g, board.id);
    // A second after the last one there is a token again, for a machine that is slow.
    while ((await check(fast, method, id))?.status !== 429);
  }

  for (const { title, path, operation } of operations) {
    if (!operation.responses[400]) continue;
    const [method = ''] = title.split(' ');
    await check(cy, method, path.replaceAll(/\{\w+\}/g, board.id), undefined, { 'if-match': 'none' });
  }

  for (const { title, path, operation } of operations) {
    if (!operation.responses[403]) continue;
    const [method = ''] = title.split(' ');
    await check(nobody, method, path.replaceAll(/\{\w+\}/g, board.id), undefined, { 'sec-fetch-site': 'cross-site' });
  }

  async function checkRefusals(method: string, path: string, body?: object): Promise<void> {
    await check(nobody, method, path, body, json);
    await check(eve, method, path, body, json);
    await check(cy, method, path, body, json);
    // The key was that of a POST /boards.
    if (method !== 'GET') await check(ada, method, path, body, { 'idempotency-key': 'k' });
    if (!body) return;
    await check(ada, method, path, {});
    await check(ada, method, path, 'x'.repeat(2 ** 20 + 1));
    await check(ada, method, path, 'x', { 'content-type': 'text/plain' });
  }

  async function checkWebhooks(address: string, cursor: string): Promise<void> {
    const url = 'https://hooks.example/';
    const { webhook } = await check(ada, 'POST', `${address}/webhooks`, { url, events: ['item'] });
    const path = `${address}/webhooks/${webhook.id}`;
    await check(ada, 'GET', `${address}/webhooks`);
    await check(ada, 'GET', path);
    await check(ada, 'PATCH', path, { state: 'paused' });
    await check(ada, 'POST', `${path}/secret`);
    await check(ada, 'POST', `${path}/replay`, { after: cursor });
    await check(ada, 'POST', `${path}/replay`, { after: '00000000-1' });
    for (const [method, each, body] of [
      ['GET', `${address}/webhooks`],
      ['POST', `${address}/webhooks`, { url }],
      ['GET', path],
      ['PATCH', path, { name: 'x' }],
      ['DELETE', path],
      ['POST', `${path}/secret`],
      ['POST', `${path}/replay`, { after: cursor }],
    ] as Array<[string, string, object?]>) {
      await checkRefusals(method, each, body);
    }
    await check(ada, 'DELETE', path);
  }

  async function checkSharing(address: string): Promise<void> {
    const bob = await Client.signUp(node, 'Bob');
    const me = `${address}/members/${ada.user.id}`;
    const him = `${address}/members/${bob.user.id}`;
    await check(ada, 'GET', `${address}/members`);
    await check(ada, 'POST', `${address}/members`, { userId: bob.user.id, role: 'viewer' });
    await check(ada, 'POST', `${address}/members`, { userId: bob.user.id, role: 'viewer' });
    await check(ada, 'PATCH', him, { role: 'editor' });
    await check(ada, 'PATCH', me, { role: 'editor' });
    await check(ada, 'DELETE', me);
    await check(ada, 'DELETE', me, undefined, { 'idempotency-key': 'a b' });
    await check(ada, 'DELETE', him);
    const { invite, token } = await check(ada, 'POST', `${address}/invites`, { role: 'viewer', maxUses: 1 });
    const revoke = `${address}/invites/${invite.id}`;
    await check(ada, 'GET', `${address}/invites`);
    await check(ada, 'DELETE', revoke, undefined, { 'idempotency-key': 'a b' });
    for (const [method, path, body] of [
      ['GET', `${address}/members`],
      ['POST', `${address}/members`, { userId: bob.user.id, role: 'viewer' }],
      ['PATCH', me, { role: 'editor' }],
      ['DELETE', me],
      ['GET', `${address}/invites`],
      ['POST', `${address}/invites`, { role: 'viewer' }],
      ['DELETE', revoke],
    ] as Array<[string, string, object?]>) {
      await checkRefusals(method, path, body);
    }
    for (let n = 0; n < 2; n += 1) {
      await check(Client.nobody(hasty), 'GET', '/invites/unknown', undefined, { 'x-forwarded-for': '192.0.2.1' });
    }
    for (const path of ['/invites/unknown', `/invites/${token}`]) {
      await check(nobody, 'GET', path);
      await check(nobody, 'GET', path, undefined, { authorization: 'Bearer tb_x' });
      await check(nobody, 'POST', `${path}/accept`);
      await check(bob, 'GET', path);
      await check(bob, 'POST', `${path}/accept`);
      await check(eve, 'GET', path);
      await check(eve, 'POST', `${path}/accept`);
    }
    await check(ada, 'POST', `/invites/${token}/accept`, undefined, { 'idempotency-key': 'k' });
    await check(ada, 'POST', `/invites/${token}/accept`, undefined, { 'idempotency-key': 'a b' });
    await check(ada, 'DELETE', revoke);
  }

  for (const { title, operation } of operations) {
    if (!codesOf(operation.responses['401'] ?? {}).includes('TB_OTHER_USER')) continue;
    const [method = '', path = ''] = title.split(' ');
    const body = operation.requestBody ? {} : undefined;
    await check(eve, method, path.replaceAll(/\{\w+\}/g, eve.user.id), body, { 'user-id': cy.user.id });
  }

  const promised = operations.flatMap(({ title, operation }) =>
    Object.entries(operation.responses)
      .filter(([status]) => !['4XX', '500', '503'].includes(status))
      .flatMap(([status, response]) => {
        const codes = codesOf(response);
        return codes.length > 0 ? codes.map((code) => `${title} ${status} ${code}`) : [`${title} ${status}`];
      }),
  );
  const unseen = promised.filter((about) => !seen.has(about));
  t.same(unseen, [], 'every answer that is promised was seen here, or (500, 503, those of HTTP) in problems.test.ts');
});

t.test('every kind of frame has a schema, and fits it', async (t) => {
  const { description = '', responses } = document.paths['/boards/{id}/events']?.get ?? { responses: {} };
  const [text] = Object.values(resolve('#/paths/~1boards~1{id}~1events/get/responses/200/content') as object);
  t.match(text, { schema: { contentSchema: { items: { $ref: '#/components/schemas/StreamFrame' } } } });
  t.same(Object.keys(responses[200]?.content ?? {}).sort(), ['application/json', 'text/event-stream']);
  const kinds = (document.components.schemas.StreamFrame?.anyOf ?? []).map(
    ({ properties }) => properties?.event?.enum?.[0],
  );
  const source = ['streams/wire/frame', 'presence/presence-change', 'broadcasts/broadcast']
    .map((file) => readProjectFile(`src/${file}.ts`))
    .join('');
  const names = [...new Set([...source.matchAll(/\bencodeFrame\(\{ event: '(\w+)'/g)].map(([, name]) => name))];
  t.same(kinds.sort(), names.sort(), 'each that is sent');
  for (const name of names) t.ok(description.includes(`| \`${name}\` |`), `${name}: in words`);

  const bob = await Client.signUp(hasty, 'Bob');
  const boardId = await bob.createBoard();
  const streams = [
    await openStream(t, hasty.url, boardId, { ...bob, query: '?snapshot=1' }),
    await openStream(t, hasty.url, boardId, { ...bob, query: '?lastEventId=nonsense' }),
  ] as const;
  const { streamId } = (await streams[0].next('ready')).data;
  const write = { 'stream-id': streamId, 'idempotency-key': 'once' };
  const { item } = (await bob.post(`/boards/${boardId}/items`, { text: 'Hi' }, write)).body;
  const member = { userId: ada.user.id, role: 'viewer' };
  await until(async () => (await bob.post(`/boards/${boardId}/members`, member)).status === 201, 'a write more');
  await bob.post(`/boards/${boardId}/broadcasts`, { name: 'cursor', data: [1] });
  await until(
    async () => (await bob.patch(`/boards/${boardId}/items/${item.id}`, { text: 'New' })).status === 200,
    'a write more',
  );
  for (const stream of streams) await stream.next('heartbeat');
  await until(async () => (await bob.delete(`/boards/${boardId}`)).status === 204, 'a write more');
  const frames = [];
  for (const stream of streams) {
    await stream.end();
    const { heartbeats, presence } = stream;
    frames.push(...stream.frames, ...heartbeats, ...presence.map((data) => ({ event: 'presence', data })));
  }
  // (An id that is not there is undefined in the frames of a test.)
  for (const frame of frames) {
    t.same(api.componentFaults('StreamFrame', JSON.parse(JSON.stringify(frame))), [], `${frame.event}`);
  }
  t.same([...new Set(frames.map(({ event }) => event))].sort(), names.sort(), 'each was seen');
});

t.test('/docs renders under a policy of its own, with nothing from elsewhere', async (t) => {
  const page = await ada.get('/docs');
  t.equal(page.status, 200);
  t.match(page.headers.get('content-type'), /^text\/html/);
  const policy = page.headers.get('content-security-policy') ?? '';
  t.match(policy, "default-src 'none'");
  t.match(policy, "script-src 'self';", 'no inline scripts');
  t.match(policy, "frame-ancestors 'none'");
  t.equal(page.headers.get('x-content-type-options'), 'nosniff');

  const html: string = page.body as never;
  t.notMatch(html, /<script(?![^>]* src=)/, 'the page has no script that its policy forbids');
  t.notMatch(html, /<style| on\w+=/);
  const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
  t.ok(files.length >= 5);
  for (const file of files) {
    t.match(file, /^\/docs\/static\//);
    t.equal((await ada.get(file)).status, 200, file);
  }
  const initializer = await (await fetch(`${node.url}/docs/static/swagger-initializer.js`)).text();
  t.match(initializer, /validatorUrl: null/, 'the document is sent to nobody');
  t.same((await ada.get('/docs/json')).body.paths, document.paths);
});

// biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
type Check = (client: Client, ...request: Parameters<Client['request']>) => Promise<any>;

/** Each answer of the routes for a token of the application. */
async function checkApplication(check: Check, nobody: Client): Promise<void> {
  const [made] = await database.sql<{ secret: string }>(`select teamboard.make_application_token('Shop') as secret`);
  const shop = await Client.bearing(node, made?.secret ?? '');
  const guest = await Client.signUp(node);
  const boardId = await guest.createBoard();
  const named = { issuer: 'application', subject: '17', name: 'Ada' };
  const { user } = await check(shop, 'PUT', '/users', named);
  await check(shop, 'PUT', '/users', {});
  await check(shop, 'PUT', '/users', 'x'.repeat(300_000));
  await check(shop, 'PUT', '/users', 'x', { 'content-type': 'text/plain' });
  const streams = `/users/${user.id}/streams`;
  await check(shop, 'DELETE', streams);
  await check(shop, 'DELETE', `/users/${boardId}/streams`);
  for (const client of [nobody, guest]) {
    await check(client, 'PUT', '/users', named);
    await check(client, 'DELETE', streams);
  }
  await check(guest, 'POST', `/boards/${boardId}/tickets`, { userId: user.id });
  await check(guest, 'POST', '/tickets', { boards: [boardId], userId: user.id });
}

/** Each answer of the routes about accounts, sessions and tokens. */
async function checkAccounts(check: Check, nobody: Client): Promise<void> {
  const account = { name: 'Di', email: 'di@example.org', password: 'correct horse' };
  const { name: _, ...credentials } = account;
  await check(nobody, 'POST', '/users', account);
  await check(nobody, 'POST', '/users', account);
  await check(nobody, 'POST', '/session', credentials);
  await check(nobody, 'POST', '/session', { ...credentials, password: 'wrong' });
  const di = ada.after(await nobody.request('POST', '/session', credentials));
  const { token, secret } = await check(di, 'POST', '/tokens', { name: 'ci', expiresInDays: 1 });
  const { secret: second } = await check(di, 'POST', '/tokens', { name: 'ci' });
  for (const each of [secret, second]) {
    await check(nobody, 'GET', '/session', undefined, { authorization: `Bearer ${each}` });
  }
  await check(di, 'GET', '/tokens');
  await check(di, 'PATCH', '/users/me', { name: 'Di' });
  await check(await Client.signUp(node), 'PATCH', '/users/me', credentials);
  const routes: Array<[string, string, object?]> = [
    ['POST', '/users', account],
    ['POST', '/session', credentials],
    ['PATCH', '/users/me', { name: 'x' }],
    ['POST', '/tokens', { name: 'x' }],
    ['GET', '/tokens'],
    ['DELETE', `/tokens/${token.id}`],
    ['DELETE', '/session'],
    ['DELETE', '/sessions'],
    ['DELETE', '/users/me', { currentPassword: 'wrong' }],
  ];
  for (const [method, path, body] of routes) {
    // Those that sign in would end Di's session.
    if (!['POST /users', 'POST /session'].includes(`${method} ${path}`)) {
      await check(nobody, method, path, body);
      await check(di, method, path, body, { authorization: `Bearer ${secret}` });
    }
    if (!body) continue;
    await check(di, method, path, {});
    await check(di, method, path, 'x'.repeat(300_000));
    await check(di, method, path, 'x', { 'content-type': 'text/plain' });
  }
  await database.sql(
    `insert into teamboard.tokens (user_id, token_hash, name) select $1, sha256(n::text::bytea), 'n' from generate_series(1, 99) n`,
    [(await di.get('/session')).body.user.id],
  );
  await check(di, 'POST', '/tokens', { name: 'one more' });
  await check(di, 'DELETE', `/tokens/${token.id}`);
  await check(di, 'DELETE', `/tokens/${token.id}`);
  for (let n = 0; n < 11; n += 1) await check(di, 'PATCH', '/users/me', { name: `Di ${n}` });
  await check(di, 'DELETE', '/users/me', { currentPassword: 'wrong' });
  const wrong = { currentPassword: 'wrong', password: 'another one' };
  for (let n = 0; n < 11; n += 1) await check(di, 'PATCH', '/users/me', wrong);
  await check(di, 'DELETE', '/users/me', { currentPassword: 'wrong' });
  const [guest, other] = [await Client.signUp(node), await Client.signUp(node)];
  const boardId = await guest.createBoard();
  const members = `/boards/${boardId}/members`;
  await guest.post(members, { userId: other.user.id, role: 'viewer' });
  await check(guest, 'DELETE', '/users/me');
  await check(other, 'DELETE', '/users/me');
  for (let n = 0; n < 30; n += 1) await nobody.request('POST', '/users', account);
  await check(nobody, 'POST', '/users', account);
  await check(nobody, 'POST', '/session', credentials);
  await check(di, 'DELETE', '/sessions');
}

/** Each answer of POST …/tickets that has nothing to do with who asks. */
async function checkTickets(check: Check, ada: Client, nobody: Client, address: string): Promise<void> {
  const many = { boards: [address.slice('/boards/'.length)] };
  await check(ada, 'POST', '/tickets', many);
  for (const body of [undefined, { boards: [] }]) await check(ada, 'POST', '/tickets', body);
  await check(ada, 'POST', '/tickets', 'x'.repeat(300_000));
  await check(ada, 'POST', '/tickets', 'x', { 'content-type': 'text/plain' });
  const path = `${address}/tickets`;
  const { ticket } = await check(ada, 'POST', path);
  await check(nobody, 'GET', `${address}/events?ticket=${ticket}`, undefined, { accept: 'application/json' });
  await check(ada, 'POST', path, {});
  await check(ada, 'POST', path, { unknown: 1 });
  await check(ada, 'POST', path, 'x'.repeat(300_000));
  await check(ada, 'POST', path, 'x', { 'content-type': 'text/plain' });
  for (let n = 0; n < 99; n += 1) await ada.request('POST', path);
  await check(ada, 'POST', path);
  await check(ada, 'POST', '/tickets', many);
}

/** @returns the codes of the problems that a response may be; of another one none */
function codesOf(response: DocumentedResponse): string[] {
  const { schema } = resolved(response).content?.['application/problem+json'] ?? {};
  if (!schema) return [];
  const { allOf = [], ...own } = api.resolve(schema);
  return [own, ...allOf].flatMap(({ properties }) => (properties?.code?.enum ?? []) as string[]);
}

function resolved(response: DocumentedResponse): DocumentedResponse {
  return response.$ref === undefined ? response : (resolve(response.$ref) as DocumentedResponse);
}

/** @returns what a JSON pointer of the document leads to */
function resolve(reference: string): unknown {
  if (!reference.startsWith('#/')) return undefined;
  const steps = reference.slice(2).split('/');
  return steps.reduce<unknown>((value, step) => {
    const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    return (value as Record<string, unknown> | undefined)?.[name];
  }, document);
}

/** Of a path template, for the paths that fit it. */
function pattern(template: string): RegExp {
  const parameters = template.replaceAll('{token}', '[\\w-]{7,36}').replaceAll(/\{\w+\}/g, '[0-9a-f-]{36}');
  return new RegExp(`^${parameters}(\\?.*)?$`);
}

/** The table of the router, which it gives as a tree only. */
function registeredRoutes(): Array<{ method: string; path: string }> {
  const path: string[] = [];
  return node.app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent, segment = '', methods] = /^((?:│ {3}| {4})*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
      if (indent === undefined) return [];
      path.splice(indent.length / 4, Infinity, segment);
      const whole = path.join('') || '/';
      return (methods?.split(', ') ?? []).map((method) => ({ method, path: whole }));
    });
}
