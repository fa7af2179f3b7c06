// The log of unconfirmed writes, as tables: what was there, what happens, what is there then.

import t from 'tap';
import type { BoardEvent, Item } from '../../../src/client/types.ts';
import { lay } from '../../../src/client/writes/view.ts';
import type { Operation, Write, WriteLog } from '../../../src/client/writes/write.ts';
import * as writeLog from '../../../src/client/writes/write-log.ts';

const board = 'plans';

function write(key: string, operations: Operation[], more: Partial<Write> = {}): Write {
  return { key, boardId: board, at: 0, status: 'waiting', operations, ...more };
}

const update = (id: string, item: Operation['item'], more: Partial<Operation> = {}): Operation => ({
  op: 'update',
  id,
  ...(item && { item }),
  ...more,
});
const create = (id: string, text = id): Operation => ({ op: 'create', id, item: { text } });
const erase = (id: string, more: Partial<Operation> = {}): Operation => ({ op: 'delete', id, ...more });

function item(id: string, more: Partial<Item> = {}): Item {
  const stamps = { createdBy: 'bob', createdAt: '', updatedBy: 'bob', updatedAt: '' };
  return {
    id,
    boardId: board,
    text: id,
    x: 0,
    y: 0,
    color: 'yellow',
    rank: 'a0',
    data: {},
    version: 1,
    ...stamps,
    ...more,
  };
}

const itemsOf = (...items: Item[]) => new Map(items.map((one) => [one.id, one]));

function event(id: string, version: number, mutationId?: string, more: Partial<BoardEvent> = {}): BoardEvent {
  const object = item(id, { version });
  const named = mutationId === undefined ? {} : { mutationId };
  return {
    seq: 1,
    boardId: board,
    resource: 'item',
    action: 'updated',
    id,
    object,
    actor: null,
    at: '',
    ...named,
    ...more,
  };
}

const result = (id: string, version: number, updatedBy = 'ada') => ({ id, item: { version, updatedBy } });

const keysOf = (log: WriteLog) => log.map(({ key }) => key);

t.test('unsent changes of one item become one, where that loses nothing', async (t) => {
  const cases: Array<[string, Write, Write, Operation[] | undefined]> = [
    [
      'two updates',
      write('1', [update('a', { x: 1, y: 1 })]),
      write('2', [update('a', { x: 2 })]),
      [update('a', { x: 2, y: 1 })],
    ],
    [
      'a create and an update',
      write('1', [create('a')]),
      write('2', [update('a', { text: 'b', x: 2 })]),
      [{ op: 'create', id: 'a', item: { text: 'b', x: 2 } }],
    ],
    [
      'data, member by member',
      write('1', [update('a', { data: { b: 1 } })]),
      write('2', [update('a', { data: { c: null } })]),
      [update('a', { data: { b: 1, c: null } })],
    ],
    [
      'one version',
      write('1', [update('a', { x: 1 }, { ifMatch: 3 })]),
      write('2', [update('a', { x: 2 }, { ifMatch: 3 })]),
      [update('a', { x: 2 }, { ifMatch: 3 })],
    ],
    [
      'not for another version',
      write('1', [update('a', { x: 1 })]),
      write('2', [update('a', { x: 2 }, { ifMatch: 3 })]),
      undefined,
    ],
    [
      'not into what may have been sent',
      write('1', [update('a', { x: 1 })], { status: 'sent' }),
      write('2', [update('a', { x: 2 })]),
      undefined,
    ],
    [
      'not into what was refused',
      write('1', [update('a', { x: 1 })], { status: 'refused' }),
      write('2', [update('a', { x: 2 })]),
      undefined,
    ],
    ['not of another item', write('1', [update('a', { x: 1 })]), write('2', [update('b', { x: 2 })]), undefined],
    [
      'not of another board',
      write('1', [update('a', { x: 1 })], { boardId: 'other' }),
      write('2', [update('a', { x: 2 })]),
      undefined,
    ],
    [
      'not of many',
      write('1', [update('a', { x: 1 }), update('b', { x: 1 })]),
      write('2', [update('a', { x: 2 })]),
      undefined,
    ],
    ['not a deletion', write('1', [update('a', { x: 1 })]), write('2', [erase('a')]), undefined],
    [
      'not what takes something back',
      write('1', [update('a', { x: 1 })]),
      write('2', [update('a', { x: 0 }, { expect: { x: 1 } })]),
      undefined,
    ],
    [
      'not where no patch does both',
      write('1', [update('a', { data: { b: null } })]),
      write('2', [update('a', { data: { b: { c: 1 } } })]),
      undefined,
    ],
  ];
  for (const [what, before, after, joined] of cases) {
    const { log, key } = writeLog.add([before], after);
    if (!joined) {
      t.strictSame([log, key], [[before, after], '2'], what);
      continue;
    }
    t.strictSame([log, key], [[{ ...before, operations: joined }], '1'], what);
  }
  const between = [write('1', [update('a', { x: 1 })]), write('2', [update('a', { x: 2 }), update('b', { x: 2 })])];
  t.equal(
    writeLog.add(between, write('3', [update('a', { x: 3 })])).log.length,
    3,
    'never past a write of the same item',
  );
});

