// What the log keeps, and that nobody waits for what it loses.

import t from 'tap';
import { Trimmer } from '../../src/events/trimmer.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { until } from '../helpers/until.ts';

const { sql, pool, url } = await useDatabase(t);
const log = { info: () => {}, warn: () => {} };
const trimmer = (retentionEvents: number, retentionDays: number, retentionBytes = 2 ** 40) =>
  new Trimmer({ pool, log, retentionEvents, retentionDays, retentionBytes });

async function createBoard(events: number): Promise<string> {
  const [board] = await sql<{ id: string }>(`insert into teamboard.boards (name) values ('Plans') returning id`);
  await sql(`insert into teamboard.items (board_id, text) select $1, n::text from generate_series(2, $2::int) n`, [
    board?.id,
    events,
  ]);
  return board?.id ?? '';
}

async function age(boardId: string, days: number, upTo: number): Promise<void> {
  await sql('update teamboard.board_events set at = at - make_interval(days => $2) where board_id = $1 and seq <= $3', [
    boardId,
    days,
    upTo,
  ]);
}

async function extent(boardId: string) {
  const [row] = await sql<{ first: number; last: number; head: number; trimmedTo: number }>(
    `select min(seq)::int as first, max(seq)::int as last, max(head)::int as head, max(trimmed_to)::int as "trimmedTo"
     from teamboard.board_log left join teamboard.board_events using (board_id) where board_id = $1`,
    [boardId],
  );
  return row;
}

t.test('an event goes when it is past both limits, and not before', async (t) => {
  const boardId = await createBoard(100);
  await age(boardId, 40, 60);
  t.equal(await trimmer(100, 30).trim(), 0, 'old, but few');
  t.equal(await trimmer(10, 50).trim(), 0, 'many, but young');
  t.equal(await trimmer(70, 30).trim(), 30, 'past both');
  t.match(await extent(boardId), { first: 31, last: 100, head: 100, trimmedTo: 30 });
  t.equal(await trimmer(10, 30).trim(), 30, 'as far as they are old');
  t.match(await extent(boardId), { first: 61, last: 100, head: 100, trimmedTo: 60 });
  t.equal(await trimmer(10, 30).trim(), 0);
  await sql('delete from teamboard.boards where id = $1', [boardId]);
});

t.test('an event past the bytes goes, however few and young they are', async (t) => {
  const boardId = await createBoard(1);
  await sql(
    `insert into teamboard.items (board_id, text) select $1, (select string_agg(md5(n || '.' || i), '') from generate_series(1, 150) i)
     from generate_series(1, 30) n`,
    [boardId],
  );
  const costs = async () => {
    const rows = await sql<{ cost: number }>(
      'select cost from teamboard.board_events where board_id = $1 order by seq',
      [boardId],
    );
    const [row] = await sql<{ bytes: number }>(
      'select event_bytes::float8 as bytes from teamboard.board_log where board_id = $1',
      [boardId],
    );
    const list = rows.map(({ cost }) => cost);
    t.equal(
      row?.bytes,
      list.reduce((sum, cost) => sum + cost, 0),
      'the log counts what it holds',
    );
    return list;
  };
  const before = await costs();
  t.equal(before.length, 31);
  const all = before.reduce((sum, cost) => sum + cost);
  t.ok(all > 30 * 4800 && all < 30 * 6000, `${all} bytes, and 4,800 of each text`);
  t.equal(await trimmer(1000, 30, all).trim(), 0, 'as much as is allowed');
  t.ok((await trimmer(1000, 30, 50_000).trim()) > 0);
  const after = await costs();
  t.strictSame(after, before.slice(-after.length), 'the newest stay');
  const kept = after.reduce((sum, cost) => sum + cost);
  t.ok(kept <= 50_000 && kept + (before.at(-after.length - 1) ?? 0) > 50_000, `${kept} bytes, as many as are allowed`);
  t.equal((await extent(boardId))?.first, 31 - after.length + 1);
  t.equal(await trimmer(1000, 30, 50_000).trim(), 0);
  await sql('delete from teamboard.boards where id = $1', [boardId]);
});

t.test('of a deleted board only its last event stays, for the days', async (t) => {
  const boardId = await createBoard(20);
  await sql('delete from teamboard.boards where id = $1', [boardId]);
  t.equal(await trimmer(10, 30).trim(), 0, 'while there may be streams that have not heard of it');
  await sql(`update teamboard.board_log set deleted_at = deleted_at - interval '2 hours' where board_id = $1`, [
    boardId,
  ]);
  t.equal(await trimmer(10, 30).trim(), 20);
  t.match(await extent(boardId), { first: 21, last: 21, head: 21, trimmedTo: 20 });
  t.equal(await trimmer(10, 30).trim(), 0);
  await age(boardId, 40, 21);
  t.equal(await trimmer(10, 30).trim(), 1);
  t.same(await sql('select from teamboard.board_log where board_id = $1', [boardId]), []);
});

/** A pool, and the beginnings of the statements that went through it. */
function watchedPool(through: Pick<typeof pool, 'query'> = pool) {
  const statements: string[] = [];
  const query = (text: string | { text: string }, values?: unknown[]) => {
    statements.push((typeof text === 'string' ? text : text.text).trim());
    return through.query(text as string, values);
  };
  return { statements, pool: { query } as unknown as typeof pool };
}

