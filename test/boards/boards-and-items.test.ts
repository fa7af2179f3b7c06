// ① of an event's way: what can be done to boards and items, by whom, and what of it the log and the snapshot say.

import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { generateKeyBetween, generateNKeysBetween } from 'fractional-indexing';
import t from 'tap';
import { isRank } from '../../src/boards/rank.ts';
import { type Answer, Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { RawConnection } from '../helpers/raw-connection.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const json = { accept: 'application/json' };

interface Item {
  id: string;
  rank: string;
}

interface LoggedEvent {
  seq: number;
  resource: string;
  action: string;
  id: string;
  object: Item;
}

/** A board and an item on it, both Ada's. */
async function makeItem(fields: object = { text: 'Hi' }): Promise<{ boardId: string; item: Item; path: string }> {
  const boardId = await ada.createBoard();
  const { body } = await ada.post(`/boards/${boardId}/items`, fields);
  return { boardId, item: body.item, path: `/boards/${boardId}/items/${body.item.id}` };
}

/** The whole log of a board, page by page. */
async function readLog(boardId: string, limit = 500): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  let after = '';
  for (;;) {
    const { body } = await ada.get(`/boards/${boardId}/events?limit=${limit}${after}`, json);
    events.push(...body.events);
    if (!body.hasMore) return events;
    after = `&after=${body.cursor}`;
  }
}

async function addMember(boardId: string, { user }: Client, role: 'owner' | 'editor' | 'viewer'): Promise<void> {
  await database.sql('insert into teamboard.members (board_id, user_id, role) values ($1, $2, $3)', [
    boardId,
    user.id,
    role,
  ]);
}

t.test('a new board has an owner, defaults, an address and a first snapshot', async (t) => {
  const created = await ada.post('/boards', { name: 'Plans' });
  const { board } = created.body;
  t.equal(created.status, 201);
  t.same(created.body, {
    board: {
      id: board.id,
      name: 'Plans',
      layout: 'canvas',
      version: 1,
      createdBy: ada.user.id,
      createdAt: board.createdAt,
      updatedBy: ada.user.id,
      updatedAt: board.createdAt,
    },
  });
  t.match(board.id, uuidV7);
  t.match(board.createdAt, rfc3339);
  t.equal(created.headers.get('location'), `/boards/${board.id}`);

  const snapshot = await ada.get(created.headers.get('location') ?? '');
  t.equal(snapshot.status, 200);
  t.match(snapshot.headers.get('content-type'), /^application\/json(;|$)/);
  t.same(snapshot.body, {
    board,
    items: [],
    members: [
      {
        boardId: board.id,
        user: { id: ada.user.id, name: 'Ada' },
        role: 'owner',
        createdAt: snapshot.body.members[0].createdAt,
      },
    ],
    cursor: snapshot.body.cursor,
  });
  t.match(snapshot.body.cursor, /^[0-9a-f]{8}-2$/, 'two events: the board and its owner');
  t.equal(snapshot.headers.get('etag'), `"${snapshot.body.cursor}"`);

  const list = await ada.post('/boards', { name: 'ü'.repeat(200), layout: 'list' });
  t.equal(list.body.board.layout, 'list');
  t.equal(list.body.board.name, 'ü'.repeat(200));
});

t.test('a board that does not fit is refused, and its first fault is named', async (t) => {
  const unknown = 'is not a field that is known here';
  const faults: Array<[object, string, string]> = [
    [{}, '/name', 'is missing'],
    [{ name: '' }, '/name', 'must NOT have fewer than 1 characters'],
    [{ name: 'x'.repeat(201) }, '/name', 'must NOT have more than 200 characters'],
    [{ name: 5 }, '/name', 'must be string'],
    [{ name: null }, '/name', 'must be string'],
    [{ name: 'x', layout: 'grid' }, '/layout', 'must be one of canvas, list'],
    ...['id', 'version', 'createdBy', 'createdAt', 'updatedBy', 'updatedAt', 'a/b~c'].map(
      (field): [object, string, string] => [
        { name: 'x', [field]: 1 },
        `/${field.replace('~', '~0').replace('/', '~1')}`,
        unknown,
      ],
    ),
  ];
  for (const [body, path, message] of faults) {
    const answer = await ada.post('/boards', body);
    sameProblem(t, answer, 'TB_INVALID', { errors: [{ path, message }], message: JSON.stringify(body) });
  }
  const two = await ada.post('/boards', { colour: 1, name: '' });
  t.equal(two.body.errors.length, 1, 'one of them: to find all would cost whatever was sent');
});

