// Ephemeral events: who may send them, who is told, in what order, and what they never do to the log.

import pg from 'pg';
import t, { type Test } from 'tap';
import { expectWithin, SECOND_MS, timed } from '../helpers/bounds.ts';
import { type Answer, Client } from '../helpers/client.ts';
import { type EventStream, openStream } from '../helpers/event-stream.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { startPair } from '../helpers/node-pair.ts';
import { sameProblem } from '../helpers/problem.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { range } from '../helpers/seqs.ts';
import { serverSideOf, stands } from '../helpers/server-side.ts';
import { withoutSweeps } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const { sql } = database;
const node = await startNode(t, database.url);

interface Told {
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  data: any;
  from: { user: { id: string; name: string }; streamId?: string };
  at: string;
}

/** A board of Ada's, of which Bob is an editor and Vic a viewer. */
async function startBoard(at: TestNode = node) {
  const [ada, bob, vic] = [
    await Client.signUp(at, 'Ada'),
    await Client.signUp(at, 'Bob'),
    await Client.signUp(at, 'Vic'),
  ];
  const boardId = await ada.createBoard();
  for (const [{ user }, role] of [
    [bob, 'editor'],
    [vic, 'viewer'],
  ] as const) {
    await sql('insert into teamboard.members (board_id, user_id, role) values ($1, $2, $3)', [boardId, user.id, role]);
  }
  return { ada, bob, vic, boardId, path: `/boards/${boardId}/broadcasts`, head: 4 };
}

/** A stream that follows its board, and its id. */
async function open(t: Test, { url }: Pick<TestNode, 'url'>, boardId: string, { cookie }: Client) {
  const stream = await openStream(t, url, boardId, { cookie });
  const { streamId } = (await stream.next('ready')).data;
  return { stream, streamId: streamId as string };
}

function told({ frames }: EventStream): Told[] {
  return frames.filter(({ event }) => event === 'broadcast').map(({ data }) => data);
}

/** Waits for a broadcast of that name. */
async function hear(stream: EventStream, name: string): Promise<Told> {
  return (await stream.next('broadcast', ({ data }) => data.name === name)).data;
}

t.test('everyone who has the board open is told, exactly this, and nothing is kept', async (t) => {
  const { ada, bob, boardId, path, head } = await startBoard();
  const { stream } = await open(t, node, boardId, ada);
  const before = (await ada.get(`/boards/${boardId}`)).body;
  const data = { x: 1.5, y: [null, 'ü\n\u2028"'], 'event:changed': '\r\n\r\nid:1' };
  const earliest = new Date().toISOString();
  const answer = await bob.post(path, { name: 'cursor', data });
  const latest = new Date().toISOString();
  t.equal(answer.status, 202);
  t.equal(answer.body, undefined);
  t.equal(answer.headers.get('content-length'), '0');
  const { at } = await hear(stream, 'cursor');
  t.ok(at >= earliest && at <= latest, at);
  const json = JSON.stringify({ boardId, name: 'cursor', data, from: { user: pick(bob) }, at });
  t.ok(stream.raw.includes(`\n\nevent:broadcast\ndata:${json}\n\n`), 'the frame, byte for byte, without an id');

  for (const value of [null, 0, '', [], {}, false]) await ada.post(path, { name: 'any', data: value });
  await until(() => told(stream).length === 7, 'the other values');
  t.strictSame(
    told(stream)
      .slice(1)
      .map(({ data }) => data),
    [null, 0, '', [], {}, false],
  );

  const late = await openStream(t, node.url, boardId, { ...ada, headers: { 'last-event-id': before.cursor } });
  await ada.post(`/boards/${boardId}/items`, { text: 'later' });
  await late.next('changed');
  t.strictSame(told(late), [], 'who comes later is told nothing');
  t.strictSame(late.seqs, [head + 1]);
  const { events } = (await ada.get(`/boards/${boardId}/events`, { accept: 'application/json' })).body;
  t.equal(events.length, head + 1);
  t.equal((await ada.get(`/boards/${boardId}`)).body.board.version, before.board.version);
});

