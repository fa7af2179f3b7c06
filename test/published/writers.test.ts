// 16 writers of all kinds of SQL on two published tables, readers that come and go, and a node that is killed: what the logs
// say is what the tables say.

import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { useDatabase } from '../helpers/node.ts';
import { spawnNode } from '../helpers/process.ts';
import { startReader } from '../helpers/reader.ts';
import { findFaults } from '../helpers/seqs.ts';
import { until } from '../helpers/until.ts';

const WRITERS = 16;
const IDS = 12;
/** `SOAK_SECONDS=60` makes more of it. */
const seconds = Number(process.env.SOAK_SECONDS ?? 5);
const boards = ['shelf:0', 'shelf:1', 'shelf:2', 'shelf:3'];
const tables = ['books', 'loans'];

t.setTimeout((seconds + 240) * 1000);

/** What a writer does next: its own ids in both tables, and now and then those that others write too. */
function statementsOf(writer: number, count: number): string[] {
  const pick = <Thing>(of: readonly Thing[]): Thing => of[Math.floor(Math.random() * of.length)] as Thing;
  const table = pick(tables);
  const first = Math.random() < 0.2 ? 0 : writer * IDS + 1;
  const id = first + Math.floor(Math.random() * IDS);
  const board = pick(boards);
  const one = `insert into ${table} values (${id}, '${board}', ${count}) on conflict (id) do update set n = ${count}, shelf = '${board}'`;
  return pick([
    [one],
    [`update ${table} set n = ${count} where id = ${id}`],
    [`delete from ${table} where id = ${id}`],
    [`update ${table} set shelf = '${board}' where id between ${writer * IDS + 1} and ${writer * IDS + IDS}`],
    [
      'begin',
      one,
      `update ${table} set n = -n where id = ${id}`,
      'savepoint a',
      `delete from ${table} where id = ${id}`,
      'rollback to a',
      'commit',
    ],
    ['begin', one, `delete from ${table} where id = ${id}`, 'rollback'],
    [
      'begin',
      `delete from ${table} where id = ${id}`,
      one,
      `insert into ${tables[0]} select ${id}, '${board}', 0 on conflict do nothing`,
      'commit',
    ],
    [
      `insert into ${table} select i, '${board}', ${count} from generate_series(${writer * IDS + 1}, ${writer * IDS + IDS}) i
      on conflict (id) do update set n = excluded.n`,
    ],
  ]);
}

