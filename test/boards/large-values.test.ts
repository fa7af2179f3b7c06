// Large texts and data are stored once, and told whole by every event and every answer.

import t from 'tap';
import { Trimmer } from '../../src/events/trimmer.ts';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const other = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');
const json = { accept: 'application/json' };

/** That no compression makes small. */
function noise(length: number): string {
  let text = '';
  while (text.length < length) text += Math.random().toString(36).slice(2);
  return text.slice(0, length);
}

/** What would be found in the wrong place by whoever looks for a place in JSON. */
const tricky = '"text":null,"data":null,"version":1}\\"data":null \u2028\u0001é😀';
const sizes = [0, 1, 190, 198, 199, 2000, 9000];

interface LoggedEvent {
  seq: number;
  id: string;
  action: string;
  changes?: string[];
  object: object;
}

/** Page by page: one ends at 1 MiB. */
async function readEvents(boardId: string): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  for (let after = ''; ; ) {
    const { body } = await ada.get(`/boards/${boardId}/events?limit=500${after}`, json);
    events.push(...body.events);
    if (!body.hasMore) return events;
    after = `&after=${body.cursor}`;
  }
}

async function stored(): Promise<number> {
  const [row] = await database.sql<{ bytes: number }>(
    `select sum(pg_total_relation_size(oid))::float8 as bytes from pg_class
     where relname in ('items', 'board_events', 'idempotency_keys', 'large_values')`,
  );
  return row?.bytes ?? 0;
}

async function countValues(): Promise<number> {
  return (await database.sql('select from teamboard.large_values')).length;
}

t.test('what is stored for moves of large notes is bounded by what was sent', async (t) => {
  const boardId = await ada.createBoard();
  const path = `/boards/${boardId}/batch`;
  const notes = Array.from({ length: 40 }, () => ({
    op: 'create',
    item: { text: noise(8000), data: { a: noise(14_000) } },
  }));
  const { body } = await ada.post(path, { operations: notes });
  const before = await stored();
  let sent = 0;
  for (let turn = 1; turn <= 10; turn += 1) {
    const operations = body.results.map(({ id }: { id: string }) => ({ op: 'update', id, item: { x: turn } }));
    sent += JSON.stringify({ operations }).length;
    const moved = await ada.post(path, { operations }, turn % 2 ? { 'idempotency-key': `${boardId}-${turn}` } : {});
    t.equal(moved.status, 200);
    t.equal(moved.body.results[39].item.text, notes[39]?.item.text);
  }
  const cost = (await stored()) - before;
  t.ok(cost < 40 * sent, `${cost} bytes for ${sent} that were sent; the notes have 900,000`);
  const events = await readEvents(boardId);
  t.same(events.at(-1)?.object, (await ada.get(`/boards/${boardId}/items/${events.at(-1)?.id}`)).body.item);
});

t.test('every event tells the whole item, whoever wrote it, byte for byte as an answer does (E3)', async (t) => {
  const boardId = await ada.createBoard();
  const items = `/boards/${boardId}/items`;
  const told: object[] = [];
  for (const size of sizes) {
    const text = (tricky + noise(size)).slice(0, Math.max(size, 1));
    const data = size % 2 ? { [tricky]: noise(size) } : { text: null, data: null, n: 1.5 };
    const { body } = await ada.post(items, { text, data });
    told.push(body.item);
    const path = `${items}/${body.item.id}`;
    for (const patch of [{ x: 1 }, { text: text + tricky }, { data: { more: noise(300) } }, { color: 'red' }]) {
      told.push((await ada.patch(path, patch)).body.item);
    }
    told.push((await ada.patch(path, { text: 'short', data: { [tricky]: null, more: null } })).body.item);
  }
  const events = (await readEvents(boardId)).filter(({ seq }) => seq > 2);
  t.strictSame(
    events.map(({ object }) => object),
    told,
  );

  await database.pool.query(`
    begin;
    insert into teamboard.items (board_id, text, data)
      select '${boardId}', repeat('"data":null', n * 20), json_build_object('text', repeat('n', n * 100))
      from generate_series(1, 5) n;
    update teamboard.items set x = 7, text = text || text where board_id = '${boardId}';
    update teamboard.items set data = '{}' where board_id = '${boardId}' and text like '%null%';
    commit;
    delete from teamboard.items where board_id = '${boardId}'`);
  const bySql = await database.sql<{ isWhole: boolean; last: boolean }>(
    `select teamboard.whole_object(object, text_value, data_value)::jsonb ->> 'text' is not null
       and teamboard.whole_object(object, text_value, data_value)::jsonb -> 'data' <> 'null' as "isWhole"
     from teamboard.board_events where board_id = $1`,
    [boardId],
  );
  t.ok(bySql.length > 60);
  const all = await readEvents(boardId);
  const now = new Map<string, Record<string, unknown>>();
  for (const { id, action, changes, object } of all.slice(2)) {
    const before = now.get(id) ?? {};
    const after = object as Record<string, unknown>;
    if (action === 'deleted') t.same(after, before, 'what is deleted is told as it was');
    if (action === 'updated') {
      const fields = ['text', 'x', 'y', 'color', 'rank', 'data'];
      t.same(
        fields.filter((field) => JSON.stringify(after[field]) !== JSON.stringify(before[field])),
        changes,
        'the changes are those of the objects',
      );
    }
    now.set(id, after);
  }
});