t.test('no echo on the stream that the sender names, if it is the sender’s', async (t) => {
  const { ada, bob, boardId, path } = await startBoard();
  const [own, second, bobs] = [
    await open(t, node, boardId, ada),
    await open(t, node, boardId, ada),
    await open(t, node, boardId, bob),
  ];
  // All at once, so that they reach the streams as one piece.
  const sent = await Promise.all([
    ada.post(path, { name: 'first', data: 1 }, { 'stream-id': own.streamId }),
    bob.post(path, { name: 'not-mine', data: 2 }, { 'stream-id': own.streamId.toUpperCase() }),
    ada.post(path, { name: 'second', data: 3 }, { 'stream-id': own.streamId }),
    bob.post(path, { name: 'own', data: 4 }, { 'stream-id': bobs.streamId }),
    ada.post(path, { name: 'echo', data: 5 }),
  ]);
  t.same(new Set(sent.map(({ status }) => status)), new Set([202]));
  await ada.post(path, { name: 'last', data: 6 });
  for (const { stream } of [own, second, bobs]) await hear(stream, 'last');
  const names = ({ stream }: typeof own) =>
    told(stream)
      .map(({ name }) => name)
      .sort();
  t.strictSame(names(own), ['echo', 'last', 'not-mine', 'own'], 'nobody else hides anything from her');
  t.strictSame(names(second), ['echo', 'first', 'last', 'not-mine', 'own', 'second']);
  t.strictSame(names(bobs), ['echo', 'first', 'last', 'not-mine', 'second']);
  t.strictSame((await hear(second.stream, 'first')).from, { user: pick(ada), streamId: own.streamId });
  t.strictSame((await hear(second.stream, 'not-mine')).from, { user: pick(bob), streamId: own.streamId });
  for (const { stream } of [own, second, bobs]) {
    const withId = stream.frames.filter(({ id }) => id !== undefined).map(({ event }) => event);
    t.strictSame(withId, ['ready'], 'no broadcast has an id');
  }
});

t.test('those of one sender come in order, once, together in few notifications and writes', async (t) => {
  const { ada, bob, vic, boardId, path } = await startBoard();
  const { stream } = await open(t, node, boardId, ada);
  const payloads: string[] = [];
  const listener = new pg.Client(database.url);
  await listener.connect();
  t.teardown(() => listener.end());
  listener.on('notification', ({ payload = '' }) => void payloads.push(payload));
  await listener.query(`listen "teamboard_board_${boardId}"`);

  // One in 20 ms, whatever comes meanwhile; on a busy machine it takes longer, and so they are more.
  const windowsSince = (startedAt: number) => Math.ceil((performance.now() - startedAt) / 20) + 2;
  const PER_SENDER = 60;
  let startedAt = performance.now();
  await Promise.all(
    [ada, bob, vic, bob].map(async (sender, lane) => {
      for (let n = 1; n <= PER_SENDER; n += 1) {
        const { status } = await sender.post(path, { name: `lane-${lane}`, data: n });
        if (status !== 202) t.fail(`${status}`);
      }
    }),
  );
  const most = windowsSince(startedAt);
  await until(() => told(stream).length >= 4 * PER_SENDER, 'all of them');
  for (const lane of [0, 1, 2, 3]) {
    const numbers = told(stream).flatMap(({ name, data }) => (name === `lane-${lane}` ? [data] : []));
    t.strictSame(numbers, range(1, PER_SENDER), `lane ${lane}`);
  }
  await listener.query('select');
  t.ok(payloads.length <= most, `${payloads.length} notifications in ${most} times 20 ms`);

  payloads.length = 0;
  startedAt = performance.now();
  const many = Array.from({ length: 200 }, (_, n) => bob.post(path, { name: 'burst', data: 'x'.repeat(n) }));
  t.ok((await Promise.all(many)).every(({ status }) => status === 202));
  const windows = windowsSince(startedAt);
  await listener.query('select');
  const full = Math.ceil(payloads.join('').length / (7.5 * 1024));
  t.ok(payloads.length <= windows + full, `${payloads.length} notifications for 200, in ${windows} times 20 ms`);
  t.ok(payloads.every((payload) => payload.startsWith('[') && Buffer.byteLength(payload) < 7.5 * 1024));
});

