// Seven tabs of a browser and one stream: who leads, what the others are told, and what happens when the one that leads is
// closed, frozen or dead.

import t, { type Test } from 'tap';
import { FakeBrowser, type FakeTab } from '../helpers/fake-browser.ts';
import { boardId, FakeNode } from '../helpers/fake-node.ts';
import { ada } from './model/server.ts';
import { createWorld } from './model/world.ts';

/** @param shows the numbers of the boards that each tab shows */
async function openTabs(t: Test, shows: number[][]) {
  const node = new FakeNode();
  for (let number = 1; number <= 5; number += 1) node.write(node.addBoard(number), 'a', 'first');
  const browser = new FakeBrowser(node);
  const tabs: FakeTab[] = [];
  const open = async (...numbers: number[]) => {
    const tab = browser.openTab({ boards: numbers.map(boardId) });
    t.teardown(() => tab.live.close());
    tabs.push(tab);
    await browser.clock.advance(600);
    return tab;
  };
  for (const numbers of shows) await open(...numbers);
  await browser.clock.advance(1000);
  return { node, browser, clock: browser.clock, tabs, open };
}

/** The seqs and snapshots that a tab applies from now on. */
function record(tab: FakeTab | undefined, number: number) {
  const told: Array<number | string> = [];
  tab?.live.board(boardId(number)).onApplied((each) => told.push(each.kind === 'changed' ? each.event.seq : each.kind));
  return told;
}

const statuses = (tabs: FakeTab[]) => [...new Set(tabs.map(({ live }) => live.status.name))];
const sameBoard = [[1], [1], [1], [1], [1], [1], [1]];

t.test('seven tabs have one stream, and all of them see all of it (E2)', async (t) => {
  const { node, clock, tabs } = await openTabs(t, sameBoard);
  t.equal(node.streams.size, 1);
  t.equal(node.opened.length, 1, 'tabs that come later start from what the first one knows');
  t.strictSame(statuses(tabs), ['live']);
  const told = tabs.map((tab) => record(tab, 1));
  node.write(boardId(1), 'b', 'second');
  await clock.advance(100);
  for (const each of told) t.strictSame(each, [2]);
  for (const { live } of tabs) {
    t.equal(live.board(boardId(1)).state.items.size, 2);
    t.equal(live.board(boardId(1)).state.presence.length, 1);
    t.match(live.board(boardId(1)).status, { name: 'live' });
  }
});

t.test('own changes are own only in the tab that wrote them', async (t) => {
  const { node, clock, tabs } = await openTabs(t, [[1], [1]]);
  const own = tabs.map(({ live }) => {
    const seen: boolean[] = [];
    live.board(boardId(1)).onChange((_state, { changes }) => seen.push(...changes.map((each) => each.own)));
    return seen;
  });
  await tabs[1]?.live.request('/x', { headers: { 'Idempotency-Key': 'k' } });
  node.write(boardId(1), 'b', 'second', 'k');
  await clock.advance(100);
  t.strictSame(own, [[false], [true]]);
});

t.test('the leader follows the boards of all, and each tab is told of its own', async (t) => {
  const { node, clock, tabs, open } = await openTabs(t, [[1], [2], [1, 3]]);
  t.equal(node.streams.size, 1);
  t.strictSame(node.opened.at(-1)?.get('boards')?.split(',').sort(), [boardId(1), boardId(2), boardId(3)]);
  t.strictSame(statuses(tabs), ['live']);
  const told = record(tabs[1], 2);
  node.write(boardId(2), 'b', 'second');
  await clock.advance(100);
  t.strictSame(told, [2]);
  const before = node.opened.length;
  const late = await open(2, 3);
  t.equal(node.opened.length, before, 'what somebody has already is opened for nobody again');
  t.equal(late.live.board(boardId(2)).state.items.size, 2);
  t.match(late.live.board(boardId(3)).status, { name: 'live' });
  late.live.close();
  tabs[2]?.live.close();
  tabs[1]?.live.leave(boardId(2));
  await clock.advance(1000);
  t.equal(node.opened.at(-1)?.get('boards'), boardId(1), 'and what nobody shows any more is let go');
});

