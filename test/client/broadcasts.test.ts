// Cursors and typing: how often a page sends them, and where the others are for the reader.

import t, { type Test } from 'tap';
import { sender } from '../../src/client/broadcast-sender.ts';
import { positions } from '../../src/client/positions.ts';
import { FakeBrowser } from '../helpers/fake-browser.ts';
import { FakeNode } from '../helpers/fake-node.ts';

const bea = { id: 'bea', name: 'Bea' };

async function openPage(t: Test) {
  const node = new FakeNode();
  const id = node.addBoard(1);
  const browser = new FakeBrowser(node);
  const tab = browser.openTab({ boards: [id] }, { locks: false });
  t.teardown(() => tab.live.close());
  await browser.clock.advance(1000);
  const sent = () =>
    node.requests
      .filter(({ path }) => path === `/boards/${id}/broadcasts`)
      .map(({ init }) => JSON.parse(String(init.body)) as { name: string; data: unknown });
  const move = (data: unknown, user = bea, name = 'cursor') =>
    node.tell('broadcast', { boardId: id, name, data, from: { user }, at: '' });
  const board = tab.live.board(id);
  return { node, id, tab, clock: browser.clock, live: tab.live, board, send: sender(tab.live, board), sent, move };
}

t.test('each name is sent every 50 ms at most, and the last value wins', async (t) => {
  const { clock, send, sent } = await openPage(t);
  for (let x = 0; x <= 100; x += 1) {
    send('cursor', { x });
    if (x === 0) send('typing', true);
    await clock.advance(2);
  }
  await clock.advance(1000);
  const cursors = sent().filter(({ name }) => name === 'cursor');
  t.strictSame(cursors[0]?.data, { x: 0 }, 'the first one at once');
  t.strictSame(cursors.at(-1)?.data, { x: 100 }, 'the last one in the end');
  t.ok(cursors.length <= 6, `${cursors.length} of 101 in 200 ms`);
  t.strictSame(sent().filter(({ name }) => name === 'typing').length, 1, 'one name does not wait for another');
});

t.test('a page that nobody sees sends nothing', async (t) => {
  const { clock, tab, send, sent } = await openPage(t);
  tab.setHidden(true);
  send('cursor', 1);
  await clock.advance(1000);
  t.equal(sent().length, 0);
  tab.setHidden(false);
  send('cursor', 2);
  await clock.advance(1);
  send('cursor', 3);
  tab.setHidden(true);
  await clock.advance(1000);
  t.strictSame(
    sent().map(({ data }) => data),
    [2],
  );
});

t.test('a server that has had enough is left alone for as long as it says', async (t) => {
  const { node, clock, send, sent } = await openPage(t);
  const answer = node.fetch.bind(node);
  node.fetch = async (url, init) => {
    await answer(url, init);
    return new Response('{}', { status: 429, headers: { 'retry-after': '2' } });
  };
  for (let x = 0; x < 39; x += 1) {
    send('cursor', x);
    await clock.advance(50);
  }
  t.equal(sent().length, 1);
  await clock.advance(100);
  t.strictSame(sent().at(-1)?.data, 38);
});

/** A node that takes no broadcast. @param status 0: nobody answers */
function refuse(node: FakeNode, status: number, headers: Record<string, string> = {}) {
  const { fetch } = node;
  node.fetch = async (url, init) => {
    const answer = await fetch.call(node, url, init);
    if (!url.endsWith('/broadcasts')) return answer;
    if (!status) throw new TypeError('fetch failed');
    return new Response('{}', { status, headers });
  };
  return () => {
    node.fetch = fetch;
  };
}

for (const status of [0, 409, 500]) {
  t.test(`a server that did not take it (${status || 'nobody answers'}) is left alone for a second`, async (t) => {
    const { node, clock, send, sent } = await openPage(t);
    refuse(node, status);
    for (let x = 0; x < 100; x += 1) {
      send('cursor', x);
      await clock.advance(50);
    }
    t.ok(sent().length <= 6, `${sent().length} in 5 s`);
    t.ok(sent().length >= 4, 'and asked again');
  });
}

t.test('a name waits for the pause that another one has met', async (t) => {
  const { node, clock, send, sent } = await openPage(t);
  refuse(node, 429, { 'retry-after': '60' });
  send('cursor', 1);
  await clock.advance(100);
  send('typing', true);
  await clock.advance(50_000);
  t.equal(sent().length, 1);
  await clock.advance(11_000);
  t.equal(sent().at(-1)?.name, 'typing');
});

