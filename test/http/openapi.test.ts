// The OpenAPI document: whole, true to what is answered, and rendered.

import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import t from 'tap';
import { problems } from '../../src/errors.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { readProjectFile } from '../helpers/project.ts';

interface Media {
  schema?: object;
}

interface Operation {
  summary?: string;
  tags?: string[];
  security?: Array<Record<string, string[]>>;
  parameters?: Array<{ name: string; in: string; required?: boolean; schema?: object }>;
  requestBody?: { content: Record<string, Media> };
  responses: Record<
    string,
    {
      description?: string;
      headers?: Record<string, { description?: string; schema?: { type?: string } }>;
      content?: Record<string, Media>;
    }
  >;
  description?: string;
}

interface Document {
  openapi: string;
  info: { title: string; version: string; description: string };
  servers?: object[];
  tags: Array<{ name: string }>;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; securitySchemes: Record<string, object> };
}

const database = await useDatabase(t);
const node = await startNode(t, database.url, { streamsPerUser: 1, bytesPerBoard: 2000 });
/** Refuses the third write, and describes itself as the other does. */
const hasty = await startNode(t, database.url, { writesPerSecond: 1, broadcastsPerSecond: 1 });
const ada = await Client.signUp(node, 'Ada');
const answer = await ada.get('/openapi.json');
const document: Document = answer.body;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ title: `${method.toUpperCase()} ${path}`, path, operation })),
);

t.test('/openapi.json is an OpenAPI 3.1 document in which every reference leads somewhere', async (t) => {
  t.equal(answer.status, 200);
  t.match(answer.headers.get('content-type'), /^application\/json/);
  t.match(document.openapi, /^3\.1\.\d$/);
  t.equal(document.info.title, 'Teamboard');
  t.equal(document.info.version, JSON.parse(readProjectFile('package.json')).version);
  t.notOk('servers' in document, 'the address from which it was fetched');

  const references: string[] = [];
  walk(document, (value) => {
    if (typeof value.$ref === 'string') references.push(value.$ref);
  });
  t.ok(references.length > 20);
  for (const reference of new Set(references)) t.ok(resolve(reference), reference);
  for (const name of Object.keys(document.components.schemas)) {
    t.match(name, /^[A-Z][A-Za-z]+$/, 'a name that says what it is');
    t.ok(references.includes(`#/components/schemas/${name}`), `${name} is used`);
  }
  for (const code of Object.keys(problems)) t.match(document.info.description, `\`${code}\``);

  const behindProxy = await startNode(t, database.url, { publicUrl: 'https://boards.example' });
  const other = (await ada.at(behindProxy).get('/openapi.json')).body;
  t.same(other.servers, [{ url: 'https://boards.example' }]);
});

t.test('every registered route is in the document, but for the document and its rendering', async (t) => {
  const routes = registeredRoutes()
    .filter(({ method, path }) => method !== 'HEAD' && !/^\/(docs|openapi\.json)/.test(path))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  t.ok(routes.length >= 15, `${routes.length} routes`);
  t.same(operations.map(({ title }) => title).sort(), routes.sort());
});

/** What follows from no rule below. */
const furtherErrors: Record<string, string[]> = {
  'POST /guests': ['429'],
  'POST /users': ['409', '429'],
  'POST /session': ['401', '429'],
  'POST /boards': ['409'],
  'POST /boards/{id}/invites': ['409'],
  'POST /invites/{token}/accept': ['409'],
  'PATCH /users/me': ['409', '429'],
  'DELETE /users/me': ['409', '429'],
  'POST /tokens': ['409'],
  'POST /boards/{id}/tickets': ['429'],
};