t.test(`16 writers on two published tables for ${seconds} s, and a node is killed (E1, E2, E3, E4)`, async (t) => {
  const { url, sql } = await useDatabase(t);
  const nodes = await Promise.all([0, 1].map(() => spawnNode(t, { DATABASE_URL: url })));
  const [kept, killed] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  const ada = await Client.signUp(kept, 'Ada');
  await sql(`create table public.books (id int primary key, shelf text, n int);
    create table public.loans (id int primary key, shelf text, n int);
    insert into public.books select i, 'shelf:' || i % 4, 0 from generate_series(1, 40) i`);
  const ids = new Map<string, string>();
  for (const key of boards) ids.set(key, (await ada.post('/boards', { name: key, key })).body.board.id);
  for (const table of tables) await sql(`select teamboard.publish('public.${table}', board => 'shelf')`);
  const starts = new Map<string, { cursor: string; seq: number }>();
  for (const key of boards) {
    const { cursor } = (await ada.get(`/boards/~${key}`)).body;
    starts.set(key, { cursor, seq: Number(cursor.split('-')[1]) });
  }

  let isKilled = false;
  const readers = boards.map((key, board) =>
    Array.from({ length: 4 }, (_, index) =>
      startReader(t, {
        address: () => (isKilled || index % 2 === 0 ? kept : killed).url,
        boardId: ids.get(key) ?? '',
        client: ada,
        after: starts.get(key)?.cursor ?? '',
        beside: index < 2 ? undefined : [...ids.values()].filter((_, other) => other !== board),
      }),
    ),
  );
  await until(() => readers.flat().every(({ isOpen }) => isOpen), 'all readers');

  const stopAt = performance.now() + seconds * 1000;
  const failures: string[] = [];
  let committed = 0;
  const write = async (writer: number) => {
    const client = new pg.Client({ connectionString: url });
    t.teardown(() => client.end());
    await client.connect();
    await client.query('set search_path = public');
    for (let count = 1; performance.now() < stopAt; count += 1) {
      try {
        for (const statement of statementsOf(writer, count)) await client.query(statement);
        committed += 1;
      } catch (error) {
        await client.query('rollback');
        // Rows that several writers take in different orders: of the application, with us or without.
        if (!isRowDeadlock(error as Error)) failures.push(String(error));
      }
    }
  };
  const writing = Array.from({ length: WRITERS }, (_, writer) => write(writer));
  await delay(seconds * 500);
  isKilled = true;
  killed.kill('SIGKILL');
  await Promise.all(writing);
  t.same(failures, [], 'no writer fails because of us');
  t.ok(committed > 50, `${committed} transactions`);

  const rows = (
    await Promise.all(tables.map((table) => sql<Row>(`select '${table}' as table, * from public.${table}`)))
  ).flat();
  for (const [board, key] of boards.entries()) {
    const { body } = await ada.get(`/boards/~${key}`);
    const from = (starts.get(key)?.seq ?? 0) + 1;
    const to = Number(body.cursor.split('-')[1]);
    const own = readers[board] ?? [];
    // One that begins only now, and reads all of it.
    const replaying = await openStream(t, kept.url, ids.get(key) ?? '', {
      ...ada,
      headers: { 'last-event-id': starts.get(key)?.cursor ?? '' },
    });
    t.teardown(() => replaying.close());
    t.same(await findFaults([...own, replaying], { from, to }), [], 'no hole, no repeat');
    const texts = (frames: typeof replaying.frames) =>
      frames.filter(({ event }) => event === 'changed').map(({ data }) => JSON.stringify(data));
    for (const { frames } of own) t.same(texts(frames), texts(replaying.frames), 'the same for each');

    const told = replay(await allEvents(ada, key), t);
    const expected = Object.fromEntries(
      rows.filter(({ shelf }) => shelf === key).map(({ table, ...row }) => [`${table} ${row.id}`, row]),
    );
    t.same(Object.fromEntries(told), expected, `${key}: the log says what the tables say`);
    const shown = Object.entries(body.tables as Record<string, { id: string; object: unknown }[]>).flatMap(
      ([table, list]) => list.map(({ id, object }) => [`${table} ${id}`, object]),
    );
    t.same(Object.fromEntries(shown), expected, 'and so does a snapshot');
  }
});

interface Row {
  table: string;
  id: number;
  shelf: string;
}

interface Told {
  seq: number;
  resource: string;
  action: string;
  id: string;
  object: unknown;
}

/** PostgreSQL names what the two waited for: a tuple or a transaction of the application's tables. */
function isRowDeadlock(error: Error & { code?: string; where?: string; detail?: string }): boolean {
  return (
    error.code === '40P01' && !/published_rows|board_log|board_events|advisory/.test(`${error.where} ${error.detail}`)
  );
}

async function allEvents(client: Client, key: string): Promise<Told[]> {
  const events: Told[] = [];
  for (let after = ''; ; ) {
    const { body } = await client.get(`/boards/~${key}/events?limit=500${after && `&after=${after}`}`, {
      accept: 'application/json',
    });
    events.push(...body.events);
    if (!body.hasMore) return events;
    after = body.cursor;
  }
}

/** What is there when all events have been applied, each of which must be possible where it stands. */
function replay(events: Told[], t: { ok: (condition: boolean, message: string) => unknown }): Map<string, unknown> {
  const rows = new Map<string, unknown>();
  const wrong: string[] = [];
  for (const { seq, resource, action, id, object } of events) {
    if (!tables.includes(resource)) continue;
    const name = `${resource} ${id}`;
    if (rows.has(name) === (action === 'created')) wrong.push(`${seq}: ${action} ${name}`);
    if (action === 'deleted') rows.delete(name);
    else rows.set(name, object);
  }
  t.ok(wrong.length === 0, `each event follows from those before: ${wrong.slice(0, 5)}`);
  return rows;
}