t.test('the writes of one item go one after the other, those of others beside them', async (t) => {
  const cases: Array<[string, Write[], string[]]> = [
    ['different items', [write('1', [create('a')]), write('2', [create('b')])], ['1', '2']],
    ['one item', [write('1', [create('a')]), write('2', [update('a', { x: 1 })])], ['1']],
    ['one id on two boards', [write('1', [create('a')]), write('2', [create('a')], { boardId: 'other' })], ['1', '2']],
    ['behind a batch', [write('1', [create('a'), create('b')]), write('2', [update('b', { x: 1 })])], ['1']],
    ['what may have been done is repeated', [write('1', [create('a')], { status: 'sent' })], ['1']],
    [
      'behind what is done',
      [write('1', [create('a')], { status: 'done' }), write('2', [update('a', { x: 1 })])],
      ['2'],
    ],
    [
      'a condition waits for the log',
      [write('1', [create('a')], { status: 'done' }), write('2', [update('a', { x: 1 }, { ifMatch: 1 })])],
      [],
    ],
    [
      'not behind what waits for a decision',
      [write('1', [create('a')], { status: 'refused' }), write('2', [update('a', { x: 1 })])],
      ['2'],
    ],
    [
      'what has no sense alone waits',
      [write('1', [erase('a')]), write('2', [{ ...create('b'), needs: ['0', '1'] }])],
      ['1'],
    ],
    [
      'until the other is done',
      [write('1', [erase('a')], { status: 'done' }), write('2', [{ ...create('b'), needs: ['1'] }])],
      ['2'],
    ],
    [
      'a chain',
      [
        write('1', [create('a')]),
        write('2', [create('b'), update('a', { x: 1 })]),
        write('3', [update('b', { x: 1 })]),
      ],
      ['1'],
    ],
  ];
  for (const [what, log, keys] of cases) t.strictSame(keysOf(writeLog.sendable(log)), keys, what);
});

t.test('the answer or the event ends a write, whichever comes first', async (t) => {
  const sent: WriteLog = [write('1', [update('a', { x: 1 })], { status: 'sent' })];
  const confirmed = itemsOf(item('a', { version: 3 }));
  t.strictSame(writeLog.applyEvent(sent, event('a', 4, '1')), [], 'the event');
  const done = writeLog.markDone(sent, '1', [result('a', 4)], 'ada');
  t.strictSame(writeLog.endReached(done, board, confirmed), done, 'the answer: shown until the log has it');
  t.equal(lay(done, board, confirmed, 'ada').get('a')?.x, 1);
  t.strictSame(writeLog.applyEvent(done, event('a', 4, '1')), [], 'and then the event');
  t.strictSame(
    writeLog.endReached(done, board, itemsOf(item('a', { version: 4 }))),
    [],
    'or the version, of a change of nothing',
  );
  t.strictSame(writeLog.endReached(done, board, itemsOf()), [], 'or somebody has deleted it');
  t.strictSame(writeLog.markDone([], '1', [result('a', 4)], 'ada'), [], 'the answer after the event');
  t.strictSame(writeLog.applyEvent(sent, event('a', 4, 'other')), sent, 'not the event of another');
  t.strictSame(writeLog.applyEvent(sent, event('a', 4, '1', { resource: 'books' })), sent, 'nor of another resource');
});

