// One id has one spelling behind the door, and one address leads to one place.

import t from 'tap';
import { BOARD_PATTERN } from '../../src/http/schemas.ts';
import type { ProblemCode } from '../../src/problems/problem.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { RawConnection } from '../helpers/raw-connection.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');
const bob = await Client.signUp(node, 'Bob');
const [made] = await database.sql<{ secret: string }>(`select teamboard.make_application_token('Shop') as secret`);
const application = await Client.bearing(node, made?.secret ?? '');

interface Parameter {
  name: string;
  in: string;
  schema: { format?: string; pattern?: string };
}
const document = (await ada.get('/openapi.json')).body as {
  paths: Record<string, Record<string, { parameters?: Parameter[] }>>;
};

/** An id that nobody takes for one, and which PostgreSQL would read. */
const otherForms = (id: string) => [
  `urn:uuid:${id}`,
  `URN:UUID:${id}`,
  `{${id}}`,
  id.replaceAll('-', ''),
  ` ${id}`,
  `${id}\n`,
  `${id}%00`,
];

t.test('in capitals an id is the same: path, query, body, header, stream, key', async (t) => {
  const boardId = await ada.createBoard();
  const capitals = boardId.toUpperCase();
  const stream = await openStream(t, node.url, capitals, ada);
  const ready = (await stream.next('ready')).data;
  t.equal(ready.boardId, boardId);
  const presence = await until(async () => {
    const { users } = (await ada.get(`/boards/${capitals}/presence`)).body;
    return users.length > 0 && users;
  }, 'Ada to be there');
  t.match(presence, [{ user: { id: ada.user.id }, streams: 1 }]);

  const made = await ada.post(`/boards/${capitals}/items`, { text: 'x' }, { 'idempotency-key': 'k' });
  t.equal(made.status, 201);
  const { item } = made.body;
  t.equal(made.headers.get('location'), `/boards/${boardId}/items/${item.id}`);
  await stream.next('changed', ({ data }) => data.id === item.id);
  const again = await ada.post(`/boards/${boardId}/items`, { text: 'x' }, { 'idempotency-key': 'k' });
  t.equal(again.headers.get('idempotent-replayed'), 'true', 'a key in the other spelling is the same request');
  t.same(again.body, made.body);

  const itemPath = `/boards/${capitals}/items/${item.id.toUpperCase()}`;
  const own = { 'stream-id': ready.streamId.toUpperCase(), 'idempotency-key': 'own' };
  t.equal((await ada.patch(itemPath, { text: 'y' }, own)).status, 200);
  await stream.next('own');
  const batch = (id: string) => ({ operations: [{ op: 'update', id, item: { x: 1 } }] });
  const batched = await ada.post(`/boards/${capitals}/batch`, batch(item.id.toUpperCase()), { 'idempotency-key': 'b' });
  t.match(batched.body, { results: [{ id: item.id, item: { x: 1 } }] });
  const replayed = await ada.post(`/boards/${boardId}/batch`, batch(item.id), { 'idempotency-key': 'b' });
  t.equal(replayed.headers.get('idempotent-replayed'), 'true');
  const both = { operations: [item.id, item.id.toUpperCase()].map((id) => ({ op: 'delete', id })) };
  sameProblem(t, await ada.post(`/boards/${boardId}/batch`, both), 'TB_INVALID', {
    errors: [{ path: '/operations/1/id', message: 'is the item of /operations/0 too' }],
  });

  const member = await ada.post(`/boards/${capitals}/members`, { userId: bob.user.id.toUpperCase(), role: 'viewer' });
  t.equal(member.body.member.user.id, bob.user.id);
  t.equal((await bob.get(`/boards?after=FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF`)).body.boards.length, 1);
  const { cursor } = (await ada.get(`/boards/${boardId}`)).body;
  const resumed = await openStream(t, node.url, capitals, { ...ada, headers: { 'last-event-id': cursor } });
  t.equal((await resumed.next('ready')).data.resumedFrom, cursor, 'its cursor is known');
  const { ticket } = (await bob.post(`/boards/${capitals}/tickets`, undefined)).body;
  const byTicket = await openStream(t, node.url, capitals, { cookie: '', query: `?ticket=${ticket}` });
  t.equal((await byTicket.next('ready')).data.boardId, boardId);

  t.equal((await ada.delete(`/boards/${capitals}/members/${bob.user.id.toUpperCase()}`)).status, 204);
  t.same((await byTicket.next('close')).data.reason, 'revoked');
  t.equal((await ada.post(`/boards/${capitals}/broadcasts`, { name: 'x', data: {} })).status, 202);
  await stream.next('broadcast');
  t.equal((await ada.delete(itemPath)).status, 204);
  await stream.next('changed', ({ data }) => data.action === 'deleted' && data.id === item.id);
  t.equal((await ada.delete(`/boards/${capitals}`)).status, 204);
  t.same((await stream.next('close')).data.reason, 'deleted');
  resumed.close();
});