t.test('whoever may see the board may broadcast, or who the setting says; nobody else learns of it', async (t) => {
  const { ada, bob, vic, boardId, path } = await startBoard();
  const eve = await Client.signUp(node, 'Eve');
  const body = { name: 'cursor', data: {} };
  const roles = [vic, bob, ada];
  for (const user of roles) t.equal((await user.post(path, body)).status, 202);
  const foreign = await eve.post(path, body);
  sameProblem(t, foreign, 'TB_NOT_FOUND');
  const unknown = await eve.post(path.replace(boardId, '01a203b6-1fa0-7192-875a-07443cb85f66'), body);
  t.strictSame(unknown.body, foreign.body);
  t.equal((await eve.post('/boards/x/broadcasts', body)).status, 404);
  sameProblem(t, await Client.nobody(node).post(path, body), 'TB_UNAUTHENTICATED');

  for (const [broadcastsFrom, statuses] of [
    ['editor', [403, 202, 202]],
    ['owner', [403, 403, 202]],
  ] as const) {
    const strict = await startNode(t, database.url, { broadcastsFrom });
    const answers = await Promise.all(roles.map((user) => user.at(strict).post(path, body)));
    t.strictSame(
      answers.map(({ status }) => status),
      statuses,
      broadcastsFrom,
    );
    if (answers[0]) sameProblem(t, answers[0], 'TB_FORBIDDEN');
    sameProblem(t, await eve.at(strict).post(path, body), 'TB_NOT_FOUND');
  }
});

t.test('what is no broadcast is refused, and the largest one arrives as it was', async (t) => {
  const { ada, boardId, path } = await startBoard();
  // The longest name that a user can have, as it is written in JSON.
  const longest = await Client.signUp(node, '😀'.repeat(100));
  await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
    boardId,
    longest.user.id,
  ]);
  const { stream, streamId } = await open(t, node, boardId, ada);
  for (const body of [
    {},
    { name: 'x' },
    { data: 1 },
    { name: '', data: 1 },
    { name: 'a b', data: 1 },
    { name: 'a\nb', data: 1 },
    { name: 'x'.repeat(65), data: 1 },
    { name: 1, data: 1 },
    { name: 'x', data: 1, more: 1 },
    { name: 'x', data: { deep: ['\0'] } },
    { name: 'x', data: { '\0': 1 } },
    '{"name":"x","data":"\\ud800"}',
    '{"name":"x","data":1e400}',
    '{"name":"x","data":{"__proto__":1}}',
    '{"name":"x"',
    '[]',
  ]) {
    const answer = await ada.post(path, body);
    t.equal(answer.status, 400, JSON.stringify(body));
    t.equal(answer.body.code, 'TB_INVALID');
  }
  t.equal((await ada.post(path, { name: 'x', data: 1 }, { 'stream-id': 'x' })).status, 400);
  sameProblem(t, await ada.post(path, 'x', { 'content-type': 'text/plain' }), 'TB_UNSUPPORTED_MEDIA_TYPE');

  const fitting = { name: 'large', data: 'ü'.repeat(3000) };
  fitting.data += 'x'.repeat(7 * 1024 - Buffer.byteLength(JSON.stringify(fitting)));
  t.equal(Buffer.byteLength(JSON.stringify(fitting)), 7 * 1024);
  t.equal((await longest.post(path, fitting, { 'stream-id': streamId })).status, 202);
  const large = await hear(stream, 'large');
  t.equal(large.data, fitting.data);
  t.strictSame(large.from, { user: pick(longest), streamId });
  sameProblem(t, await ada.post(path, { ...fitting, data: `${fitting.data}x` }), 'TB_TOO_LARGE');
  const growing = `{"name":"x","data":[${Array(1000).fill('1e20').join()}]}`;
  sameProblem(t, await ada.post(path, growing), 'TB_TOO_LARGE', { message: 'short as it comes, 22 KB as it would go' });
});

