// Together on a board, as far as it needs no browser: columns by label, pointers, and following.

import { signal } from '@preact/signals-core';
import t from 'tap';
import type { LiveBoard } from '../../src/client/live.ts';
import type { Broadcast, Item } from '../../src/client/types.ts';
import { columnsByLabel } from '../../src/web/list/columns.ts';
import { createPointers } from '../../src/web/state/pointers.ts';
import { Following } from '../../src/web/together/following.ts';

t.test('columns by label: those that are known first, then as they come, and so many at most', async (t) => {
  const item = (id: string, label?: unknown) => ({ id, data: { label } }) as unknown as Item;
  const items = [item('1', 'Doing'), item('2'), item('3', ' To do '), item('4', 7), item('5', 'Doing')];
  const shown = columnsByLabel(items, ['Done', 'To do']).map(({ title, items }) => [
    title,
    items.map(({ id }) => id).join(),
  ]);
  t.strictSame(shown, [
    ['No label', '2,4'],
    ['Done', ''],
    ['To do', '3'],
    ['Doing', '1,5'],
  ]);
  const many = columnsByLabel(
    Array.from({ length: 20_000 }, (_, index) => item(`${index}`, `label ${index}`)),
    [],
  );
  t.ok(many.length < 50, `${many.length} columns`);
  t.equal(
    many.reduce((sum, { items }) => sum + items.length, 0),
    20_000,
    'and each item is in one',
  );
  t.equal(many.at(-1)?.fields, undefined, 'nothing gets the label of others');
});

/** A board as far as broadcasts are concerned: each of its members hears what one sends. */
function party(names: string[]) {
  const present = names.map((name) => ({ id: name, name }));
  const listeners: Array<(broadcast: Broadcast) => void> = [];
  const queue: Broadcast[] = [];
  let told = 0;
  const boards = present.map((me) => ({
    me,
    presence: signal(present),
    state: { presence: present },
    onBroadcast(listener: (broadcast: Broadcast) => void) {
      listeners.push(listener);
      return () => {};
    },
    onChange: () => () => {},
    send: (name: string, data: unknown) => queue.push({ boardId: '', name, data, from: { user: me }, at: '' }),
  }));
  /** @returns how many have been told, until all are silent or it has become too much */
  const tell = (most = 100) => {
    told = 0;
    for (let next = queue.shift(); next && told < most; next = queue.shift()) {
      told += 1;
      for (const listener of listeners) listener(next);
    }
    return told;
  };
  return { boards, queue, tell };
}

t.test('each window of a person has a pointer, and nobody has many', async (t) => {
  const { boards, tell } = party(['Ada', 'Grace']);
  const [ada, grace] = boards;
  if (!ada || !grace) throw new Error('nobody is there');
  const pointers = createPointers(ada as unknown as LiveBoard, 'mine');
  ada.send('cursor', { x: 1, y: 1, window: 'mine' });
  ada.send('cursor', { x: 2, y: 2, window: 'other' });
  for (const data of [null, 7, { x: 'a', y: 1 }, { x: 1 }, { x: 1, y: null }]) grace.send('cursor', data);
  tell();
  t.strictSame(
    pointers.at(Date.now()).map(({ user, x }) => [user.name, x]),
    [['Ada', 2]],
  );
  t.ok(pointers.isMoving(Date.now()));
  t.notOk(pointers.isMoving(Date.now() + 5000));
  for (let window = 0; window < 50; window += 1) grace.send('cursor', { x: window, y: 0, window: `${window}` });
  grace.send('cursor', { x: 99, y: 0, window: { toString: null } });
  tell();
  const seen = pointers.at(Date.now() + 200).filter(({ user }) => user.name === 'Grace');
  t.strictSame(
    seen.map(({ x }) => x),
    [47, 48, 49, 99],
    'the last ones',
  );
  t.strictSame(pointers.at(Date.now() + 60_000), [], 'who is silent is gone');
  pointers.close();
});

t.test('those who follow each other come to rest', async (t) => {
  const { boards, queue, tell } = party(['Ada', 'Grace', 'Kim']);
  const all = boards.map(
    (board) =>
      new Following(
        board,
        () => {},
        () => true,
      ),
  );
  const [ada, grace, kim] = all;
  if (!ada || !grace || !kim) throw new Error('nobody is there');
  t.teardown(() => {
    for (const each of all) each.close();
  });
  const sight = { x: 10.4, y: 20, width: 300, height: 200 };
  ada.show(sight);
  t.equal(tell(), 0, 'whom nobody follows says nothing');
  const [first, second, third] = boards.map(({ me }) => me);
  if (first && second && third) {
    grace.start(first);
    kim.start(second);
    tell();
    t.strictSame(kim.sight.value, { x: 10, y: 20, width: 300, height: 200 }, 'what comes by following goes on');
    ada.start(third);
    ada.show(sight);
    t.ok(tell() < 20, 'a ring of three is silent soon');
  }
  for (const data of [null, 1, {}, { ...sight, width: 0 }, { ...sight, x: '1' }, { ...sight, height: null }]) {
    queue.push({ boardId: '', name: 'view', data, from: { user: { id: 'Ada', name: 'Ada' } }, at: '' });
  }
  const before = grace.sight.value;
  tell();
  t.equal(grace.sight.value, before, 'what is no place is none');
  t.ok(grace.stop());
  t.strictSame([grace.sight.value, grace.stop()], [undefined, false]);
});
