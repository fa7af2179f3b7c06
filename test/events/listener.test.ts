import t, { type Test } from 'tap';
import { Listener } from '../../src/events/listener.ts';
import { timings } from '../../src/timings.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { useDatabase } from '../helpers/node.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const { sql } = database;

t.test('the listener registers in batches, hears what it registered, and nothing else', async (t) => {
  const heard: Array<[string, number | undefined]> = [];
  const ended: string[][] = [];
  const epochs: string[] = [];
  const listener = new Listener({
    connectionString: database.url,
    schema: 'teamboard',
    log: { info: () => {}, warn: () => {} },
    timings: timings.connections,
  });
  listener.subscribe({
    onNotification: (boardId, head) => void heard.push([boardId, head]),
    onAccessEnded: (ids) => void ended.push(ids),
    onConnected: (epoch) => void epochs.push(epoch),
  });
  t.teardown(() => listener.stop());
  const boards = await sql<{ id: string }>('select teamboard.uuid_v7() as id from generate_series(1, 2500)');
  const ids = boards.map(({ id }) => id);
  const early = ids.slice(0, 100);
  await Promise.all(early.map((id) => listener.listen(id)));
  await listener.start();
  await Promise.all(ids.map((id) => listener.listen(id)));
  t.strictSame(epochs, [listener.epoch]);
  t.match(listener.epoch, /^[0-9a-f]{8}$/);

  for (const id of [ids[0], ids[2499]]) await sql('select pg_notify($1, $2)', [`teamboard_board_${id}`, '7']);
  await until(() => heard.length === 2, 'both notifications');
  t.strictSame(heard, [
    [ids[0], 7],
    [ids[2499], 7],
  ]);

  listener.unlisten(ids[0] ?? '');
  await listener.listen('01a203b6-1fa0-7192-875a-07443cb85f66');
  await sql('select pg_notify($1, $2)', [`teamboard_board_${ids[0]}`, '8']);
  await sql('select pg_notify($1, $2)', [`teamboard_board_${ids[1]}`, 'not a number']);
  await until(() => heard.length === 3, 'the board that is still heard');
  t.strictSame(heard[2], [ids[1], undefined]);
  await t.rejects(listener.listen('x"; drop table boards; --'), TypeError);

  t.strictSame(ended, [], 'and of what has ended, nothing so far');
  await sql(`select pg_notify('teamboard_access_ended', $1)`, [`${ids[0]},${ids[1]}`]);
  for (const forged of ['', ',', "x'; drop table sessions; --", 'x'.repeat(7999)]) {
    await sql(`select pg_notify('teamboard_access_ended', $1)`, [forged]);
  }
  await until(() => ended.length === 5, 'all that was announced');
  t.strictSame(ended[0], [ids[0], ids[1]]);
});

/** Longer than any test: answers that are late here, or that a busy machine delays, end no connection. */
const NEVER_MS = 3_600_000;

/** A listener whose database is 30 ms away, and what it is told of broadcasts, which no sweep brings later. */
async function startFarAway(t: Test, { probeMs = NEVER_MS } = {}) {
  const proxy = await startFaultyProxy(t, database.url);
  proxy.slow(30);
  const lines: string[] = [];
  const log = { info: () => {}, warn: (details: object) => void lines.push(JSON.stringify(details)) };
  const listener = new Listener({
    connectionString: proxy.url,
    schema: 'teamboard',
    log,
    timings: { probeMs, answerMs: NEVER_MS },
  });
  const heard = new Set<string>();
  listener.subscribeToBroadcasts((boardId, payload) => void heard.add(`${boardId} ${payload}`));
  let connects = 0;
  listener.subscribe({
    onNotification: () => {},
    onAccessEnded: () => {},
    onConnected: () => {
      connects += 1;
    },
  });
  t.teardown(() => listener.stop());
  const newBoards = async (count: number) =>
    (await sql<{ id: string }>('select teamboard.uuid_v7() as id from generate_series(1, $1::int)', [count])).map(
      ({ id }) => id,
    );
  let rounds = 0;
  /** What of these boards is heard now. */
  const hears = async (ids: string[]) => {
    rounds += 1;
    const last = '01a203b6-1fa0-7192-875a-07443cb85f66';
    await listener.listen(last);
    for (const id of [...ids, last]) await sql('select pg_notify($1, $2)', [`teamboard_board_${id}`, `[${rounds}]`]);
    await until(() => heard.has(`${last} [${rounds}]`), 'the last broadcast');
    return ids.filter((id) => heard.has(`${id} [${rounds}]`));
  };
  /** Waits until the server has taken a statement of the listener. */
  const untilAtServer = (statement: string) => {
    const taken = `select from pg_stat_activity where datname = current_database()
      and application_name = 'teamboard listener' and query ~ ('(^|;)' || $1)`;
    return until(async () => (await sql(taken, [statement])).length > 0, statement);
  };
  return { listener, proxy, lines, heard, newBoards, hears, untilAtServer, connects: () => connects };
}

