// GET /boards/:id/items: in pages, while others write.

import { randomUUID } from 'node:crypto';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { checkPageTurns } from '../helpers/page-turns.ts';
import { sameProblem } from '../helpers/problem.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');

interface Item {
  id: string;
  text: string;
  version: number;
}

/** @param between called before each page but the first */
async function readAll(path: string, query: string, between: () => Promise<unknown> = async () => {}) {
  const pages: Array<{ items: Item[]; next: string | null; cursor: string }> = [];
  for (let after = ''; ; ) {
    const { body } = await ada.get(`${path}/items?${query}${after}`);
    pages.push(body);
    if (body.next === null) return pages;
    after = `&after=${body.next}`;
    await between();
  }
}

t.test('each item once, in the order of the ids, as a snapshot shows it; the last page has no next', async (t) => {
  const id = await ada.createBoard();
  const path = `/boards/${id}`;
  t.strictSame((await ada.get(`${path}/items`)).body, {
    items: [],
    next: null,
    cursor: (await ada.get(path)).body.cursor,
  });
  // Rising, falling and in no order: ids that clients chose.
  for (let n = 0; n < 10; n += 1) await ada.post(`${path}/items`, { text: `${n}`, ...(n % 2 && { id: randomUUID() }) });
  const { body: whole } = await ada.get(path);
  const sorted = whole.items.toSorted((one: Item, other: Item) => (one.id < other.id ? -1 : 1));
  for (const [limit, lengths] of [
    [4, [4, 4, 2]],
    [5, [5, 5]],
    [9, [9, 1]],
    [10, [10]],
    [500, [10]],
  ] as const) {
    const pages = await readAll(path, `limit=${limit}`);
    t.strictSame(
      pages.map(({ items }) => items.length),
      lengths,
      `pages of ${limit}`,
    );
    t.strictSame(
      pages.flatMap(({ items }) => items),
      sorted,
    );
    t.ok(pages.every(({ cursor }) => cursor === whole.cursor));
  }
});

t.test('with the stream from the cursor of the first page, all pages come to one state (E1, E2)', async (t) => {
  const id = await ada.createBoard();
  const path = `/boards/${id}`;
  for (let n = 0; n < 12; n += 1) await ada.post(`${path}/items`, { text: `${n}` });
  const ids = (await ada.get(path)).body.items.map((item: Item) => item.id);
  let turn = 0;
  const pages = await readAll(path, 'limit=3', async () => {
    // One that was read already, one that was not, one that goes, and a new one that belongs in front of all.
    await ada.patch(`${path}/items/${ids[turn]}`, { text: 'changed' });
    await ada.patch(`${path}/items/${ids[10]}`, { text: `changed ${turn}` });
    await ada.delete(`${path}/items/${ids[3 + 2 * turn]}`);
    await ada.post(`${path}/items`, { text: 'new', id: `00${randomUUID().slice(2)}` });
    turn += 1;
  });
  t.equal(pages.length, 4);
  const shown = pages.flatMap(({ items }) => items.map((item) => item.id));
  t.equal(new Set(shown).size, shown.length, 'nothing twice');
  for (const there of [0, 1, 2, 4, 6, 8, 9, 10, 11])
    t.ok(shown.includes(ids[there]), `item ${there} was there all along`);
  const items = new Map(pages.flatMap((page) => page.items.map((item) => [item.id, item])));
  const stream = await openStream(t, node.url, id, { ...ada, query: `?lastEventId=${pages[0]?.cursor}` });
  const { body: now } = await ada.get(path);
  await until(() => stream.seqs.at(-1) === Number(now.cursor.split('-')[1]), 'the newest event');
  for (const { event, data } of stream.frames) {
    if (event !== 'changed') continue;
    const { action, object } = data;
    if (action === 'deleted') items.delete(object.id);
    else items.set(object.id, object);
  }
  const byId = (one: Item, other: Item) => (one.id < other.id ? -1 : 1);
  t.strictSame([...items.values()].toSorted(byId), now.items.toSorted(byId));
});

