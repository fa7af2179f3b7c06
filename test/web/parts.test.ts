// The parts of the board application that need no browser: the order of a list, places, texts, addresses, the status.

import fc from 'fast-check';
import t from 'tap';
import { isRank } from '../../src/boards/rank.ts';
import { mendings } from '../../src/way/mending.ts';
import { judgeWay, looksHeld, type WayMeasured } from '../../src/way/way-verdict.ts';
import {
  begin,
  boundsOf,
  fit,
  moreBeside,
  pan,
  shown,
  toSurface,
  toView,
  zoomTo,
} from '../../src/web/canvas/camera.ts';
import { fieldsOf } from '../../src/web/debug/frame-fields.ts';
import { lineWith, matching } from '../../src/web/find/match.ts';
import { byRank, ranksFor } from '../../src/web/list/order.ts';
import { initialsOf } from '../../src/web/model/palette.ts';
import { notesOf } from '../../src/web/model/pasted.ts';
import { freePlace, NOTE, overlaps } from '../../src/web/model/place.ts';
import { parseRoute } from '../../src/web/state/address.ts';
import { statusLine } from '../../src/web/together/status-line.ts';
import { readProjectFile } from '../helpers/project.ts';

t.test('an item comes to stand where it was put, and all others stay in their order', async (t) => {
  // Few ranks, so that many are the same, as those of two who have put theirs at one place at once.
  const item = fc.record({ id: fc.uuid(), rank: fc.constantFrom('Zz', 'a0', 'a0V', 'a1', 'a1G', 'b00') });
  const lists = fc.uniqueArray(item, { selector: ({ id }) => id, minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(lists, fc.nat(), fc.nat(), (items, from, to) => {
      const sorted = [...items].sort(byRank);
      const moved = sorted[from % sorted.length] ?? sorted[0];
      if (!moved) return;
      const others = sorted.filter((each) => each !== moved);
      const index = to % (others.length + 1);
      const ranks = ranksFor(others, moved.id, index);
      const after = items.map(({ id, rank }) => ({ id, rank: ranks.get(id) ?? rank })).sort(byRank);
      const wanted = others.toSpliced(index, 0, moved).map(({ id }) => id);
      t.strictSame(
        after.map(({ id }) => id),
        wanted,
      );
      for (const rank of ranks.values()) t.ok(isRank(rank), rank);
    }),
  );
  const apart = ['a0', 'a1', 'a2'].map((rank, index) => ({ id: `${index}`, rank }));
  t.equal(ranksFor(apart, 'x', 1).size, 1, 'and one write is enough, where no two have the same rank');
  t.equal(ranksFor([{ id: '1', rank: '~' }], 'x', 1).get('x'), 'a0', 'what the log does not have yet is no neighbour');
});

t.test('a point that is zoomed at stays where it is', async (t) => {
  const number = fc.double({ min: -1e5, max: 1e5, noNaN: true });
  const zoom = fc.double({ min: 0.1, max: 3, noNaN: true });
  const point = fc.record({ x: number, y: number });
  const near = (one: number, other: number) => Math.abs(one - other) < 1e-3;
  fc.assert(
    fc.property(
      fc.record({ x: number, y: number, zoom }),
      point,
      fc.double({ min: 0, max: 9, noNaN: true }),
      (camera, at, to) => {
        const place = toSurface(camera, at);
        const after = toView(zoomTo(camera, to, at), place);
        return near(after.x, at.x) && near(after.y, at.y);
      },
    ),
  );
  t.strictSame(pan({ x: 0, y: 0, zoom: 2 }, { x: 10, y: -4 }), { x: 5, y: -2, zoom: 2 });
});

t.test('all notes fit, and what would be too small to read begins with the first ones', async (t) => {
  const view = { width: 800, height: 600 };
  t.strictSame(fit([], view), { x: -400, y: -300, zoom: 1 });
  t.strictSame(
    fit([{ x: 0, y: 0 }], view),
    { x: -300, y: -235, zoom: 1 },
    'one is in the middle, not larger than it is',
  );
  const wide = [
    { x: 0, y: 0 },
    { x: 5800, y: 0 },
  ];
  const camera = fit(wide, view);
  for (const place of wide) {
    const { x } = toView(camera, place);
    t.ok(x >= 0 && x + NOTE.width * camera.zoom <= view.width, `${x}`);
  }
  t.match(begin(wide, view), { zoom: 0.6 });
  t.ok(toView(begin(wide, view), { x: 0, y: 0 }).x > 0);
  const columns = [0, 240, 480].map((x) => ({ x, y: 0 }));
  const phone = { width: 390, height: 700 };
  const sight = shown(begin(columns, phone), phone);
  t.equal(moreBeside(sight, boundsOf(columns)), '', 'three columns are all in sight on a phone');
  t.equal(moreBeside(sight, boundsOf([...columns, { x: 720, y: 0 }])), 'right');
  t.equal(moreBeside(sight, boundsOf([{ x: -300, y: 0 }, ...wide])), 'left right');
  t.equal(moreBeside(sight, undefined), '');
});

t.test('a new note lies on no other one, and near where it was asked for', async (t) => {
  const notes: Array<{ x: number; y: number }> = [];
  for (let count = 0; count < 30; count += 1) {
    const place = freePlace({ x: 10, y: 10 }, notes);
    t.notOk(
      notes.some((note) => overlaps({ ...place, ...NOTE }, { ...note, ...NOTE })),
      `${count}`,
    );
    notes.push(place);
  }
  t.strictSame(notes[0], { x: 10, y: 10 });
  t.ok(notes.every(({ x, y }) => Math.hypot(x - 10, y - 10) < 1200));
});

t.test('a pasted list becomes a note for each line', async (t) => {
  t.strictSame(notesOf('- one\n* two\r\n\n  3. three\n- [x] four\n• five\n-six'), [
    'one',
    'two',
    'three',
    'four',
    'five',
    '-six',
  ]);
  t.strictSame(notesOf(' \n'), []);
});

t.test('an address names a page', async (t) => {
  t.strictSame(parseRoute('/', ''), { page: 'home' });
  t.strictSame(parseRoute('', '#keep'), { page: 'keep', next: '/' });
  t.strictSame(parseRoute('/i/x', '#sign-in'), { page: 'sign-in', next: '/i/x' }, 'and where to go on from there');
  t.strictSame(parseRoute('/else', '#sign-in'), { page: 'nowhere' });
  t.strictSame(parseRoute('/', '#else'), { page: 'home' });
  t.strictSame(parseRoute('/b/x', ''), { page: 'board', id: 'x' });
  t.strictSame(parseRoute('/i/a%2Fb', ''), { page: 'invite', token: 'a/b' });
  t.strictSame(parseRoute('/i/%', ''), { page: 'invite', token: '%' });
  t.strictSame(parseRoute('/b/x/y', ''), { page: 'nowhere' });
});

t.test('the status says how old what is shown may be, and what is not sent', async (t) => {
  const writes = { unsent: 0, waiting: undefined, kept: 'yes', undecided: [] } as const;
  const at = { since: 0 };
  t.match(statusLine({ ...at, name: 'live' }, writes), { text: 'Live', tone: 'good' });
  t.match(statusLine({ ...at, name: 'live' }, { ...writes, unsent: 2 }).text, 'saving 2 changes');
  t.match(statusLine({ ...at, name: 'behind' }, writes).text, /^Reconnecting since \S/);
  t.match(statusLine({ ...at, name: 'offline' }, { ...writes, unsent: 1 }), {
    text: /^Offline since .*, 1 change unsent$/,
  });
  t.match(statusLine({ ...at, name: 'offline' }, { ...writes, unsent: 1, kept: 'no' }).text, /reload would lose/);
  t.match(statusLine({ ...at, name: 'ended', reason: 'deleted' }, writes).text, 'the board was deleted');
  t.match(statusLine({ ...at, name: 'ended', reason: 'else' }, writes).tone, 'bad');
});

t.test('somebody is told by one or two letters', async (t) => {
  t.strictSame(['Ada Lovelace', ' grace ', 'José María Hopper', '🦊 x', ''].map(initialsOf), [
    'AL',
    'G',
    'JH',
    '🦊X',
    '',
  ]);
});

t.test('the way is judged by what was measured', async (t) => {
  const round = (came: (ms: number) => number) => ({
    times: Array.from({ length: 10 }, (_, index) => ({ sentMs: index * 100, cameMs: came(index * 100) })),
  });
  const even = round((ms) => ms + 5000);
  const held = round((ms) => 7000 + ms / 1000);
  t.notOk(looksHeld(even));
  t.ok(looksHeld(held));
  const fine: WayMeasured = {
    ...{ rounds: [even], encoding: '', silence: { seconds: 15, isWhole: true }, protocol: 'h2', isForwarded: true },
  };
  const toned = (measured: Partial<WayMeasured>) =>
    judgeWay({ ...fine, ...measured }).flatMap(({ tone, fault }) => (tone === 'good' ? [] : [`${tone} ${fault}`]));
  t.strictSame(toned({}), []);
  t.strictSame(toned({ rounds: [held, even] }), [], 'a page that stood still once is no proxy');
  t.strictSame(toned({ rounds: [held, held, held] }), ['bad held']);
  t.strictSame(toned({ encoding: 'gzip' }), ['note compressed']);
  t.strictSame(toned({ encoding: 'gzip', rounds: [held] }), ['bad held', 'bad compressed']);
  t.strictSame(toned({ silence: { seconds: 3, isWhole: false } }), ['bad cut']);
  t.strictSame(toned({ protocol: 'http/1.1' }), ['note old']);
  t.strictSame(toned({ protocol: '' }), []);
});

t.test('a frame is taken apart', async (t) => {
  t.strictSame(fieldsOf('retry:1500\nevent:ready\ndata:{"a":"b: c"}\nid:x-1'), {
    ...{ event: 'ready', data: { a: 'b: c' }, id: 'x-1', retryMs: 1500 },
  });
  t.strictSame(fieldsOf('data: {}'), { event: 'message', data: {}, id: undefined, retryMs: undefined });
});

t.test('the documents say of proxies what the page says', async (t) => {
  const page = readProjectFile('docs/proxies.md');
  for (const { heading, rows } of Object.values(mendings)) {
    const [, section = ''] = page.split(`### ${heading}\n`);
    const told = (section.split('\n#')[0] ?? '').split('\n').filter((line) => /^\| \w/.test(line));
    t.strictSame(
      told,
      rows.map(([where, what]) => `| ${where} | ${what} |`),
      heading,
    );
  }
});

t.test('a few letters find what has them all, first what begins with them', async (t) => {
  const texts = ['See the Café', 'cafe', 'A CAFÉ\nthe second line', 'tea'];
  const find = (query: string) => matching(texts, query, (text) => text);
  t.strictSame(find('CAFE'), ['cafe', 'See the Café', 'A CAFÉ\nthe second line']);
  t.strictSame(find(' the  caf '), ['See the Café', 'A CAFÉ\nthe second line']);
  t.strictSame(find('.*'), []);
  t.equal(find('').length, 4);
  t.equal(lineWith('one\n\ntwo words', 'WORD'), 'two words');
  t.equal(lineWith('\n one', 'other'), 'one');
});

t.test('what somebody began to write is shown to no other account of the browser', async (t) => {
  t.teardown(() => Reflect.deleteProperty(globalThis, 'localStorage'));
  Object.assign(globalThis, { localStorage: fakeStorage() });
  // Their types are those of a browser.
  const [drafts, remembered] = await Promise.all(
    ['drafts', 'remembered'].map((name) => import(new URL(`../../src/web/state/${name}.js`, import.meta.url).href)),
  );
  const { keepDraft, readDraft, dropDrafts } = drafts;
  const signIn = (id: string) => remembered.remember({ id, name: id, guest: true, email: null });
  signIn('ada');
  keepDraft('board', 'note', 'half a thought');
  t.equal(readDraft('board', 'note'), 'half a thought');
  remembered.remember(null);
  signIn('bob');
  t.equal(readDraft('board', 'note'), undefined, 'another one');
  signIn('ada');
  t.equal(readDraft('board', 'note'), 'half a thought', 'whose session had only ended');
  dropDrafts();
  t.equal(readDraft('board', 'note'), undefined, 'who signed out');
});

/** Keys are its own properties, as those of a browser's are. */
function fakeStorage(): object {
  const kept: Record<string, string> = {};
  const methods: Record<string, unknown> = {
    getItem: (key: string) => kept[key] ?? null,
    setItem: (key: string, value: string) => {
      kept[key] = value;
    },
    removeItem: (key: string) => delete kept[key],
  };
  return new Proxy(kept, { get: (_, key) => methods[String(key)] });
}