t.test('in any other form it is none: 404 in a path, 400 elsewhere, and never a fault of ours', async (t) => {
  const boardId = await ada.createBoard();
  const { item } = (await ada.post(`/boards/${boardId}/items`, { text: 'x' })).body;
  const known: Record<string, string> = {
    id: boardId,
    itemId: item.id,
    userId: ada.user.id,
    inviteId: boardId,
    webhookId: boardId,
  };
  const bodies: Record<string, unknown> = {
    'POST /boards/{id}/items': { text: 'x' },
    'PATCH /boards/{id}/items/{itemId}': { text: 'y' },
    'POST /boards/{id}/batch': { operations: [{ op: 'delete', id: item.id }] },
    'POST /boards/{id}/broadcasts': { name: 'x', data: {} },
    'POST /boards/{id}/members': { userId: bob.user.id, role: 'viewer' },
    'PATCH /boards/{id}/members/{userId}': { role: 'editor' },
    'POST /boards/{id}/invites': { role: 'viewer' },
    'POST /boards/{id}/webhooks': { url: 'https://hooks.example/' },
    'PATCH /boards/{id}/webhooks/{webhookId}': { name: 'y' },
    'POST /boards/{id}/webhooks/{webhookId}/replay': { after: '00000000-1' },
    'PATCH /boards/{id}': { name: 'y' },
  };
  let paths = 0;
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, { parameters = [] }] of Object.entries(methods)) {
      const name = `${method.toUpperCase()} ${path}`;
      for (const { name: parameter, in: place, schema } of parameters) {
        const isId = schema.format === 'uuid' || schema.pattern === BOARD_PATTERN;
        if (place !== 'path' || !isId) continue;
        for (const form of otherForms(known[parameter] ?? boardId)) {
          const address = path.replaceAll(/\{(\w+)\}/g, (_all, other: string) =>
            other === parameter ? encodeURIComponent(form).replace('%2500', '%00') : (known[other] ?? ''),
          );
          // What is an application's is refused to everybody else, whatever the id.
          const client = path === '/users/{id}/streams' ? application : ada;
          const answer = await client.request(method.toUpperCase(), address, bodies[name], { accept: '*/*' });
          sameProblem(t, answer, 'TB_NOT_FOUND', { message: `${name}: ${JSON.stringify(form)}` });
          paths += 1;
        }
      }
    }
  }
  t.ok(paths > 150, `${paths} paths`);
  for (const form of otherForms(item.id).slice(0, 6)) {
    const others = {
      'in a query': ada.get(`/boards?after=${encodeURIComponent(form)}`),
      'as a user': ada.post(`/boards/${boardId}/members`, { userId: form, role: 'viewer' }),
      'in a batch': ada.post(`/boards/${boardId}/batch`, { operations: [{ op: 'delete', id: form }] }),
      ...(/^[^\s]+$/.test(form) && {
        'as a stream': ada.post(`/boards/${boardId}/items`, { text: 'x' }, { 'stream-id': form }),
        'as a stream of a broadcast': ada.post(
          `/boards/${boardId}/broadcasts`,
          { name: 'x', data: {} },
          { 'stream-id': form },
        ),
      }),
    };
    for (const [place, promise] of Object.entries(others)) {
      const { status, headers, body } = await promise;
      sameProblem(t, { status, headers, body }, 'TB_INVALID', {
        message: `${JSON.stringify(form)} ${place}`,
        errors: body.errors,
      });
    }
  }
  t.match((await ada.get(`/boards/${boardId}`)).body.items, [{ id: item.id, version: 1 }], 'nothing was done');
});

