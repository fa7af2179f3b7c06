// What takes a write of the page back, and what of it others have made impossible.

import fc from 'fast-check';
import t from 'tap';
import type { Item } from '../../../src/client/types.ts';
import {
  type History,
  MAX_OPERATIONS,
  noHistory,
  plan,
  record,
  rename,
  type Step,
  settle,
  stepOf,
  turn,
} from '../../../src/client/writes/history.ts';
import type { Fields } from '../../../src/client/writes/offered.ts';
import { lay } from '../../../src/client/writes/view.ts';
import type { Operation } from '../../../src/client/writes/write.ts';

const stamps = { createdBy: 'bob', createdAt: '', updatedBy: 'bob', updatedAt: '' };
const milk: Item = {
  ...{
    id: 'milk',
    boardId: 'plans',
    text: 'Milk',
    x: 0,
    y: 0,
    color: 'yellow',
    rank: 'a0',
    data: { a: 1 },
    version: 3,
  },
  ...stamps,
};

const keysOf = (step: Step | undefined) => step?.parts.map(({ key }) => key);
const viewOf = (...items: Item[]) => new Map(items.map((item) => [item.id, item]));
const update = (item: Fields, id = 'milk'): Operation => ({ op: 'update', id, item });

/** The items after these operations, at the server. */
function after(items: ReadonlyMap<string, Item>, ...operations: Operation[]): ReadonlyMap<string, Item> {
  const log = operations.map((one) => ({
    key: '',
    boardId: 'plans',
    at: 0,
    status: 'sent' as const,
    operations: [one],
  }));
  const made = lay(log, 'plans', items, 'ada');
  return new Map(
    [...made].map(([id, item]) => [id, items.get(id) === item ? item : { ...item, version: item.version + 1 }]),
  );
}

t.test('each operation has one that takes it back', async (t) => {
  const cases: Array<[string, Operation, Operation[]]> = [
    [
      'an update',
      update({ x: 5, data: { a: null, b: 2 } }),
      [
        {
          op: 'update',
          id: 'milk',
          item: { x: 0, data: { a: 1, b: null } },
          expect: { x: 5, data: { a: null, b: 2 } },
        },
      ],
    ],
    [
      'a create',
      { op: 'create', id: 'new', item: { text: 'New', x: 4 } },
      [{ op: 'delete', id: 'new', expect: { x: 4, y: 0, color: 'yellow', data: {}, text: 'New' } }],
    ],
    [
      'a deletion',
      { op: 'delete', id: 'milk' },
      [{ op: 'create', id: 'milk', item: { text: 'Milk', x: 0, y: 0, color: 'yellow', data: { a: 1 }, rank: 'a0' } }],
    ],
    ['what is not there', update({ x: 5 }, 'gone'), []],
    ['nor this', { op: 'delete', id: 'gone' }, []],
  ];
  for (const [what, operation, back] of cases) {
    const parts = back.length > 0 ? [{ key: 'key', operations: back }] : [];
    t.strictSame(stepOf([operation], viewOf(milk), 'key'), { gesture: undefined, parts }, what);
  }
});

