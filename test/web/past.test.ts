// The past of a board as the application shows it: every place of a recorded log, and the log in words.

import fc from 'fast-check';
import t from 'tap';
import { merge } from '../../src/client/merge-patch.ts';
import type { BoardEvent, Item, Snapshot } from '../../src/client/types.ts';
import { awayOf, newsSince } from '../../src/web/past/away.ts';
import { doneIn, entriesOf } from '../../src/web/past/entries.ts';
import { Feed } from '../../src/web/past/feed.ts';
import { createLog } from '../../src/web/past/log.ts';
import { PastBoard } from '../../src/web/past/past-board.ts';
import { restoring, versionsOf } from '../../src/web/past/versions.ts';
import { ada, changesOf, grace, itemOf, RecordedLog } from './recorded-log.ts';

const board = (log: RecordedLog) => ({
  id: log.id,
  read: <Answer>(path: string) => log.read(path) as Promise<Answer>,
  cursorOf: async (seq: number) => log.cursorOf(seq),
});

/** The same in each run: how many events they make is known. */
const some = (count: number) => fc.sample(changesOf, { numRuns: count, seed: 7 });

/** As a snapshot has it: what is shown of it. */
const shownOf = ({ board: { name, layout }, items }: Pick<Snapshot, 'board' | 'items'>) => ({
  name,
  layout,
  items: new Map(items.map((item) => [item.id, item])),
});

t.test('each place of the slider is the board as it was, whichever way a hand comes there', async (t) => {
  const story = fc.record({
    changes: fc.array(changesOf, { minLength: 1, maxLength: 330, size: 'max' }),
    trimmed: fc.double({ min: 0, max: 0.9, noNaN: true }),
    pageSize: fc.integer({ min: 1, max: 120 }),
    untold: fc.array(fc.noBias(fc.integer({ min: 1, max: 330 })), { maxLength: 3 }),
    places: fc.array(fc.noBias(fc.integer({ min: 0, max: 100 })), { minLength: 1, maxLength: 25, size: 'max' }),
  });
  await fc.assert(
    fc.asyncProperty(story, async ({ changes, trimmed, pageSize, untold, places }) => {
      const log = new RecordedLog(changes, { pageSize, untold: new Set(untold) });
      log.trim(Math.floor(trimmed * log.head));
      const past = new PastBoard(createLog(board(log)));
      const first = Math.max(1, log.trimmedTo);
      for (const place of places) {
        const seq = first + Math.round((place / 100) * (log.head - first));
        const { seq: at, board: then, items, event } = await past.at(seq, { first, head: log.head });
        const recorded = shownOf(log.snapshots[seq] as Snapshot);
        t.strictSame({ name: then.name, layout: then.layout, items }, recorded, `place ${seq} of ${log.head}`);
        t.equal(at, seq);
        if (event) t.equal(event.seq, seq, 'and what is said of it is its event');
      }
    }),
    { numRuns: 40 },
  );
});

t.test('all events that the log has and can tell are read, whatever a page holds', async (t) => {
  const recorded = new RecordedLog(some(150), { pageSize: 7, untold: new Set([31, 32, 60]) });
  recorded.trim(20);
  const seqs = (await createLog(board(recorded)).events(5, 90)).map(({ seq }) => seq);
  const wanted = Array.from({ length: 70 }, (_, index) => 21 + index);
  t.strictSame(
    seqs,
    wanted.filter((seq) => ![31, 32, 60].includes(seq)),
  );
});

t.test('a hand that goes along the log asks once for each stretch', async (t) => {
  const log = new RecordedLog(some(250), { pageSize: 500 });
  const past = new PastBoard(createLog(board(log)));
  for (let seq = log.head; seq > 100; seq -= 1) await past.at(seq, { first: 1, head: log.head });
  t.equal(log.asked.filter((path) => path.includes('?at=')).length, 2, `${log.head} events are of three stretches`);
  t.equal(log.asked.filter((path) => path.includes('/events?after')).length, 2);
});

t.test('what the log has lost meanwhile is said, and what it still has is shown', async (t) => {
  const log = new RecordedLog(some(150), { pageSize: 50 });
  const past = new PastBoard(createLog(board(log)));
  log.trim(120);
  const refused = await past.at(80, { first: 1, head: log.head }).catch((error: unknown) => error);
  t.match(refused, { status: 410 });
  t.equal((await past.at(121, { first: 120, head: log.head })).items.size, log.snapshots[121]?.items.length);
});

