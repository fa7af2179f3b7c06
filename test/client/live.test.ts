// One page and its boards, against a node in memory: snapshot, tail and reset in one, and what is said of it.

import t, { type Test } from 'tap';
import type { ConnectOptions, LiveBoard } from '../../src/client/live.ts';
import type { Applied, Changes, Status } from '../../src/client/types.ts';
import { FakeBrowser, type FakeTab } from '../helpers/fake-browser.ts';
import { boardId, FakeNode } from '../helpers/fake-node.ts';

/** A page that shows board 1, without other tabs, after its stream is live. */
async function openPage(t: Test, options: Partial<ConnectOptions> = {}) {
  const node = new FakeNode();
  const id = node.addBoard(1);
  node.addBoard(2);
  node.write(id, 'a', 'first');
  const browser = new FakeBrowser(node);
  const tab = browser.openTab({ boards: [id], ...options }, { locks: false });
  t.teardown(() => tab.live.close());
  const board = tab.live.board(id);
  return { node, browser, clock: browser.clock, tab, live: tab.live, board, id };
}

const textsOf = ({ state }: LiveBoard) => Object.fromEntries([...state.items].map(([id, { text }]) => [id, text]));

/** All that the page is told of a board. */
function record(board: LiveBoard) {
  const told: Changes[] = [];
  const applied: Applied[] = [];
  board.onChange((_state, changes) => told.push(changes));
  board.onApplied((each) => applied.push(each));
  const seqs = () => applied.map((each) => (each.kind === 'changed' ? each.event.seq : each.kind));
  return { told, applied, seqs };
}

t.test('a board is there after its snapshot, and follows the log (E1, E2)', async (t) => {
  const { node, clock, live, board, id } = await openPage(t);
  const { told, seqs } = record(board);
  t.match(live.status, { name: 'connecting' });
  t.equal(board.state.board, undefined);
  await clock.advance(1000);
  t.match(live.status, { name: 'live' });
  t.match(board.status, { name: 'live' });
  t.strictSame(textsOf(board), { a: 'first' });
  t.strictSame(
    board.state.presence.map(({ name }) => name),
    ['Ada'],
  );
  node.write(id, 'b', 'second');
  node.write(id, 'a', undefined);
  await clock.advance(100);
  t.strictSame(textsOf(board), { b: 'second' });
  t.strictSame(seqs(), ['snapshot', 2, 3]);
  t.ok(told[0]?.snapshot);
  t.strictSame(
    told.at(-1)?.changes.map(({ seq, action, own }) => [seq, action, own]),
    [
      [2, 'created', false],
      [3, 'deleted', false],
    ],
    'both in one call, in the order of the log',
  );
});

t.test('what comes between two frames is told once, and what did not change stays the same object', async (t) => {
  const { node, clock, board, id } = await openPage(t);
  await clock.advance(1000);
  const before = board.state;
  const { told } = record(board);
  for (let index = 0; index < 50; index += 1) node.write(id, `item ${index}`, 'new');
  t.equal(told.length, 0);
  await clock.advance(16);
  t.equal(told.length, 1);
  t.equal(told[0]?.changes.length, 50);
  t.not(board.state, before);
  t.not(board.state.items, before.items);
  t.equal(board.state.items.get('a'), before.items.get('a'));
  node.tell('presence', { boardId: id, action: 'join', user: { id: 'b', name: 'Bea' } });
  await clock.advance(16);
  t.equal(board.state.presence.length, 2);
  node.tell('presence', { boardId: id, action: 'leave', user: { id: 'b', name: 'Bea' } });
  const { items } = board.state;
  await clock.advance(16);
  t.equal(board.state.presence.length, 1);
  t.equal(board.state.items, items);
});

t.test('members and the board itself follow too', async (t) => {
  const { node, clock, board, id } = await openPage(t);
  await clock.advance(1000);
  const bea = { boardId: id, user: { id: 'b', name: 'Bea' }, role: 'viewer', createdAt: '' };
  const about = { boardId: id, actor: null, at: '', id: 'b' };
  node.tell('changed', { ...about, seq: 2, resource: 'member', action: 'created', object: bea });
  node.tell('changed', { ...about, seq: 3, resource: 'member', action: 'updated', object: { ...bea, role: 'editor' } });
  node.tell('changed', { ...about, seq: 4, resource: 'board', action: 'updated', object: { id, name: 'New' } });
  await clock.advance(16);
  t.match(board.state, { members: [{ role: 'editor' }], board: { name: 'New' } });
  node.tell('changed', { ...about, seq: 5, resource: 'member', action: 'deleted', object: bea });
  await clock.advance(16);
  t.strictSame(board.state.members, []);
});

