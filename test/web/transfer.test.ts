// The forms in which boards come and go: what is written is read back as it was, and nothing of a file is believed.

import fc from 'fast-check';
import t from 'tap';
import type { NewOperation, Outcome } from '../../src/client/writes/offered.ts';
import { Failure, type Service } from '../../src/web/state/service.ts';
import { readCsv, writeCsv } from '../../src/web/transfer/as-csv.ts';
import { readJson, writeJson } from '../../src/web/transfer/as-json.ts';
import { readMarkdown, writeMarkdown } from '../../src/web/transfer/as-markdown.ts';
import { layOut } from '../../src/web/transfer/lay-out.ts';
import type { Note } from '../../src/web/transfer/notes.ts';
import { read } from '../../src/web/transfer/read.ts';
import { createSending, createWriting } from '../../src/web/transfer/sending.ts';
import { wrap } from '../../src/web/transfer/wrap.ts';

const character = fc.constantFrom(...'ab =+-@\'"\\,;#*[]x.1<|\n\t＝é🦊');
const texts = fc.string({ unit: character, minLength: 1, maxLength: 20 }).filter((text) => text.trim() !== '');
const color = fc.constantFrom('yellow', 'red', 'gray' as const);
const place = fc.integer({ min: -5000, max: 5000 });
const notes = fc.array(fc.record({ text: texts, color, x: place, y: place }), { minLength: 1, maxLength: 8 });

t.test('a board is read from JSON and CSV as it was written', async (t) => {
  const data = fc.constantFrom({}, { data: { label: 'Next' } });
  const labelled = notes.chain((all) =>
    fc.tuple(...all.map((note) => data.map((more): Note => ({ ...note, ...more })))),
  );
  fc.assert(
    fc.property(labelled, (all) => {
      const board = { name: 'Plans', layout: 'list' as const, notes: all };
      t.strictSame(readJson(writeJson(board)), { kind: 'a board of Teamboard', ...board });
      t.strictSame(readCsv(writeCsv(all))?.notes, all);
    }),
  );
});

t.test('texts and their order are read from Markdown as they were written', async (t) => {
  // Blanks at the end of a text, and lines of nothing but blanks, are not seen there.
  const tidy = (text: string) => text.replace(/\s+$/, '').replaceAll(/\n[ \t]+(?=\n)/g, '\n');
  const seen = notes.map((all) => all.map(({ text }) => ({ text: tidy(text) })));
  fc.assert(
    fc.property(seen, (all) => {
      const content = readMarkdown(writeMarkdown({ name: 'Plans', layout: 'canvas', notes: all }));
      t.strictSame(content, { kind: 'a list', name: 'Plans', notes: all });
    }),
  );
  const labelled = ['a', 'b', 'c'].map((text, index) => ({ text, ...(index > 0 && { data: { label: 'Later' } }) }));
  t.strictSame(readMarkdown(writeMarkdown({ name: 'P', layout: 'list', notes: labelled })).notes, labelled);
});

