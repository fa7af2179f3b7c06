// Writes that depend on what they find: If-Match, and many items at once, all or nothing.

import t, { type Test } from 'tap';
import { uuidv7 } from 'uuidv7';
import type { InputFault } from '../../src/problems/problem.ts';
import { type Answer, Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { range } from '../helpers/seqs.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const other = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');
const bob = await Client.signUp(node, 'Bob');
const unknownId = '01900000-0000-7000-8000-000000000000';

interface Item {
  id: string;
  text: string;
  rank: string;
  version: number;
  updatedAt: string;
}

/** A board of Ada's on which Bob is an editor, with an item. */
async function makeItem(fields: object = { text: 'Hi' }) {
  const boardId = await ada.createBoard();
  const board = `/boards/${boardId}`;
  await ada.post(`${board}/members`, { userId: bob.user.id, role: 'editor' });
  const item: Item = (await ada.post(`${board}/items`, fields)).body.item;
  return { boardId, board, item, path: `${board}/items/${item.id}` };
}

const ifMatch = (...tags: Array<string | number>) => ({
  'if-match': tags.map((tag) => (typeof tag === 'number' ? `"${tag}"` : tag)).join(', '),
});

/** Checks a 412 and returns what it says besides the problem. */
function conflictIn(t: Test, answer: Answer, message: string, errors?: InputFault[]) {
  const { current, base, conflicts, ...body } = answer.body;
  sameProblem(t, { ...answer, body }, 'TB_CONFLICT', { message, errors });
  return { current, base, conflicts } as { current: Item; base: Item | null; conflicts: Array<{ field: string }> };
}

const headOf = async (boardId: string) => {
  const [row] = await database.sql<{ head: number }>('select head::int from teamboard.board_log where board_id = $1', [
    boardId,
  ]);
  return row?.head ?? 0;
};

t.test('If-Match: a write for the version that is there is done, and any other writes nothing', async (t) => {
  const { boardId, path, item } = await makeItem();
  t.equal((await ada.get(path)).headers.get('etag'), '"1"');
  const done = await ada.patch(path, { text: 'two' }, ifMatch(1));
  t.equal(done.status, 200);
  t.equal(done.headers.get('etag'), '"2"');
  const head = await headOf(boardId);
  const stale = [
    ifMatch(1),
    ifMatch(3),
    ifMatch('W/"1"', '"1-gzip"'),
    ifMatch('"02"', '"2-"', '"2-gzip-1"'),
    ifMatch('"x"', '""', '"99999999999"'),
    ifMatch('"2,2"'),
  ];
  for (const headers of stale) {
    const message = headers['if-match'];
    for (const answer of [await ada.patch(path, { text: 'x' }, headers), await ada.delete(path, headers)]) {
      t.same(conflictIn(t, answer, message).current, done.body.item, message);
    }
  }
  const malformed = ['2', '', ',', '"2', '"2" "3"', 'w/"2"', '*, "2"', '"2";', '"a b"'];
  for (const value of malformed) {
    for (const answer of [
      await ada.patch(path, { text: 'x' }, { 'if-match': value }),
      await ada.delete(path, { 'if-match': value }),
    ]) {
      sameProblem(t, answer, 'TB_INVALID', {
        errors: [{ path: '/if-match', message: 'must be * or a list of entity tags in quotes, such as "3"' }],
        message: `'${value}'`,
      });
    }
  }
  t.equal(await headOf(boardId), head, 'nothing was written');

  let version = 2;
  const matching = [
    ifMatch('*'),
    ifMatch(7, '"1"', version + 1),
    { 'if-match': ' ,, "4"\t, ,"x"' },
    // As a proxy that compresses has made it of ours (nginx, Apache, Jetty, LiteSpeed), which is always strong.
    ...['W/"5"', '"6-gzip"', 'W/"7--gzip"', '"8;br"'].map((tag) => ifMatch(tag)),
  ];
  for (const headers of matching) {
    version += 1;
    const answer = await ada.patch(path, { x: version }, headers);
    t.equal(answer.body.item?.version, version, headers['if-match']);
  }
  t.equal((await ada.delete(path, ifMatch(version))).status, 204);
  for (const headers of [ifMatch(version), ifMatch('*'), {}]) {
    sameProblem(t, await ada.patch(path, { text: 'x' }, headers), 'TB_NOT_FOUND', { message: 'deleted meanwhile' });
    sameProblem(t, await ada.delete(path, headers), 'TB_NOT_FOUND', { message: 'deleted meanwhile' });
  }
  t.equal(item.version, 1);
});