t.test('rows of published tables come as they are told, and change no item', async (t) => {
  const { node, clock, board, id } = await openPage(t);
  await clock.advance(1000);
  const { told, applied } = record(board);
  const { items, members } = board.state;
  const about = { boardId: id, actor: null, at: '', resource: 'books', id: '7' };
  const emma = { id: 7, title: 'Emma' };
  node.tell('changed', { ...about, seq: 2, action: 'created', object: emma });
  node.tell('changed', { ...about, seq: 3, action: 'updated', changes: ['title'], object: { ...emma, title: 'E' } });
  node.tell('changed', { ...about, seq: 4, action: 'deleted', object: { ...emma, title: 'E' } });
  await clock.advance(16);
  t.strictSame(
    told.at(-1)?.changes.map(({ resource, action, id, object, own }) => [resource, action, id, object, own]),
    [
      ['books', 'created', '7', emma, false],
      ['books', 'updated', '7', { ...emma, title: 'E' }, false],
      ['books', 'deleted', '7', { ...emma, title: 'E' }, false],
    ],
  );
  t.equal(board.state.items, items);
  t.equal(board.state.members, members);
  const stamps = { version: 1, createdBy: null, createdAt: '', updatedBy: null, updatedAt: '' };
  const known = { id, name: 'One', layout: 'list', ...stamps };
  const tables = { books: [{ id: '8', object: { id: 8 } }] };
  node.tell('snapshot', { boardId: id, board: known, items: [], members: [], tables, cursor: '00000000-9' });
  await clock.advance(16);
  t.ok(told.at(-1)?.snapshot);
  const last = applied.at(-1);
  t.strictSame(last?.kind === 'snapshot' && last.snapshot.tables, tables, 'with the snapshot as the node gives it');
});

t.test('a write with a key comes back as own, and only that', async (t) => {
  const { node, clock, live, board, id } = await openPage(t, { headers: { Authorization: 'Bearer x' } });
  await clock.advance(1000);
  const { told } = record(board);
  await live.request(`/boards/${id}/items`, { method: 'POST', headers: { 'Idempotency-Key': 'mine' } });
  t.match(node.requests.at(-1), {
    path: `/boards/${id}/items`,
    init: { method: 'POST', headers: { Authorization: 'Bearer x', 'Idempotency-Key': 'mine' } },
  });
  node.write(id, 'b', 'mine', 'mine');
  node.write(id, 'c', 'theirs', 'theirs');
  await clock.advance(16);
  t.strictSame(
    told.at(-1)?.changes.map(({ mutationId, own }) => [mutationId, own]),
    [
      ['mine', true],
      ['theirs', false],
    ],
  );
});

t.test('a listener that throws keeps nothing from the others, and is told of', async (t) => {
  const { clock, tab, board } = await openPage(t);
  board.onChange(() => {
    throw new Error('of the page');
  });
  const { told } = record(board);
  await clock.advance(1000);
  t.ok(told.length > 0);
  t.match(tab.reported, [{ message: 'of the page' }]);
});

t.test('an overlay is shown in place of what is confirmed, and goes with it', async (t) => {
  const { node, clock, board, id } = await openPage(t);
  await clock.advance(1000);
  board.setOverlay((confirmed) => {
    const items = new Map(confirmed);
    const first = items.get('a');
    if (first) items.set('a', { ...first, text: `${first.text}!` });
    return items;
  });
  await clock.advance(16);
  t.strictSame(textsOf(board), { a: 'first!' });
  t.equal(board.confirmed.get('a')?.text, 'first');
  node.write(id, 'a', 'next');
  await clock.advance(16);
  t.strictSame(textsOf(board), { a: 'next!' });
  board.setOverlay(undefined);
  await clock.advance(16);
  t.strictSame(textsOf(board), { a: 'next' });
});