t.test('the JSON is that of the item, byte for byte', async (t) => {
  const [board] = await database.sql<{ id: string }>(
    `insert into teamboard.boards (name) values ('Bytes') returning id`,
  );
  for (const text of sizes.map((size) => tricky + noise(size))) {
    await database.sql('insert into teamboard.items (board_id, text, data) values ($1, $2, $3)', [
      board?.id,
      text,
      JSON.stringify({ [text.slice(0, 500)]: [null, text] }),
    ]);
  }
  const rows = await database.sql<{ told: string; made: string }>(
    `select teamboard.whole_object(object, board_events.text_value, board_events.data_value) as told,
       teamboard.item_object(items)::text as made
     from teamboard.board_events join teamboard.items on items.id = resource_id where board_events.board_id = $1`,
    [board?.id],
  );
  t.equal(rows.length, sizes.length);
  for (const { told, made } of rows) t.equal(told, made);
});

t.test('a repeat gets the same bytes, also of large notes that have changed or gone since', async (t) => {
  const boardId = await ada.createBoard();
  const items = `/boards/${boardId}/items`;
  const text = tricky + noise(3000);
  const { body } = await ada.post(items, { text, data: { a: noise(3000) } });
  const { body: second } = await ada.post(items, { text: 'small' });
  const path = `${items}/${body.item.id}`;
  const batch = [
    { op: 'create', item: { text } },
    { op: 'update', id: body.item.id, item: { y: 2 } },
    { op: 'delete', id: second.item.id },
    { op: 'create', item: { text: '', data: { tricky, b: noise(300) } } },
  ];
  const requests: Array<[string, string, object]> = [
    ['POST', items, { text, data: { a: text } }],
    ['PATCH', path, { x: 1 }],
    ['PATCH', path, { x: 1 }],
    ['POST', `/boards/${boardId}/batch`, { operations: batch }],
  ];
  const first: string[] = [];
  const send = async (client: Client, index: number) => {
    const [method, address, content] = requests[index] as (typeof requests)[number];
    const response = await fetch(`${client === ada ? node.url : other.url}${address}`, {
      method,
      headers: { cookie: ada.cookie, 'content-type': 'application/json', 'idempotency-key': `${boardId}-${index}` },
      body: JSON.stringify(content),
    });
    return `${response.status} ${response.headers.get('etag')} ${await response.text()}`;
  };
  for (const index of requests.keys()) first.push(await send(ada, index));
  for (const [index, answer] of first.entries()) t.match(answer, /^20[01] /, `request ${index}`);
  const changed = { text: noise(500), data: { a: noise(500) } };
  t.equal((await ada.patch(path, changed)).status, 200);
  t.equal((await ada.delete(path)).status, 204);
  for (const index of requests.keys()) t.equal(await send(ada.at(other), index), first[index], `repeat ${index}`);

  const log = { info: () => {}, warn: () => {} };
  await database.sql(`update teamboard.board_events set at = at - interval '1 day' where board_id = $1`, [boardId]);
  t.ok(
    (await new Trimmer({
      pool: database.pool,
      log,
      retentionEvents: 1,
      retentionDays: 0,
      retentionBytes: 2 ** 40,
    }).trim()) > 0,
  );
  for (const index of requests.keys()) t.equal(await send(ada, index), first[index], `repeat ${index}, trimmed`);
});

t.test('a large value goes a day after the last event that shows it, and not while an item has it', async (t) => {
  const log = { info: () => {}, warn: () => {} };
  const trimmer = new Trimmer({
    pool: database.pool,
    log,
    retentionEvents: 1,
    retentionDays: 0,
    retentionBytes: 2 ** 40,
  });
  const passDay = async () => {
    await database.sql(`update teamboard.board_events set at = at - interval '1 day'`);
    await trimmer.trim();
    await database.sql(`update teamboard.large_values set expires_at = expires_at - interval '1 day'`);
    await trimmer.trim();
  };
  await database.sql('delete from teamboard.boards');
  await database.sql('delete from teamboard.large_values');
  const boardId = await ada.createBoard();
  const items = `/boards/${boardId}/items`;
  const { body } = await ada.post(items, { text: noise(500), data: { a: noise(500) } });
  const path = `${items}/${body.item.id}`;
  t.equal(await countValues(), 2);
  await ada.patch(path, { text: noise(600) });
  await ada.patch(path, { x: 1 });
  t.equal(await countValues(), 3);
  await passDay();
  t.equal(await countValues(), 2, 'what no event shows any more');
  await ada.patch(path, { x: 2 });
  const [last] = (await readEvents(boardId)).slice(-1);
  t.same(last?.object, (await ada.get(path)).body.item, 'what the item has is there for its next event');
  await ada.delete(path);
  t.equal(await countValues(), 2);
  const [gone] = (await readEvents(boardId)).slice(-1);
  t.match(gone, { action: 'deleted', object: { x: 2, text: /^\w{600}$/ } });
  await ada.post(items, { text: 'the newest event' });
  await passDay();
  t.equal(await countValues(), 0);

  for (const [index, deletion] of [
    'delete from teamboard.boards where id = $1',
    'with gone as (delete from teamboard.items where board_id = $1) delete from teamboard.boards where id = $1',
  ].entries()) {
    const goes = index === 0 ? boardId : await ada.createBoard();
    await ada.post(`/boards/${goes}/items`, { text: noise(500), data: { a: noise(500) } });
    await database.sql(deletion, [goes]);
    t.equal(await countValues(), 2);
    await passDay();
    t.equal(await countValues(), 0, 'also with the board');
  }
});