t.test(
  'GET /boards pages through the boards of the caller, the newest first, whatever is made meanwhile',
  async (t) => {
    const eve = await Client.signUp(node, 'Eve');
    t.same((await eve.get('/boards')).body, { boards: [], next: null });
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.unshift(await eve.createBoard(`Board ${count}`));

    const first = await eve.get('/boards?limit=2');
    const newer = await eve.createBoard('made between two pages');
    const second = await eve.get(`/boards?limit=2&after=${first.body.next}`);
    const third = await eve.get(`/boards?limit=2&after=${second.body.next}`);

    const idsOf = ({ body }: Answer) => (body.boards as Item[]).map(({ id }) => id);
    t.same([first, second, third].flatMap(idsOf), ids);
    t.same(
      [first, second, third].map(({ body }) => body.next),
      [ids[1], ids[3], null],
    );
    t.same(idsOf(await eve.get('/boards')), [newer, ...ids], 'fifty of them without a limit');
    t.same((await eve.get(`/boards?limit=1`)).body.boards, [(await eve.get(`/boards/${newer}`)).body.board]);
    t.same((await eve.get('/boards?limit=6')).body.next, null, 'a page that is just full is the last one');

    for (const query of ['limit=0', 'limit=201', 'limit=1.5', 'limit=x', 'limit=', 'limit=1&limit=2', 'after=x']) {
      sameProblem(t, await eve.get(`/boards?${query}`), 'TB_INVALID', {
        errors: [
          {
            path: `/${query.split('=')[0]}`,
            message:
              {
                'limit=0': 'must be >= 1',
                'limit=201': 'must be <= 200',
                'after=x': 'must be a UUID',
              }[query] ?? 'must be integer',
          },
        ],
        message: query,
      });
    }
  },
);