t.test('a stream that breaks is opened again by the cursor: no gap, nothing twice (E2)', async (t) => {
  const { node, clock, live, board, id } = await openPage(t);
  await clock.advance(1000);
  const { seqs } = record(board);
  const statuses: Status[] = [];
  live.onStatus((status) => statuses.push(status));
  node.write(id, 'b', 'before');
  node.cut();
  node.write(id, 'c', 'meanwhile');
  t.match(live.status, { name: 'behind' });
  t.match(board.status, { name: 'behind', since: clock.now });
  await clock.advance(999);
  t.equal(node.opened.length, 1, 'not before a second');
  await clock.advance(3000);
  t.equal(node.opened.length, 2);
  t.equal(node.opened[1]?.get('lastEventId'), `${id}~2`);
  node.write(id, 'd', 'after');
  t.strictSame(seqs(), [2, 3, 4]);
  t.strictSame(
    statuses.map(({ name }) => name),
    ['behind', 'live'],
  );
});

t.test('boards come and go without a gap, a repeat or a word about the others (E2)', async (t) => {
  const { node, clock, live, board, id } = await openPage(t);
  await clock.advance(1000);
  const { seqs } = record(board);
  const statuses: string[] = [];
  board.onChange(() => statuses.push(board.status.name));
  const second = live.board(boardId(2));
  const { seqs: secondSeqs } = record(second);
  t.equal(live.board(boardId(2).toUpperCase()), second, 'an id is the same in every spelling');
  node.write(id, 'b', 'just before');
  await clock.advance(20);
  node.write(id, 'c', 'while nobody listens');
  node.write(boardId(2), 'x', 'in the snapshot');
  await clock.advance(1000);
  t.equal(node.opened.length, 2);
  t.equal(node.streams.size, 1);
  t.equal(node.opened[1]?.get('boards'), `${id},${boardId(2)}`);
  node.write(boardId(2), 'y', 'after');
  live.leave(boardId(2));
  node.write(id, 'd', 'last');
  await clock.advance(1000);
  t.equal(node.opened[2]?.get('boards'), id);
  t.strictSame(seqs(), [2, 3, 4]);
  t.strictSame(secondSeqs(), ['snapshot', 2]);
  t.strictSame([...new Set(statuses)], ['live']);
  t.match(live.status, { name: 'live' });
});

t.test('many boards that come at once make one stream', async (t) => {
  const { node, clock, live } = await openPage(t);
  for (let number = 2; number < 30; number += 1) live.board(node.addBoard(number));
  await clock.advance(1000);
  t.equal(node.opened.length, 1);
  for (let number = 30; number < 40; number += 1) {
    live.board(node.addBoard(number));
    await clock.advance(100);
  }
  await clock.advance(1000);
  t.ok(node.opened.length <= 5, `${node.opened.length} streams: at most one each half second`);
  t.equal(node.opened.at(-1)?.get('boards')?.split(',').length, 39);
});

t.test('a snapshot in place of a reset replaces what was there', async (t) => {
  const { node, clock, board, id } = await openPage(t);
  await clock.advance(1000);
  const { told } = record(board);
  const { board: about } = board.state;
  const items = [{ id: 'z', text: 'restored' }];
  for (const stream of node.streams)
    stream.send('snapshot', { boardId: id, board: about, items, members: [], cursor: 'f-1' });
  await clock.advance(16);
  t.strictSame(textsOf(board), { z: 'restored' });
  t.ok(told[0]?.snapshot);
  t.match(board.status, { name: 'live' });
});

t.test('a hole in the log is never passed over: the board is read anew (E2)', async (t) => {
  const { node, clock, board, id } = await openPage(t);
  await clock.advance(1000);
  node.write(id, 'b', 'second');
  const { seqs } = record(board);
  const forged = { boardId: id, actor: null, at: '', resource: 'item', action: 'created', id: 'q', object: {} };
  node.tell('changed', { ...forged, seq: 9 });
  t.notOk(board.confirmed.has('q'));
  await clock.advance(2000);
  t.strictSame(seqs(), ['snapshot']);
  t.strictSame(textsOf(board), { a: 'first', b: 'second' });
  node.write(id, 'c', 'third');
  for (const seq of [3, 2, 1]) node.tell('changed', { ...forged, seq });
  t.strictSame(seqs(), ['snapshot', 3], 'what is known already changes nothing');
  t.notOk(board.confirmed.has('q'));
});