t.test('the feed is the log, without a hole, however it is read and whatever happens meanwhile', async (t) => {
  const log = new RecordedLog(some(450), { pageSize: 70 });
  log.trim(30);
  const told = log.events.slice();
  log.hide(30);
  const feed = new Feed(createLog(board(log)), () => log.head);
  const seqs = () => feed.events.value.map(({ seq }) => seq);
  const opening = feed.open();
  feed.take(told.at(log.head) as BoardEvent);
  await opening;
  t.equal(seqs().at(-1), log.head);
  for (let more = 5; more > 0; more -= 1) {
    log.show(1);
    feed.take(told[log.head - 1] as BoardEvent);
    t.equal(seqs().at(-1), log.head, 'as it comes');
  }
  const read = async () => {
    while (feed.isReading.value) await new Promise((resolve) => setImmediate(resolve));
  };
  log.show(15);
  feed.take(told[log.head - 1] as BoardEvent);
  await read();
  t.equal(seqs().at(-1), log.head, 'and what was missed is read');
  log.show(10);
  feed.catchUp();
  await read();
  t.equal(seqs().at(-1), log.head, 'also where the board was read anew, and no event was told');
  while (feed.from.value > (feed.begin.value ?? 0)) await feed.older();
  t.strictSame(
    seqs(),
    Array.from({ length: log.head - 30 }, (_, index) => 31 + index),
  );
  t.equal(feed.begin.value, 30, 'and it is known where it begins');
  log.fails = true;
  await feed.open();
  t.match(feed.failure.value, /cannot be reached/);
});

const at = (seconds: number) => new Date(Date.UTC(2026, 4, 4, 9, 0, seconds)).toISOString();
let seq = 0;
/** An event of a note. */
function told(
  actor: typeof ada | null,
  action: BoardEvent['action'],
  item: Partial<Item>,
  changes?: string[],
  after = 0,
) {
  seq += 1;
  const object = itemOf(item);
  const event: BoardEvent = {
    seq,
    boardId: 'b',
    resource: 'item',
    action,
    id: object.id,
    object,
    actor,
    at: at(after),
  };
  return { ...event, ...(changes && { changes }) };
}

t.test('what somebody does in one go is one entry', async (t) => {
  const events = [
    told(ada, 'created', { id: '1' }),
    told(ada, 'updated', { id: '1', text: 'Buy' }, ['text']),
    told(ada, 'updated', { id: '1', text: 'Buy milk' }, ['text']),
    told(ada, 'created', { id: '2', text: 'Second' }),
    told(grace, 'updated', { id: '1', text: 'Buy milk' }, ['x', 'y']),
    told(grace, 'updated', { id: '2', text: 'Second' }, ['x', 'y']),
    told(grace, 'updated', { id: '1', text: 'Buy milk' }, ['x', 'y']),
    told(grace, 'updated', { id: '1', text: 'Buy milk', color: 'red' }, ['color']),
    told(grace, 'updated', { id: '1', text: 'Later' }, ['text'], 600),
    told(null, 'deleted', { id: '1', text: 'Later' }, undefined, 601),
    told(ada, 'updated', { id: '2', text: 'Second' }, ['updatedBy'], 602),
  ];
  const entries = entriesOf(events);
  t.strictSame(
    entries.map((entry) => [entry.actor?.name, doneIn(entry), [...entry.notes.values()]]),
    [
      ['Ada', 'added', ['Buy milk']],
      ['Ada', 'added', ['Second']],
      ['Grace', 'moved', ['Buy milk', 'Second']],
      ['Grace', 'recoloured', ['Buy milk']],
      ['Grace', 'edited', ['Later']],
      [undefined, 'deleted', ['Later']],
    ],
  );
  const all = entriesOf([
    ...events,
    told(ada, 'created', { id: '3' }, undefined, 700),
    told(ada, 'deleted', { id: '3' }, undefined, 701),
  ]);
  t.equal(doneIn(all.at(-1) as (typeof all)[0]), 'added and deleted');
  const [first] = events;
  t.strictSame([entries[0]?.first, entries[0]?.last], [first?.seq, (first?.seq ?? 0) + 2]);
});

t.test('what somebody has done with thousands of notes is one entry, which costs no more than they are', async (t) => {
  const many = Array.from({ length: 40_000 }, (_, index) => told(ada, 'created', { id: `many ${index}` }));
  const entries = entriesOf(many);
  t.strictSame(
    entries.map(({ notes }) => notes.size),
    [many.length],
    'notes that were copied for each would take minutes',
  );
});

t.test('what is no note is told in a sentence', async (t) => {
  const about = (resource: string, action: BoardEvent['action'], object: object, changes?: string[], actor = ada) =>
    entriesOf([{ ...told(actor, action, {}, changes), resource, object }])[0]?.sentence;
  const member = (role: string, user = grace) => ({ boardId: 'b', user, role, createdAt: at(0) });
  t.equal(about('board', 'created', { name: 'Plans' }), 'made the board');
  t.equal(about('board', 'updated', { name: 'Plans', layout: 'list' }, ['name']), 'named the board “Plans”');
  t.equal(about('board', 'updated', { name: 'Plans', layout: 'list' }, ['layout']), 'made it a list');
  t.equal(about('member', 'created', member('editor')), 'let Grace in as editor');
  t.equal(about('member', 'created', member('editor', ada)), 'joined as editor');
  t.equal(about('member', 'updated', member('viewer'), ['role']), 'made Grace viewer');
  t.equal(about('member', 'deleted', member('viewer')), 'removed Grace');
  t.equal(about('member', 'deleted', member('viewer', ada)), 'left the board');
  t.equal(
    about('books', 'updated', { title: 'x' }, ['title']),
    'updated 00000000-0000-7000-8000-000000000000 of books',
  );
});