t.test('a conflict names what both sides changed, by whom and when', async (t) => {
  const fields = { text: 'one', x: 1, y: 1, color: 'blue', data: { a: { b: 1, c: 1 }, d: [1], e: 'e' } };
  const { boardId, path, item } = await makeItem(fields);
  await ada.patch(path, { text: 'Ada' });
  const x = (await ada.patch(path, { x: 2 })).body.item;
  const text = (await bob.patch(path, { text: 'two', y: 2 })).body.item;
  await database.sql(
    `update teamboard.items set color = 'red', data = '{"a": {"b": 2, "c": 1}, "d": [2]}' where id = $1`,
    [item.id],
  );
  await ada.patch(path, { y: 1 });
  const { item: current } = (await ada.get(path)).body;

  const { events } = (await ada.get(`/boards/${boardId}/events`, { accept: 'application/json' })).body;
  const by = ({ user: { id, name } }: Client, { version }: Item) => {
    const { at } = events.find(({ object }: { object: Item }) => object.version === version && 'text' in object);
    return { actor: { id, name }, at };
  };
  const change = {
    text: { field: 'text', ...by(bob, text) },
    x: { field: 'x', ...by(ada, x) },
    color: { field: 'color', actor: null },
    data: { field: 'data', actor: null },
  };
  const cases: Array<[string, object, object[]]> = [
    ['what only others changed is no conflict', { rank: 'a5' }, []],
    ['both changed it', { text: 'mine' }, [change.text]],
    ['both changed it to the same', { text: 'two', x: 2, color: 'red' }, []],
    ['it was changed and changed back', { y: 7 }, []],
    [
      'several, one of them by a writer that is no user',
      { x: 5, text: 'mine', color: 'gray' },
      [change.color, change.text, change.x],
    ],
    ['another place in data', { data: { a: { c: 2, z: 1 }, new: true } }, []],
    ['the same place in data', { data: { a: { b: 3 } } }, [change.data]],
    ['the same place in data, to the same', { data: { a: { b: 2 }, e: null } }, []],
    ['a place in data that is gone', { data: { e: 'mine' } }, [change.data]],
    ['a list is one value', { data: { d: [1, 2] } }, [change.data]],
    ['an object for what was changed inside', { data: { a: 1 } }, [change.data]],
    ['names of our own', { data: { toString: 1, constructor: {} } }, []],
  ];
  for (const [message, patch, expected] of cases) {
    const conflict = conflictIn(t, await ada.patch(path, patch, ifMatch(1)), message);
    t.same(conflict.current, current);
    t.same(conflict.base, item, 'as it was in the version that was named');
    t.equal(conflict.conflicts.length, expected.length, message);
    t.match(conflict.conflicts, expected, message);
  }
  const deletion = conflictIn(t, await ada.delete(path, ifMatch(1)), 'a deletion');
  t.match(deletion.conflicts, [change.color, change.data, change.text, change.x], 'what changed since, and not y');
  const later = conflictIn(t, await ada.patch(path, { text: 'mine', color: 'gray' }, ifMatch(1, 4)), 'a later base');
  t.equal(later.base?.version, 4, 'the newest that is named');
  t.match(later.conflicts, [change.color]);
  t.equal(later.conflicts.length, 1);
  const future = conflictIn(t, await ada.patch(path, { text: 'mine' }, ifMatch(99)), 'a version that never was');
  t.same(future, { current, base: null, conflicts: [] });
  const proxied = conflictIn(t, await ada.patch(path, { text: 'mine' }, ifMatch('W/"1-gzip"')), 'a tag behind a proxy');
  t.same([proxied.base, proxied.conflicts.length], [item, 1]);
  t.same((await ada.get(path)).body.item, current);
  t.equal(await headOf(boardId), 9);
});