t.test('every operation says what it is, what it takes and how it can fail', async (t) => {
  const tags = document.tags.map(({ name }) => name);
  for (const { title, path, operation } of operations) {
    const { summary, tags: own = [], parameters = [], responses, requestBody, security } = operation;
    t.match(summary, /^[A-Z].*[^.]$/, `${title}: summary`);
    t.ok(own.length === 1 && tags.includes(own[0] ?? ''), `${title}: tag`);
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    t.same(
      parameters.filter(({ in: place, required }) => place === 'path' && required).map(({ name }) => name),
      named,
      `${title}: path parameters`,
    );

    const isWrite = requestBody !== undefined || title.startsWith('DELETE');
    const isUnsafe = !title.startsWith('GET');
    const isService = own[0] === 'Service';
    const expected = new Set<string>();
    if (requestBody) for (const status of ['400', '413', '415']) expected.add(status);
    // (A If-None-Match can hold anything.)
    if (parameters.some(({ in: place, name }) => place !== 'path' && !/^(if-none-match)$/i.test(name)))
      expected.add('400');
    if (security) expected.add('401');
    const refusesTokens = security?.length === 1;
    // Invites are shown to owners only.
    if (refusesTokens || isUnsafe || /\/(events|invites)$/.test(path)) expected.add('403');
    if (isUnsafe && security && !refusesTokens) expected.add('429');
    for (const status of furtherErrors[title] ?? []) expected.add(status);
    if (named.length > 0) expected.add('404');
    if (isWrite && /members|batch/.test(path)) expected.add('409');
    if (requestBody && /items/.test(path)) expected.add('409');
    if (isWrite && /itemId|batch/.test(path)) expected.add('412');
    if (path.startsWith('/invites/')) expected.add('410');
    if (path.endsWith('/events')) for (const status of ['406', '429']) expected.add(status);
    const isDoneOnce = parameters.some(({ in: place, name }) => place === 'header' && name === 'idempotency-key');
    if (isDoneOnce) expected.add('422');
    if (!isService) expected.add('503');
    const errors = Object.keys(responses).filter((status) => Number(status) >= 400);
    if (!isService) t.same(errors, [...expected].sort(), `${title}: errors`);
    for (const [status, { description, headers = {}, content = {} }] of Object.entries(responses)) {
      t.match(description, /\S/, `${title} ${status}: description`);
      for (const [name, header] of Object.entries(headers)) {
        t.match(header, { description: /\S/, schema: { type: 'string' } }, `${title} ${status}: ${name}`);
      }
      if (Number(status) < 300) t.equal('Idempotent-Replayed' in headers, isDoneOnce, `${title} ${status}: replays`);
      if (Number(status) < 400 || isService) continue;
      const name = status === '412' ? 'Conflict' : 'Problem';
      t.same(content, { 'application/problem+json': { schema: { $ref: `#/components/schemas/${name}` } } });
    }
    t.ok(
      Object.keys(responses).some((status) => Number(status) < 300),
      `${title}: a success`,
    );
  }
});