for (const [how, end] of [
  ['is closed', (tab: FakeTab) => tab.live.close()],
  ['crashes', (tab: FakeTab) => tab.crash()],
  ['is put away', (tab: FakeTab) => tab.tell({ type: 'pagehide' })],
  ['is frozen', (tab: FakeTab) => tab.tell({ type: 'freeze' })],
] as const) {
  t.test(
    `the leader ${how}: another one goes on from its place at once, and nobody misses anything (E2)`,
    async (t) => {
      const { node, clock, tabs } = await openTabs(t, sameBoard);
      const [leader, ...others] = tabs;
      const told = others.map((tab) => record(tab, 1));
      node.write(boardId(1), 'b', 'before');
      await clock.advance(10);
      if (leader) end(leader);
      node.write(boardId(1), 'c', 'meanwhile');
      await clock.advance(3000);
      t.equal(node.streams.size, 1);
      node.write(boardId(1), 'd', 'after');
      await clock.advance(100);
      for (const each of told) t.strictSame(each, [2, 3, 4]);
      t.strictSame(statuses(others), ['live']);
    },
  );
}

t.test(
  'a leader that is frozen without a word keeps its lock: it is taken, and the old one follows (E2)',
  async (t) => {
    const { node, clock, tabs } = await openTabs(t, sameBoard);
    for (const [index, tab] of tabs.entries()) tab.random = index / 7;
    const [leader, ...others] = tabs;
    const told = tabs.map((tab) => record(tab, 1));
    if (leader) leader.isFrozen = true;
    const [dead] = node.streams;
    node.write(boardId(1), 'b', 'meanwhile');
    await clock.advance(40_000);
    t.equal(node.streams.size, 1);
    await clock.advance(20_000);
    t.equal(node.streams.size, 2, 'another one has a stream');
    node.write(boardId(1), 'c', 'after');
    await clock.advance(100);
    for (const each of told.slice(1)) t.strictSame(each, [2, 3]);
    t.strictSame(statuses(others), ['live']);
    leader?.thaw();
    await clock.advance(15_000);
    t.equal(node.streams.size, 1, 'the old one has noticed');
    t.notOk(dead && node.streams.has(dead));
    node.write(boardId(1), 'd', 'last');
    await clock.advance(100);
    for (const each of told) t.equal(each.at(-1), 4);
    t.strictSame(
      told[0]?.filter((each) => each !== 'snapshot'),
      [2, 3, 4],
      'it has missed nothing either, and has nothing twice',
    );
    t.strictSame(statuses(tabs), ['live']);
  },
);

t.test('a tab that was frozen asks for what it has missed', async (t) => {
  const { node, clock, tabs } = await openTabs(t, [[1], [1]]);
  const second = tabs[1];
  if (!second) return;
  // Some browsers queue messages for a frozen page, some drop them.
  second.isFrozen = true;
  node.write(boardId(1), 'b', 'missed');
  node.tell('presence', { boardId: boardId(1), action: 'join', user: { id: 'b', name: 'Bea' } });
  await clock.advance(1000);
  second.forget();
  second.thaw();
  node.write(boardId(1), 'c', 'heard');
  await clock.advance(1000);
  t.equal(second.live.board(boardId(1)).state.items.size, 3);
  t.equal(second.live.board(boardId(1)).state.presence.length, 2);
  t.equal(node.opened.length, 1, 'the leader knows it');
});

t.test('a tab that has missed something, and takes over before it was told, reads it anew (E2)', async (t) => {
  const { node, clock, tabs } = await openTabs(t, [[1], [1]]);
  const [leader, second] = tabs;
  if (!leader || !second) return;
  second.isFrozen = true;
  node.write(boardId(1), 'b', 'missed');
  await clock.advance(100);
  second.forgetMessages();
  second.thaw();
  // Carries a cursor that is past what was missed, and nothing comes after it.
  node.tell('heartbeat', { boardId: boardId(1), cursor: 'e-2' });
  leader.isFrozen = true;
  await clock.advance(1);
  leader.crash();
  await clock.advance(3000);
  t.match(second.live.board(boardId(1)).status, { name: 'live' });
  t.equal(second.live.board(boardId(1)).state.items.size, 2);
});

t.test('the boards of a tab that has died without a word are let go', async (t) => {
  const { node, clock, tabs } = await openTabs(t, [[1], [1, 2], [1]]);
  t.equal(node.opened.at(-1)?.get('boards')?.split(',').length, 2);
  tabs[1]?.crash();
  await clock.advance(100_000);
  t.equal(node.opened.at(-1)?.get('boards'), boardId(1));
  t.strictSame(statuses([tabs[0], tabs[2]].flatMap((tab) => tab ?? [])), ['live']);
});

t.test('a new leader does not follow what only a tab has shown that died before', async (t) => {
  const { node, clock, tabs } = await openTabs(t, [[1], [1, 2], [1]]);
  tabs[1]?.crash();
  // The others have heard that the leader is there, and so whom it has: not yet that somebody is gone for good.
  await clock.advance(20_000);
  tabs[0]?.live.close();
  const before = node.opened.length;
  await clock.advance(3000);
  t.strictSame(
    node.opened.slice(before).map((query) => query.get('boards')?.replace(/@[^,]+/g, '')),
    [boardId(1)],
  );
  t.match(tabs[2]?.live.status, { name: 'live' });
});