t.test('who was away is told what the others did, and nothing of what is of no use any more', async (t) => {
  const events = [
    told(grace, 'created', { id: '1' }),
    told(grace, 'updated', { id: '1', text: 'One' }, ['text']),
    told(grace, 'created', { id: '2' }),
    told(grace, 'updated', { id: '5' }, ['x']),
    told(grace, 'created', { id: '3' }),
    told(grace, 'deleted', { id: '3' }),
    told(ada, 'deleted', { id: '4' }),
    told(null, 'updated', { id: '6' }, ['text']),
  ];
  t.strictSame(awayOf(events, ada.id), ['Grace added 2 notes and moved 1 note.', 'Another program edited 1 note.']);
  t.strictSame(awayOf(events, grace.id), ['Ada deleted 1 note.', 'Another program edited 1 note.']);
  t.strictSame(awayOf(events.slice(6, 7), ada.id), [], 'what one did elsewhere one knows');
  const crowd = Array.from({ length: 5 }, (_, index) =>
    told({ id: `${index}`, name: `N${index}` }, 'created', { id: `x${index}` }),
  );
  t.equal(awayOf(crowd, ada.id).at(-1), 'So did 2 others.');
});

t.test('it is said when nobody can tell what was while somebody was away', async (t) => {
  const recorded = new RecordedLog(some(900), { pageSize: 100 });
  const log = createLog(board(recorded));
  const since = (seq: number, who = grace.id) =>
    newsSince(recorded.cursorOf(seq), recorded.cursorOf(recorded.head), log, who);
  t.match(await since(recorded.head - 5), [/^Ada /]);
  t.strictSame(await since(recorded.head - 5, ada.id), []);
  t.strictSame(await since(recorded.head), []);
  t.match((await since(10)).at(-1), `And ${recorded.head - 510} more changes.`);
  recorded.trim(100);
  t.match(await since(99), [/does not reach back/]);
  t.match(await since(100), [/^Ada /, /more changes/]);
  t.match(await since(recorded.head + 1), [/has been restored/], 'what this browser has seen is lost');
  t.match(await newsSince('00000000-5', recorded.cursorOf(recorded.head), log, ada.id), [/has been restored/]);
});

t.test('a text that is being written is one version, and a version can be had again', async (t) => {
  const events = [
    told(ada, 'created', { id: '1' }),
    told(ada, 'updated', { id: '1', text: 'Bu' }, ['text'], 1),
    told(ada, 'updated', { id: '1', text: 'Buy milk' }, ['text'], 2),
    told(ada, 'updated', { id: '1', text: 'Buy milk', x: 9 }, ['x'], 3),
    told(grace, 'updated', { id: '1', text: 'Buy milk!' }, ['text'], 4),
    told(grace, 'updated', { id: '1', text: 'Sell' }, ['text'], 5),
    told(grace, 'updated', { id: '1', text: 'Sell', color: 'red', data: { a: { b: 1, c: 2 } } }, ['color', 'data'], 6),
    told(grace, 'deleted', { id: '1', text: 'Sell', color: 'red' }, undefined, 7),
  ];
  const versions = versionsOf(events.toReversed());
  t.strictSame(
    versions.map(({ actor, action, item }) => [actor?.name, action, item.text]),
    [
      ['Grace', 'deleted', 'Sell'],
      ['Grace', 'updated', 'Sell'],
      ['Grace', 'updated', 'Sell'],
      ['Grace', 'updated', 'Buy milk!'],
      ['Ada', 'created', 'Buy milk'],
    ],
  );
  t.strictSame(restoring(itemOf({ text: 'Now', x: 7 }), itemOf({ text: 'Then', color: 'red' })), {
    text: 'Then',
    color: 'red',
  });
  t.strictSame(
    restoring(itemOf({ text: 'Same', y: 1, data: { a: [1] } }), itemOf({ text: 'Same', data: { a: [1] } })),
    {},
    'where it lies is not of a version',
  );
});

t.test('the data of a version comes back as it was', async (t) => {
  const value = fc.jsonValue({ maxDepth: 3 }).filter((each) => !/:null|:-0/.test(JSON.stringify({ each })));
  const data = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), value, { maxKeys: 3, noNullPrototype: true });
  fc.assert(
    fc.property(data, data, (now, then) => {
      const fields = restoring(itemOf({ data: now }), itemOf({ data: then }));
      t.strictSame(merge(now, fields.data ?? {}), then);
    }),
  );
});
