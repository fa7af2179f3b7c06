// GET /boards/:id/items/:itemId/history: what has happened to one item, found without an index.

import { randomUUID } from 'node:crypto';
import t from 'tap';
import { Trimmer } from '../../src/events/trimmer.ts';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');
const json = { accept: 'application/json' };

interface Event {
  seq: number;
  id: string;
  action: string;
}

/** Page by page. */
async function historyOf(boardId: string, itemId: string, limit = 500) {
  const pages: Event[][] = [];
  for (let after = ''; ; ) {
    const { status, body } = await ada.get(`/boards/${boardId}/items/${itemId}/history?limit=${limit}${after}`);
    if (status !== 200) throw new Error(JSON.stringify(body));
    pages.push(body.events);
    if (body.next === null) return pages;
    after = `&after=${body.next}`;
  }
}

/** What it must be: the same events as pages of the whole log have them. */
async function expectedOf(boardId: string, itemId: string): Promise<Event[]> {
  const events: Event[] = [];
  for (let after = ''; ; ) {
    const { body } = await ada.get(`/boards/${boardId}/events?limit=500${after}`, json);
    events.push(...body.events);
    if (!body.hasMore) return events.filter(({ id }) => id === itemId).reverse();
    after = `&after=${body.cursor}`;
  }
}

const seqs = (events: Event[]) => events.map(({ seq }) => seq);

/** Twelve items that change in turns, and what a person does to them: 100 events. */
async function createBusyBoard(): Promise<{ boardId: string; ids: string[] }> {
  const boardId = await ada.createBoard();
  const path = `/boards/${boardId}`;
  const { body } = await ada.post(`${path}/batch`, {
    operations: Array.from({ length: 12 }, (_, n) => ({
      op: 'create',
      item: { text: `note ${n} `.repeat(60 * (n % 2)) },
    })),
  });
  const ids = body.results.map(({ id }: { id: string }) => id);
  for (let turn = 1; turn <= 7; turn += 1) {
    const items = turn % 2 === 0 ? ids.toReversed() : ids;
    const operations = items.map((id: string) => ({ op: 'update', id, item: { x: turn } }));
    await ada.post(`${path}/batch`, { operations });
  }
  await ada.patch(`${path}/items/${ids[0]}`, { text: 'the newest' });
  await ada.delete(`${path}/items/${ids[1]}`);
  return { boardId, ids };
}

t.test(
  'all events of an item and no others, the newest first, in pages of any size; of a deleted one too',
  async (t) => {
    const { boardId, ids } = await createBusyBoard();
    for (const id of ids.slice(0, 4)) {
      const expected = await expectedOf(boardId, id);
      t.equal(expected.at(-1)?.action, 'created');
      const { body } = await ada.get(`/boards/${boardId}/items/${id}/history`);
      t.strictSame(body, { events: expected, next: null }, 'each as the log tells it');
      for (const limit of [1, 3, expected.length - 1, expected.length]) {
        const pages = await historyOf(boardId, id, limit);
        t.strictSame(seqs(pages.flat()), seqs(expected), `pages of ${limit}`);
        t.equal(pages.length, Math.ceil(expected.length / limit), 'as many as it takes');
      }
    }
  },
);

t.test('the same where times mislead: clocks that were set back, and events of before they said so', async (t) => {
  const { boardId, ids } = await createBusyBoard();
  const all = await Promise.all(ids.map((id) => expectedOf(boardId, id)));
  for (const statement of [
    `update teamboard.board_events set at = at - interval '1 hour' where board_id = $1 and seq > 50`,
    `update teamboard.board_events set at = at - interval '2 hours' where board_id = $1 and seq % 3 = 0`,
    `update teamboard.board_events set before_at = null where board_id = $1 and seq % 2 = 0`,
    `update teamboard.board_events set before_at = null where board_id = $1`,
  ]) {
    await database.sql(statement, [boardId]);
    for (const [index, id] of ids.entries()) {
      t.strictSame(seqs((await historyOf(boardId, id, 5)).flat()), seqs(all[index] ?? []), statement);
    }
  }
});

t.test('an event that is far behind the time of its change, and several of one transaction', async (t) => {
  const boardId = await ada.createBoard();
  const { item } = (await ada.post(`/boards/${boardId}/items`, { text: 'x' })).body;
  const client = await database.pool.connect();
  const move = () =>
    client.query('update teamboard.items set x = x + 1 where board_id = $1 and id = $2', [boardId, item.id]);
  await client.query('begin');
  const fill = `insert into teamboard.items (board_id, text) select $1, n::text from generate_series(1, 1500) n`;
  await client.query(fill, [boardId]);
  for (let turn = 0; turn < 20; turn += 1) await move();
  await client.query('commit');
  await move();
  client.release();
  t.strictSame(seqs((await historyOf(boardId, item.id)).flat()), seqs(await expectedOf(boardId, item.id)));
});