t.test('a forged notification makes no frame that is none, and no failure (E4)', async (t) => {
  const { ada, boardId, path, head } = await startBoard();
  const { stream } = await open(t, node, boardId, ada);
  const at = '2026-01-01T00:00:00.000Z';
  const good = ['forged', { a: 1 }, 'someone', 'Someone', null, at];
  for (const payload of [
    '[',
    '[]',
    '[[]]',
    '[null,1,"x",{}]',
    '[["x"]]',
    JSON.stringify([[...good, 'more']]),
    JSON.stringify([['a\nb', 1, 'someone', 'Someone', null, at]]),
    JSON.stringify([['x', 1, 'someone', 'Someone', null, 'today\n\nevent:close']]),
    JSON.stringify([['x', 1, { id: 1 }, 'Someone', null, at]]),
    `[["x",${'['.repeat(3900)}${']'.repeat(3900)},"someone","Someone",null,"${at}"]]`,
    '['.repeat(7999),
  ]) {
    await sql('select pg_notify($1, $2)', [`teamboard_board_${boardId}`, payload]);
  }
  // Among others that are none.
  await sql('select pg_notify($1, $2)', [`teamboard_board_${boardId}`, JSON.stringify([1, good, ['x']])]);
  t.strictSame(await hear(stream, 'forged'), {
    boardId,
    name: 'forged',
    data: { a: 1 },
    from: { user: { id: 'someone', name: 'Someone' } },
    at,
  });
  await ada.post(path, { name: 'real', data: 1 });
  await hear(stream, 'real');
  await ada.post(`/boards/${boardId}/items`, { text: 'Hi' });
  await stream.next('changed', ({ data }) => data.seq === head + 1);
  const names = told(stream).map(({ name }) => name);
  t.ok(names.length <= 3 && names.every((name) => ['x', 'forged', 'real'].includes(name)), names.join());
  t.same(
    node.logged.filter(({ level }) => Number(level) >= 50),
    [],
  );
});

t.test('on a board on which more is broadcast than can be told, the newest are (E5)', async (t) => {
  const { ada, boardId } = await startBoard();
  const { stream } = await open(t, node, boardId, ada);
  const timeEvent = () =>
    timed(async () => {
      const { body } = await ada.post(`/boards/${boardId}/items`, { text: 'Hi' });
      await stream.next('changed', ({ data }) => data.id === body.item.id);
    });
  const alone = Math.min(await timeEvent(), await timeEvent(), await timeEvent());
  const entry = `json_build_array($3::text, json_build_array(n, repeat('x', 7000)), 'someone', 'Someone', null, $2::text)`;
  const flood = `select pg_notify($1, json_build_array(${entry})::text) from generate_series(1, 500) n`;
  let round = 0;
  // An event waits for none of them.
  await expectWithin(t, { besideMs: 5 * alone + SECOND_MS }, async () => {
    round += 1;
    const name = `flood-${round}`;
    const startedAt = performance.now();
    await sql(flood, [`teamboard_board_${boardId}`, '2026-01-01T00:00:00.000Z', name]);
    const besideMs = await timeEvent();
    t.comment(`an event took ${Math.round(alone)} ms, and ${Math.round(besideMs)} ms beside them`);
    await stream.next('broadcast', ({ data }) => data.name === name && data.data[0] === 500);
    // 32 KB in 25 ms, however long the server takes to announce them.
    const most = 4 * (Math.ceil((performance.now() - startedAt) / 25) + 1);
    const numbers = told(stream).flatMap((each) => (each.name === name ? [each.data[0]] : []));
    t.strictSame(
      numbers,
      [...numbers].sort((one, other) => one - other),
      'in order',
    );
    t.ok(numbers.length >= 4 && numbers.length <= most, `${numbers.length} of 500, at most ${most}`);
    return { besideMs };
  });
});

t.test('never before ready, nor before a reset that is due (E2)', async (t) => {
  const { ada, bob, boardId, path } = await startBoard();
  const watching = await open(t, node, boardId, bob);
  const { places } = node.app;
  const { read } = places;
  t.teardown(() => {
    places.read = read;
  });
  let asked = 0;
  let answer = () => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  places.read = async (questions) => {
    const isHers = questions.some(({ reader }) => reader.userId === ada.user.id);
    if (isHers) asked += 1;
    // The first is for `ready`: a reset looks once more.
    if (isHers && asked === 2) await held;
    return read(questions);
  };
  const stream = await openStream(t, node.url, boardId, { ...ada, headers: { 'last-event-id': 'nonsense' } });
  await stream.next('ready');
  await until(() => asked === 2, 'the reset to be due');
  await bob.post(path, { name: 'early', data: 1 });
  await hear(watching.stream, 'early');
  answer();
  await stream.next('reset');
  await bob.post(path, { name: 'late', data: 1 });
  await hear(stream, 'late');
  t.strictSame(
    stream.frames.map(({ event, data }) => data.name ?? event),
    ['ready', 'reset', 'late'],
  );
});