t.test('access to one board ends, the others go on', async (t) => {
  const { node, clock, live, board, id } = await openPage(t);
  const second = live.board(boardId(2));
  await clock.advance(1000);
  const { applied } = record(board);
  node.tell('close', { boardId: id, reason: 'revoked', retry: false });
  await clock.advance(16);
  t.match(board.status, { name: 'ended', reason: 'revoked' });
  t.strictSame(applied, [{ kind: 'ended', reason: 'revoked' }]);
  t.strictSame(board.state.presence, []);
  t.match(second.status, { name: 'live' });
  t.match(live.status, { name: 'live' });
  node.cut();
  await clock.advance(5000);
  t.equal(node.opened.at(-1)?.get('boards'), boardId(2), 'it is asked for no more');
});

t.test('a board that comes back to the page is read anew, though the stream could go on', async (t) => {
  const { node, clock, live, board, id } = await openPage(t);
  live.board(boardId(2));
  await clock.advance(1000);
  node.tell('close', { boardId: id, reason: 'revoked', retry: false });
  await clock.advance(1000);
  t.match(board.status, { name: 'ended' });
  // Before any other event: the cursor of the stream has the board still.
  live.leave(id);
  const again = live.board(id);
  await clock.advance(5000);
  t.match(again.status, { name: 'live' });
  t.strictSame(textsOf(again), { a: 'first' });
  node.write(id, 'b', 'second');
  await clock.advance(100);
  t.strictSame(textsOf(again), { a: 'first', b: 'second' });
});

t.test('so is one that was left and came back in the same moment, wherever it stands in the list', async (t) => {
  const { node, clock, live, board } = await openPage(t);
  const second = live.board(node.addBoard(2));
  await clock.advance(1000);
  node.tell('close', { boardId: second.id, reason: 'revoked', retry: false });
  await clock.advance(1000);
  t.match(second.status, { name: 'ended' });
  live.leave(second.id);
  const again = live.board(second.id);
  await clock.advance(2000);
  t.match(again.status, { name: 'live' });
  t.match(board.status, { name: 'live' });
});

t.test('a session that is cut in its answer is asked for again', async (t) => {
  const node = new FakeNode();
  const id = node.addBoard(1);
  const { fetch } = node;
  node.fetch = async () => new Response('{"user":{"id"');
  const browser = new FakeBrowser(node);
  const { live } = browser.openTab({ boards: [id] });
  t.teardown(() => live.close());
  await browser.clock.advance(100);
  node.fetch = fetch;
  await browser.clock.advance(10_000);
  t.match(live.status, { name: 'live' });
});

t.test('a board that is none is ended, one that is full is asked for again', async (t) => {
  const { node, clock, live } = await openPage(t);
  node.refused.set(boardId(2), 429);
  const missing = live.board(boardId(9));
  const full = live.board(boardId(2));
  await clock.advance(2000);
  t.match(missing.status, { name: 'ended', reason: 'TB_NOT_FOUND' });
  t.match(full.status, { name: 'connecting' });
  t.match(live.status, { name: 'live' });
  node.refused.clear();
  const before = node.opened.length;
  await clock.advance(25_000);
  t.equal(node.opened.length, before, 'but not soon');
  await clock.advance(10_000);
  t.match(full.status, { name: 'live' });
});

t.test('the first event after a snapshot is the one after its cursor (E2)', async (t) => {
  const { node, clock, board, id } = await openPage(t);
  await clock.advance(1000);
  const forged = { boardId: id, actor: null, at: '', resource: 'item', action: 'created', id: 'q', object: {} };
  const { seqs } = record(board);
  node.tell('changed', { ...forged, seq: 3 });
  node.tell('changed', { ...forged, seq: 1 });
  t.notOk(board.confirmed.has('q'));
  await clock.advance(5000);
  t.equal(node.opened.at(-1)?.get('boards'), `${id}@e-1`, 'what was left out is asked for');
  node.write(id, 'b', 'second');
  t.strictSame(seqs(), [2]);
});