t.test('where the log has lost the base, the conflict says what is still known', async (t) => {
  const { boardId, path } = await makeItem();
  await bob.patch(path, { text: 'lost' });
  await bob.patch(path, { x: 3, data: { a: 1 } });
  // As the trimmer does it.
  await database.sql('delete from teamboard.board_events where board_id = $1 and seq <= 5', [boardId]);
  await database.sql('update teamboard.board_log set trimmed_to = 5 where board_id = $1', [boardId]);
  const patch = { text: 'mine', x: 4, data: { a: 2, b: 1 } };
  const { base, conflicts } = conflictIn(t, await ada.patch(path, patch, ifMatch(1)), 'trimmed');
  t.equal(base, null);
  t.same(
    conflicts.map(({ field }) => field),
    ['data', 'x'],
  );
  const known = conflictIn(t, await ada.patch(path, patch, ifMatch(2)), 'the version before the oldest event');
  t.equal(known.base, null);
  t.equal((await ada.patch(path, { data: { a: 1 } }, ifMatch(2))).body.conflicts.length, 0, 'what is so already');
});

t.test('of many who change one version at once, one wins and the others see what it wrote', async (t) => {
  for (let round = 0; round < 10; round += 1) {
    const { boardId, path } = await makeItem();
    const answers = await Promise.all(
      range(1, 8).map((n) => (n % 2 ? ada : bob.at(other)).patch(path, { text: `${n}` }, ifMatch(1))),
    );
    const won = answers.filter(({ status }) => status === 200);
    t.equal(won.length, 1);
    for (const answer of answers) {
      if (answer === won[0]) continue;
      const { current, base, conflicts } = conflictIn(t, answer, `round ${round}`);
      t.same(current, won[0]?.body.item, 'the value of the winner');
      t.equal(base?.text, 'Hi');
      t.match(conflicts, [{ field: 'text' }]);
    }
    t.equal(await headOf(boardId), 5);
  }
});

t.test('a conflict is not remembered under the key of the write', async (t) => {
  const { path } = await makeItem();
  await bob.patch(path, { text: 'two' });
  const key = { 'idempotency-key': `${path.slice(-8)}-once` };
  conflictIn(t, await ada.patch(path, { text: 'mine' }, { ...key, ...ifMatch(1) }), 'stale');
  t.same(await database.sql('select from teamboard.idempotency_keys where key = $1', [key['idempotency-key']]), []);
  const done = await ada.patch(path, { text: 'mine' }, { ...key, ...ifMatch(2) });
  t.equal(done.status, 200);
  const again = await ada.patch(path, { text: 'mine' }, { ...key, ...ifMatch(2) });
  t.same([again.status, again.body, again.headers.get('idempotent-replayed')], [200, done.body, 'true']);
});

t.test('If-Match on a board: its version, for its name and layout', async (t) => {
  const { board, boardId, path } = await makeItem();
  await ada.patch(path, { x: 1 });
  const first = (await ada.get(board)).body.board;
  const second = (await bob.patch(board, { name: 'two' }, ifMatch(1))).body.board;
  t.equal(second.version, 2, 'what was done to items does not matter');
  const head = await headOf(boardId);
  for (const headers of [ifMatch(1), ifMatch('W/"1"', 3), ifMatch('"x"', '"99999999999"'), ifMatch('"00000000-1"')]) {
    const message = headers['if-match'];
    for (const answer of [await ada.patch(board, { name: 'x' }, headers), await ada.delete(board, headers)]) {
      t.same(conflictIn(t, answer, message).current, second, message);
    }
  }
  for (const value of ['2', '', '"2', '*, "2"']) {
    for (const answer of [
      await ada.patch(board, { name: 'x' }, { 'if-match': value }),
      await ada.delete(board, { 'if-match': value }),
    ]) {
      sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors, message: `'${value}'` });
      t.match(answer.body.errors, [{ path: '/if-match' }]);
    }
  }
  t.equal(await headOf(boardId), head, 'nothing was written');

  const stale = conflictIn(t, await ada.patch(board, { name: 'mine' }, ifMatch(1)), 'both changed it');
  t.same(stale.base, first);
  t.match(stale.conflicts, [{ field: 'name', actor: { id: bob.user.id, name: 'Bob' } }]);
  t.same(conflictIn(t, await ada.patch(board, { layout: 'list' }, ifMatch(1)), 'another field').conflicts, []);
  t.same(conflictIn(t, await ada.patch(board, { name: 'two' }, ifMatch(1)), 'to the same').conflicts, []);
  t.match(conflictIn(t, await ada.delete(board, ifMatch(1)), 'a deletion').conflicts, [{ field: 'name' }]);
  const future = conflictIn(t, await ada.patch(board, { name: 'mine' }, ifMatch(9)), 'a version that never was');
  t.same([future.base, future.conflicts], [null, []]);

  t.equal((await ada.patch(board, { name: 'three' }, ifMatch('*'))).body.board.version, 3);
  t.equal((await ada.patch(board, { name: 'four' }, ifMatch('W/"3-gzip"'))).body.board.version, 4);
  sameProblem(t, await bob.delete(board, ifMatch(1)), 'TB_FORBIDDEN');
  t.equal((await ada.delete(board, ifMatch(4))).status, 204);
  sameProblem(t, await ada.delete(board, ifMatch('*')), 'TB_NOT_FOUND');
});