t.test('a client that stalls misses them, and later no event; nobody waits for it (E2, E5)', async (t) => {
  const { ada, bob, boardId, path, head } = await startBoard();
  const [stalled, reading] = [await open(t, node, boardId, ada), await open(t, node, boardId, bob)];
  const ofStalled = serverSideOf(node, ({ streamId }) => streamId === stalled.streamId);
  if (!ofStalled) throw new Error('no such stream');
  const serverSide = ofStalled.stream.socket;
  stalled.stream.socket.pause();
  let last = head;
  while ((serverSide?.writableLength ?? 0) === 0 || !(await stands(ofStalled))) {
    await sql(
      `insert into teamboard.items (board_id, text) select $1, repeat('x', 10000) from generate_series(1, 100)`,
      [boardId],
    );
    last += 100;
    await reading.stream.next('changed', ({ data }) => data.seq === last);
  }
  const waiting = serverSide?.writableLength ?? 0;
  const data = 'x'.repeat(7000);
  for (let n = 0; n < 100; n += 1) await bob.post(path, { name: `missed-${n}`, data });
  // Of more than can be told the newest is, always; all of them are not, on a machine that is slow.
  await hear(reading.stream, 'missed-99');
  t.ok((serverSide?.writableLength ?? 0) <= waiting, 'nothing was put to what waits for it');
  await ada.post(`/boards/${boardId}/items`, { text: 'meanwhile' });
  await reading.stream.next('changed', ({ data }) => data.seq === last + 1);

  stalled.stream.socket.resume();
  await stalled.stream.next('changed', ({ data }) => data.seq === last + 1);
  t.strictSame(stalled.stream.seqs, range(head + 1, last + 1), 'every event');
  t.strictSame(told(stalled.stream), []);
  await until(() => (serverSide?.writableLength ?? 0) === 0, 'all to be taken');
  await bob.post(path, { name: 'again', data: 1 });
  await hear(stalled.stream, 'again');
});

t.test('while the database is away a broadcast is dropped, and the sender told so (E8)', async (t) => {
  const { ada, boardId, path } = await startBoard();
  const proxy = await startFaultyProxy(t, database.url);
  const cutOff = await startNode(t, database.url, { databaseDirectUrl: proxy.url });
  const sender = ada.at(cutOff);
  const { stream } = await open(t, cutOff, boardId, ada);
  await sender.post(path, { name: 'before', data: 1 });
  await hear(stream, 'before');
  proxy.cut();
  const refused = await until(async () => {
    const answer = await sender.post(path, { name: 'lost', data: 1 });
    return answer.status !== 202 && answer;
  }, 'a refusal');
  sameProblem(t, refused, 'TB_UNAVAILABLE');
  t.match(refused.headers.get('retry-after'), /^\d+$/);
  // The answers that the connection owes are lost as well.
  const lose = async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => sender.post(path, { name: 'lost', data: 1 })));
    t.same(new Set(all.map(({ status }) => status)), new Set([503]));
  };
  await expectWithin(t, { refusedMs: 3000 }, async () => ({ refusedMs: await timed(lose) }));
  proxy.restore();
  await until(async () => (await sender.post(path, { name: 'after', data: 1 })).status === 202, 'the way back');
  const later = async () => {
    await sender.post(path, { name: 'after', data: 1 });
    return told(stream).some(({ name }) => name === 'after');
  };
  await until(later, 'a broadcast again');
  t.notOk(stream.ended, 'the stream was open all the time');
});