t.test('a cursor of another form says nothing, and the events after it go on by one', async (t) => {
  const { node, clock, board, id } = await openPage(t);
  await clock.advance(1000);
  const { board: about } = board.state;
  const { seqs } = record(board);
  for (const stream of node.streams)
    stream.send('snapshot', { boardId: id, board: about, items: [], members: [], cursor: 'c0ffee' });
  const forged = { boardId: id, actor: null, at: '', resource: 'item', action: 'created', id: 'q', object: {} };
  for (const seq of [41, 42, 44]) node.tell('changed', { ...forged, seq });
  t.strictSame(seqs(), ['snapshot', 41, 42]);
});

t.test('a page that does not run is told of so many changes at most, and to look at all of it', async (t) => {
  const { node, clock, board, id } = await openPage(t);
  await clock.advance(1000);
  const { told } = record(board);
  for (let count = 0; count < 2500; count += 1) node.write(id, `item ${count % 10}`, 'new');
  await clock.advance(16);
  t.equal(told.length, 1);
  t.ok((told[0]?.changes.length ?? Infinity) <= 1000, `${told[0]?.changes.length} changes`);
  t.ok(told[0]?.snapshot);
  t.equal(board.state.items.size, 11);
  node.write(id, 'a', 'later');
  await clock.advance(16);
  t.match(told[1], { snapshot: false, changes: [{ seq: 2502 }] });
});

t.test('boards past 256 say why they are left out, and come when there is room', async (t) => {
  const { node, clock, live } = await openPage(t);
  const ids = Array.from({ length: 260 }, (_, index) => node.addBoard(index + 1));
  for (const each of ids) live.board(each);
  await clock.advance(2000);
  for (const query of node.opened) t.ok((query.get('boards')?.split(',').length ?? 0) <= 256);
  const left = ids.filter((each) => live.board(each).status.name !== 'live');
  t.strictSame(left, ids.slice(256));
  for (const each of left) t.match(live.board(each).status, { name: 'ended', reason: 'TB_LIMIT_REACHED' });
  const before = node.opened.length;
  await clock.advance(60_000);
  t.ok(node.opened.length - before <= 1, 'nothing is asked for again and again');
  // Two of them find room, the others wait on.
  for (const each of ids.slice(0, 2)) live.leave(each);
  await clock.advance(2000);
  const statuses = ids.slice(2).map((each) => live.board(each).status.name);
  t.equal(statuses.filter((name) => name === 'live').length, 256);
  t.equal(statuses.filter((name) => name === 'ended').length, 2);
  for (const each of ids.slice(2, 4)) live.leave(each);
  await clock.advance(2000);
  for (const each of ids.slice(4)) t.equal(live.board(each).status.name, 'live');
  node.write(ids[259] as string, 'a', 'first');
  t.ok(live.board(ids[259] as string).confirmed.has('a'));
  t.ok(node.opened.length - before <= 4, 'nothing more is opened than there were changes');
});

t.test('a board past 256 comes back in each tab when there is room', async (t) => {
  const node = new FakeNode();
  const ids = Array.from({ length: 257 }, (_, index) => node.addBoard(index + 1));
  const last = ids[256] as string;
  const browser = new FakeBrowser(node);
  const leader = browser.openTab({ boards: ids.slice(0, 256) });
  await browser.clock.advance(2000);
  const follower = browser.openTab({ boards: [last] });
  t.teardown(() => {
    leader.live.close();
    follower.live.close();
  });
  await browser.clock.advance(2000);
  t.match(follower.live.board(last).status, { name: 'ended', reason: 'TB_LIMIT_REACHED' });
  leader.live.leave(ids[0] as string);
  await browser.clock.advance(2000);
  t.match(follower.live.board(last).status, { name: 'live' });
});

t.test('a wrong id stays ended, whatever is tried', async (t) => {
  const { clock, live, board } = await openPage(t);
  const wrong = live.board('plans');
  await clock.advance(1000);
  live.retry();
  await clock.advance(2000);
  t.match(wrong.status, { name: 'ended', reason: 'TB_INVALID' });
  t.match(board.status, { name: 'live' });
});