t.test('of many operations each ends with its own event', async (t) => {
  const log: WriteLog = [write('1', [update('a', { x: 1 }), erase('b'), create('c')], { status: 'sent' })];
  const one = writeLog.applyEvent(log, event('b', 2, '1', { action: 'deleted' }));
  t.strictSame(
    one.map(({ seen, operations }) => [seen, operations.length]),
    [[['b'], 3]],
    'it is repeated as it was',
  );
  t.same([...lay(one, board, itemsOf(item('a'), item('b')), 'ada').keys()], ['a', 'b', 'c'], 'b came back by others');
  const two = writeLog.applyEvent(one, event('c', 1, '1', { action: 'created' }));
  // An update that changes nothing has no event: the answer names its version.
  const done = writeLog.markDone(two, '1', [result('a', 1), { id: 'b', item: null }, result('c', 1)], 'ada');
  t.strictSame(writeLog.endReached(done, board, itemsOf(item('a'))), []);
});

t.test('a create and a deletion that are done both wait for the log', async (t) => {
  const log: WriteLog = [
    write('1', [create('a')], { status: 'done', versions: { a: 1 } }),
    write('2', [erase('a')], { status: 'done', versions: { a: 0 } }),
  ];
  t.strictSame(writeLog.endReached(log, board, itemsOf()), log, 'the item is not there yet, and not gone');
  t.strictSame([...lay(log, board, itemsOf(), 'ada')], []);
  const made = writeLog.applyEvent(log, event('a', 1, '1', { action: 'created' }));
  t.strictSame(keysOf(writeLog.endReached(made, board, itemsOf(item('a')))), ['2']);
  t.strictSame([...lay(made, board, itemsOf(item('a')), 'ada')], []);
  t.strictSame(writeLog.endReached(made, board, itemsOf()), []);
});

t.test('a snapshot ends what was done before it, and what is answered after it', async (t) => {
  const log: WriteLog = [
    write('done', [create('a')], { status: 'done', versions: { a: 1 } }),
    write('sent', [create('b')], { status: 'sent' }),
    write('waiting', [create('c')]),
    write('refused', [create('d')], { status: 'refused' }),
    write('elsewhere', [create('e')], { status: 'done', boardId: 'other' }),
  ];
  const after = writeLog.applySnapshot(log, board);
  t.strictSame(keysOf(after), ['sent', 'waiting', 'refused', 'elsewhere']);
  // Others may have deleted it before the snapshot: then it would be shown for ever.
  const answered = writeLog.markDone(after, 'sent', [result('b', 1)], 'ada');
  t.strictSame(keysOf(writeLog.endReached(answered, board, itemsOf())), ['waiting', 'refused', 'elsewhere']);
  t.strictSame(writeLog.markDone(after, 'waiting', [result('c', 1)], 'ada')[1]?.status, 'done');
});

t.test('what a tab has left is put in order, and may have been in the snapshot already', async (t) => {
  const left = [write('1', [create('a')], { at: 1, status: 'sent' }), write('4', [update('d', { x: 1 })], { at: 4 })];
  const log = [write('2', [create('b')], { at: 2 }), write('3', [create('c')], { at: 3, status: 'sent' })];
  const all = writeLog.adopt(log, left);
  t.strictSame(keysOf(all), ['1', '2', '3', '4']);
  t.strictSame(
    all.map(({ isCrossed = false }) => isCrossed),
    [true, false, false, true],
  );
  t.equal(writeLog.add(all, write('5', [update('d', { x: 2 })])).key, '5', 'nothing is put into it');
  const again = writeLog.markSent(all, '4', 0);
  for (const status of [404, 422]) t.equal(writeLog.markRefused(again, '4', { status })[3]?.status, 'unknown');
  t.equal(writeLog.markRefused(again, '4', { status: 403 })[3]?.status, 'refused');
  const first = writeLog.markSent(log, '2', 0);
  t.equal(writeLog.markRefused(first, '2', { status: 404 })[0]?.status, 'refused');
  t.equal(writeLog.markRefused(writeLog.markSent(first, '2', 0), '2', { status: 404 })[0]?.status, 'unknown');
});