t.test('the ETag of a board is its cursor: 304 until anything on it has changed', async (t) => {
  const { boardId, path } = await makeItem();
  const address = `/boards/${boardId}`;
  const etagNow = async () => (await ada.get(address)).headers.get('etag') ?? '';
  const etag = await etagNow();

  for (const known of [etag, `W/${etag}`, etag.replace(/"$/, '-gzip"'), `"other", ${etag}`, '*']) {
    const answer = await ada.get(address, { 'if-none-match': known });
    t.equal(answer.status, 304, known);
    t.equal(answer.body, undefined);
    t.equal(answer.headers.get('etag'), etag);
  }
  for (const stale of ['"other"', etag.slice(1, -1), etag.replace(/\d+"$/, '0"')]) {
    t.equal((await ada.get(address, { 'if-none-match': stale })).status, 200, stale);
  }
  const eve = await Client.signUp(node, 'Eve');
  for (const known of [etag, '*']) {
    sameProblem(t, await eve.get(address, { 'if-none-match': known }), 'TB_NOT_FOUND', { message: 'a stranger' });
  }

  const changes = {
    'an item': () => ada.patch(path, { x: 9 }),
    'the board': () => ada.patch(address, { name: 'New' }),
    'a member': () => addMember(boardId, eve, 'viewer'),
    'a writer that is no user': () => database.sql('update teamboard.items set x = 10 where board_id = $1', [boardId]),
    'an item less': () => ada.delete(path),
  };
  for (const [what, change] of Object.entries(changes)) {
    const before = await etagNow();
    await change();
    const answer = await ada.get(address, { 'if-none-match': before });
    t.equal(answer.status, 200, what);
    t.equal(answer.headers.get('etag'), `"${answer.body.cursor}"`);
  }
});

t.test('the ETag of an item is its version: 304 until it has changed', async (t) => {
  const { path } = await makeItem();
  for (const known of ['"1"', 'W/"1"', '"1-gzip"', '"7", "1"', '*']) {
    const answer = await ada.get(path, { 'if-none-match': known });
    t.same([answer.status, answer.body, answer.headers.get('etag')], [304, undefined, '"1"'], known);
  }
  await ada.patch(path, { x: 9 });
  for (const stale of ['"1"', '2', '"2', '', '"02"', '"a b"']) {
    const answer = await ada.get(path, { 'if-none-match': stale });
    t.same([answer.status, answer.body.item.x, answer.headers.get('etag')], [200, 9, '"2"'], stale);
  }
  const eve = await Client.signUp(node, 'Eve');
  sameProblem(t, await eve.get(path, { 'if-none-match': '*' }), 'TB_NOT_FOUND', { message: 'a stranger' });
  await ada.delete(path);
  sameProblem(t, await ada.get(path, { 'if-none-match': '*' }), 'TB_NOT_FOUND', { message: 'gone' });
});

t.test('a 304 has no body, no length and no type of its own, and all else as the 200 has it', async (t) => {
  const { boardId, path } = await makeItem();
  const origin = 'https://app.example';
  const pages = await startNode(t, database.url, { corsOrigins: [origin] });
  const ask = (method: string, target: string, known: string) => {
    const connection = new RawConnection(t, pages);
    const fields = [`Host: 127.0.0.1:${pages.port}`, `Cookie: ${ada.cookie}`, `Origin: ${origin}`, known];
    connection.write(`${method} ${target} HTTP/1.1\r\n${fields.join('\r\n')}\r\nConnection: close\r\n\r\n`);
    return connection.answer().then(({ status, headers }) => ({ status, headers, text: connection.text }));
  };
  for (const target of [`/boards/${boardId}`, path, '/docs/static/swagger-ui.css']) {
    for (const method of ['GET', 'HEAD']) {
      const message = `${method} ${target}`;
      const whole = await ask(method, target, 'If-None-Match: "other"');
      t.equal(whole.status, 200, message);
      const tag = whole.headers.get('etag');
      const known = await ask(method, target, `If-None-Match: ${tag}`);
      t.equal(known.status, 304, message);
      t.match(known.text, /\r\n\r\n$/, 'it ends with its head');
      for (const name of ['content-length', 'content-type', 'transfer-encoding'])
        t.notOk(known.headers.has(name), name);
      t.match(known.headers.get('vary'), /Origin/);
      for (const name of ['etag', 'cache-control', 'vary', 'access-control-allow-origin', 'content-security-policy']) {
        t.equal(known.headers.get(name), whole.headers.get(name), `${message}: ${name}`);
      }
    }
  }
});

t.test('PATCH of a board changes what it names and nothing else', async (t) => {
  const boardId = await ada.createBoard();
  const eve = await Client.signUp(node, 'Eve');
  await addMember(boardId, eve, 'editor');
  const { board } = (await ada.get(`/boards/${boardId}`)).body;

  const renamed = await eve.patch(`/boards/${boardId}`, { name: 'New' });
  t.equal(renamed.status, 200);
  t.same(renamed.body, {
    board: { ...board, name: 'New', version: 2, updatedBy: eve.user.id, updatedAt: renamed.body.board.updatedAt },
  });
  t.ok(renamed.body.board.updatedAt >= board.updatedAt);
  const turned = await ada.patch(
    `/boards/${boardId}`,
    { layout: 'list' },
    { 'content-type': 'application/merge-patch+json' },
  );
  t.match(turned.body.board, { name: 'New', layout: 'list', version: 3, updatedBy: ada.user.id });

  const before = (await ada.get(`/boards/${boardId}`)).body;
  const again = await eve.patch(`/boards/${boardId}`, { name: 'New', layout: 'list' });
  t.same(again.body.board, turned.body.board, 'one that changes nothing keeps the version');
  t.same((await ada.get(`/boards/${boardId}`)).body, before, 'and is no event');

  const faults: Array<[unknown, string]> = [
    [{}, '/'],
    [[], '/'],
    ['null', '/'],
    [{ name: null }, '/name'],
    [{ name: '' }, '/name'],
    [{ layout: 'grid' }, '/layout'],
    [{ name: 'x', version: 9 }, '/version'],
  ];
  for (const [body, path] of faults) {
    const answer = await ada.patch(`/boards/${boardId}`, body);
    sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors, message: JSON.stringify(body) });
    t.equal(answer.body.errors[0].path, path);
  }
  t.same((await ada.get(`/boards/${boardId}`)).body, before);
});

t.test('a deleted board is gone with all that was on it, and its log ends with saying so (E1)', async (t) => {
  const { boardId, path } = await makeItem();
  const deleted = await ada.delete(`/boards/${boardId}`);
  t.equal(deleted.status, 204);
  t.equal(deleted.body, undefined);
  for (const address of [`/boards/${boardId}`, path, `/boards/${boardId}/events`]) {
    sameProblem(t, await ada.get(address, json), 'TB_NOT_FOUND', { message: address });
  }
  sameProblem(t, await ada.delete(`/boards/${boardId}`), 'TB_NOT_FOUND', { message: 'deleted twice' });
  t.notOk((await ada.get('/boards')).body.boards.some(({ id }: Item) => id === boardId));
  const log = await database.sql(
    'select seq::int, resource, action, actor_id from teamboard.board_events where board_id = $1 order by seq desc limit 2',
    [boardId],
  );
  t.match(log, [
    { seq: 4, resource: 'board', action: 'deleted', actor_id: ada.user.id },
    { seq: 3, resource: 'item', action: 'created' },
  ]);
});

t.test('a new item has defaults, an address, a version and every field that it was given', async (t) => {
  const boardId = await ada.createBoard();
  const created = await ada.post(`/boards/${boardId}/items`, { text: '' });
  const { item } = created.body;
  t.equal(created.status, 201);
  t.same(created.body, {
    item: {
      id: item.id,
      boardId,
      text: '',
      x: 0,
      y: 0,
      color: 'yellow',
      rank: 'a0',
      data: {},
      version: 1,
      createdBy: ada.user.id,
      createdAt: item.createdAt,
      updatedBy: ada.user.id,
      updatedAt: item.createdAt,
    },
  });
  t.match(item.id, uuidV7);
  t.match(item.createdAt, rfc3339);
  t.equal(created.headers.get('etag'), '"1"');
  t.equal(created.headers.get('location'), `/boards/${boardId}/items/${item.id}`);

  const fields = {
    text: 'Ça va? 👋🏽\r\n\u2028\ufeff"\\',
    x: -1.5,
    y: 1e308,
    color: 'gray',
    rank: 'Zz',
    data: { a: [1, { b: null }], '': '', '/~': 1e-7, nothing: null },
  };
  const full = await ada.post(`/boards/${boardId}/items`, fields);
  t.match(full.body.item, fields);
  const read = await ada.get(full.headers.get('location') ?? '');
  t.equal(read.status, 200);
  t.equal(read.headers.get('etag'), '"1"');
  t.same(read.body, full.body);
  t.same((await ada.get(`/boards/${boardId}`)).body.items, [full.body.item, item], 'Zz comes before a0');

  for (const color of ['yellow', 'orange', 'red', 'pink', 'purple', 'blue', 'green', 'gray']) {
    t.equal((await ada.post(`/boards/${boardId}/items`, { text: '', color })).body.item.color, color);
  }
});

t.test('the limits of an item are those that are stated, on creation and on change', async (t) => {
  const { boardId, path } = await makeItem();
  const data = (bytes: number) => ({ a: 'x'.repeat(bytes - '{"a":""}'.length) });
  // PostgreSQL writes a blank behind each comma, which nobody sent and nobody is held to.
  const ones = (bytes: number) => ({ ', :': Array.from({ length: (bytes - '{", :":[1]}'.length) / 2 + 1 }, () => 1) });
  const fine = [
    { text: 'x'.repeat(10_000) },
    { text: '👋'.repeat(10_000) },
    { x: Number.MAX_VALUE, y: Number.MIN_VALUE },
    { rank: `a0${'z'.repeat(198)}` },
    { data: data(16 * 1024) },
    { data: { b: 'ü'.repeat(8188) } },
    { data: ones(16 * 1024 - 1) },
  ];
  for (const fields of fine) {
    const about = JSON.stringify(fields).slice(0, 40);
    const created = await ada.post(`/boards/${boardId}/items`, { text: '', ...fields });
    t.equal(created.status, 201, about);
    t.match(created.body.item, fields);
    const isData = 'data' in fields;
    const patched = await ada.patch(
      path,
      isData ? { data: { a: null, b: null, ', :': null, ...fields.data } } : fields,
    );
    t.equal(patched.status, 200, about);
    t.match(patched.body.item, fields);
  }

  const noRank = /^must be a key of fractional indexing, such as a0/;
  const size = 'must be at most 16 KiB as JSON without blanks, with numbers written out (1e21 has 22 digits)';
  const faults: Array<[string, string, string | RegExp]> = [
    [JSON.stringify({ text: 'x'.repeat(10_001) }), '/text', 'must NOT have more than 10000 characters'],
    ['{"text":5}', '/text', 'must be string'],
    ['{"x":"5"}', '/x', 'must be number'],
    ['{"y":true}', '/y', 'must be number'],
    ['{"x":null}', '/x', 'must be number'],
    ['{"x":1e400}', '/x', 'must be a number that a double can hold'],
    ['{"x":-1e400}', '/x', 'must be a number that a double can hold'],
    ['{"color":"mauve"}', '/color', 'must be one of yellow, orange, red, pink, purple, blue, green, gray'],
    ...['', 'a', '00', 'a0\\n', 'a00', 'b0', 'A00000000000000000000000000', '1.5', 'ä0'].map(
      (text): [string, string, RegExp] => [`{"rank":"${text}"}`, '/rank', noRank],
    ),
    [JSON.stringify({ rank: `a0${'z'.repeat(199)}` }), '/rank', /200 characters/],
    ['{"data":[]}', '/data', 'must be object'],
    ['{"data":null}', '/data', 'must be object'],
    ['{"data":"{}"}', '/data', 'must be object'],
    [JSON.stringify({ data: data(16 * 1024 + 1) }), '/data', size],
    [JSON.stringify({ data: { b: 'ü'.repeat(8189) } }), '/data', size],
    [JSON.stringify({ data: ones(16 * 1024 + 1) }), '/data', size],
    ...['boardId', 'version', 'createdBy', 'createdAt', 'updatedBy', 'updatedAt', 'colour'].map(
      (field): [string, string, string] => [`{"${field}":1}`, `/${field}`, 'is not a field that is known here'],
    ),
  ];
  const before = (await ada.get(`/boards/${boardId}`)).body;
  for (const [fields, field, message] of faults) {
    const about = fields.slice(0, 40);
    const create = fields.startsWith('{"text"') ? fields : `{"text":"",${fields.slice(1)}`;
    const batch = `{"operations":[{"op":"create","item":{"text":""}},{"op":"create","item":${create}}]}`;
    const answers: Array<[string, Answer<{ errors?: Array<{ path: string; message: string }> }>]> = [
      ['', await ada.post(`/boards/${boardId}/items`, create)],
      ['', await ada.patch(path, fields)],
      ['/operations/1/item', await ada.post(`/boards/${boardId}/batch`, batch)],
    ];
    for (const [at, answer] of answers) {
      const { errors } = answer.body;
      sameProblem(t, answer, 'TB_INVALID', { errors, message: about });
      t.same(new Set(errors?.map(({ path }) => path)), new Set([`${at}${field}`]), about);
      t.match(errors?.[0]?.message, message, about);
    }
  }
  sameProblem(t, await ada.post(`/boards/${boardId}/items`, {}), 'TB_INVALID', {
    errors: [{ path: '/text', message: 'is missing' }],
  });
  // A new one may have an id of its writer's; one that is there keeps its own.
  sameProblem(t, await ada.patch(path, { id: path.split('/').at(-1) }), 'TB_INVALID', {
    errors: [{ path: '/id', message: 'is not a field that is known here' }],
  });
  t.same((await ada.get(`/boards/${boardId}`)).body, before, 'nothing of it was written');
});

t.test('the 16 KiB of data are those of its JSON as it is told, without blanks', async (t) => {
  const { boardId, path } = await makeItem();
  const MOST = 16 * 1024;
  // What is sent for one, and the bytes of what is told for it.
  const values: Record<string, number> = {
    ...{ '1.0': 1, '1e5': 6, '-0': 1, '0.10': 3, '1E+2': 3, '1e21': 22, '1e-7': 9, '5e-324': 326 },
    ...{ '"\\u0041"': 3, '"\\u00fc"': 4, '"ü"': 4, '"\\ud83d\\udc4b"': 6, '"👋"': 6, '"\\/"': 3 },
    ...{ '"\\n"': 4, '"\\u000a"': 4, '"\\u0001"': 8, '"\\u007f"': 3, '"\\u2028"': 5, '", : "': 6 },
    ...{ '{}': 2, '{"ü":[1,2]}': 12, true: 4, '[[],null]': 9 },
  };
  for (const [sent, bytes] of Object.entries(values)) {
    // {"a":[…],"b":"xxx"}
    const count = Math.floor((MOST - 30) / (bytes + 1));
    const rest = MOST - '{"a":[],"b":""}'.length - (count * (bytes + 1) - 1);
    const json = (more: number) =>
      `{"a" : [${Array.from({ length: count }, () => sent).join(' , ')}], "b": "${'x'.repeat(rest + more)}"}`;
    const fine = await ada.post(`/boards/${boardId}/items`, `{"text":"","data":${json(0)}}`);
    t.equal(fine.status, 201, sent);
    const large = {
      errors: [
        {
          path: '/data',
          message: 'must be at most 16 KiB as JSON without blanks, with numbers written out (1e21 has 22 digits)',
        },
      ],
      message: sent,
    };
    sameProblem(t, await ada.post(`/boards/${boardId}/items`, `{"text":"","data":${json(1)}}`), 'TB_INVALID', large);
    sameProblem(t, await ada.patch(path, `{"data":${json(1)}}`), 'TB_INVALID', large);
  }
});

t.test(
  'a patch of data that removes all and sets as much anew is fine; a much larger one is not looked at',
  async (t) => {
    const many = (first: number, value: unknown) =>
      Object.fromEntries(Array.from({ length: 1500 }, (_, index) => [`k${first + index}`, value]));
    const { path } = await makeItem({ text: '', data: many(1000, 1) });
    const renewed = await ada.patch(path, { data: { ...many(1000, null), ...many(3000, 1) } });
    t.same(renewed.body.item?.data, many(3000, 1));
    sameProblem(t, await ada.patch(path, { data: { a: 'x'.repeat(64 * 1024) } }), 'TB_INVALID', {
      errors: [
        {
          path: '/data',
          message: 'must be at most 64 KiB as JSON without blanks, with numbers written out (1e21 has 22 digits)',
        },
      ],
    });
  },
);

t.test('data that grows by patches is held to the same limit', async (t) => {
  const { path } = await makeItem();
  t.equal((await ada.patch(path, { data: { a: 'x'.repeat(9000) } })).status, 200);
  sameProblem(t, await ada.patch(path, { data: { b: 'x'.repeat(9000) } }), 'TB_INVALID', {
    errors: [
      {
        path: '/data',
        message: 'must be at most 16 KiB as JSON without blanks, with numbers written out (1e21 has 22 digits)',
      },
    ],
  });
  t.same(Object.keys((await ada.get(path)).body.item.data), ['a']);
});

t.test('JSON that PostgreSQL cannot keep, or that attacks the parser, is bad input and never a failure', async (t) => {
  const { boardId, path } = await makeItem();
  const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const bodies: Array<[string, string]> = [
    ['{"text":"a\\u0000b"}', '/text'],
    ['{"text":"a\\ud800"}', '/text'],
    ['{"text":"\\udc00a"}', '/text'],
    ['{"text":"","data":{"a":"\\u0000"}}', '/data/a'],
    ['{"text":"","data":{"a":["\\ud83d"]}}', '/data/a/0'],
    ['{"text":"","data":{"a~/b":{"c":"\\u0000"}}}', '/data/a~0~1b/c'],
    ['{"text":"","data":{"\\u0000":1}}', '/data'],
    ['{"text":"","data":{"\\ud800":1}}', '/data'],
    ['{"text":"","data":{"a":-1e400}}', '/data/a'],
    [`{"text":"","data":{"a":${deep(100)}}}`, `/data/a${'/0'.repeat(96)}…`],
    [`{"text":"","data":{"a":${deep(40_000)}}}`, `/data/a${'/0'.repeat(96)}…`],
    [`{"text":"","data":{"a":${deep(100_000)}}}`, '/'],
    ['{"__proto__":{"text":"x"}}', '/'],
    ['{"text":"","data":{"__proto__":{"a":1}}}', '/'],
    ['{"text":"","data":{"\\u005f_proto__":null}}', '/'],
    ['{"text":"","constructor":{"prototype":{"a":1}}}', '/'],
    ['{"text":"","data":{"constructor":{"prototype":1}}}', '/'],
  ];
  for (const [body, fault] of bodies) {
    const about = body.slice(0, 60);
    for (const answer of [await ada.post(`/boards/${boardId}/items`, body), await ada.patch(path, body)]) {
      sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors, message: about });
      t.equal(answer.body.errors?.length, 1);
      t.match(answer.body.errors?.[0].path.slice(0, 150), fault.slice(0, 150), about);
    }
  }
  t.equal((await ada.post(`/boards/${boardId}/items`, `{"text":"","data":{"a":${deep(95)}}}`)).status, 201);
  t.equal((await ada.post(`/boards/${boardId}/items`, '{"text":"","data":{"constructor":1}}')).status, 201);
  t.equal(({} as Record<string, unknown>).a, undefined, 'no prototype has learnt anything');
  t.equal((await ada.post('/boards', '{"name":"\\u0000"}')).status, 400);
  t.equal((await ada.patch(`/boards/${boardId}`, '{"name":"\\ud800"}')).status, 400);
});