t.test('a page ends with the item that makes it 1 MiB large', async (t) => {
  const id = await ada.createBoard();
  const path = `/boards/${id}`;
  // Control characters: each is six bytes of JSON.
  await database.sql(
    `insert into teamboard.items (board_id, text) select $1, repeat(chr(1), 10000) from generate_series(1, 40)`,
    [id],
  );
  const pages = await readAll(path, 'limit=500');
  t.strictSame(
    pages.map(({ items }) => items.length),
    [18, 18, 4],
  );
  const sizes = pages.map(({ items }) => JSON.stringify(items).length);
  t.ok(Math.max(...sizes) < 1024 * 1024 + 86 * 1024, `${sizes}`);
});

t.test('updatedAfter: what was changed later, to the millisecond, and in any offset', async (t) => {
  const id = await ada.createBoard();
  const path = `/boards/${id}`;
  for (const text of ['a', 'b', 'c']) await ada.post(`${path}/items`, { text });
  // Nobody sets these times; here they must be known.
  await database.sql('alter table teamboard.items disable trigger user');
  await database.sql(
    `update teamboard.items set updated_at = timestamptz '2026-05-04 09:00:00Z' + (ascii(text) - 97) * interval '1 ms'
     where board_id = $1`,
    [id],
  );
  await database.sql('select teamboard.restore_triggers()');
  const since = async (time: string) => {
    const { status, body } = await ada.get(`${path}/items?updatedAfter=${encodeURIComponent(time)}`);
    return status === 200 ? body.items.map(({ text }: Item) => text).join('') : status;
  };
  for (const [time, expected] of [
    ['2026-05-04T08:59:59.999Z', 'abc'],
    ['2026-05-04T09:00:00Z', 'bc'],
    ['2026-05-04T09:00:00.000999Z', 'bc'],
    ['2026-05-04t11:00:00.001+02:00', 'c'],
    ['2026-05-05T08:59:00.001+23:59', 'c'],
    ['2026-05-04T09:00:00.002Z', ''],
    ['0001-01-01T00:00:00Z', 'abc'],
    ['9999-12-31T23:59:60Z', ''],
    ['2026-05-04', 400],
    ['2026-05-04T09:00:00', 400],
    ['2026-02-30T09:00:00Z', 400],
    ['yesterday', 400],
    ['', 400],
  ] as const) {
    t.equal(await since(time), expected, time);
  }
  const { body } = await ada.get(`${path}/items?updatedAfter=2026-05-04T09:00:00+02:00`);
  t.match(body.detail, /%2B/, 'a plus that has become a blank');
  const pages = await readAll(path, 'limit=1&updatedAfter=2026-05-04T09:00:00Z');
  t.strictSame(
    pages.map(({ items }) => items.map(({ text }) => text)),
    [['b'], ['c']],
    'in pages too',
  );
});

t.test('what is no page, and who may not see it', async (t) => {
  const [viewer, stranger] = [await Client.signUp(node, 'Vi'), await Client.signUp(node, 'Stranger')];
  const id = await ada.createBoard();
  const path = `/boards/${id}/items`;
  await ada.post(`/boards/${id}/members`, { userId: viewer.user.id, role: 'viewer' });
  t.equal((await viewer.get(path)).status, 200, 'a viewer may');
  sameProblem(t, await stranger.get(path), 'TB_NOT_FOUND');
  sameProblem(t, await ada.get(`/boards/${randomUUID()}/items`), 'TB_NOT_FOUND');
  sameProblem(t, await Client.nobody(node).get(path), 'TB_UNAUTHENTICATED');
  for (const query of ['limit=0', 'limit=501', 'limit=x', 'after=x', 'after=', 'after=1-2']) {
    t.equal((await ada.get(`${path}?${query}`)).status, 400, query);
  }
  t.strictSame((await ada.get(`${path}?after=${randomUUID()}`)).body.items, [], 'after an item that is not there');
});

t.test('pages of items, of events and of the log have the same turns (E5)', async (t) => {
  const id = await ada.createBoard();
  const { item } = (await ada.post(`/boards/${id}/items`, { text: 'x' })).body;
  const paths = ['items', `items/${item.id}/history`, 'events'].map((path) => `/boards/${id}/${path}`);
  await checkPageTurns(t, database, ['items', 'board_events'], (index) =>
    ada.get(paths[index % 3] ?? '', { accept: 'application/json' }),
  );
});
