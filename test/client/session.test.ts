// Who is calling, asked before the tabs are found: it hangs, is refused, is answered by somebody else.

import t, { type Test } from 'tap';
import { FakeBrowser } from '../helpers/fake-browser.ts';
import { boardId, FakeNode } from '../helpers/fake-node.ts';

async function openPage(t: Test, prepare: (node: FakeNode) => void = () => {}) {
  const node = new FakeNode();
  node.write(node.addBoard(1), 'a', 'first');
  prepare(node);
  const browser = new FakeBrowser(node);
  const open = () => {
    const tab = browser.openTab({ boards: [boardId(1)] });
    t.teardown(() => tab.live.close());
    return tab;
  };
  const tab = open();
  await browser.clock.advance(1000);
  const asked = () => node.requests.filter(({ path }) => path === '/session').length;
  return { node, browser, clock: browser.clock, open, tab, live: tab.live, asked };
}

t.test('a question that hangs is given up after 10 s, and asked again', async (t) => {
  const { node, clock, live, asked } = await openPage(t, (node) => {
    node.answers = undefined;
  });
  await clock.advance(8000);
  t.equal(asked(), 1);
  t.match(live.status, { name: 'connecting' });
  await clock.advance(1500);
  t.match(live.status, { name: 'offline', reason: 'unreachable' });
  t.ok(node.requests[0]?.init.signal?.aborted);
  node.answers = 200;
  await clock.advance(3000);
  t.match(live.status, { name: 'live' });
});

for (const [what, text] of [
  ['without a user', '{}'],
  ['that is no object', 'null'],
  ['of somebody in between', '<h1>Sign in to the network</h1>'],
] as const) {
  t.test(`an answer ${what} is none: it is asked again`, async (t) => {
    const { node, browser, clock, live, tab, asked } = await openPage(t, (node) => {
      node.session = () => new Response(text);
    });
    browser.random = 0.999;
    await clock.advance(60_000);
    t.match(live.status, { name: 'offline', reason: 'unreachable' });
    t.ok(asked() > 3 && asked() < 12, `${asked()} questions in a minute`);
    node.session = undefined;
    await clock.advance(31_000);
    t.match(live.status, { name: 'live' });
    t.strictSame(tab.reported, []);
  });
}

t.test('a server that names a time is not asked before, whatever wakes the page', async (t) => {
  const { node, clock, live, tab, asked } = await openPage(t, (node) => {
    const headers = { 'retry-after': '60' };
    node.session = () => Response.json({ code: 'TB_TOO_MANY_ATTEMPTS' }, { status: 429, headers });
  });
  t.match(live.status, { name: 'offline', reason: 'TB_TOO_MANY_ATTEMPTS' });
  node.session = undefined;
  for (let second = 0; second < 50; second += 10) {
    tab.tell({ type: 'online' });
    live.retry();
    tab.tell({ type: 'pagehide' });
    tab.tell({ type: 'pageshow', persisted: true });
    await clock.advance(10_000);
  }
  t.equal(asked(), 1);
  t.equal(node.opened.length, 0);
  await clock.advance(11_000);
  t.equal(asked(), 2);
  t.match(live.status, { name: 'live' });
});

t.test('who is calling is not asked more often than twice a second, however often the page is woken', async (t) => {
  const { node, clock, tab, live, asked } = await openPage(t, (node) => {
    node.answers = 0;
  });
  const before = asked();
  for (let each = 0; each < 100; each += 1) {
    tab.tell({ type: 'online' });
    await clock.advance(20);
  }
  t.ok(asked() - before <= 5, `${asked() - before} questions in 2 s`);
  node.answers = 200;
  await clock.advance(3000);
  t.match(live.status, { name: 'live' });
});

t.test('a page that is put away while it waits asks nothing', async (t) => {
  const { node, clock, tab, asked } = await openPage(t, (node) => {
    node.session = () => new Response('', { status: 503, headers: { 'retry-after': '5' } });
  });
  tab.tell({ type: 'pagehide' });
  node.session = undefined;
  await clock.advance(600_000);
  t.equal(asked(), 1);
  t.equal(node.opened.length, 0);
});

t.test('a page that was put away says nothing of a stream that it has no more', async (t) => {
  const { node, clock, live, tab } = await openPage(t);
  const board = live.board(boardId(1));
  t.match(live.status, { name: 'live' });
  tab.tell({ type: 'pagehide' });
  t.match(live.status, { name: 'cached' });
  node.answers = undefined;
  tab.tell({ type: 'pageshow', persisted: true });
  await clock.advance(5000);
  t.match(live.status, { name: 'cached' });
  t.match(board.status, { name: 'cached' });
  node.answers = 200;
  await clock.advance(10_000);
  t.match(board.status, { name: 'live' });
});

t.test('a client that is closed takes no part any more, whatever the page asks of it', async (t) => {
  const { node, clock, live, open, asked } = await openPage(t);
  live.close();
  const before = asked();
  live.retry();
  await clock.advance(1000);
  t.equal(asked(), before);
  const { live: other } = open();
  await clock.advance(2000);
  t.match(other.status, { name: 'live' });
  t.match(live.status, { name: 'ended', reason: 'closed' });
  t.equal(node.streams.size, 1);
});