t.test('a key of our own names is data like any other', async (t) => {
  const { path } = await makeItem();
  const names = [
    'toString',
    'hasOwnProperty',
    'toJSON',
    'toPostgres',
    'then',
    'length',
    '0',
    '{}',
    "'; drop table items",
  ];
  const data = Object.fromEntries(names.map((name) => [name, name]));
  t.same((await ada.patch(path, { data })).body.item.data, data);
});

t.test('PATCH of an item is a merge patch (RFC 7396): only what it names, also inside data', async (t) => {
  const { path, item } = await makeItem({ text: 'Hi', data: { a: { b: 1, c: 2 }, d: [1, 2], e: 'x' } });
  const patched = await ada.patch(path, { x: 7, data: { a: { b: null, f: 3 }, d: [9], e: null, g: { h: null } } });
  t.equal(patched.status, 200);
  t.equal(patched.headers.get('etag'), '"2"');
  t.same(patched.body.item, {
    ...item,
    x: 7,
    data: { a: { c: 2, f: 3 }, d: [9], g: {} },
    version: 2,
    updatedAt: patched.body.item.updatedAt,
  });
  t.same((await ada.get(path)).body, patched.body);
  t.equal((await ada.get(path)).headers.get('etag'), '"2"');
  const replaced = await ada.patch(path, { data: { a: 1, d: { i: 1 } } });
  t.same(replaced.body.item.data, { a: 1, d: { i: 1 }, g: {} }, 'what is no object is replaced, and becomes one');
});