t.test('what is taken back is what still is as it was made', async (t) => {
  const made = update({ text: 'Oats', x: 5, data: { a: 2 } });
  const step = stepOf([made], viewOf(milk), 'key');
  const mine = after(viewOf(milk), made);
  const planned = (view: ReadonlyMap<string, Item>, of = step) => plan(of, view);
  t.strictSame(planned(mine), {
    operations: [
      {
        ...{ op: 'update', id: 'milk', item: { text: 'Milk', x: 0, data: { a: 1 } } },
        ...{ expect: { text: 'Oats', x: 5, data: { a: 2 } }, ifMatch: 4, needs: ['key'] },
      },
    ],
    skipped: [],
  });
  t.strictSame(planned(after(mine, update({ y: 7, data: { b: 1 } }))).skipped, [], 'others have changed other fields');
  const changed = planned(after(mine, update({ x: 7, data: { a: 3 } })));
  t.strictSame(changed.skipped, [{ id: 'milk', fields: ['x', 'data.a'], isGone: false }]);
  t.strictSame(changed.operations, [
    { op: 'update', id: 'milk', item: { text: 'Milk' }, expect: { text: 'Oats' }, ifMatch: 5, needs: ['key'] },
  ]);
  t.strictSame(planned(viewOf()), { operations: [], skipped: [{ id: 'milk', fields: [], isGone: true }] });

  const create: Operation = { op: 'create', id: 'new', item: { text: 'New' } };
  const unmade = stepOf([create], viewOf(), 'key');
  t.same(planned(after(viewOf(), create), unmade).operations, [
    { ...unmade.parts[0]?.operations[0], ifMatch: 1, needs: ['key'] },
  ]);
  const filled = after(after(viewOf(), create), update({ data: { theirs: 1 } }, 'new'));
  t.strictSame(planned(filled, unmade), { operations: [], skipped: [{ id: 'new', fields: ['data'], isGone: false }] });
});

t.test('the changes of one gesture are one step', async (t) => {
  const drag = [1, 2, 3].map((x) => update({ x, y: -x }));
  let view = viewOf(milk);
  let history: History = record(noHistory, stepOf([update({ text: 'Oats' })], view, 'text'));
  view = new Map(after(view, update({ text: 'Oats' })));
  for (const [index, move] of drag.entries()) {
    history = record(history, stepOf([move], view, `move-${index}`, 'drag'));
    view = new Map(after(view, move));
  }
  t.equal(history.undo.length, 2);
  const [, last] = history.undo;
  t.strictSame(keysOf(last), ['move-0', 'move-1', 'move-2']);
  t.strictSame(plan(last as Step, view).operations[0]?.item, { x: 0, y: 0 });
  const disturbed = after(view, update({ x: 77 }));
  const after77 = record(history, stepOf([update({ x: 5 })], disturbed, 'move-4', 'drag'));
  t.equal(after77.undo.length, 3, 'what somebody else has changed in between is not taken back with it');
  const beside = record(
    history,
    stepOf([update({ data: { b: 1 } })], after(view, update({ text: 'Theirs' })), '5', 'drag'),
  );
  t.equal(beside.undo.length, 2, 'another field is no matter');
  const other = record(history, stepOf([update({ x: 9 })], view, 'other', 'another drag'));
  t.equal(other.undo.length, 3, 'another gesture is another step');
  t.equal(record(other, stepOf([update({ x: 8 })], view, 'none')).undo.length, 4, 'and so is none');

  const made = record(noHistory, stepOf([{ op: 'create', id: 'new', item: { text: '' } }], viewOf(), '1', 'typing'));
  const typed = record(
    made,
    stepOf(
      [update({ text: 'New' }, 'new')],
      after(viewOf(), { op: 'create', id: 'new', item: { text: '' } }),
      '2',
      'typing',
    ),
  );
  t.equal(typed.undo.length, 1);
  t.strictSame(
    plan(typed.undo[0] as Step, viewOf({ ...milk, id: 'new', text: 'New', data: {} })).operations.map(({ op }) => op),
    ['delete'],
    'a new item and its text',
  );
  const gone = record(history, stepOf([{ op: 'delete', id: 'milk' }], view, '3', 'drag'));
  t.equal(gone.undo.length, 3, 'a deletion is a step of its own');
  const many = (from: number, length: number, key: string) =>
    stepOf(
      Array.from({ length }, (_, index): Operation => ({ op: 'create', id: `${from + index}`, item: { text: '' } })),
      viewOf(),
      key,
      'paste',
    );
  const full = record(record(noHistory, many(0, 3000, '1')), many(3000, MAX_OPERATIONS - 3000, '2'));
  t.equal(full.undo.length, 1, 'a gesture of many writes');
  t.equal(settle(full, '1', true).undo.length, 1);
  t.equal(record(full, many(MAX_OPERATIONS, 1, '3')).undo.length, 2, 'what is more is a step of its own');
});