t.test('no cell of a spreadsheet is computed', async (t) => {
  const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\n=1', "'=1", "''+1", '＝1+1', '=HYPERLINK("https://x")'];
  const csv = writeCsv(formulas.map((text) => ({ text, data: { label: text } })));
  t.notMatch(csv, /(?:^|,|\r\n)"?[=+\-@\t＝]/, 'none begins like a formula');
  t.strictSame(
    readCsv(csv)?.notes.map(({ text }) => text),
    formulas,
  );
  t.match(writeCsv([{ text: 'x', x: -4, y: 0.5 }]), /x,,,-4,0\.5$/, 'numbers stay numbers');
});

t.test('what others write is read', async (t) => {
  const textsOf = (text: string, name?: string) => read(text, name).notes.map((note) => note.text);
  t.strictSame(textsOf('Title;Description;Status\r\n"Ship; it";Soon;Doing\r\n\r\nRest;;\r\n', 'x.csv'), [
    'Ship; it\nSoon',
    'Rest',
  ]);
  t.match(read('name\tcolour\nA\tRed', 'x.tsv').notes, [{ text: 'A', color: 'red' }]);
  t.strictSame(textsOf('one,two\nthree,four', 'x.csv'), ['one\ntwo', 'three\nfour'], 'without a header');
  t.strictSame(textsOf('one, two\n\nthree'), ['one, two', 'three'], 'nobody has said that this is CSV');
  t.strictSame(
    textsOf('# Plan\n\nSome words\nin two lines.\n\n## Now\n1. one\n   more\n2) two\n* [ ] three\n- \\[x] four'),
    ['Some words\nin two lines.', 'one\n more', 'two', 'three', '[x] four'],
  );
  t.strictSame(textsOf('["a", {"text": "b"}, 7, {"text": 7}]'), ['a', 'b']);
  t.match(read('{"board":{"name":"P","layout":"list"},"items":[{"id":"1","text":"a","rank":"a0"}]}'), {
    name: 'P',
    layout: 'list',
    notes: [{ text: 'a' }],
  });
  t.strictSame(textsOf('{"notes": 1}'), ['{"notes": 1}'], 'text is text');
  t.strictSame(textsOf('[ ] not JSON'), ['[ ] not JSON']);
});

t.test('a board of Trello comes list by list, without what was archived', async (t) => {
  const trello = {
    name: 'Launch',
    lists: [
      { id: 'b', name: 'Doing', pos: 2, closed: false },
      { id: 'a', name: 'To do', pos: 1, closed: false },
      { id: 'c', name: 'Old', pos: 0, closed: true },
    ],
    cards: [
      { id: '1', idList: 'b', name: 'Write', desc: 'All of it', pos: 1, labels: [{ color: 'sky_dark', name: '' }] },
      { id: '2', idList: 'a', name: 'Second', pos: 9, labels: [] },
      { id: '3', idList: 'a', name: 'First', pos: 3 },
      { id: '4', idList: 'a', name: 'Gone', pos: 1, closed: true },
      { id: '5', idList: 'c', name: 'Older', pos: 1 },
    ],
    checklists: [
      {
        idCard: '3',
        pos: 1,
        checkItems: [
          { name: 'b', pos: 2, state: 'complete' },
          { name: 'a', pos: 1 },
        ],
      },
    ],
  };
  const { notes, ...content } = read(JSON.stringify(trello));
  t.strictSame(content, { kind: 'a board of Trello', name: 'Launch' });
  const placed = layOut(notes, []);
  t.match(placed, [
    { text: 'First\n\n- [ ] a\n- [x] b', data: { label: 'To do' }, x: 0, y: 0 },
    { text: 'Second', data: { label: 'To do' }, x: 0 },
    { text: 'Write\n\nAll of it', data: { label: 'Doing' }, color: 'blue', x: 224, y: 0 },
  ]);
  t.ok((placed[1]?.y ?? 0) > 130, 'one below the other');
  t.equal(placed.length, 3);
});

t.test('nothing of a file is believed, and no text is lost', async (t) => {
  const long = '🦊'.repeat(25_000);
  const { notes } = read(
    JSON.stringify([
      { text: long },
      { text: 'a\0b\ud800', color: 'url(x)', x: 'NaN', y: 1, data: [1] },
      { text: 'c', data: { x: 'y'.repeat(17_000) } },
    ]),
  );
  t.strictSame(
    notes.map(({ text }) => [...text].length),
    [10_000, 10_000, 5000, 3, 1],
  );
  t.equal(
    notes
      .slice(0, 3)
      .map(({ text }) => text)
      .join(''),
    long,
  );
  t.strictSame(notes.slice(3), [{ text: 'ab\ufffd' }, { text: 'c' }]);
});

t.test('what comes covers nothing of what is there', async (t) => {
  const there = [
    { x: 100, y: 50 },
    { x: 900, y: 400 },
  ];
  const rows = layOut(
    Array.from({ length: 12 }, (_, index) => ({ text: `${index}` })),
    there,
  );
  t.ok(rows.every(({ y }) => y > 400 + 420));
  t.equal(new Set(rows.map(({ x, y }) => `${x} ${y}`)).size, 12);
  const placed = layOut(
    [
      { text: 'a', x: -9, y: 0 },
      { text: 'b', x: 91, y: 40 },
    ],
    there,
  );
  t.strictSame((placed[1]?.x ?? 0) - (placed[0]?.x ?? 0), 100, 'as it lay');
  t.ok((placed[0]?.y ?? 0) > 820);
});

t.test('notes are sent in batches that the server takes, each once', async (t) => {
  const stored = new Map<string, string[]>();
  const waits: number[] = [];
  let calls = 0;
  const service = {
    async call(_method: string, path: string, body: { operations: Array<{ item: Note }> }, key = '') {
      calls += 1;
      t.equal(path, '/boards/b/batch');
      t.ok(body.operations.length <= 500 && JSON.stringify(body).length < 2 ** 20);
      if (calls === 2) throw new Failure('Wait.', 429, 'TB_TOO_MANY_WRITES', 3);
      // Done, and never heard of.
      stored.set(key, stored.get(key) ?? body.operations.map(({ item }) => item.text));
      if (calls === 3) throw new Failure('The server cannot be reached.', 0);
    },
  } as unknown as Service;
  const all = Array.from({ length: 1234 }, (_, index) => ({ text: `${index} ${index < 200 ? 'x'.repeat(9000) : ''}` }));
  const sending = createSending(service, 'b', all, async (ms) => void waits.push(ms));
  const arrived: number[] = [];
  await t.rejects(
    sending.run((count) => arrived.push(count)),
    { message: 'The server cannot be reached.' },
  );
  await sending.run((count) => arrived.push(count));
  t.strictSame(waits, [3000]);
  t.equal(arrived.at(-1), 1234);
  t.strictSame(
    [...arrived].sort((one, other) => one - other),
    arrived,
  );
  t.strictSame(
    [...stored.values()].flat(),
    all.map(({ text }) => text),
    'all, in their order, none twice',
  );
  t.equal(new Set(sending.ids).size, 1234);
});

t.test(
  'what goes into the open board is written in one gesture, and what was not taken is asked about there',
  async (t) => {
    const outcomes: Outcome[] = [
      { status: 'done' },
      { status: 'refused', problem: { status: 403, detail: 'You may look, not change.' } },
      { status: 'done' },
    ];
    const gestures = new Set<string | undefined>();
    const written: string[][] = [];
    const decided: unknown[] = [];
    const edit = {
      write(operations: readonly NewOperation[], gesture?: string) {
        gestures.add(gesture);
        written.push(operations.map(({ item }) => item?.text ?? ''));
        const settled = Promise.resolve(outcomes.shift() ?? { status: 'done' as const });
        return { key: `${written.length}`, ids: [], settled };
      },
    };
    const all = Array.from({ length: 620 }, (_, index) => ({ text: `${index}` }));
    const sending = createWriting({ edit, decide: (...how) => void decided.push(how) }, all);
    const arrived: number[] = [];
    await t.rejects(
      sending.run((count) => arrived.push(count)),
      { message: 'You may look, not change.' },
    );
    t.strictSame(decided, [['2', 'theirs']], 'it is not kept beside');
    await sending.run((count) => arrived.push(count));
    t.strictSame(arrived, [500, 620]);
    t.strictSame(written[1], written[2]);
    t.strictSame(
      written.flatMap((texts, index) => (index === 1 ? [] : texts)),
      all.map(({ text }) => text),
    );
    t.equal(gestures.size, 1);
  },
);

t.test('lines of a picture are as wide as the note', async (t) => {
  const measure = (text: string) => text.length;
  t.strictSame(wrap('one two  three\n\nabcdefghijkl mn', 8, measure), ['one two', 'three', '', 'abcdefgh', 'ijkl mn']);
  t.strictSame(wrap('', 8, measure), ['']);
  t.equal(wrap('a\n'.repeat(5000), 8, measure).length, 20, 'no more than it shows');
});
