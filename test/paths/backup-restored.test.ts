// A backup is restored into the same server: the last event is lost, and its number is given out again. Only the value
// that the instructions for a restore change tells the two histories apart.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';

t.test('another history of the database resets every stream before its first event (E2)', async (t) => {
  const { url, sql } = await useDatabase(t);
  const node = await startNode(t, url);
  const { ada, boardId, stream: live } = await openBoard(t, node);
  const insert = (text: string) => sql('insert into items (board_id, text) values ($1, $2)', [boardId, text]);
  const withSnapshot = await openStream(t, node.url, boardId, { ...ada, query: '?snapshot=true' });
  await withSnapshot.next('snapshot');
  await insert('lost');
  await Promise.all([live.next('changed'), withSnapshot.next('changed')]);
  await sql(`do $$ begin
    alter table items disable trigger user;
    delete from items where board_id = '${boardId}';
    delete from board_events where board_id = '${boardId}' and seq = 3;
    update board_log set head = 2 where board_id = '${boardId}';
    perform restore_triggers();
    update log_epoch set value = gen_random_uuid();
  end $$`);
  await sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'teamboard listener'`,
  );
  const reset = await live.next('reset');
  await insert('anew');
  await live.next('changed', ({ data }) => data.object.text === 'anew');
  await withSnapshot.next('changed', ({ data }) => data.object.text === 'anew');
  t.equal(reset.data.reason, 'epoch');
  t.match(reset.data.cursor, /-2$/);
  t.strictSame(
    live.frames.map(({ event }) => event),
    ['ready', 'changed', 'reset', 'changed'],
  );
  t.strictSame(
    withSnapshot.frames.map(({ event }) => event),
    ['ready', 'snapshot', 'changed', 'snapshot', 'changed'],
  );
  t.not(live.frames[1]?.id, live.frames[3]?.id, 'the same seq of another history has another cursor');

  const returning = await openStream(t, node.url, boardId, {
    ...ada,
    headers: { 'last-event-id': live.frames[1]?.id ?? '' },
  });
  t.equal((await returning.next('reset')).data.reason, 'epoch');
});

t.test('whose membership the restored history never had is shown nothing of it (E6)', async (t) => {
  const { url, sql } = await useDatabase(t);
  const node = await startNode(t, url);
  const { ada, boardId, stream: owners } = await openBoard(t, node);
  const bob = await Client.signUp(node, 'Bob');
  const member = [boardId, bob.user.id];
  await sql(`insert into members (board_id, user_id, role) values ($1, $2, 'editor')`, member);
  const guest = await openStream(t, node.url, boardId, bob);
  const withSnapshot = await openStream(t, node.url, boardId, { ...bob, query: '?snapshot=true' });
  await Promise.all([guest.next('ready'), withSnapshot.next('snapshot')]);

  // As if Bob had come after the backup. No event tells of it.
  await sql(`do $$ begin
    alter table members disable trigger user;
    delete from members where board_id = '${boardId}' and user_id = '${bob.user.id}';
    perform restore_triggers();
    update log_epoch set value = gen_random_uuid();
  end $$`);
  await sql('insert into items (board_id, text) values ($1, $2)', [boardId, 'not for Bob']);
  await Promise.all([guest.end(), withSnapshot.end(), owners.next('reset')]);
  for (const { frames, raw } of [guest, withSnapshot]) {
    t.strictSame(frames.at(-1)?.data, { reason: 'revoked', retry: false });
    t.notMatch(raw, /not for Bob|event:reset/);
  }
  t.equal((await ada.get(`/boards/${boardId}`)).status, 200);
});

t.test('forty streams that are reset at once look their memberships up together (E5)', async (t) => {
  const { url, sql } = await useDatabase(t);
  const node = await startNode(t, url);
  const { ada, boardId } = await openBoard(t, node);
  const streams = await Promise.all(Array.from({ length: 40 }, () => openStream(t, node.url, boardId, ada)));
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
  await sql('update log_epoch set value = gen_random_uuid()');
  await sql('insert into items (board_id, text) values ($1, $2)', [boardId, 'anew']);
  await Promise.all(streams.map((stream) => stream.next('reset')));
  t.ok(asked > 0, 'the streams asked again');
  t.equal(most, 1, 'writes need connections meanwhile');
  t.ok(all < 10, `${all} statements for all of them`);
});