t.test('a condition moves with the own writes before it, and with no others', async (t) => {
  const log: WriteLog = [
    write('1', [update('a', { x: 1 })], { status: 'sent' }),
    write('2', [update('a', { text: 'mine' }, { ifMatch: 3 })]),
  ];
  const conditionAfter = (...events: BoardEvent[]) =>
    events.reduce(writeLog.applyEvent, log).at(-1)?.operations[0]?.ifMatch;
  t.equal(conditionAfter(event('a', 4, '1')), 4, 'own');
  t.equal(conditionAfter(event('a', 4)), 3, 'of others');
  t.equal(conditionAfter(event('a', 4), event('a', 5, '1')), 3, 'own, on what others have written meanwhile');
  t.equal(conditionAfter(event('b', 4, '1')), 3, 'of another item');
});

t.test('a condition moves with what is done before it, where that is our own change for sure', async (t) => {
  const conditionAfter = (first: Operation, made: ReturnType<typeof result>, more: Partial<Write> = {}) => {
    const log: WriteLog = [
      write('1', [first], { status: 'sent' }),
      write('2', [update('a', { text: 'mine' }, { ifMatch: 3 })], more),
    ];
    return writeLog.markDone(log, '1', [made], 'ada').at(-1)?.operations[0]?.ifMatch;
  };
  t.equal(conditionAfter(update('a', { x: 1 }), result('a', 4)), 4);
  t.equal(conditionAfter(update('a', { x: 1 }), result('a', 5)), 3, 'somebody else has written before');
  t.equal(conditionAfter(update('a', { x: 1 }), result('a', 4, 'bob')), 3, 'and has made it so already');
  t.equal(conditionAfter(update('a', { x: 1 }, { ifMatch: 3 }), result('a', 4, 'bob')), 4, 'not under a condition');
  t.equal(conditionAfter(update('b', { x: 1 }), result('b', 4)), 3, 'another item');
  t.equal(conditionAfter(update('a', { x: 1 }), result('a', 4), { boardId: 'other' }), 3, 'another board');
  t.equal(
    conditionAfter(update('a', { x: 1 }), result('a', 4), { status: 'sent' }),
    3,
    'what was sent stays as it was',
  );
});

t.test('what takes several writes back takes back those of them that were done', async (t) => {
  const log: WriteLog = [
    write('1', [erase('a')], { status: 'sent' }),
    write('2', [update('b', { x: 1 })], { status: 'sent' }),
    write('3', [update('b', { x: 2 })], { status: 'sent' }),
    write('undo', [
      { ...create('c'), needs: ['1'] },
      { ...update('b', { x: 0 }), needs: ['2', '3'] },
      update('d', { x: 0 }),
    ]),
    write('on it', [{ ...erase('c'), needs: ['undo'] }]),
  ];
  const problem = { status: 400 };
  const undone = (...refused: string[]) =>
    refused
      .reduce((now, key) => writeLog.markRefused(now, key, problem), log)
      .filter(({ key }) => key === 'undo' || key === 'on it')
      .map(({ status, operations }) => `${status} ${operations.map(({ id }) => id)}`);
  t.strictSame(undone('1'), ['waiting b,d', 'waiting c']);
  t.strictSame(undone('3'), ['waiting c,b,d', 'waiting c']);
  t.strictSame(undone('2', '3'), ['waiting c,d', 'waiting c']);
  const ofOne = log.map((one) => (one.key === 'undo' ? { ...one, operations: one.operations.slice(0, 1) } : one));
  t.strictSame(
    writeLog.markRefused(ofOne, '1', problem).map(({ status }) => status),
    ['refused', 'sent', 'sent', 'refused', 'refused'],
    'nothing is left of it',
  );
  const left = log.map((one) => (one.key === 'undo' ? { ...one, isCrossed: true } : one));
  t.equal(writeLog.markRefused(left, '1', problem)[3]?.status, 'unknown', 'what may have been sent is not changed');
});

