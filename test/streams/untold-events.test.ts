// Events that cannot be told, whoever wrote them: their board's streams are reset, and everything else goes on.

import t, { type Test } from 'tap';
import { expectWithin, timed } from '../helpers/bounds.ts';
import { Client } from '../helpers/client.ts';
import { type EventStream, openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const { sql } = database;
// Longer than the test: a heartbeat is no event that it asks for.
const node = await startNode(t, database.url, { heartbeatSeconds: 60 });
const ada = await Client.signUp(node, 'Ada');

const add = (boardId: string, text: string) => ada.post(`/boards/${boardId}/items`, { text });
const pageOf = (boardId: string, after: string) =>
  ada.get(`/boards/${boardId}/events?after=${after}&limit=3`, { accept: 'application/json' });
const kinds = (stream: EventStream) => stream.frames.map(({ event }) => event);

function open(t: Test, boardId: string, after?: string, query = ''): Promise<EventStream> {
  return openStream(t, node.url, boardId, { ...ada, query, ...(after && { headers: { 'last-event-id': after } }) });
}

async function cursorOf(boardId: string, seq: number): Promise<string> {
  return (await ada.get(`/boards/${boardId}`)).body.cursor.replace(/\d+$/, String(seq));
}

/** In one transaction: an item, its event made into one that cannot be told, and whatever follows. */
async function addUntold(boardId: string, poison: string, more = ''): Promise<void> {
  await sql(`do $$ begin
    insert into teamboard.items (board_id, text) values ('${boardId}', 'untold');
    set constraints all immediate;
    update teamboard.board_events set ${poison} where board_id = '${boardId}'
      and seq = (select max(seq) from teamboard.board_events where board_id = '${boardId}');
    set constraints all deferred;
    ${more}
  end $$`);
}

/** A row that PostgreSQL fails to render, and with it the statement that reads for all boards. */
async function breakRendering(seconds = 1): Promise<void> {
  await sql(`create or replace function teamboard.rfc3339(at timestamptz) returns text language plpgsql immutable as $$ begin
    if at = '1999-01-01' then raise exception 'invalid memory alloc request size'; end if;
    if at = '1998-01-01' then perform pg_sleep(${seconds}); raise exception 'canceled' using errcode = '57014'; end if;
    return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
  end $$`);
}
await breakRendering();

const poisons = {
  'more than one line of JSON': `object = E'{\\n"a":1}'`,
  'a time that is none': `at = 'infinity'`,
  'a row that PostgreSQL cannot render': `at = '1999-01-01'`,
};

for (const [name, poison] of Object.entries(poisons)) {
  t.test(`an event that cannot be told is a reset of its board, and no more (${name}) (E2, E5)`, async (t) => {
    const [boardId, otherId] = [await ada.createBoard(), await ada.createBoard()];
    const live = await open(t, boardId);
    const withSnapshots = await open(t, boardId, undefined, '?snapshot=true');
    const other = await open(t, otherId);
    await Promise.all([live.next('ready'), withSnapshots.next('snapshot'), other.next('ready')]);
    await add(boardId, 'before');
    await live.next('changed', ({ data }) => data.seq === 3);
    await addUntold(boardId, poison);
    await add(otherId, 'beside');
    const { data } = await live.next('reset');
    await withSnapshots.next('snapshot', ({ data }) => data.items.length === 2);
    await other.next('changed');
    t.strictSame(data, { boardId, reason: 'gap', cursor: await cursorOf(boardId, 4) });

    await add(boardId, 'after');
    for (const stream of [live, withSnapshots]) await stream.next('changed', (frame) => frame.data.seq === 5);
    t.strictSame(kinds(live), ['ready', 'changed', 'reset', 'changed']);
    t.strictSame(kinds(withSnapshots), ['ready', 'snapshot', 'changed', 'snapshot', 'changed']);
    const [before, past] = [await open(t, boardId, await cursorOf(boardId, 2)), await open(t, boardId, data.cursor)];
    await before.next('reset');
    t.strictSame(kinds(before), ['ready', 'changed', 'reset'], 'what can be told before it is');
    await past.next('changed');
    t.strictSame(kinds(past), ['ready', 'changed'], 'what is after it can be told');

    const page = await pageOf(boardId, await cursorOf(boardId, 2));
    t.match(page.body, { events: [{ seq: 3 }], cursor: await cursorOf(boardId, 3), hasMore: true });
    const next = await pageOf(boardId, page.body.cursor);
    const end = await cursorOf(boardId, 5);
    t.strictSame(next.body, { events: [], cursor: end, hasMore: false, reset: { reason: 'gap' } });

    const told = node.logged.filter((line) => line.boardId === boardId && String(line.msg).includes('cannot be told'));
    t.equal(told.length, 1, 'the log says so once');
    t.equal(told[0]?.seq, 4);
  });
}

t.test('an event that is gone from the middle of the log is a reset, and never a hole (E2)', async (t) => {
  const boardId = await ada.createBoard();
  const [live, withSnapshots] = [await open(t, boardId), await open(t, boardId, undefined, '?snapshot=true')];
  await Promise.all([live.next('ready'), withSnapshots.next('snapshot')]);
  await sql(`do $$ begin
    insert into teamboard.items (board_id, text) select '${boardId}', n::text from generate_series(1, 3) n;
    set constraints all immediate;
    delete from teamboard.board_events where board_id = '${boardId}' and seq = 4;
  end $$`);
  const { data } = await live.next('reset');
  await withSnapshots.next('snapshot', ({ data }) => data.items.length === 3);
  t.strictSame(data, { boardId, reason: 'gap', cursor: await cursorOf(boardId, 5) });
  await add(boardId, 'after');
  for (const stream of [live, withSnapshots]) await stream.next('changed', (frame) => frame.data.seq === 6);
  t.strictSame(kinds(live), ['ready', 'changed', 'reset', 'changed']);
  t.strictSame(kinds(withSnapshots), ['ready', 'snapshot', 'changed', 'snapshot', 'changed']);
  for (const [seq, seen] of [
    [2, ['ready', 'changed', 'reset']],
    [3, ['ready', 'reset']],
    [4, ['ready', 'changed', 'changed']],
  ] as const) {
    const resumed = await open(t, boardId, await cursorOf(boardId, seq));
    await until(() => resumed.frames.length >= seen.length, `what is after ${seq}`);
    t.strictSame(kinds(resumed), seen, `after ${seq}`);
  }
  const page = await pageOf(boardId, await cursorOf(boardId, 2));
  t.match(page.body, { events: [{ seq: 3 }], cursor: await cursorOf(boardId, 3), hasMore: true });
  t.equal(page.body.events.length, 1);
  const next = await pageOf(boardId, page.body.cursor);
  t.match(next.body, { events: [], cursor: await cursorOf(boardId, 6), hasMore: false, reset: {} });
});

t.test('what takes too long on one board holds up the others once, and not for ever (E5)', async (t) => {
  const [boardId, otherId] = [await ada.createBoard(), await ada.createBoard()];
  const [slow, other] = [await open(t, boardId), await open(t, otherId)];
  await Promise.all([slow.next('ready'), other.next('ready')]);
  await addUntold(boardId, `at = '1998-01-01'`);
  await add(otherId, 'beside');
  await until(() => other.seqs.includes(3), 'the other board');
  await until(() => kinds(slow).includes('reset'), 'the reset');
  const after = await cursorOf(boardId, 2);
  // Whoever waited for it now would wait for the time limit of statements, 5 s.
  await breakRendering(60);
  await expectWithin(t, { besideMs: 2000 }, async () => {
    const resumed = await open(t, boardId, after);
    const besideMs = await timed(async () => {
      const { body } = await add(otherId, 'also while a stream comes back to it');
      await other.next('changed', ({ data }) => data.id === body.item.id);
    });
    await resumed.next('reset');
    return { besideMs };
  });
});

t.test('access ends, whatever else cannot be told (E6)', async (t) => {
  const bob = await Client.signUp(node, 'Bob');
  for (const poison of Object.values(poisons)) {
    const boardId = await ada.createBoard();
    await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
      boardId,
      bob.user.id,
    ]);
    const [mine, his] = [await open(t, boardId), await openStream(t, node.url, boardId, bob)];
    await Promise.all([mine.next('ready'), his.next('ready')]);
    await addUntold(
      boardId,
      poison,
      `delete from teamboard.members where board_id = '${boardId}' and user_id = '${bob.user.id}';`,
    );
    await his.end();
    await ada.post(`/boards/${boardId}/broadcasts`, { name: 'x', data: 1 });
    await mine.next('broadcast');
    t.match(his.frames.at(-1), { event: 'close', data: { reason: 'revoked', retry: false } });
    t.notOk(kinds(his).includes('changed') || kinds(his).includes('broadcast'));
  }
});

t.test('a removal that cannot be told itself ends access all the same (E6)', async (t) => {
  const boardId = await ada.createBoard();
  const bob = await Client.signUp(node, 'Bob');
  await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
    boardId,
    bob.user.id,
  ]);
  const his = await openStream(t, node.url, boardId, bob);
  await his.next('ready');
  await sql(`do $$ begin
    delete from teamboard.members where board_id = '${boardId}' and user_id = '${bob.user.id}';
    set constraints all immediate;
    update teamboard.board_events set object = E'{\\n}' where board_id = '${boardId}' and action = 'deleted';
  end $$`);
  await his.end();
  t.strictSame(kinds(his), ['ready', 'close']);
});