t.test('each field can be changed alone', async (t) => {
  const { path, item } = await makeItem();
  const fields = { text: 'New', x: 1, y: 2, color: 'blue', rank: 'a5', data: { a: 1 } };
  let expected: object = item;
  for (const [index, [name, value]] of Object.entries(fields).entries()) {
    const { body } = await ada.patch(path, { [name]: value });
    expected = { ...expected, [name]: value, version: index + 2, updatedAt: body.item.updatedAt };
    t.same(body.item, expected, name);
  }
});

t.test('concurrent patches of different fields, and of different members of data, never undo each other', async (t) => {
  const { path } = await makeItem();
  const fields = [{ text: 'New' }, { x: 1 }, { y: 2 }, { color: 'blue' }, { rank: 'a5' }];
  const members = Array.from({ length: 20 }, (_, index) => ({
    data: { [`k${index}`]: index, nested: { [index]: index } },
  }));
  const answers = await Promise.all([...fields, ...members].map((patch) => ada.patch(path, patch)));
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]));
  const { item } = (await ada.get(path)).body;
  t.match(item, Object.assign({}, ...fields));
  const numbers = Array.from({ length: 20 }, (_, index) => index);
  t.same(item.data, {
    ...Object.fromEntries(numbers.map((index) => [`k${index}`, index])),
    nested: Object.fromEntries(numbers.map((index) => [index, index])),
  });
  t.equal(item.version, 26, 'each of them counted');
  t.same(
    answers.map(({ body }) => body.item.version).sort((a, b) => a - b),
    numbers.concat(20, 21, 22, 23, 24).map((n) => n + 2),
  );
});