t.test('what is refused is kept, with the reason, and not shown', async (t) => {
  const log: WriteLog = [
    write('1', [erase('a')], { status: 'sent' }),
    write('2', [{ ...create('b'), needs: ['1'] }]),
    write('3', [create('c')]),
  ];
  const problem = { status: 403, code: 'TB_FORBIDDEN' };
  const refused = writeLog.markRefused(log, '1', problem);
  t.strictSame(
    refused.map(({ status, problem: why }) => [status, why?.code]),
    [
      ['refused', 'TB_FORBIDDEN'],
      ['refused', 'TB_FORBIDDEN'],
      ['waiting', undefined],
    ],
    'with what has no sense without it',
  );
  t.same([...lay(refused, board, itemsOf(item('a')), 'ada').keys()], ['a', 'c']);
  t.strictSame(keysOf(writeLog.remove(refused, '1')), ['2', '3']);
  t.strictSame(
    writeLog.markExpired(log, '3').map(({ status }) => status),
    ['sent', 'waiting', 'unknown'],
  );
  t.strictSame(
    writeLog.applyEvent(writeLog.markExpired(log, '3'), event('c', 1, '3')).length,
    2,
    'it was done after all',
  );
});

t.test('412 is a conflict; but what takes something back goes on where that is as it was', async (t) => {
  const problem = (current: Item) => ({ status: 412, code: 'TB_CONFLICT', current });
  const after = (one: Operation, current: Item) => {
    const [first] = writeLog.markRefused([write('1', [one], { status: 'sent' })], '1', problem(current));
    return [first?.status, first?.operations[0]?.ifMatch];
  };
  const current = item('a', { version: 7, x: 1, text: 'theirs', data: { b: 1 } });
  t.strictSame(after(update('a', { x: 0 }, { ifMatch: 3 }), current), ['conflict', 3]);
  t.strictSame(
    after(update('a', { x: 0 }, { ifMatch: 3, expect: { x: 1 } }), current),
    ['waiting', 7],
    'only the text is new',
  );
  t.strictSame(after(update('a', { x: 0 }, { ifMatch: 3, expect: { x: 2 } }), current), ['conflict', 3]);
  t.strictSame(after(erase('a', { ifMatch: 3, expect: { text: 'mine', x: 1 } }), current), ['conflict', 3]);
  t.strictSame(
    after(erase('a', { ifMatch: 3, expect: { text: 'theirs', data: {} } }), current),
    ['conflict', 3],
    'more data',
  );
  t.strictSame(after(erase('a', { ifMatch: 3, expect: { text: 'theirs', data: { b: 1 } } }), current), ['waiting', 7]);
});

t.test('unconfirmed fields lie over what others write meanwhile, one by one', async (t) => {
  const log: WriteLog = [
    write('1', [update('a', { x: 5, data: { mine: 1 } })]),
    write('2', [create('b', 'new')], { at: 1000 }),
    write('3', [erase('c')]),
    write('4', [update('gone', { x: 1 })]),
    write('5', [create('d')]),
    write('6', [create('e')], { boardId: 'other' }),
  ];
  const confirmed = itemsOf(
    item('a', { text: 'theirs', x: 1, version: 9, data: { theirs: 2 } }),
    item('c'),
    item('d', { text: 'as the log has it', version: 2 }),
  );
  const view = lay(log, board, confirmed, 'ada');
  t.strictSame([...view.keys()].sort(), ['a', 'b', 'd']);
  t.match(view.get('a'), { text: 'theirs', x: 5, version: 9, data: { mine: 1, theirs: 2 } });
  t.match(view.get('b'), {
    boardId: board,
    text: 'new',
    x: 0,
    y: 0,
    color: 'yellow',
    version: 0,
    createdBy: 'ada',
    createdAt: '1970-01-01T00:00:01.000Z',
  });
  t.match(view.get('d'), { text: 'as the log has it' });
  t.equal(confirmed.get('a')?.x, 1, 'what the log has is left as it is');
  t.equal(lay([], board, confirmed, 'ada'), confirmed);
});