t.test('an address that others may read differently leads nowhere', async (t) => {
  const boardId = await ada.createBoard();
  const board = `/boards/${boardId}`;
  const { item } = (await ada.post(`${board}/items`, { text: 'x' })).body;
  const targets: Array<[string, ProblemCode]> = [
    [`${board}#/items/${item.id}`, 'TB_INVALID'],
    [`${board}#`, 'TB_INVALID'],
    [`${board}?x#y`, 'TB_INVALID'],
    [`${board}/items/${item.id}#/../..`, 'TB_INVALID'],
    [`${board}\\items\\${item.id}`, 'TB_INVALID'],
    [`${board}\xe9`, 'TB_INVALID'],
    [`${board}\t`, 'TB_INVALID'],
    [`${board}"`, 'TB_INVALID'],
    [`http://a${board}#/items`, 'TB_INVALID'],
    [`http:${board}`, 'TB_INVALID'],
    [`ftp://a${board}`, 'TB_NOT_FOUND'],
    [boardId, 'TB_INVALID'],
    [`${board}%`, 'TB_INVALID'],
    [`${board}%23/items/${item.id}`, 'TB_NOT_FOUND'],
    [`${board};x=1`, 'TB_NOT_FOUND'],
    [`${board}%2f`, 'TB_NOT_FOUND'],
    [`${board}%2Fitems%2F${item.id}`, 'TB_NOT_FOUND'],
    [`${board}%3Fx`, 'TB_NOT_FOUND'],
    [`${board}/`, 'TB_NOT_FOUND'],
    [`/${board}`, 'TB_NOT_FOUND'],
    [`//a${board}`, 'TB_NOT_FOUND'],
    [`/boards//${boardId}`, 'TB_NOT_FOUND'],
    [`/boards/./${boardId}`, 'TB_NOT_FOUND'],
    [`/nothing/..${board}`, 'TB_NOT_FOUND'],
    [`/nothing/%2e%2e${board}`, 'TB_NOT_FOUND'],
    [`${board}/items/..`, 'TB_NOT_FOUND'],
    [board.replace('boards', 'BOARDS'), 'TB_NOT_FOUND'],
  ];
  for (const [target, code] of targets) {
    const connection = new RawConnection(t, node);
    connection.write(
      Buffer.from(
        `DELETE ${target} HTTP/1.1\r\nHost: a\r\nCookie: ${ada.cookie}\r\nConnection: close\r\n\r\n`,
        'latin1',
      ),
    );
    const answer = await connection.answer();
    sameProblem(t, answer, code, { message: JSON.stringify(target), errors: answer.body.errors as undefined });
  }
  t.match((await ada.get(board)).body.items, [{ id: item.id }], 'all is there');

  // The same address, written otherwise (RFC 3986, 6.2.2; RFC 9112, 3.2.2).
  for (const target of [
    `http://a${board}/items/${item.id}`,
    `/%62oards/%${boardId.charCodeAt(0).toString(16)}${boardId.slice(1)}`,
  ]) {
    const connection = new RawConnection(t, node);
    connection.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nCookie: ${ada.cookie}\r\nConnection: close\r\n\r\n`);
    t.equal((await connection.answer()).status, 200, target);
  }
});

const allMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND'];
/** What is no operation of the document, and can be asked for all the same. */
const pages = [
  '/docs',
  '/docs/',
  '/docs/json',
  '/docs/static/index.html',
  '/docs/static/swagger-ui.css',
  '/openapi.json',
];

t.test('a path that has other methods says which, whatever is sent there and by whom', async (t) => {
  const ask = async (method: string, target: string, more: string[] = [], body = '') => {
    const connection = new RawConnection(t, node);
    const fields = ['Host: a', 'Connection: close', `Content-Length: ${body.length}`, ...more];
    connection.write(`${method} ${target} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n${body}`);
    return connection.answer();
  };
  /** What is wrong with the request besides, and comes second. */
  const faults: Array<[more: string[], body?: string]> = [
    [[]],
    [['Content-Type: application/json'], '{"name":'],
    [['Content-Type: text/plain'], 'x'],
    [['Content-Type: nonsense'], 'x'],
    [['Content-Type: application/json'], `"${'x'.repeat(300_000)}"`],
    [['Sec-Fetch-Site: cross-site', 'Origin: https://evil.example']],
    [['Authorization: Bearer x']],
  ];
  for (const template of [...Object.keys(document.paths), ...pages]) {
    const path = template.replaceAll(/\{\w+\}/g, ada.user.id);
    const works: string[] = [];
    const refused: Array<[method: string, allow: string | null]> = [];
    for (const method of allMethods) {
      const answer = await ask(method, path);
      if (answer.status !== 405) works.push(method);
      else refused.push([method, answer.headers.get('allow')]);
      if (answer.status === 405 && method !== 'HEAD') sameProblem(t, answer, 'TB_METHOD_NOT_ALLOWED');
    }
    t.ok(works.length > 0 && refused.length > 0, `${path}: ${works.join()}`);
    for (const [method, allow] of refused) t.same(allow?.split(', ').sort(), works.sort(), `${method} ${path}`);
    const [[wrong = ''] = []] = refused.filter(([method]) => ['PUT', 'PATCH'].includes(method));
    for (const [more, body] of faults) {
      const answer = await ask(wrong, path, more, body);
      sameProblem(t, answer, 'TB_METHOD_NOT_ALLOWED', { message: `${wrong} ${path}: ${more}` });
    }
  }
  for (const target of ['/boards?x=1', '/%62oards', 'http://a/boards', '/boards/%2f', `/boards/${'x'.repeat(2000)}`]) {
    sameProblem(t, await ask('PUT', target), 'TB_METHOD_NOT_ALLOWED', { message: target });
  }
  for (const target of ['*', '/nothing', '/boards/', '/livez/', '/LIVEZ', '//boards', '/docs/nothing', '/%62']) {
    for (const [more, body] of faults) {
      const answer = await ask(target === '*' ? 'OPTIONS' : 'POST', target, more, body);
      sameProblem(t, answer, 'TB_NOT_FOUND', { message: `${target}: ${more}` });
      t.notMatch(answer.body.detail, /board|member/, 'and there is no board to speak of');
    }
  }
});

t.test('a board of others, one that was never there and what is no id are one answer, byte for byte', async (t) => {
  const boardId = await ada.createBoard();
  const bytes = async (id: string) => {
    const connection = new RawConnection(t, node);
    connection.write(`GET /boards/${id} HTTP/1.1\r\nHost: a\r\nCookie: ${bob.cookie}\r\nConnection: close\r\n\r\n`);
    await connection.answer();
    return connection.text.replaceAll(/^(date|x-request-id): .*\r\n/gim, '');
  };
  const others = await bytes(boardId);
  t.match(others, /^HTTP\/1\.1 404 /);
  for (const id of [bob.user.id, 'x', '%2f']) t.equal(await bytes(id), others, id);
});