t.test('a document is the same text in events, snapshots and answers, whoever wrote it', async (t) => {
  const { boardId, path, item } = await makeItem();
  const cookie = { cookie: ada.cookie };
  const textOf = async (path: string, headers = {}) =>
    (await fetch(node.url + path, { headers: { ...cookie, ...headers } })).text();
  const documents = ['{"n": 1.0}', '{"n": 1, "a": [1.50, -0.0, 1e-7]}', '{"n": 1.00, "a": [1.5, 0, 0.00000010]}'];
  for (const [index, document] of documents.entries()) {
    await database.sql(
      `set extra_float_digits = -15; update teamboard.items set data = '${document}', x = 0.1::float8 + 0.2::float8, text = '${index}'
       where id = '${item.id}'; reset extra_float_digits`,
    );
    // Equal in all numbers, thus no event: then all must stay as they are.
    await database.sql(
      `update teamboard.items set data = '${document.replace('"n": 1', '"n": 1.0000').replace('.0000.', '.0000')}', y = '-0' where id = $1`,
      [item.id],
    );
    await ada.patch(path, { data: JSON.parse(document), x: 0.30000000000000004 });
    const texts = [
      await textOf(path),
      await textOf(`/boards/${boardId}`),
      await textOf(`/boards/${boardId}/events`, json),
    ].map((text) => text.slice(text.lastIndexOf('"x":')));
    const [one] = texts;
    const shown = one?.slice(0, one.indexOf(',"version"'));
    t.match(shown, /^"x":0\.30000000000000004,"y":0,/);
    for (const text of texts) t.ok(text.startsWith(`${shown},`), text.slice(0, 200));
  }
});

t.test('a PATCH that changes nothing keeps the version and is no event', async (t) => {
  const { boardId, path, item } = await makeItem({ text: 'Hi', x: 0, data: { a: { b: 1 } } });
  const before = await readLog(boardId);
  const patches = [
    { text: 'Hi' },
    { x: -0 },
    { data: {} },
    { data: { a: {} } },
    { data: { z: null } },
    { data: { a: { b: 1.0 } } },
  ];
  for (const patch of [...patches, Object.assign({}, ...patches)]) {
    const answer = await ada.patch(path, patch);
    t.equal(answer.status, 200);
    t.equal(answer.headers.get('etag'), '"1"');
    t.same(answer.body.item, item, JSON.stringify(patch));
  }
  t.same(await readLog(boardId), before);
});