t.test('many look-ups of one sender are one, and what has ended is believed for less than a second', async (t) => {
  const { bob, path } = await startBoard();
  const { sessions, boards } = node.app;
  const asked = { session: 0, role: 0 };
  const { find } = sessions;
  const { tellerRoleOf } = boards;
  t.teardown(() => {
    sessions.find = find;
    boards.tellerRoleOf = tellerRoleOf;
  });
  sessions.find = (secret) => {
    asked.session += 1;
    return find(secret);
  };
  boards.tellerRoleOf = (...of) => {
    asked.role += 1;
    return tellerRoleOf(...of);
  };
  const body = { name: 'cursor', data: 1 };
  const began = performance.now();
  for (let n = 0; n < 100; n += 1) await bob.post(path, body);
  const most = 1 + Math.ceil((performance.now() - began) / 800);
  t.ok(asked.session <= most && asked.role <= most, `${asked.session} and ${asked.role} of ${most}`);

  await expectWithin(t, { roleMs: SECOND_MS, sessionMs: SECOND_MS }, async () => {
    const { ada, bob, boardId, path } = await startBoard();
    /** @returns how long the sender was believed */
    const untilRefused = async (sender: Client, what: keyof typeof asked, code: string) => {
      const before = asked[what];
      const ms = await timed(() => until(async () => (await sender.post(path, body)).body?.code === code, code));
      t.equal(asked[what], before + 1, 'by the first look after the end');
      return ms;
    };
    t.equal((await bob.post(path, body)).status, 202);
    await sql('delete from teamboard.members where board_id = $1 and user_id = $2', [boardId, bob.user.id]);
    const roleMs = await untilRefused(bob, 'role', 'TB_NOT_FOUND');
    t.equal((await ada.post(path, body)).status, 202);
    await ada.delete('/session');
    return { roleMs, sessionMs: await untilRefused(ada, 'session', 'TB_UNAUTHENTICATED') };
  });
});

t.test('two nodes: told on both, and who is removed neither sends nor hears (E6)', { skip: noPrivateRedis }, (t) =>
  expectWithin(t, { closedMs: SECOND_MS, refusedMs: SECOND_MS }, async () => {
    const { nodes, ada, bob, boardId, database } = await startPair(t, { timings: withoutSweeps() });
    const path = `/boards/${boardId}/broadcasts`;
    const adas = await open(t, nodes[0], boardId, ada);
    const second = await open(t, nodes[1], boardId, ada);
    const bobs = await open(t, nodes[1], boardId, bob);
    t.equal((await ada.post(path, { name: 'from-one', data: 1 }, { 'stream-id': second.streamId })).status, 202);
    t.equal((await bob.at(nodes[1]).post(path, { name: 'from-two', data: 2 })).status, 202);
    for (const { stream } of [adas, second, bobs]) await hear(stream, 'from-two');
    for (const { stream } of [adas, bobs]) await hear(stream, 'from-one');
    t.strictSame(
      told(second.stream).map(({ name }) => name),
      ['from-two'],
      'no echo on one’s own stream at another node',
    );

    await database.sql('delete from teamboard.members where board_id = $1 and user_id = $2', [boardId, bob.user.id]);
    const removedAt = performance.now();
    const closedMs = await timed(() => bobs.stream.end());
    // How long each node believes him: from here on he asks both all the time.
    const refusedMs = Math.max(
      ...(await Promise.all(
        nodes.map(async (each) => {
          let refused: Answer | undefined;
          const isRefused = async () => {
            const answer = await bob.at(each).post(path, { name: 'late', data: 1 });
            if (answer.status !== 202) refused = answer;
            return refused;
          };
          const ms = await timed(() => until(isRefused, 'the refusal'), removedAt);
          if (refused) sameProblem(t, refused, 'TB_NOT_FOUND');
          return ms;
        }),
      )),
    );
    t.equal((await ada.post(path, { name: 'secret', data: 1 })).status, 202);
    await hear(second.stream, 'secret');
    t.notMatch(bobs.stream.raw, 'secret');
    t.match(bobs.stream.raw, /event:close\ndata:\{"reason":"revoked","retry":false\}\n\n$/);
    return { closedMs, refusedMs };
  }),
);

/** As a frame names a user. */
function pick({ user: { id, name } }: Client) {
  return { id, name };
}