t.test('access that has come back is found by a retry', async (t) => {
  const { node, clock, live, board, id } = await openPage(t);
  const second = live.board(boardId(2));
  await clock.advance(1000);
  node.refused.set(id, 404);
  node.tell('close', { boardId: id, reason: 'revoked', retry: false });
  await clock.advance(1000);
  live.retry();
  await clock.advance(2000);
  t.match(board.status, { name: 'ended', reason: 'TB_NOT_FOUND' }, 'which has not');
  node.write(id, 'b', 'meanwhile');
  node.refused.clear();
  const { seqs } = record(board);
  live.retry();
  await clock.advance(2000);
  t.match(board.status, { name: 'live' });
  t.strictSame(textsOf(board), { a: 'first', b: 'meanwhile' });
  t.match(second.status, { name: 'live' });
  node.write(id, 'c', 'after');
  t.strictSame(seqs(), ['snapshot', 3]);
});

t.test('a retry finds access again when all boards have ended', async (t) => {
  const { node, clock, live, board, id } = await openPage(t);
  await clock.advance(1000);
  node.tell('close', { boardId: id, reason: 'revoked', retry: false });
  node.cut();
  await clock.advance(60_000);
  t.match(board.status, { name: 'ended' });
  live.retry();
  await clock.advance(2000);
  t.match(board.status, { name: 'live' });
});

t.test('what the page has brought with it is shown at once, and gone on from', async (t) => {
  const node = new FakeNode();
  const id = node.addBoard(1);
  node.write(id, 'a', 'first');
  const about = {
    id,
    name: 'Board 1',
    layout: 'list' as const,
    version: 1,
    createdBy: null,
    createdAt: '',
    updatedBy: null,
    updatedAt: '',
  };
  const browser = new FakeBrowser(node);
  const snapshot = { board: about, items: [], members: [], cursor: 'e-0' };
  const tab = browser.openTab({ boards: [id], snapshots: [snapshot] }, { locks: false });
  t.teardown(() => tab.live.close());
  const board = tab.live.board(id);
  await browser.clock.advance(18);
  t.match(board.status, { name: 'cached' });
  t.equal(board.state.board?.name, 'Board 1');
  const { seqs } = record(board);
  await browser.clock.advance(1000);
  t.equal(node.opened[0]?.get('boards'), `${id}@e-0`);
  t.strictSame(seqs(), [1], 'by the log, without another snapshot');
  t.match(board.status, { name: 'live' });
});

t.test('a closed client opens nothing any more', async (t) => {
  const { node, clock, live, board, tab } = await openPage(t);
  await clock.advance(1000);
  live.close();
  t.equal(node.streams.size, 0);
  t.match(live.status, { name: 'ended', reason: 'closed' });
  t.match(board.status, { name: 'ended' });
  tab.tell({ type: 'online' });
  live.retry();
  await clock.advance(100_000);
  t.equal(node.opened.length, 1);
});

function hide(tab: FakeTab, isHidden: boolean) {
  tab.setHidden(isHidden);
}

t.test('a page that was hidden for longer than a heartbeat looks whether its stream is dead', async (t) => {
  const { node, clock, tab } = await openPage(t);
  await clock.advance(1000);
  hide(tab, true);
  await clock.advance(10_000);
  hide(tab, false);
  await clock.advance(1000);
  t.equal(node.opened.length, 1, 'a moment is nothing');
  hide(tab, true);
  await clock.advance(16_000);
  hide(tab, false);
  await clock.advance(1000);
  t.equal(node.opened.length, 2);
  t.equal(node.streams.size, 1);
});

t.test('a page that comes back as it was goes on from where it was (E2)', async (t) => {
  const { node, clock, tab, board, id } = await openPage(t);
  await clock.advance(1000);
  const { seqs } = record(board);
  tab.tell({ type: 'pagehide' });
  t.equal(node.streams.size, 0, 'a page that is put away holds no stream, which would keep it from coming back');
  node.write(id, 'b', 'meanwhile');
  await clock.advance(60_000);
  t.equal(node.opened.length, 1);
  tab.tell({ type: 'pageshow', persisted: true });
  await clock.advance(1000);
  t.strictSame(seqs(), [2]);
  t.match(board.status, { name: 'live' });
});