t.test('steps go from one side to the other; a new write ends what could be redone', async (t) => {
  const step = stepOf([update({ x: 5 })], viewOf(milk), '1');
  const back = stepOf([update({ x: 0 })], viewOf({ ...milk, x: 5 }), '2');
  const undone = turn(record(noHistory, step), 'undo', back);
  t.strictSame(undone, { undo: [], redo: [back] });
  t.strictSame(turn(undone, 'redo', step), { undo: [step], redo: [] });
  t.strictSame(record(undone, step), { undo: [step], redo: [] });
  t.strictSame(turn(record(noHistory, step), 'undo', { parts: [] }), noHistory, 'nothing was left of it');
  let long = noHistory;
  for (let count = 0; count < 150; count += 1)
    long = record(long, stepOf([update({ x: 5 })], viewOf(milk), `${count}`));
  t.strictSame([long.undo.length, keysOf(long.undo[0])], [100, ['50']], 'the oldest are forgotten');
});

t.test('what was not done is not taken back, and an item may come back under another id', async (t) => {
  const one = stepOf([update({ x: 5 })], viewOf(milk), '1', 'drag');
  const both = record(record(noHistory, one), stepOf([update({ x: 6 })], viewOf({ ...milk, x: 5 }), '2', 'drag'));
  t.equal(settle(both, '1', false).undo.length, 1, 'a part of a gesture was done');
  t.strictSame(settle(settle(both, '1', false), '2', false), noHistory);
  t.match(rename(both, new Map([['milk', 'oats']])).undo, [{ parts: [{ operations: [{ id: 'oats' }] }, {}] }]);
});

t.test(
  'what was refused is restored by nothing: the rest of its gesture, and what came after it, is taken back',
  async (t) => {
    const patches: Fields[] = [
      { x: 1, data: { a: 2 } },
      { x: 2, data: { a: null, b: 2 } },
      { x: 3, text: 'Oats', data: { a: 2 } },
      { x: 1, data: { b: null } },
      { x: 9, text: 'Rolls', data: { a: 3, b: 4 } },
    ];
    for (const gesture of ['drag', undefined]) {
      for (let refused = 0; refused < 2 ** patches.length; refused += 1) {
        let view: ReadonlyMap<string, Item> = viewOf(milk);
        let really = view;
        let history: History = noHistory;
        const isRefused = (index: number) => (refused & (1 << index)) !== 0;
        for (const [index, item] of patches.entries()) {
          history = record(history, stepOf([update(item)], view, `${index}`, gesture));
          view = after(view, update(item));
          if (!isRefused(index)) really = after(really, update(item));
        }
        const keys = patches.map((_, index) => index);
        // The answers come in the order of the writes; what they are one by one makes no difference.
        for (const index of refused % 3 === 0 ? keys.reverse() : keys)
          history = settle(history, `${index}`, !isRefused(index));
        const steps = history.undo.length;
        for (const step of [...history.undo].reverse()) {
          const { operations, skipped } = plan(step, really);
          t.strictSame(skipped, [], `${refused.toString(2)}: nobody else has changed anything`);
          really = after(really, ...operations);
        }
        const { x, text, data } = really.get('milk') as Item;
        t.strictSame(
          { x, text, data },
          { x: 0, text: 'Milk', data: { a: 1 } },
          `${refused.toString(2)} of ${steps} steps`,
        );
        if (gesture)
          t.ok(steps <= 1 && (history.undo[0]?.parts.length ?? 1) === 1, 'one step, of one part when all is done');
      }
    }
  },
);

