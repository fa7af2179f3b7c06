// A board of 10,000 notes and 100,000 events: what is read of its past is exact, and costs little.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { writeLongLog } from '../helpers/long-log.ts';
import { startNode, useDatabase } from '../helpers/node.ts';

const MIB = 1024 * 1024;
const [NOTES, TURNS] = [10_000, 9];

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');
const boardId = await ada.createBoard();
const path = `/boards/${boardId}`;
const log = await writeLongLog(database, boardId, ada.user, { notes: NOTES, turns: TURNS });
const { body: now } = await ada.get(path);
const placeAt = (seq: number) => now.cursor.replace(/-\d+$/, `-${seq}`);

interface Note {
  id: string;
  text: string;
  x: number;
  version: number;
}

t.test('the board at a place of the log', async (t) => {
  t.equal(now.cursor, placeAt(log.head));
  const held = () => process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
  for (const [turn, note] of [
    [0, 1],
    [0, NOTES],
    [1, 1],
    [4, NOTES / 2],
    [TURNS, NOTES - 1],
    [TURNS, NOTES],
  ] as const) {
    const before = held();
    const { body } = await ada.get(`${path}?at=${placeAt(log.seqOf(turn, note))}`);
    const grown = (held() - before) / MIB;
    // What this client makes of the answer, 4 MB as text, included.
    t.ok(grown < 100, `${grown.toFixed()} MiB more`);
    const wrong = body.items
      .toSorted((one: Note, other: Note) => (one.id < other.id ? -1 : 1))
      .filter((item: Note, index: number) => {
        const x = index < note ? turn : turn - 1;
        return item.id !== log.idOf(index + 1) || item.x !== x || item.version !== x + 1;
      });
    t.strictSame(wrong, [], `all notes at turn ${turn}, note ${note}`);
    t.equal(body.items.length, turn === 0 ? note : NOTES);
  }
});

t.test('the events of a note, without a look at those of all others', async (t) => {
  for (const note of [1, NOTES / 2, NOTES]) {
    const { body } = await ada.get(`${path}/items/${log.idOf(note)}/history`);
    const expected = Array.from({ length: TURNS + 1 }, (_, turn) => log.seqOf(TURNS - turn, note));
    t.strictSame(
      body.events.map(({ seq }: { seq: number }) => seq),
      expected,
      `note ${note}`,
    );
    t.equal(body.next, null);
  }
  const [plan] = await database.sql(
    `explain (analyze, buffers, timing off, format json)
     select * from teamboard.find_item_events('${boardId}', '${log.idOf(777)}', null, 101, 50000)`,
  );
  const [{ Plan: root }] = plan?.['QUERY PLAN'] ?? [];
  const { 'Shared Hit Blocks': hit, 'Shared Read Blocks': read } = root;
  const [table] = await database.sql(`select pg_relation_size('teamboard.board_events') / 8192 as pages`);
  t.ok(hit + read < Number(table?.pages) / 3, `${hit + read} pages for ten events, of ${table?.pages}`);
});

t.test('all items in pages, and those that were changed in the last second', async (t) => {
  let [count, after, pages] = [0, '', 0];
  do {
    const { body } = await ada.get(`${path}/items?limit=500${after && `&after=${after}`}`);
    count += body.items.length;
    after = body.next;
    pages += 1;
  } while (after);
  t.strictSame([count, pages], [NOTES, NOTES / 500]);
  const since = new Date(Date.parse(now.items.at(-1).updatedAt) - 1000).toISOString();
  const { body } = await ada.get(`${path}/items?updatedAfter=${since}&limit=1`);
  t.equal(body.items[0].id, log.idOf(NOTES - 999));
});