t.test('a board that is opened again while its UNLISTEN is under way hears its broadcasts (E4)', async (t) => {
  const { listener, newBoards, hears } = await startFarAway(t);
  await listener.start();
  const ids = await newBoards(20);
  await Promise.all(ids.map((id) => listener.listen(id)));
  for (const id of ids) listener.unlisten(id);
  // Some before it has been sent, some while it is under way.
  for (const id of ids) {
    await listener.listen(id);
    if (Number.parseInt(id.slice(-1), 16) % 2) listener.unlisten(id);
    if (Number.parseInt(id.slice(-1), 16) % 4 === 1) await new Promise((resolve) => setTimeout(resolve, 5));
    await listener.listen(id);
  }
  t.strictSame(await hears(ids), ids);
});

t.test('what is opened again is open only when its LISTEN has followed the UNLISTEN (E4)', async (t) => {
  const { listener, newBoards, heard, untilAtServer, proxy } = await startFarAway(t);
  await listener.start();
  const [id = ''] = await newBoards(1);
  await listener.listen(id);
  // The server hears it long before the listener is told so.
  proxy.slow(1000);
  listener.unlisten(id);
  await untilAtServer(`unlisten "teamboard_board_${id}"`);
  let isOpen = false;
  const opening = listener.listen(id).then(() => {
    isOpen = true;
  });
  await untilAtServer(`listen "teamboard_board_${id}"`);
  t.notOk(isOpen, 'it has not been answered');
  proxy.slow(30);
  await opening;
  // Nothing in between brings the connection up to date.
  await sql('select pg_notify($1, $2)', [`teamboard_board_${id}`, '["again"]']);
  await until(() => heard.has(`${id} ["again"]`), 'what came after');
});

t.test('a board that is closed while its LISTEN is under way is not heard any more', async (t) => {
  const { listener, newBoards, hears, lines, untilAtServer, proxy } = await startFarAway(t);
  await listener.start();
  const [kept = '', left = ''] = await newBoards(2);
  // The server hears it long before the listener is told so.
  proxy.slow(1000);
  let isOpen = false;
  const opening = Promise.all([listener.listen(kept), listener.listen(left)]).then(() => {
    isOpen = true;
  });
  await untilAtServer(`listen "teamboard_board_${left}"`);
  t.notOk(isOpen, 'it is under way');
  listener.unlisten(left);
  proxy.slow(30);
  await opening;
  t.strictSame(await hears([kept, left]), [kept]);
  t.strictSame(lines, []);
});

t.test('boards that are opened at any moment of a (re)connect are heard (E4)', async (t) => {
  const { listener, newBoards, hears, connects } = await startFarAway(t);
  const opened: string[] = [];
  /** A board each few milliseconds, up to so many. @returns how many of them before it was over */
  const openUntil = async (ids: string[], isOver: () => boolean) => {
    const opening: Array<Promise<void>> = [];
    for (let left = ids; !isOver(); left = left.slice(1)) {
      const [id] = left;
      if (id) opening.push(listener.listen(id));
      if (id) opened.push(id);
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
    await Promise.all(opening);
    return opening.length;
  };
  const [first, second] = [await newBoards(60), await newBoards(60)];
  void listener.start();
  const whileItConnects = await openUntil(first, () => connects() === 1);
  t.ok(whileItConnects > 5, `${whileItConnects} meanwhile`);
  t.strictSame(await hears(opened), opened);
  // Of this database alone: others of the server are those of tests that run at the same time.
  await sql(`select pg_terminate_backend(pid) from pg_stat_activity
             where application_name = 'teamboard listener' and datname = current_database()`);
  const whileItComesBack = await openUntil(second, () => connects() === 2);
  t.ok(whileItComesBack > 5, `${whileItComesBack} meanwhile`);
  t.strictSame(await hears(opened), opened);
});

t.test('after any turns of opening and closing exactly those are heard that are open (E4)', async (t) => {
  const { listener, newBoards, hears, lines, proxy } = await startFarAway(t);
  proxy.slow(10);
  await listener.start();
  const ids = await newBoards(60);
  const open = new Set<string>();
  let seed = 7;
  const draw = (most: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * most);
  };
  for (let turn = 0; turn < 600; turn += 1) {
    const id = ids[draw(ids.length)] ?? '';
    if (open.delete(id)) listener.unlisten(id);
    else {
      open.add(id);
      void listener.listen(id);
    }
    if (draw(6) === 0) await new Promise((resolve) => setTimeout(resolve, draw(8)));
  }
  t.strictSame(
    await hears(ids),
    ids.filter((id) => open.has(id)),
  );
  t.strictSame(lines, [], 'on the same connection');
});

t.test('the probe compares names: as many channels, but others, are not the same (E4)', async (t) => {
  const { listener, newBoards, hears, lines, proxy, connects } = await startFarAway(t, timings.connections);
  await listener.start();
  const ids = await newBoards(3);
  await Promise.all(ids.map((id) => listener.listen(id)));
  proxy.inject(`unlisten "teamboard_board_${ids[1]}"`, 'UNLISTEN');
  proxy.inject('listen some_other', 'LISTEN');
  await until(() => connects() === 2, 'another connection');
  t.match(lines, [new RegExp(`does not hear teamboard_board_${ids[1]} for us`)]);
  t.strictSame(await hears(ids), ids);
});