t.test('every answer is as the document says, and has no field that it does not know', async (t) => {
  const validate = createValidator();
  const seen = new Set<string>();
  const check: Check = async (client, method, path, body, headers) => {
    const { status, headers: fields, body: got } = await client.request(method, path, body, headers);
    const route = Object.keys(document.paths).find((template) => pattern(template).test(path)) ?? '';
    const about = `${method} ${route} ${status}`;
    seen.add(about);
    const response = document.paths[route]?.[method.toLowerCase()]?.responses[status];
    if (!response) return t.fail(`${about} is in the document`);
    const type = fields.get('content-type')?.split(';')[0];
    const promisedFields = Object.keys(response.headers ?? {}).filter((name) => name !== 'Idempotent-Replayed');
    for (const name of promisedFields) t.ok(fields.get(name), `${about}: ${name}`);
    if (got === undefined) return t.notOk(response.content, `${about}: no body`);
    t.ok(type && response.content?.[type], `${about}: ${type}`);
    const place = ['paths', route, method.toLowerCase(), 'responses', `${status}`, 'content', `${type}`, 'schema'];
    t.same(validate(place, got), [], about);
    return got;
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
  await check(ada, 'POST', '/boards', { name: 'Plans', layout: 'list' });
  const { board } = await check(ada, 'POST', '/boards', { name: 'Plans' }, { 'idempotency-key': 'k' });
  const address = `/boards/${board.id}`;
  await database.sql(`insert into members (board_id, user_id, role) values ($1, $2, 'viewer')`, [board.id, cy.user.id]);
  await check(ada, 'GET', '/boards?limit=1');
  await check(ada, 'GET', '/boards');
  await check(ada, 'GET', '/boards?limit=0');
  const data = { a: [1, { b: null }], c: 'ü' };
  const { item } = await check(ada, 'POST', `${address}/items`, { text: 'Hi', x: 1.5, y: -2, color: 'blue', data });
  await database.sql('insert into items (board_id, text) values ($1, $2)', [board.id, 'by a writer that is no user']);
  const itemAddress = `${address}/items/${item.id}`;
  await check(ada, 'GET', itemAddress);
  await check(ada, 'PATCH', itemAddress, { text: 'New' });
  await check(ada, 'PATCH', address, { name: 'New' });
  await check(ada, 'PATCH', itemAddress, { text: 'x'.repeat(2000) });
  await check(ada, 'POST', `${address}/items`, { text: 'x'.repeat(2000) });
  for (const tag of ['"1"', '"9"']) {
    await check(ada, 'PATCH', itemAddress, { text: 'Mine' }, { 'if-match': tag });
    await check(ada, 'DELETE', itemAddress, undefined, { 'if-match': tag });
  }
  const [create, update] = [
    { op: 'create', item: { text: 'x' } },
    { op: 'update', id: item.id, item: { text: 'x' } },
  ];
  const { results } = await check(ada, 'POST', `${address}/batch`, { operations: [create, update] });
  const remove = { op: 'delete', id: results[0].id };
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
  const stream = await openStream(t, node.url, board.id, ada);
  await check(ada, 'GET', `${address}/events`, undefined, { accept: 'text/event-stream' });
  await check(ada, 'GET', `${address}/presence`);
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
    ['PATCH', itemAddress, { text: 'x' }],
    ['DELETE', itemAddress],
    ['POST', `${address}/batch`, { operations: [create] }],
    ['GET', `${address}/events`],
    ['GET', `${address}/presence`],
    ['POST', `${address}/tickets`],
    ['POST', `${address}/broadcasts`, { name: 'cursor', data: { x: 1 } }],
  ] as Array<[string, string, object?]>) {
    await checkRefusals(method, path, body);
  }
  await checkSharing(address);
  for (const path of [itemAddress, address]) await check(ada, 'DELETE', path, undefined, { 'idempotency-key': 'a b' });
  await check(ada, 'DELETE', itemAddress);
  await check(ada, 'DELETE', address);
  await check(ada, 'DELETE', '/session');
  await check(ada, 'DELETE', '/session');
  await check(ada, 'GET', '/livez');
  await check(ada, 'GET', '/readyz');

  const narrow = { accountsPerMinute: 1, boardsPerUser: 1, invitesPerBoard: 1, membersPerBoard: 1 };
  const crowdedNode = await startNode(t, database.url, narrow);
  const full = (await Client.signUp(node)).at(crowdedNode);
  const fullBoard = `/boards/${await full.createBoard()}`;
  const link = await full.post(`${fullBoard}/invites`, { role: 'viewer' });
  await check(full, 'POST', '/boards', { name: 'one more' });
  await check(full, 'POST', `${fullBoard}/invites`, { role: 'viewer' });
  await check(cy.at(crowdedNode), 'POST', `/invites/${link.body.token}/accept`);
  const crowded = Client.nobody(crowdedNode);
  while ((await crowded.post('/guests', { name: 'Ada' })).status !== 429);
  await check(crowded, 'POST', '/guests', { name: 'Ada' });

  const fast = await Client.signUp(hasty, 'Di');
  while ((await fast.post('/boards', {})).status !== 429);
  for (const { title, path, operation } of operations) {
    const [method = ''] = title.split(' ');
    if (method === 'GET' || !operation.responses[429] || !operation.security || operation.security.length === 1)
      continue;
    const id = path.replaceAll(/\{\w+\}/g, board.id);
    // A second after the last one there would be a token again.
    while ((await fast.request(method, id)).status !== 429);
    await check(fast, method, id);
  }

  for (const { title, path, operation } of operations) {
    if (!operation.responses[403] || operation.security?.length === 1) continue;
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
    for (const path of ['/invites/unknown', `/invites/${token}`]) {
      await check(nobody, 'GET', path);
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

  const promised = operations.flatMap(({ title, operation }) =>
    Object.keys(operation.responses).map((status) => `${title} ${status}`),
  );
  const unseen = promised.filter((about) => !seen.has(about) && !about.endsWith(' 503'));
  t.same(unseen, [], 'every answer that is promised was seen here, or (503) in problems.test.ts');
});

t.test('the stream is described event by event, because OpenAPI has no form for it', async (t) => {
  const { description = '', responses } = document.paths['/boards/{id}/events']?.get ?? { responses: {} };
  const source = readProjectFile('src/streams/frame.ts');
  const names = [...source.matchAll(/\bencode\(\{ event: '(\w+)'/g)].map(([, name]) => name);
  t.ok(names.length >= 6, names.join());
  t.same(
    names.filter((name) => !description.includes(`| \`${name}\` |`)),
    [],
  );
  t.same(Object.keys(responses[200]?.content ?? {}).sort(), ['application/json', 'text/event-stream']);
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
    `insert into tokens (user_id, token_hash, name) select $1, sha256(n::text::bytea), 'n' from generate_series(1, 99) n`,
    [(await di.get('/session')).body.user.id],
  );
  await check(di, 'POST', '/tokens', { name: 'one more' });
  await check(di, 'DELETE', `/tokens/${token.id}`);
  await check(di, 'DELETE', `/tokens/${token.id}`);
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
  const path = `${address}/tickets`;
  const { ticket } = await check(ada, 'POST', path);
  await check(nobody, 'GET', `${address}/events?ticket=${ticket}`, undefined, { accept: 'application/json' });
  await check(ada, 'POST', path, {});
  await check(ada, 'POST', path, { unknown: 1 });
  await check(ada, 'POST', path, 'x'.repeat(300_000));
  await check(ada, 'POST', path, 'x', { 'content-type': 'text/plain' });
  for (let n = 0; n < 99; n += 1) await ada.request('POST', path);
  await check(ada, 'POST', path);
}

/** Calls `visit` for each object in a document. */
function walk(value: unknown, visit: (value: Record<string, unknown>) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) visit(value as Record<string, unknown>);
  for (const member of Object.values(value)) walk(member, visit);
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

/** @returns a function that says what does not fit the schema at a place of the document */
function createValidator(): (place: string[], value: unknown) => unknown[] {
  const closed: Document = structuredClone(document);
  walk(closed, (value) => {
    if (value.type === 'object' && value.properties && !('additionalProperties' in value)) {
      value.additionalProperties = false;
    }
  });
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: true });
  addFormats.default(ajv as never);
  ajv.addSchema(closed, 'api');
  return (place, value) => {
    const pointer = place.map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
    const validate = ajv.compile({ $ref: `api#/${pointer}` });
    validate(value);
    return validate.errors ?? [];
  };
}