t.test('If-Match on a board: the ETag of its snapshot, for all that is on it', async (t) => {
  const { board, path } = await makeItem();
  const etagNow = async () => (await ada.get(board)).headers.get('etag') ?? '';
  const seen = await etagNow();
  const { board: current } = (await ada.get(board)).body;
  await bob.patch(path, { x: 1 });
  for (const answer of [
    await ada.patch(board, { name: 'mine' }, ifMatch(seen)),
    await ada.delete(board, ifMatch(`W/${seen}`, '"x"')),
  ]) {
    t.same(
      conflictIn(t, answer, 'an item has changed'),
      { current, base: current, conflicts: [] },
      'and nothing of the board itself',
    );
  }
  const other = (await ada.get(`/boards/${await ada.createBoard()}`)).headers.get('etag') ?? '';
  t.same(conflictIn(t, await ada.delete(board, ifMatch(other)), 'of another board').base, null);

  const key = { 'idempotency-key': `${board.slice(-12)}-seen` };
  const now = ifMatch(seen, (await etagNow()).replace(/"$/, '-gzip"'));
  const renamed = await ada.patch(board, { name: 'mine' }, { ...now, ...key });
  t.same([renamed.status, renamed.body.board.version], [200, 2]);
  const again = await ada.patch(board, { name: 'mine' }, { ...now, ...key });
  t.same([again.status, again.body], [200, renamed.body], 'a repeat comes with what it had seen before');
  const before = conflictIn(t, await bob.patch(board, { name: 'his' }, ifMatch(seen)), 'seen before the other name');
  t.same([before.current, before.base], [renamed.body.board, current]);
  t.match(before.conflicts, [{ field: 'name' }]);
  const same = await ada.patch(board, { name: 'mine' }, ifMatch(await etagNow()));
  t.equal(same.body.board.version, 2, 'what changes nothing');
  t.equal((await ada.patch(board, { name: 'new' }, ifMatch(other, '"2"'))).status, 200, 'one of them is enough');
  t.equal((await ada.delete(board, ifMatch(await etagNow()))).status, 204);
});

t.test('a board is not deleted for a snapshot that others are just about to outdate', async (t) => {
  for (const write of ['PATCH', 'DELETE']) {
    const { board, boardId } = await makeItem();
    const seen = (await ada.get(board)).headers.get('etag') ?? '';
    const writer = await database.pool.connect();
    t.teardown(() => writer.release());
    // Has its number, and is not committed: nobody sees it yet.
    await writer.query('begin');
    await writer.query("insert into teamboard.items (board_id, text) values ($1, 'unseen')", [boardId]);
    await writer.query('set constraints all immediate');
    const answer = ada.request(write, board, write === 'PATCH' ? { name: 'x' } : undefined, ifMatch(seen));
    await until(async () => {
      const [row] = await database.sql<{ waiting: number }>(
        `select count(*)::int as waiting from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return row?.waiting === 1;
    }, `the ${write} to wait for the head`);
    await writer.query('commit');
    const { conflicts } = conflictIn(t, await answer, write);
    t.same(conflicts, []);
    const { body } = await ada.get(board);
    t.same([body.board.version, body.items.length], [1, 2], 'nothing of it was written');
  }
});

t.test('who may not write there is told nothing by If-Match', async (t) => {
  const { boardId, path } = await makeItem();
  const eve = await Client.signUp(node, 'Eve');
  sameProblem(t, await eve.patch(path, { text: 'x' }, ifMatch(9)), 'TB_NOT_FOUND');
  await ada.post(`/boards/${boardId}/members`, { userId: eve.user.id, role: 'viewer' });
  sameProblem(t, await eve.delete(path, ifMatch(9)), 'TB_FORBIDDEN');
});

/** A board of Ada's with so many items, in the order of their ranks. */
async function makeItems(count: number) {
  const boardId = await ada.createBoard();
  const board = `/boards/${boardId}`;
  const operations = range(1, count).map((n) => ({ op: 'create', item: { text: `${n}` } }));
  const { body, status } = await ada.post(`${board}/batch`, { operations });
  if (status !== 200) throw new Error(JSON.stringify(body));
  const items: Item[] = body.results.map(({ item }: { item: Item }) => item);
  return { boardId, board, items, ids: items.map(({ id }) => id) };
}

t.test('a batch does what it says in order, and its events follow each other (E1, E2)', async (t) => {
  const { boardId, board, items } = await makeItems(4);
  const [one, two, three, four] = items;
  const stream = await openStream(t, other.url, boardId, ada);
  await stream.next('ready');
  const operations = [
    { op: 'delete', id: one?.id, ifMatch: 1 },
    { op: 'create', item: { text: 'new', x: 1.5, data: { a: 'ü' } } },
    { op: 'update', id: three?.id.toUpperCase(), item: { text: 'Three', data: { b: { c: 1 } } }, ifMatch: 1 },
    { op: 'create', item: { text: 'first', rank: 'Zz', color: 'red', y: -2 } },
    { op: 'update', id: two?.id, item: { color: 'gray' } },
    { op: 'update', id: four?.id, item: { text: '4' } },
    { op: 'create', item: { text: 'last' } },
  ];
  const key = { 'idempotency-key': `${boardId}-batch` };
  // Others who write at the same time do not get in between.
  const busy = Array.from({ length: 20 }, (_, n) => ada.at(other).post(`${board}/items`, { text: `busy ${n}` }));
  const done = await ada.post(`${board}/batch`, { operations }, key);
  await Promise.all(busy);
  t.equal(done.status, 200);
  const { results } = done.body;
  t.match(results, [
    { id: one?.id, item: null },
    { item: { text: 'new', x: 1.5, y: 0, color: 'yellow', data: { a: 'ü' }, version: 1, createdBy: ada.user.id } },
    { id: three?.id, item: { text: 'Three', data: { b: { c: 1 } }, version: 2 } },
    { item: { text: 'first', rank: 'Zz', color: 'red', y: -2 } },
    { id: two?.id, item: { text: '2', color: 'gray', version: 2 } },
    { id: four?.id, item: four },
    { item: { text: 'last' } },
  ]);
  t.equal(results.length, 7);
  t.ok(results[1].item.rank > (four?.rank ?? ''), 'to the end of the list');
  t.ok(results[6].item.rank > results[1].item.rank, 'in order');
  for (const { id, item } of results) if (item) t.same((await ada.get(`${board}/items/${id}`)).body, { item });

  const events = await database.sql<{ seq: number; action: string; id: string; object: object }>(
    `select seq::int, action, resource_id as id, object from teamboard.board_events
     where board_id = $1 and mutation_id = $2 order by seq`,
    [boardId, key['idempotency-key']],
  );
  const [{ seq } = { seq: 0 }] = events;
  t.same(
    events.map((event) => event.seq),
    range(seq, seq + 5),
    'six in a row: an update that changes nothing is none',
  );
  for (const { action, id, object } of events) {
    if (action !== 'deleted') t.same(object, results.find((result: Item) => result.id === id)?.item, action);
  }
  const head = await headOf(boardId);
  await stream.next('changed', ({ data }) => data.seq === head);
  t.same(stream.seqs, range(7, head));

  const again = await ada.at(other).post(`${board}/batch`, { operations }, key);
  t.same([again.status, again.body, again.headers.get('idempotent-replayed')], [200, done.body, 'true']);
  t.equal(await headOf(boardId), head, 'once');
  sameProblem(t, await ada.post(`${board}/batch`, { operations: operations.slice(1) }, key), 'TB_KEY_REUSED');
});

t.test('one operation that cannot be done fails the whole batch, and is named by its place', async (t) => {
  const { boardId, board, items } = await makeItems(3);
  const [one, two, three] = items;
  const elsewhere = (await makeItem()).item;
  await ada.patch(`${board}/items/${two?.id}`, { data: { a: 'x'.repeat(9000) } });
  const before = (await ada.get(board)).body;
  const write = { op: 'update', id: one?.id, item: { text: 'written' } };
  const more = { op: 'create', item: { text: 'written' } };
  const noRank = 'must be a key of fractional indexing, such as a0, a1 or a0V, as the libraries of that name make them';
  const size = 'must be at most 16 KiB as JSON without blanks, with numbers written out (1e21 has 22 digits)';
  const big = { a: 'x'.repeat(17_000) };

  const invalid: Array<[object, string, string]> = [
    [{}, '/op', 'is missing'],
    [{ op: 'move' }, '/op', 'must be one of create, update, delete'],
    [{ op: 'create' }, '/item', 'is missing'],
    [{ op: 'create', item: {} }, '/item/text', 'is missing'],
    [{ op: 'create', item: { text: 'x', colour: 1 } }, '/item/colour', 'is not a field that is known here'],
    [{ op: 'create', ifMatch: 1, item: { text: 'x' } }, '/ifMatch', 'does not belong to create'],
    [{ op: 'update', item: { text: 'x' } }, '/id', 'is missing'],
    [{ op: 'update', id: three?.id }, '/item', 'is missing'],
    [{ op: 'update', id: three?.id, item: {} }, '/item', 'must name a field'],
    [{ op: 'update', id: three?.id, item: { x: 'a' } }, '/item/x', 'must be number'],
    [{ op: 'update', id: three?.id, item: { text: 'a\0' } }, '/item/text', 'must not contain the character U+0000'],
    [{ op: 'update', id: 'x', item: { x: 1 } }, '/id', 'must be a UUID, and neither the nil nor the max one'],
    [{ op: 'delete' }, '/id', 'is missing'],
    [{ op: 'delete', id: three?.id, item: { text: 'x' } }, '/item', 'does not belong to delete'],
    [{ op: 'delete', id: three?.id, ifMatch: 0 }, '/ifMatch', 'must be >= 1'],
    [{ op: 'delete', id: one?.id.toUpperCase() }, '/id', 'is the item of /operations/0 too'],
    [{ op: 'create', item: { text: 'x', rank: 'b0' } }, '/item/rank', noRank],
    [{ op: 'create', item: { text: 'x', data: big } }, '/item/data', size],
    [{ op: 'update', id: three?.id, item: { rank: 'a00' } }, '/item/rank', noRank],
    [{ op: 'update', id: two?.id, item: { data: { b: 'x'.repeat(9000) } } }, '/item/data', size],
    [{ op: 'update', id: two?.id, item: { data: { b: 'x'.repeat(65_536) } } }, '/item/data', size.replace('16', '64')],
  ];
  for (const [operation, path, message] of invalid) {
    const answer = await ada.post(`${board}/batch`, { operations: [write, more, operation, more] });
    const errors = [{ path: `/operations/2${path}`, message }];
    sameProblem(t, answer, 'TB_INVALID', { errors, message: JSON.stringify(operation).slice(0, 60) });
  }
  for (const operations of [undefined, [], {}, Array.from({ length: 501 }, () => more)]) {
    const answer = await ada.post(`${board}/batch`, { operations });
    sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors, message: 'how many' });
  }

  const gone = [unknownId, elsewhere.id].map((id) => ({ op: 'delete', id }));
  const unknown = await ada.post(`${board}/batch`, { operations: [write, gone[0], more, { ...gone[1], ifMatch: 5 }] });
  sameProblem(t, unknown, 'TB_ITEM_GONE', {
    errors: [1, 3].map((index) => ({ path: `/operations/${index}/id`, message: 'is no item of this board' })),
  });

  const stale = { op: 'update', id: two?.id, ifMatch: 1, item: { data: { a: 'mine' }, x: 5 } };
  const staleToo = { op: 'delete', id: three?.id, ifMatch: 4 };
  const answer = await ada.post(
    `${board}/batch`,
    { operations: [write, more, stale, staleToo] },
    { 'idempotency-key': boardId },
  );
  const conflict = conflictIn(t, answer, 'stale', [
    { path: '/operations/2/ifMatch', message: 'is not 2' },
    { path: '/operations/3/ifMatch', message: 'is not 1' },
  ]);
  t.match(conflict, { current: { version: 2 }, base: two, conflicts: [{ field: 'data', actor: { name: 'Ada' } }] });
  t.same((await ada.get(board)).body, before, 'nothing of all this was written');
  t.same(await database.sql('select from teamboard.idempotency_keys where key = $1', [boardId]), []);
});

t.test('a batch may have 1 MiB, and so many faults make a short answer', async (t) => {
  const { board } = await makeItems(1);
  const body = (bytes: number) => {
    const text = JSON.stringify({
      operations: Array.from({ length: 100 }, () => ({ op: 'create', item: { text: 'x'.repeat(10_000) } })),
    });
    return text + ' '.repeat(bytes - text.length);
  };
  t.equal((await ada.post(`${board}/batch`, body(2 ** 20))).status, 200);
  sameProblem(t, await ada.post(`${board}/batch`, body(2 ** 20 + 1)), 'TB_TOO_LARGE');
  const operations = Array.from({ length: 500 }, () => ({ op: 'update' }));
  t.equal((await ada.post(`${board}/batch`, { operations })).body.errors.length, 20);
});

t.test('batches, writers past the API and the end of the board, all at once, do not deadlock (E2)', async (t) => {
  const { boardId, board, ids } = await makeItems(30);
  const seen = new Map<number, number>();
  const write = async (writer: number) => {
    for (let turn = 0; turn < 8; turn += 1) {
      const shuffled = ids.map((id, index) => ({ id, key: (index * 7 + writer * 11 + turn * 13) % 31 }));
      shuffled.sort((a, b) => a.key - b.key);
      const operations = shuffled
        .slice(0, 15)
        .map(({ id }) => ({ op: 'update', id, item: { x: writer * 100 + turn } }));
      const create = { op: 'create', item: { text: 'more' } };
      const { status } = await ada
        .at(writer % 2 ? node : other)
        .post(`${board}/batch`, { operations: [create, ...operations] });
      seen.set(status, (seen.get(status) ?? 0) + 1);
      await ada.patch(`${board}/items/${ids[(writer + turn) % 30]}`, { y: turn });
    }
  };
  const writers = range(1, 6).map(write);
  for (let turn = 0; turn < 10; turn += 1) {
    await database.sql(
      'update teamboard.items set y = y + 1 where id in (select id from teamboard.items where board_id = $1 order by id for update)',
      [boardId],
    );
  }
  await Promise.all(writers);
  t.same([...seen.keys()], [200], JSON.stringify([...seen]));
  const [log] = await database.sql(
    'select head::int, (select count(*)::int from teamboard.board_events where board_id = $1) as count from teamboard.board_log where board_id = $1',
    [boardId],
  );
  t.equal(log?.head, log?.count, 'the log has no gap');

  for (let round = 0; round < 6; round += 1) {
    const short = await makeItems(10);
    const operations = [
      { op: 'create', item: { text: 'late' } },
      ...short.ids.toReversed().map((id) => ({ op: 'update', id, item: { text: 'late' } })),
    ];
    const answers = await Promise.all([
      ada.post(`${short.board}/batch`, { operations }),
      ada.at(other).post(`${short.board}/batch`, { operations }),
      ada.delete(short.board),
    ]);
    t.ok(
      answers.every(({ status }) => [200, 204, 404].includes(status)),
      answers.map(({ status }) => status).join(),
    );
  }
  const [stat] = await database.sql('select deadlocks::int from pg_stat_database where datname = current_database()');
  t.equal(stat?.deadlocks, 0);
});

t.test('ids that two want to use are waited for in one order, so that neither waits for the other', async (t) => {
  const { boardId, board } = await makeItem();
  const [low = '', high = ''] = [uuidv7(), uuidv7()];
  const foreign = await database.pool.connect();
  t.teardown(() => foreign.release(true));
  const insert = (id: string) =>
    foreign.query(`insert into teamboard.items (board_id, id, text) values ($1, $2, 'theirs')`, [boardId, id]);
  await foreign.query(`begin; set local lock_timeout = '500ms'`);
  await insert(low);
  const operations = [high, low].map((id) => ({ op: 'create', id, item: { text: 'ours' } }));
  const batch = ada.post(`${board}/batch`, { operations });
  await until(async () => {
    const waiting = await database.sql(`select from pg_stat_activity where datname = current_database()
      and wait_event_type = 'Lock'`);
    return waiting.length > 0;
  }, 'the batch to wait');
  await insert(high);
  await foreign.query('rollback');
  const { status, body } = await batch;
  t.equal(status, 200);
  t.same(
    body.results.map(({ id }: Item) => id),
    [high, low],
    'told in the order of the operations',
  );
});

t.test('five hundred at once are one transaction, and cost so many times what a few do', async (t) => {
  const [few, many] = [await timeBatches(t, 50), await timeBatches(t, 500)];
  t.comment(`${Math.round(few)} and ${Math.round(many)} ms`);
  // What grows with the square of their number would take a hundred times as long.
  t.ok(many < 25 * few + 300);
});

/** Makes and changes so many items. @returns the ms at best of three, so that what else the machine does is left out */
async function timeBatches(t: Test, count: number): Promise<number> {
  const times: number[] = [];
  while (times.length < 3) {
    const startedAt = performance.now();
    await makeAndChange(t, count);
    times.push(performance.now() - startedAt);
  }
  return Math.min(...times);
}

async function makeAndChange(t: Test, count: number): Promise<void> {
  const { boardId, board, ids } = await makeItems(count);
  const operations = ids.map((id, n) =>
    n % 5 ? { op: 'update', id, item: { x: n }, ifMatch: 1 } : { op: 'delete', id },
  );
  const { status, body } = await ada.post(`${board}/batch`, { operations });
  t.equal(status, 200);
  t.same(
    body.results.map(({ id }: Item) => id),
    ids,
  );
  t.equal(await headOf(boardId), 2 + 2 * count);
}

/** @returns what a write is answered that waits for one who waits for it, and that PostgreSQL ends for that */
async function writeIntoDeadlock() {
  const { boardId, board, item } = await makeItem();
  const gate = (await ada.post(`${board}/items`, { text: 'Locked, until the other waits' })).body.item;
  const [foreign, keeper] = [await database.pool.connect(), await database.pool.connect()];
  await foreign.query(`begin; set local deadlock_timeout = '1min'`);
  await foreign.query('select from teamboard.board_log where board_id = $1 for update', [boardId]);
  await keeper.query('begin');
  await keeper.query('select from teamboard.items where id = $1 for update', [gate.id]);
  const pidOf = async (client: typeof foreign) =>
    (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid;
  const pids = [await pidOf(foreign), await pidOf(keeper)];
  const isWaitedFor = async (pid: number | undefined) => {
    const sql = 'select from pg_stat_activity where $1 = any(pg_blocking_pids(pid))';
    return (await database.sql(sql, [pid])).length > 0;
  };
  // Holds the first item, and waits for the second, then for the head. PostgreSQL looks for a deadlock once, a second
  // after a wait began: so whoever shall find it has to be the last who waits.
  const operations = [
    { op: 'update', id: item.id, item: { x: 1 } },
    { op: 'update', id: gate.id, item: { x: 1 } },
  ];
  const written = ada.post(`${board}/batch`, { operations });
  await until(() => isWaitedFor(pids[1]), 'the write to wait');
  const [writer] = await database.sql<{ pid: number }>(
    'select pid from pg_stat_activity where $1 = any(pg_blocking_pids(pid))',
    [pids[1]],
  );
  const changed = foreign.query('update teamboard.items set y = 2 where id = $1', [item.id]);
  await until(() => isWaitedFor(writer?.pid), 'the other to wait for the write');
  await keeper.query('rollback');
  keeper.release();
  await changed;
  await foreign.query('commit');
  foreign.release();
  return written;
}

t.test('a write that PostgreSQL ends to undo a deadlock is done again by itself', async (t) => {
  let answer = await writeIntoDeadlock();
  // While a machine stands still no deadlock is looked for, and after 2 s a lock has been waited for too long.
  const isTooLate = () => answer.status === 503 && answer.body.detail.startsWith('Another write holds');
  for (let tries = 1; tries < 5 && isTooLate(); tries += 1) answer = await writeIntoDeadlock();
  t.equal(answer.status, 200, answer.body.detail);
  t.match(answer.body.results?.[0].item, { x: 1, y: 2, version: 3 }, 'after the other, and not over it');
});