t.test('access that has come back is found by a new tab, for all', async (t) => {
  const { node, clock, tabs, open } = await openTabs(t, [[1, 2], [1]]);
  node.refused.set(boardId(1), 404);
  node.tell('close', { boardId: boardId(1), reason: 'revoked', retry: false });
  await clock.advance(1000);
  const early = await open(1);
  await clock.advance(1000);
  for (const { live } of [...tabs, early]) t.match(live.board(boardId(1)).status, { name: 'ended' });
  const before = node.opened.length;
  await clock.advance(600_000);
  const again = node.opened.slice(before).filter((query) => query.get('boards')?.includes(boardId(1)));
  t.strictSame(again, [], 'nobody asks again and again');
  node.refused.clear();
  node.write(boardId(1), 'b', 'meanwhile');
  const late = await open(1);
  await clock.advance(2000);
  const told = [...tabs, late].map((tab) => record(tab, 1));
  node.write(boardId(1), 'c', 'after');
  await clock.advance(100);
  for (const { live } of [...tabs, late]) {
    t.match(live.board(boardId(1)).status, { name: 'live' });
    t.equal(live.board(boardId(1)).state.items.size, 3);
  }
  for (const each of told) t.strictSame(each, [3]);
  t.match(tabs[0]?.live.board(boardId(2)).status, { name: 'live' });
});

t.test('access that has come back is found by the retry of a tab that follows', async (t) => {
  const { node, clock, tabs } = await openTabs(t, [[1], [1]]);
  node.tell('close', { boardId: boardId(1), reason: 'revoked', retry: false });
  await clock.advance(20_000);
  t.match(tabs[1]?.live.board(boardId(1)).status, { name: 'ended' });
  tabs[1]?.live.retry();
  await clock.advance(2000);
  for (const { live } of tabs) t.match(live.board(boardId(1)).status, { name: 'live' });
});

t.test('a tab is told nothing of a board that has ended but that (E6)', async (t) => {
  const { node, clock, browser, open } = await openTabs(t, [[1]]);
  node.refused.set(boardId(1), 404);
  node.tell('close', { boardId: boardId(1), reason: 'revoked', retry: false });
  await clock.advance(1000);
  const late = await open(1);
  t.match(late.live.board(boardId(1)).status, { name: 'ended' });
  t.equal(late.live.board(boardId(1)).state.items.size, 0);
  t.equal(browser.node.streams.size, 0);
});

t.test('a leader that takes over reads anew what it does not know', async (t) => {
  const { node, clock, tabs } = await openTabs(t, [[1], [2], [1, 3]]);
  const [leader, second, third] = tabs;
  leader?.live.close();
  node.write(boardId(3), 'b', 'meanwhile');
  await clock.advance(2000);
  t.equal(node.streams.size, 1);
  t.strictSame(
    node.opened
      .at(-1)
      ?.get('boards')
      ?.replace(/@[^,]+/g, '')
      .split(',')
      .sort(),
    [boardId(1), boardId(2), boardId(3)],
  );
  t.equal(third?.live.board(boardId(3)).state.items.size, 2);
  for (const number of [1, 3]) t.match(third?.live.board(boardId(number)).status, { name: 'live' });
  t.match(second?.live.board(boardId(2)).status, { name: 'live' });
});

t.test('what the leader is told of its stream, all are told', async (t) => {
  const { node, clock, tabs } = await openTabs(t, [[1], [1], [2]]);
  node.answers = 0;
  node.cut();
  await clock.advance(10);
  t.strictSame(statuses(tabs), ['behind']);
  await clock.advance(5000);
  t.strictSame(statuses(tabs), ['offline']);
  node.answers = 200;
  tabs[2]?.live.retry();
  await clock.advance(1000);
  t.strictSame(statuses(tabs), ['live'], 'and each can ask for another try');
  node.tell('close', { boardId: boardId(1), reason: 'revoked', retry: false });
  await clock.advance(100);
  t.match(tabs[1]?.live.board(boardId(1)).status, { name: 'ended', reason: 'revoked' });
  t.match(tabs[2]?.live.board(boardId(2)).status, { name: 'live' });
});