t.test('a deleted item is gone, once', async (t) => {
  const { boardId, path, item } = await makeItem();
  const answers = await Promise.all([ada.delete(path), ada.delete(path), ada.delete(path)]);
  t.same(answers.map(({ status }) => status).sort(), [204, 404, 404]);
  for (const answer of [await ada.get(path), await ada.patch(path, { x: 1 }), await ada.delete(path)]) {
    sameProblem(t, answer, 'TB_NOT_FOUND');
  }
  const log = await readLog(boardId);
  t.match(log.slice(-2), [
    { action: 'created', id: item.id },
    { action: 'deleted', id: item.id, object: item },
  ]);
});

t.test('items are in the order of rank, byte by byte, then of id; a new one goes to the end', async (t) => {
  const boardId = await ada.createBoard();
  const create = async (fields: object): Promise<Item> =>
    (await ada.post(`/boards/${boardId}/items`, { text: '', ...fields })).body.item;
  const ranks = ['a1', 'Zz', 'a0V', 'a0', 'a0v', 'a1', 'b00', 'Zy'];
  const items = [];
  for (const rank of ranks) items.push(await create({ rank }));
  const last = await create({});
  t.equal(last.rank, generateKeyBetween('b00', null));
  t.equal((await create({})).rank, generateKeyBetween(last.rank, null));

  const byRankThenId = (a: Item, b: Item) => (a.rank === b.rank ? (a.id < b.id ? -1 : 1) : a.rank < b.rank ? -1 : 1);
  const shown: Item[] = (await ada.get(`/boards/${boardId}`)).body.items;
  t.same(shown, [...shown].sort(byRankThenId));
  t.equal(shown.length, ranks.length + 2);
});

t.test('every fractional key is accepted, and nobody can close a board for new items by one', async (t) => {
  const boardId = await ada.createBoard();
  const keys = fc.array(fc.nat(), { minLength: 1, maxLength: 40 }).map((choices) => {
    const keys = generateNKeysBetween(null, null, 2);
    for (const choice of choices) {
      const at = choice % (keys.length + 1);
      keys.splice(at, 0, generateKeyBetween(keys[at - 1] ?? null, keys[at] ?? null));
    }
    return keys[(choices[0] ?? 0) % keys.length] ?? '';
  });
  await fc.assert(
    fc.asyncProperty(keys, async (rank) => {
      const given = await ada.post(`/boards/${boardId}/items`, { text: '', rank });
      const next = await ada.post(`/boards/${boardId}/items`, { text: '' });
      return given.status === 201 && next.status === 201 && next.body.item.rank > rank;
    }),
    { numRuns: 40 },
  );

  const longest = 'z'.repeat(200);
  await ada.post(`/boards/${boardId}/items`, { text: '', rank: longest });
  const after = await ada.post(`/boards/${boardId}/items`, { text: 'the last one' });
  t.equal(after.status, 201);
  t.equal((await ada.get(`/boards/${boardId}`)).body.items.at(-1).text, 'the last one');
});

t.test('what is a rank to the API is one to the table, and the other way round', async (t) => {
  const keys = generateNKeysBetween(null, null, 5000);
  const digits = fc.constantFrom(...'0019AZaz_');
  const near = fc
    .tuple(fc.constantFrom(...keys, 'A0', 'Z0', 'z0', `A${'0'.repeat(26)}`, `z${'z'.repeat(26)}`), fc.nat(30), digits)
    .map(([key, at, digit]) => `${key.slice(0, at)}${digit}${key.slice(at)}`);
  const any = fc.string({ unit: fc.constantFrom(...'09azAZV-\n'), maxLength: 30 });
  const texts = [...new Set([...keys, ...fc.sample(fc.oneof(near, any), 5000), ''])];
  const rows = await database.sql<{ text: string; ok: boolean }>(
    'select text, teamboard.is_rank(text) as ok from unnest($1::text[]) text',
    [texts],
  );
  t.same(
    rows.filter(({ text, ok }) => isRank(text) !== ok).map(({ text }) => text),
    [],
  );
  for (const ok of [true, false]) t.ok(rows.filter((row) => row.ok === ok).length > 500);
});

t.test('an item is found through its own board only (IDOR)', async (t) => {
  const { path, item } = await makeItem();
  const other = await ada.createBoard();
  const detour = `/boards/${other}/items/${item.id}`;
  const answers = [await ada.get(detour), await ada.patch(detour, { text: 'x' }), await ada.delete(detour)];
  for (const answer of answers) sameProblem(t, answer, 'TB_NOT_FOUND');
  t.same((await ada.get(path)).body.item, item);
});