t.test('of all nodes one looks at the logs each minute, and not all of them', async (t) => {
  const watched = watchedPool();
  const trimmers = Array.from(
    { length: 5 },
    () => new Trimmer({ pool: watched.pool, log, retentionEvents: 10, retentionDays: 30, retentionBytes: 2 ** 40 }),
  );
  for (const each of trimmers) each.start();
  await until(() => watched.statements.filter((text) => text.startsWith('insert')).length === 5, 'all to have tried');
  await Promise.all(trimmers.map((each) => each.stop()));
  t.equal(watched.statements.filter((text) => /from :schema.board_log/.test(text)).length, 1);

  await sql(`update teamboard.background_turns set taken_at = taken_at - interval '1 minute'`);
  const later = watchedPool();
  const next = new Trimmer({ pool: later.pool, log, retentionEvents: 10, retentionDays: 30, retentionBytes: 2 ** 40 });
  next.start();
  await until(() => later.statements.some((text) => /from :schema.board_log/.test(text)), 'the next turn');
  await next.stop();
});

t.test('a turn that was taken meanwhile is not taken again, however long a node has been on its way', async (t) => {
  const client = await pool.connect();
  t.teardown(() => client.release());
  await client.query('begin');
  await client.query('select now()');
  await sql('delete from teamboard.background_turns');
  const retention = { log, retentionEvents: 10, retentionDays: 30, retentionBytes: 2 ** 40 };
  const first = watchedPool();
  const quick = new Trimmer({ pool: first.pool, ...retention });
  quick.start();
  await until(() => first.statements.some((text) => /from :schema.board_log/.test(text)), 'the turn');
  await quick.stop();
  const second = watchedPool(client);
  const slow = new Trimmer({ pool: second.pool, ...retention });
  slow.start();
  await until(() => second.statements.length > 0, 'it to have tried');
  await slow.stop();
  t.notOk(second.statements.some((text) => /from :schema.board_log/.test(text)));
  await client.query('rollback');
});

t.test('a board whose log is long and young costs a look at its oldest event and no more', async (t) => {
  const boardId = await createBoard(100);
  const watched = watchedPool();
  const busy = new Trimmer({
    pool: watched.pool,
    log,
    retentionEvents: 10,
    retentionDays: 30,
    retentionBytes: 2 ** 40,
  });
  t.equal(await busy.trim(), 0);
  t.strictSame(
    watched.statements.filter((text) => text.startsWith('with turn')),
    [],
    'nothing is tried on it',
  );
  await age(boardId, 40, 1);
  t.equal(await busy.trim(), 1);
  await sql('delete from teamboard.boards where id = $1', [boardId]);
});

t.test('it trims from the beginning and never a hole, also where a clock was set back (E2)', async (t) => {
  const boardId = await createBoard(50);
  await age(boardId, 40, 50);
  await sql('update teamboard.board_events set at = now() where board_id = $1 and seq = 20', [boardId]);
  t.equal(await trimmer(10, 30).trim(), 19);
  t.match(await extent(boardId), { first: 20, trimmedTo: 19 });
  await sql('delete from teamboard.boards where id = $1', [boardId]);
});

t.test('more than one batch, by two nodes at once, beside a writer that never waits for it', async (t) => {
  const boardId = await createBoard(5500);
  await age(boardId, 40, 5500);
  let writing = true;
  let longestMs = 0;
  const writer = (async () => {
    while (writing) {
      const start = performance.now();
      await sql(`insert into teamboard.items (board_id, text) values ($1, 'new')`, [boardId]);
      longestMs = Math.max(longestMs, performance.now() - start);
    }
  })();
  const counts = await Promise.all([trimmer(500, 30).trim(), trimmer(500, 30).trim()]);
  let rest = 0;
  // Whoever finds the other at it leaves; the next turn takes what is left.
  for (let count = 1; count > 0; rest += count) count = await trimmer(500, 30).trim();
  writing = false;
  await writer;
  const { first = 0, head = 0, trimmedTo = 0 } = (await extent(boardId)) ?? {};
  t.equal(trimmedTo, (counts[0] ?? 0) + (counts[1] ?? 0) + rest, 'each event went once');
  t.equal(first, trimmedTo + 1);
  t.ok(trimmedTo >= 5000 && head > 5500);
  t.comment(`the slowest write beside it took ${Math.round(longestMs)} ms`);
  await sql('delete from teamboard.boards where id = $1', [boardId]);
});

t.test('the log of a deleted board stays for the days, and then goes with its last event', async (t) => {
  // What the tests before have left.
  await trimmer(1, 0).trim();
  const boardId = await createBoard(5);
  await sql('delete from teamboard.boards where id = $1', [boardId]);
  t.equal(await trimmer(1, 30).trim(), 0);
  t.match(await extent(boardId), { first: 1, last: 6, head: 6 });
  await age(boardId, 31, 6);
  t.equal(await trimmer(1000, 30).trim(), 6);
  t.strictSame(await sql('select * from teamboard.board_log where board_id = $1', [boardId]), []);
});

t.test('a stream whose cursor was trimmed away meanwhile says so (E2)', async (t) => {
  const node = await startNode(t, url);
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const { cursor } = (await ada.get(`/boards/${boardId}`)).body;
  await sql(`insert into teamboard.items (board_id, text) select $1, n::text from generate_series(1, 20) n`, [boardId]);
  await age(boardId, 40, 22);
  t.equal(await trimmer(5, 30).trim(), 17);
  const stream = await openStream(t, node.url, boardId, { ...ada, headers: { 'last-event-id': cursor } });
  t.equal((await stream.next('reset')).data.reason, 'trimmed');
  const page = await ada.get(`/boards/${boardId}/events?after=${cursor}`, { accept: 'application/json' });
  t.match(page.body, { events: [], reset: { reason: 'trimmed' } });
});