for (const [how, ms] of [
  ['back', -7_200_000],
  ['forward', 7_200_000],
] as const) {
  t.test(`a clock that is set ${how} changes no pause`, async (t) => {
    const { node, clock, send, sent } = await openPage(t);
    refuse(node, 500);
    send('cursor', 1);
    await clock.advance(10);
    clock.set(ms);
    send('cursor', 2);
    await clock.advance(500);
    t.equal(sent().length, 1, 'it is kept');
    await clock.advance(1000);
    t.equal(sent().length, 2, 'and is no longer');
  });
}

for (const status of [401, 403, 404]) {
  t.test(`who may not (${status}) sends no more, until the board is live again`, async (t) => {
    const { node, id, clock, board, send, sent } = await openPage(t);
    const allow = refuse(node, status);
    for (let x = 0; x < 100; x += 1) {
      send('cursor', x);
      await clock.advance(50);
    }
    t.equal(sent().length, 1);
    allow();
    node.cut();
    await clock.advance(5000);
    t.equal(board.status.name, 'live');
    send('cursor', 'again');
    await clock.advance(100);
    t.strictSame(sent().at(-1)?.data, 'again');
    t.equal(sent().length, 2, id);
  });
}

t.test('nothing is sent while the board is not live, and nothing of that time afterwards', async (t) => {
  const { node, clock, board, send, sent } = await openPage(t);
  node.answers = 0;
  node.cut();
  send('cursor', 'unheard');
  await clock.advance(10_000);
  t.equal(sent().length, 0);
  node.answers = 200;
  await clock.advance(30_000);
  t.equal(board.status.name, 'live');
  t.equal(sent().length, 0);
  send('cursor', 'heard');
  await clock.advance(100);
  t.equal(sent().length, 1);
});

t.test('one of each name is under way, for 10 s at most', async (t) => {
  const { node, clock, send, sent } = await openPage(t);
  const { fetch } = node;
  const answers: Array<() => void> = [];
  node.fetch = (url, init = {}) => {
    void fetch.call(node, url, init);
    return new Promise((resolve, reject) => {
      answers.push(() => resolve(new Response('{}', { status: 202 })));
      init.signal?.addEventListener('abort', () => reject(new Error('aborted')));
    });
  };
  for (let x = 0; x < 20; x += 1) {
    send('cursor', x);
    send('typing', x);
    await clock.advance(50);
  }
  t.strictSame(
    sent().map(({ name, data }) => [name, data]),
    [
      ['cursor', 0],
      ['typing', 0],
    ],
  );
  answers[0]?.();
  await clock.advance(1);
  t.strictSame(sent().at(-1), { name: 'cursor', data: 19 }, 'the next one at once');
  await clock.advance(10_000);
  t.strictSame(sent().at(-1), { name: 'typing', data: 19 }, 'a server that hangs is given up');
});

t.test('positions glide to what was sent last', async (t) => {
  const { clock, live, board, move } = await openPage(t);
  const cursors = positions(live, board, 'cursor');
  t.teardown(() => cursors.close());
  const at = () => cursors.at().map(({ x, y }) => [Math.round(x), Math.round(y)]);
  t.strictSame(at(), []);
  move({ x: 0, y: 0 });
  t.strictSame(at(), [[0, 0]], 'the first one is where it is');
  move({ x: 100, y: 200 });
  t.strictSame(at(), [[0, 0]]);
  await clock.advance(50);
  t.strictSame(at(), [[50, 100]]);
  move({ x: 0, y: 0 });
  t.strictSame(at(), [[50, 100]], 'without a jump');
  t.strictSame(
    cursors.at(clock.now + 50).map(({ x, user }) => [x, user.name]),
    [[25, 'Bea']],
  );
  await clock.advance(500);
  t.strictSame(at(), [[0, 0]]);
});

t.test('positions go with the silence, and with who leaves', async (t) => {
  const { node, id, clock, live, board, move } = await openPage(t);
  const cursors = positions(live, board, 'cursor', 5000);
  t.teardown(() => cursors.close());
  node.tell('presence', { boardId: id, action: 'join', user: bea });
  move({ x: 1, y: 1 });
  await clock.advance(5000);
  t.equal(cursors.at().length, 1);
  await clock.advance(1);
  t.equal(cursors.at().length, 0);
  move({ x: 2, y: 2 });
  t.equal(cursors.at()[0]?.x, 2, 'who comes back does not glide from long ago');
  node.tell('presence', { boardId: id, action: 'leave', user: bea });
  await clock.advance(100);
  t.equal(cursors.at().length, 0);
  for (const data of [null, 'here', { x: 1 }, { x: '1', y: 2 }, { x: null, y: 0 }]) move(data);
  move({ x: 1, y: 1 }, bea, 'typing');
  t.equal(cursors.at().length, 0, 'what is no position is none');
});