t.test('a deleted item comes back as it really was before', async (t) => {
  const change = update({ text: 'Refused', data: { a: null, b: 1 } });
  const gone = { op: 'delete' as const, id: 'milk' };
  let history = record(noHistory, stepOf([change], viewOf(milk), '1'));
  history = record(history, stepOf([gone], after(viewOf(milk), change), '2'));
  const [step] = settle(settle(history, '1', false), '2', true).undo;
  t.match(plan(step as Step, viewOf()).operations, [{ op: 'create', item: { text: 'Milk', x: 0, rank: 'a0' } }]);
  t.strictSame(plan(step as Step, viewOf()).operations[0]?.item?.data, { a: 1 });
});

t.test('all steps back are the beginning, and all steps forth are the end', async (t) => {
  const operation = fc.oneof(
    fc.record({ op: fc.constant('update' as const), at: fc.nat(5), item: fields() }),
    fc.record({ op: fc.constant('create' as const), at: fc.nat(5), item: fields() }),
    fc.record({ op: fc.constant('delete' as const), at: fc.nat(5), item: fc.constant({}) }),
  );
  const write = fc.record({
    operations: fc.array(operation, { minLength: 1, maxLength: 3 }),
    gesture: fc.option(fc.constantFrom('a', 'b')),
  });
  const goes = fc.property(fc.array(write, { maxLength: 12 }), (writes) => {
    const page = new Page(viewOf(milk, { ...milk, id: 'oats', text: 'Oats', rank: 'a1' }));
    const beginning = page.contents;
    for (const { operations, gesture } of writes) page.write(operations, gesture ?? undefined);
    const end = page.contents;
    while (page.history.undo.length > 0) page.turn('undo');
    const isBegun = page.contents === beginning;
    while (page.history.redo.length > 0) page.turn('redo');
    return isBegun && page.contents === end && page.skipped === 0;
  });
  t.doesNotThrow(() => fc.assert(goes, { numRuns: 1000 }));
});

function fields(): fc.Arbitrary<Fields> {
  return fc.record(
    {
      text: fc.constantFrom('p', 'q'),
      x: fc.nat(3),
      data: fc.dictionary(fc.constantFrom('m', 'n'), fc.nat(2), { noNullPrototype: true }),
    },
    { requiredKeys: [] },
  );
}

/** A page whose writes are all done at once, and nobody else. */
class Page {
  items: ReadonlyMap<string, Item>;
  history = noHistory;
  skipped = 0;
  #count = 0;

  constructor(items: ReadonlyMap<string, Item>) {
    this.items = items;
  }

  /** All but what the server makes of it. */
  get contents(): string {
    const shown = [...this.items.values()].map(({ text, x, y, color, data }) => [
      text,
      x,
      y,
      color,
      Object.entries(data).sort(),
    ]);
    return JSON.stringify(shown.map((one) => JSON.stringify(one)).sort());
  }

  write(drawn: Array<{ op: Operation['op']; at: number; item: Fields }>, gesture: string | undefined): void {
    const ids = [...this.items.keys()];
    const operations = new Map<string, Operation>();
    for (const { op, at, item } of drawn) {
      const id = op === 'create' ? this.#newId() : ids[at % Math.max(1, ids.length)];
      if (id)
        operations.set(
          id,
          op === 'delete' ? { op, id } : { op, id, item: op === 'create' ? { text: '', ...item } : item },
        );
    }
    const step = stepOf([...operations.values()], this.items, this.#newId(), gesture);
    this.history = record(this.history, step);
    this.items = after(this.items, ...operations.values());
  }

  turn(from: 'undo' | 'redo'): void {
    const planned = plan(this.history[from].at(-1) as Step, this.items);
    this.skipped += planned.skipped.length;
    const operations = planned.operations.map((one) => {
      if (one.op !== 'create') return one;
      const id = this.#newId();
      this.history = rename(this.history, new Map([[one.id, id]]));
      return { ...one, id };
    });
    this.history = turn(this.history, from, stepOf(operations, this.items, ''));
    this.items = after(this.items, ...operations);
  }

  #newId(): string {
    this.#count += 1;
    return `${this.#count}`;
  }
}
