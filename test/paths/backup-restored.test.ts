// A backup is restored into the same server: the last event is lost, and its number is given out again. Only the value
// that the instructions for a restore change tells the two histories apart.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { type EventStream, openMany, openStream, type ReceivedFrame } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { until } from '../helpers/until.ts';

t.test('another history of the database resets every stream before its first event (E2)', async (t) => {
  const { url, sql } = await useDatabase(t);
  const node = await startNode(t, url);
  const { ada, boardId, streams, besideId } = await openBoard(t, node);
  const insert = (text: string) => sql('insert into teamboard.items (board_id, text) values ($1, $2)', [boardId, text]);
  const kinds = [undefined, [besideId]];
  const query = '?snapshot=true';
  const withSnapshot = await Promise.all(
    kinds.map((beside) => openStream(t, node.url, boardId, { ...ada, query, beside })),
  );
  const before = await Promise.all(withSnapshot.map((stream) => stream.next('snapshot')));
  await insert('lost');
  await Promise.all([...streams, ...withSnapshot].map((stream) => stream.next('changed')));
  const lost = streams.map(({ lastEventId = '' }) => lastEventId);
  await sql(`do $$ begin
    alter table teamboard.items disable trigger user;
    delete from teamboard.items where board_id = '${boardId}';
    delete from teamboard.board_events where board_id = '${boardId}' and seq = 3;
    update teamboard.board_log set head = 2 where board_id = '${boardId}';
    perform teamboard.restore_triggers();
    update teamboard.log_epoch set value = gen_random_uuid();
  end $$`);
  await sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'teamboard listener'`,
  );
  // What is written before the board is read anew comes inside the snapshot, and as no event.
  const isReread = ({ id }: ReceivedFrame) => before.every((frame) => frame.id !== id);
  await Promise.all([
    ...streams.map((stream) => stream.next('reset')),
    ...withSnapshot.map((stream) => stream.next('snapshot', isReread)),
  ]);
  await insert('anew');
  const isAnew = ({ data }: ReceivedFrame) => data.object.text === 'anew';
  await Promise.all([...streams, ...withSnapshot].map((stream) => stream.next('changed', isAnew)));
  for (const stream of streams) {
    const { data } = await stream.next('reset');
    t.equal(data.reason, 'epoch');
    t.match(data.cursor, /-2$/);
    t.strictSame(
      stream.frames.map(({ event }) => event),
      ['ready', 'changed', 'reset', 'changed'],
    );
    t.not(stream.frames[1]?.id, stream.frames[3]?.id, 'the same seq of another history has another cursor');
  }
  for (const { frames } of withSnapshot) {
    t.strictSame(
      frames.map(({ event }) => event),
      ['ready', 'snapshot', 'changed', 'snapshot', 'changed'],
    );
  }

  for (const [index, beside] of kinds.entries()) {
    const headers = { 'last-event-id': lost[index] ?? '' };
    const returning = await openStream(t, node.url, boardId, { ...ada, headers, beside });
    t.equal((await returning.next('reset')).data.reason, 'epoch');
  }
});

t.test('whose membership the restored history never had is shown nothing of it (E6)', async (t) => {
  const { url, sql } = await useDatabase(t);
  const node = await startNode(t, url);
  const { ada, boardId, streams: owners } = await openBoard(t, node);
  const bob = await Client.signUp(node, 'Bob');
  const member = [boardId, bob.user.id];
  await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, member);
  const his = await bob.createBoard();
  const guests: EventStream[] = [];
  for (const beside of [undefined, [his]]) {
    const guest = await openStream(t, node.url, boardId, { ...bob, beside });
    const withSnapshot = await openStream(t, node.url, boardId, { ...bob, query: '?snapshot=true', beside });
    await Promise.all([guest.next('ready'), withSnapshot.next('snapshot')]);
    guests.push(guest, withSnapshot);
  }

  // As if Bob had come after the backup. No event tells of it.
  await sql(`do $$ begin
    alter table teamboard.members disable trigger user;
    delete from teamboard.members where board_id = '${boardId}' and user_id = '${bob.user.id}';
    perform teamboard.restore_triggers();
    update teamboard.log_epoch set value = gen_random_uuid();
  end $$`);
  await sql('insert into teamboard.items (board_id, text) values ($1, $2)', [boardId, 'not for Bob']);
  await Promise.all([...guests.map((guest) => guest.next('close')), ...owners.map((stream) => stream.next('reset'))]);
  for (const [index, { frames, ended, raw }] of guests.entries()) {
    const isMany = index > 1;
    t.strictSame(frames.at(-1)?.data, { ...(isMany && { boardId }), reason: 'revoked', retry: false });
    t.notMatch(raw, /not for Bob/);
    t.notOk(frames.some(({ event }) => event === 'reset'));
    if (isMany) t.notOk(ended, 'the stream of another board as well goes on');
    else await guests[index]?.end();
  }
  t.equal((await ada.get(`/boards/${boardId}`)).status, 200);
});

t.test('forty streams that are reset at once look their memberships up together (E5)', async (t) => {
  const { url, sql } = await useDatabase(t);
  const node = await startNode(t, url);
  const { ada, boardId, besideId } = await openBoard(t, node);
  const streams = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      openStream(t, node.url, boardId, { ...ada, ...(index % 2 === 1 && { beside: [besideId] }) }),
    ),
  );
  await Promise.all(streams.map((stream) => stream.next('ready')));

  const { places } = node.app;
  const { read } = places;
  let [underWay, most, all, asked] = [0, 0, 0, 0];
  places.read = async (questions) => {
    underWay += 1;
    all += 1;
    asked += questions.length;
    most = Math.max(most, underWay);
    try {
      return await read(questions);
    } finally {
      underWay -= 1;
    }
  };
  await sql('update teamboard.log_epoch set value = gen_random_uuid()');
  await sql('insert into teamboard.items (board_id, text) values ($1, $2)', [boardId, 'anew']);
  await Promise.all(streams.map((stream) => stream.next('reset')));
  t.ok(asked > 0, 'the streams asked again');
  t.equal(most, 1, 'writes need connections meanwhile');
  t.ok(all < 10, `${all} statements for all of them`);
});

t.test(
  'a stream of many boards is reset on each, and goes on by the cursor of any frame before, between and after (E2)',
  async (t) => {
    const { url, sql } = await useDatabase(t);
    const node = await startNode(t, url);
    const ada = await Client.signUp(node);
    // Not equally far: to take the place of one for that of the other would be seen.
    const heads = new Map([
      [await ada.createBoard(), 5],
      [await ada.createBoard(), 2],
    ]);
    const boards = [...heads.keys()];
    const insert = (boardId: string, count = 1) =>
      sql(`insert into teamboard.items (board_id, text) select $1, 'x' from generate_series(1, $2::int)`, [
        boardId,
        count,
      ]);
    const insertInEach = async () => {
      for (const boardId of boards) await insert(boardId);
    };
    for (const [boardId, head] of heads) await insert(boardId, head - 2);
    const open = async (lastEventId?: string) => {
      const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
      const stream = await openMany(t, node.url, boards, { ...ada, headers });
      await stream.next('ready');
      return stream;
    };
    /** What a stream was told of the log of a board, by its numbers from the head on that both histories have. */
    const toldOf = ({ frames }: EventStream, boardId: string) =>
      frames
        .filter(({ event, data }) => (event === 'changed' || event === 'reset') && data.boardId === boardId)
        .map(({ event, data }) => (event === 'changed' ? data.seq - (heads.get(boardId) ?? 0) : data.reason));
    const hears = (stream: EventStream, last: number | string) =>
      until(
        () => boards.every((boardId) => toldOf(stream, boardId).includes(last)),
        `${last} of each in ${JSON.stringify(stream.frames)}`,
      );
    const isReset = ({ event }: ReceivedFrame) => event === 'reset';

    const stream = await open();
    const withoutCursor = await open();
    await insertInEach();
    await Promise.all([hears(stream, 1), hears(withoutCursor, 1)]);
    // The numbers of the boards are given out again as well, the other way round.
    const swap = `update teamboard.board_log set number = case board_id when '${boards[0]}' then $1::bigint else $2 end
      where board_id = any ($3::uuid[])`;
    const numbers = await sql<{ number: string }>(
      `select number from teamboard.board_log where board_id = any ($1::uuid[]) order by board_id = $2 desc`,
      [boards, boards[0]],
    );
    await sql(`do $$ begin
      alter table teamboard.items disable trigger user;
      delete from teamboard.items using teamboard.board_log
        where items.board_id = board_log.board_id and board_log.board_id in ('${boards.join(`', '`)}');
      delete from teamboard.board_events using teamboard.board_log
        where board_events.board_id = board_log.board_id and seq = head and board_log.board_id in ('${boards.join(`', '`)}');
      update teamboard.board_log set head = head - 1 where board_id in ('${boards.join(`', '`)}');
      perform teamboard.restore_triggers();
      update teamboard.log_epoch set value = gen_random_uuid();
    end $$`);
    await sql(swap, [-1, -2, boards]);
    await sql(swap, [numbers[1]?.number, numbers[0]?.number, boards]);
    await sql(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'teamboard listener'`,
    );
    await Promise.all([hears(stream, 'epoch'), hears(withoutCursor, 'epoch')]);
    await insertInEach();
    await until(
      () => [stream, withoutCursor].every((each) => boards.every((boardId) => toldOf(each, boardId).length === 3)),
      'the events anew',
    );
    for (const each of [stream, withoutCursor]) {
      for (const boardId of boards) t.strictSame(toldOf(each, boardId), [1, 'epoch', 1]);
      for (const { data } of each.frames.filter(isReset)) {
        t.match(data.cursor, new RegExp(`-${heads.get(data.boardId)}$`));
      }
    }

    const returning: Array<{ back: EventStream; due: Map<string, Array<number | string>> }> = [];
    for (const [index, { id }] of stream.frames.entries()) {
      if (id === undefined) continue;
      const before = stream.frames.slice(0, index + 1);
      const due = new Map(
        boards.map((boardId) => {
          const ofBoard = before.filter(({ data }) => data.boardId === boardId);
          const wasReset = ofBoard.some(isReset);
          const hasAll = wasReset && ofBoard.at(-1)?.event === 'changed';
          return [boardId, wasReset ? (hasAll ? [] : [1]) : ['epoch']];
        }),
      );
      returning.push({ back: await open(id), due });
    }
    t.equal(returning.length, 7, 'ready, and each frame of the logs');
    const isTold = ({ back, due }: (typeof returning)[number]) =>
      [...due].every(([boardId, wanted]) => toldOf(back, boardId).length >= wanted.length);
    await until(() => returning.every(isTold), 'what is due');
    await insertInEach();
    for (const { back, due } of returning) {
      await hears(back, 2);
      for (const [boardId, wanted] of due) t.strictSame(toldOf(back, boardId), [...wanted, 2]);
    }
  },
);