t.test('the log names who did what to what by which request, in pages of any size (E1, E2)', async (t) => {
  const { boardId, path, item } = await makeItem();
  const key = { 'idempotency-key': `!~${'k'.repeat(62)}` };
  const created = await ada.post(`/boards/${boardId}/items`, { text: 'two' }, key);
  const patched = await ada.patch(path, { text: 'New', data: { a: 1 }, x: 0 }, { 'idempotency-key': 'p-1' });
  await ada.patch(`/boards/${boardId}`, { name: 'New', layout: 'list' }, { 'idempotency-key': 'b-1' });
  await ada.delete(path, { 'idempotency-key': 'd-1' });

  const actor = { id: ada.user.id, name: 'Ada' };
  const log = await readLog(boardId);
  t.match(log, [
    { seq: 1, boardId, resource: 'board', action: 'created', id: boardId, actor },
    { seq: 2, boardId, resource: 'member', action: 'created', id: ada.user.id, actor },
    { seq: 3, boardId, resource: 'item', action: 'created', id: item.id, object: item, actor },
    { seq: 4, action: 'created', object: created.body.item, mutationId: key['idempotency-key'] },
    { seq: 5, action: 'updated', object: patched.body.item, changes: ['text', 'data'], mutationId: 'p-1' },
    { seq: 6, resource: 'board', action: 'updated', changes: ['name', 'layout'], mutationId: 'b-1' },
    { seq: 7, action: 'deleted', object: patched.body.item, mutationId: 'd-1' },
  ]);
  t.notOk('mutationId' in (log[2] ?? {}), 'absent and not null');
  t.notOk('changes' in (log[2] ?? {}));
  for (const limit of [1, 2, 6, 7, 8]) t.same(await readLog(boardId, limit), log, `pages of ${limit}`);

  const { cursor } = (await ada.get(`/boards/${boardId}`)).body;
  const [epoch] = cursor.split('-');
  const page = async (query: string) => (await ada.get(`/boards/${boardId}/events?${query}`, json)).body;
  t.same(await page(`after=${cursor}`), { events: [], cursor, hasMore: false });
  t.same(await page(`after=${epoch}-5&limit=1`), { events: log.slice(5, 6), cursor: `${epoch}-6`, hasMore: true });
  t.same(await page(`after=${epoch}-0&limit=500`), { events: log, cursor, hasMore: false });
  t.same(await page('after=nonsense'), { events: [], cursor, hasMore: false, reset: { reason: 'malformed' } });
  t.same(await page(`after=${epoch}-99`), { events: [], cursor, hasMore: false, reset: { reason: 'ahead' } });
  t.same(await page('after=00000000-1'), { events: [], cursor, hasMore: false, reset: { reason: 'epoch' } });
  for (const limit of ['0', '501', 'x']) {
    const answer = await ada.get(`/boards/${boardId}/events?limit=${limit}`, json);
    sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors, message: limit });
  }
  for (const bad of ['', 'k'.repeat(65), 'a b', 'ü']) {
    const answer = await ada.post('/boards', { name: 'x' }, { 'idempotency-key': bad });
    sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors, message: `key '${bad}'` });
    t.equal(answer.body.errors[0].path, '/idempotency-key');
  }
});

t.test('each snapshot agrees with the log up to its cursor, while others write (E3)', async (t) => {
  const boardId = await ada.createBoard();
  const stop = new AbortController();
  // Creates and deletes in pairs, and renames the board to the number of its items, each time in one transaction.
  const write = async (writer: number) => {
    const client = await database.pool.connect();
    try {
      for (let round = 0; !stop.signal.aborted; round += 1) {
        await client.query('begin');
        const { rows } = await client.query<{ id: string }>(
          'insert into teamboard.items (board_id, text, rank) values ($1, $2, $3), ($1, $2, $4) returning id',
          [boardId, `${writer}/${round}`, `a${round % 10}`, 'Zz'],
        );
        await client.query('commit');
        await client.query('begin');
        if (round % 3 > 0)
          await client.query('delete from teamboard.items where id = any($1)', [rows.map(({ id }) => id)]);
        await client.query('update teamboard.boards set name = $2 where id = $1', [boardId, `${writer}/${round}`]);
        await client.query('commit');
        await delay(1);
      }
    } finally {
      client.release();
    }
  };
  const writers = [write(1), write(2)];
  const snapshots = [];
  for (let count = 0; count < 60; count += 1) snapshots.push((await ada.get(`/boards/${boardId}`)).body);
  stop.abort();
  await Promise.all(writers);

  const log = await readLog(boardId);
  t.same(
    log.map(({ seq }) => seq),
    log.map((_, index) => index + 1),
    'no gap (E2)',
  );
  const cursors = snapshots.map(({ cursor }) => Number(cursor.split('-')[1]));
  t.ok(new Set(cursors).size > 20, `${new Set(cursors).size} different moments`);
  for (const [index, { board, items, members }] of snapshots.entries()) {
    const replayed = replay(log.slice(0, cursors[index]));
    t.same({ board, items, members }, replayed, `at ${cursors[index]}`);
    t.equal(items.length % 2, 0, 'a transaction is seen whole or not at all');
  }
});

/** What the events make of an empty board. */
function replay(events: LoggedEvent[]) {
  const resources: Record<string, Map<string, Item>> = { board: new Map(), item: new Map(), member: new Map() };
  for (const { resource, action, id, object } of events) {
    if (action === 'deleted') resources[resource]?.delete(id);
    else resources[resource]?.set(id, object);
  }
  const items = [...(resources.item?.values() ?? [])];
  items.sort((a, b) => (a.rank === b.rank ? (a.id < b.id ? -1 : 1) : a.rank < b.rank ? -1 : 1));
  return { board: [...(resources.board?.values() ?? [])][0], items, members: [...(resources.member?.values() ?? [])] };
}

t.test('an item that is put on a board while the board is deleted is there or answers 404, never 500', async (t) => {
  for (let round = 0; round < 15; round += 1) {
    const boardId = await ada.createBoard();
    const answers = await Promise.all([
      ...Array.from({ length: 3 }, () => ada.post(`/boards/${boardId}/items`, { text: 'late' })),
      ada.delete(`/boards/${boardId}`),
    ]);
    t.ok(answers.slice(0, 3).every(({ status }) => status === 201 || status === 404));
    t.equal(answers[3]?.status, 204);
  }
});