t.test('a search that would take long goes on with the next page', async (t) => {
  const { boardId, ids } = await createBusyBoard();
  await database.sql('update teamboard.board_events set before_at = null where board_id = $1', [boardId]);
  const expected = await expectedOf(boardId, ids[5] ?? '');
  const found: number[] = [];
  const lengths: number[] = [];
  const search = async (below: string | null) => {
    const statement = 'select * from teamboard.find_item_events($1, $2, $3, 10, 7)';
    const [page] = await database.sql<{ seqs: string[]; stopped_at: string | null }>(statement, [
      boardId,
      ids[5],
      below,
    ]);
    found.push(...(page?.seqs ?? []).map(Number));
    lengths.push(page?.seqs.length ?? 0);
    return page?.stopped_at ?? null;
  };
  for (let below = await search(null); below !== null; ) {
    const next = await search(below);
    t.ok(next === null || Number(next) < Number(below), 'it gets ahead');
    below = next;
  }
  t.strictSame(found, seqs(expected));
  t.ok(lengths.includes(0), 'also over a page of nothing');
});

t.test('as far as the log goes', async (t) => {
  const { boardId, ids } = await createBusyBoard();
  const [first = '', deleted = ''] = ids;
  const path = (id: string) => `/boards/${boardId}/items/${id}/history`;
  const { next } = (await ada.get(`${path(first)}?limit=1`)).body;
  const trim = async (retentionEvents: number) => {
    await database.sql(`update teamboard.board_events set at = at - interval '1 day' where board_id = $1`, [boardId]);
    const limits = { retentionEvents, retentionDays: 0, retentionBytes: 2 ** 28 };
    await new Trimmer({ pool: database.pool, log: node.app.log, ...limits }).trim();
  };
  await trim(40);
  for (const id of ids)
    t.strictSame(seqs((await historyOf(boardId, id, 2)).flat()), seqs(await expectedOf(boardId, id)));
  await trim(1);
  t.strictSame(seqs((await ada.get(path(deleted))).body.events), [100], 'the deletion is the last event of all');
  t.strictSame((await ada.get(path(first))).body, { events: [], next: null }, 'it is there, and nothing else is known');
  t.strictSame((await ada.get(`${path(first)}?after=${next}`)).body, { events: [], next: null });
  await ada.patch(`/boards/${boardId}`, { name: 'one event more' });
  await trim(1);
  sameProblem(t, await ada.get(path(deleted)), 'TB_NOT_FOUND', { message: 'forgotten' });
});

t.test('a page ends with the event that makes it 1 MiB large', async (t) => {
  const boardId = await ada.createBoard();
  const { body } = await ada.post(`/boards/${boardId}/items`, { text: '\u0001'.repeat(10_000) });
  for (let x = 1; x < 40; x += 1) await ada.patch(`/boards/${boardId}/items/${body.item.id}`, { x });
  const pages = await historyOf(boardId, body.item.id);
  t.strictSame(
    pages.map(({ length }) => length),
    [18, 18, 4],
  );
  t.strictSame(seqs(pages.flat()), seqs(await expectedOf(boardId, body.item.id)));
});

t.test('what is no item or no place, and who may not see it', async (t) => {
  const [viewer, stranger] = [await Client.signUp(node, 'Vi'), await Client.signUp(node, 'Stranger')];
  const { boardId, ids } = await createBusyBoard();
  const path = `/boards/${boardId}/items/${ids[0]}/history`;
  await ada.post(`/boards/${boardId}/members`, { userId: viewer.user.id, role: 'viewer' });
  t.equal((await viewer.get(path)).body.events.length, 9, 'a viewer may');
  sameProblem(t, await stranger.get(path), 'TB_NOT_FOUND');
  sameProblem(t, await Client.nobody(node).get(path), 'TB_UNAUTHENTICATED');
  sameProblem(t, await ada.get(`/boards/${boardId}/items/${randomUUID()}/history`), 'TB_NOT_FOUND');
  sameProblem(t, await ada.get(`/boards/${boardId}/items/${ada.user.id}/history`), 'TB_NOT_FOUND', {
    message: 'a member',
  });
  const elsewhere = await ada.createBoard();
  sameProblem(t, await ada.get(`/boards/${elsewhere}/items/${ids[0]}/history`), 'TB_NOT_FOUND');
  const { cursor } = (await ada.get(`/boards/${boardId}`)).body;
  const other = (await ada.get(`/boards/${elsewhere}`)).body.cursor;
  for (const query of ['limit=0', 'limit=501', 'after=', 'after=x', `after=${cursor}9`]) {
    t.equal((await ada.get(`${path}?${query}`)).status, 400, query);
  }
  sameProblem(t, await ada.get(`${path}?after=${other}`), 'TB_TRIMMED');
  sameProblem(t, await stranger.get(`${path}?after=${cursor}`), 'TB_NOT_FOUND');
  const { body } = await ada.get(`${path}?after=${cursor.replace(/-\d+$/, '-50')}`);
  t.strictSame(
    seqs(body.events),
    seqs(await expectedOf(boardId, ids[0] ?? '')).filter((seq) => seq < 50),
    'before a place that is another item’s',
  );
});
