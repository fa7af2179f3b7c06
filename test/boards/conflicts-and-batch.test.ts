// Writes that depend on what they find: If-Match.

import t, { type Test } from 'tap';
import { type Answer, Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { range } from '../helpers/seqs.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const other = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');
const bob = await Client.signUp(node, 'Bob');

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
function conflictIn(t: Test, answer: Answer, message: string) {
  const { current, base, conflicts, ...body } = answer.body;
  sameProblem(t, { ...answer, body }, 'TB_CONFLICT', { message });
  return { current, base, conflicts } as { current: Item; base: Item | null; conflicts: Array<{ field: string }> };
}

const headOf = async (boardId: string) => {
  const [row] = await database.sql<{ head: number }>('select head::int from board_log where board_id = $1', [boardId]);
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
    ifMatch('W/"2"'),
    ifMatch('"02"'),
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
        errors: [{ path: '/if-match', message: 'must be * or a list of entity tags, such as "3"' }],
        message: `'${value}'`,
      });
    }
  }
  t.equal(await headOf(boardId), head, 'nothing was written');

  let version = 2;
  for (const headers of [ifMatch('*'), ifMatch(7, 'W/"1"', version + 1), { 'if-match': ' ,, "4"\t, ,"x"' }]) {
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
  await database.sql(`update items set color = 'red', data = '{"a": {"b": 2, "c": 1}, "d": [2]}' where id = $1`, [
    item.id,
  ]);
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
  const weak = conflictIn(t, await ada.patch(path, { text: 'mine' }, ifMatch('W/"6"')), 'a weak tag');
  t.same(weak, { current, base: null, conflicts: [] });
  t.same((await ada.get(path)).body.item, current);
  t.equal(await headOf(boardId), 9);
});

t.test('where the log has lost the base, the conflict says what is still known', async (t) => {
  const { boardId, path } = await makeItem();
  await bob.patch(path, { text: 'lost' });
  await bob.patch(path, { x: 3, data: { a: 1 } });
  // As the trimmer does it.
  await database.sql('delete from board_events where board_id = $1 and seq <= 5', [boardId]);
  await database.sql('update board_log set trimmed_to = 5 where board_id = $1', [boardId]);
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
  t.same(await database.sql('select from idempotency_keys where key = $1', [key['idempotency-key']]), []);
  const done = await ada.patch(path, { text: 'mine' }, { ...key, ...ifMatch(2) });
  t.equal(done.status, 200);
  const again = await ada.patch(path, { text: 'mine' }, { ...key, ...ifMatch(2) });
  t.same([again.status, again.body, again.headers.get('idempotent-replayed')], [200, done.body, 'true']);
});

t.test('who may not write there is told nothing by If-Match', async (t) => {
  const { boardId, path } = await makeItem();
  const eve = await Client.signUp(node, 'Eve');
  sameProblem(t, await eve.patch(path, { text: 'x' }, ifMatch(9)), 'TB_NOT_FOUND');
  await ada.post(`/boards/${boardId}/members`, { userId: eve.user.id, role: 'viewer' });
  sameProblem(t, await eve.delete(path, ifMatch(9)), 'TB_FORBIDDEN');
});