t.test('tabs of other users and other nodes are others', async (t) => {
  const node = new FakeNode();
  const id = node.addBoard(1);
  const browser = new FakeBrowser(node);
  const open = async (options: Parameters<FakeBrowser['openTab']>[0]) => {
    const tab = browser.openTab({ boards: [id], ...options });
    t.teardown(() => tab.live.close());
    await browser.clock.advance(1000);
  };
  await open({});
  await open({});
  t.equal(node.streams.size, 1);
  node.user = { id: 'b', name: 'Bea' };
  await open({});
  t.equal(node.streams.size, 2, 'somebody else has signed in meanwhile');
  await open({ url: 'http://other' });
  t.equal(node.streams.size, 3);
  const ticket = async () => 'x';
  await open({ ticket });
  await open({ ticket });
  t.equal(node.streams.size, 5, 'of a ticket nobody knows whose it is');
  await open({ ticket, user: 'ada' });
  await open({ ticket, user: 'ada' });
  t.equal(node.streams.size, 6, 'unless the page says it');
  t.strictSame(browser.locks.names.length, 4);
});

t.test('a tab that comes while the ticket is on its way lets nobody ask for another one', async (t) => {
  const node = new FakeNode();
  const id = node.addBoard(1);
  const browser = new FakeBrowser(node);
  let asked = 0;
  const ticket = async () => {
    asked += 1;
    await new Promise<void>((resolve) => void browser.clock.after(2000, resolve));
    return 'x';
  };
  for (let count = 0; count < 3; count += 1) {
    const tab = browser.openTab({ boards: [id], ticket, user: 'ada' });
    t.teardown(() => tab.live.close());
    await browser.clock.advance(500);
  }
  await browser.clock.advance(3000);
  t.equal(asked, 1);
  t.equal(node.streams.size, 1);
});

t.test('a browser without locks has a stream for each tab', async (t) => {
  const node = new FakeNode();
  const id = node.addBoard(1);
  const browser = new FakeBrowser(node);
  for (let count = 0; count < 2; count += 1) {
    const tab = browser.openTab({ boards: [id] }, { locks: false });
    t.teardown(() => tab.live.close());
  }
  await browser.clock.advance(1000);
  t.equal(node.streams.size, 2);
  t.equal(node.requests.length, 0);
});

t.test('who is calling is asked until somebody answers', async (t) => {
  const node = new FakeNode();
  const id = node.addBoard(1);
  node.answers = 0;
  const browser = new FakeBrowser(node);
  const tab = browser.openTab({ boards: [id] });
  t.teardown(() => tab.live.close());
  await browser.clock.advance(30_000);
  t.match(tab.live.status, { name: 'offline', reason: 'unreachable' });
  const { length } = node.requests;
  t.ok(length > 2 && length < 32, `${length} questions in 30 s`);
  node.answers = 200;
  tab.tell({ type: 'online' });
  await browser.clock.advance(1000);
  t.match(tab.live.status, { name: 'live' });
});

t.test('who signs in is let in, in all tabs', async (t) => {
  const node = new FakeNode();
  const id = node.addBoard(1);
  const { user } = node;
  node.user = undefined;
  const browser = new FakeBrowser(node);
  const tabs = [1, 2].map(() => browser.openTab({ boards: [id] }));
  t.teardown(() => {
    for (const { live } of tabs) live.close();
  });
  await browser.clock.advance(2000);
  t.strictSame(statuses(tabs), ['signed-out']);
  node.user = user;
  for (const { live } of tabs) live.retry();
  await browser.clock.advance(2000);
  t.strictSame(statuses(tabs), ['live']);
  t.equal(node.streams.size, 1);
});

for (const [what, without] of [
  ['locks', { locks: { request: () => Promise.reject(new Error('denied')) } }],
  [
    'channels',
    {
      openChannel: () => {
        throw new Error('denied');
      },
    },
  ],
] as const) {
  t.test(`a page that may have no ${what}, as in a sandbox, has a stream of its own`, async (t) => {
    const world = createWorld();
    const page = world.openPage(ada, without);
    t.teardown(() => page.live.close());
    await world.clock.run(2000);
    t.match(page.live.status, { name: 'live' });
    t.equal(page.tab.streams.size, 1);
  });
}

t.test('a board that is full is asked for by the leader alone, however often it was said', async (t) => {
  const { node, clock, tabs } = await openTabs(t, [[1, 2], [1]]);
  node.refused.set(boardId(2), 429);
  node.cut();
  await clock.advance(5000);
  const [leader] = tabs;
  leader?.tell({ type: 'pagehide' });
  await clock.advance(5000);
  leader?.tell({ type: 'pageshow', persisted: true });
  await clock.advance(2000);
  const before = node.opened.length;
  await clock.advance(600_000);
  t.ok(node.opened.length - before <= 21, `${node.opened.length - before} streams in ten minutes`);
  t.strictSame(
    node.opened.filter((query) => !query.get('boards')),
    [],
  );
  t.equal(node.streams.size, 1);
  t.strictSame(statuses(tabs), ['live']);
});
