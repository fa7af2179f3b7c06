// Never gives up, never hammers, and says why: the stream of a page whose node dies, hangs, falls silent or refuses.

import t, { type Test } from 'tap';
import type { ConnectOptions } from '../../src/client/live.ts';
import { FakeBrowser } from '../helpers/fake-browser.ts';
import { ada, boardId, FakeNode } from '../helpers/fake-node.ts';

async function openPage(t: Test, options: Partial<ConnectOptions> = {}, node = new FakeNode()) {
  const id = node.addBoard(1);
  const browser = new FakeBrowser(node);
  const tab = browser.openTab({ boards: [id], ...options }, { locks: false });
  t.teardown(() => tab.live.close());
  await browser.clock.advance(1000);
  return { node, browser, clock: browser.clock, tab, live: tab.live, board: tab.live.board(id), id };
}

type Opened = Awaited<ReturnType<typeof openPage>>;

t.test('a stream that hangs while it is opened is opened again after 10 s', async (t) => {
  const node = new FakeNode();
  node.answers = undefined;
  const { clock, live } = await openPage(t, {}, node);
  t.equal(node.opened.length, 1);
  await clock.advance(9500);
  t.match(live.status, { name: 'offline', reason: 'silent' });
  node.answers = 200;
  await clock.advance(3000);
  t.equal(node.opened.length, 2);
  t.match(live.status, { name: 'live' });
});

t.test('a stream that is silent for three heartbeats is dead', async (t) => {
  const { node, clock, live, id } = await openPage(t);
  await clock.advance(40_000);
  node.tell('heartbeat', { boardId: id, cursor: 'e-0' });
  await clock.advance(44_000);
  t.equal(node.opened.length, 1, 'each frame counts');
  await clock.advance(2000);
  t.equal(node.opened.length, 2);
  t.equal(node.streams.size, 1, 'the dead one is let go');
  t.match(live.status, { name: 'live' });
  node.heartbeatSeconds = 5;
  node.cut();
  await clock.advance(3000);
  const before = node.opened.length;
  await clock.advance(16_000);
  t.equal(node.opened.length, before + 1, 'as the server has it');
});

t.test('the waits grow up to 30 s, with full jitter, and begin anew after a stream', async (t) => {
  const { node, browser, clock, live, id } = await openPage(t);
  browser.random = 0.999_999;
  node.answers = 0;
  node.cut();
  const times: number[] = [];
  let last = clock.now;
  while (times.length < 7) {
    const before = node.opened.length;
    await clock.advance(100);
    if (node.opened.length > before) {
      times.push(Math.round((clock.now - last) / 1000));
      last = clock.now;
    }
  }
  t.strictSame(times, [3, 6, 12, 24, 30, 30, 30]);
  t.match(live.status, { name: 'offline' });
  node.answers = 200;
  await clock.advance(31_000);
  t.match(live.status, { name: 'live' });
  await clock.advance(5000);
  node.tell('heartbeat', { boardId: id, cursor: 'e-0' });
  node.cut();
  const before = node.opened.length;
  await clock.advance(3100);
  t.equal(node.opened.length, before + 1);
});

t.test('a stream that says ready and is cut again and again is asked for ever more seldom', async (t) => {
  const { node, browser, clock } = await openPage(t);
  browser.random = 0.999_999;
  for (let ms = 0; ms < 600_000; ms += 500) {
    node.cut();
    await clock.advance(500);
  }
  t.ok(node.opened.length < 28, `${node.opened.length} streams in ten minutes`);
});

t.test('a clock that is set back keeps no stream away', async (t) => {
  const { node, clock, live } = await openPage(t);
  node.cut();
  clock.now -= 3_600_000;
  await clock.advance(3_600_000 + 5000);
  clock.now -= 3_600_000;
  const before = node.opened.length;
  live.board(node.addBoard(2));
  await clock.advance(1000);
  t.equal(node.opened.length, before + 1);
});

t.test('a stream that leaves something out each time is not opened for ever', async (t) => {
  const { node, browser, clock, board, id } = await openPage(t);
  browser.random = 0.999;
  const { begin } = node;
  const skip = () =>
    node.tell('changed', {
      boardId: id,
      seq: 99,
      resource: 'item',
      action: 'created',
      id: 'x',
      object: {},
      actor: null,
    });
  node.begin = (stream, ...rest) => {
    begin.call(node, stream, ...rest);
    skip();
  };
  skip();
  await clock.advance(600_000);
  t.ok(node.opened.length < 60, `${node.opened.length} streams in ten minutes`);
  t.equal(board.confirmed.size, 0);
  node.begin = begin;
  await clock.advance(31_000);
  t.match(board.status, { name: 'live' });
});

t.test('a board that was left and is back when the browser comes back by itself is read anew', async (t) => {
  const { node, clock, live, id } = await openPage(t);
  const other = live.board(node.addBoard(2));
  node.write(id, 'a', 'first');
  await clock.advance(1000);
  const [stream] = node.streams;
  for (const each of node.streams) each.send('close', { reason: 'rotated', retry: true });
  node.cut();
  live.leave(id);
  await clock.advance(100);
  const again = live.board(id);
  await clock.advance(1000);
  stream?.connect();
  await clock.advance(2000);
  t.match(again.status, { name: 'live' });
  t.equal(again.state.items.size, 1);
  t.match(other.status, { name: 'live' });
});

t.test('a wrong id ends that board alone, and is asked for by nobody', async (t) => {
  const { node, clock, live, board, id } = await openPage(t);
  const wrong = live.board('plans');
  t.match(wrong.status, { name: 'ended', reason: 'TB_INVALID' });
  const other = live.board(node.addBoard(2));
  await clock.advance(2000);
  t.equal(node.opened.at(-1)?.get('boards'), `${id},${boardId(2)}`);
  for (const each of [board, other]) t.match(each.status, { name: 'live' });
});

t.test('a refusal that names no board ends none', async (t) => {
  const { node, clock, board } = await openPage(t);
  node.answers = 400;
  node.cut(2);
  await clock.advance(60_000);
  t.match(board.status, { name: 'behind', reason: 'TB_400' });
  node.answers = 200;
  await clock.advance(31_000);
  t.match(board.status, { name: 'live' });
});

t.test('boards that have all ended while a stream is waited for open none', async (t) => {
  const { node, clock, id } = await openPage(t);
  node.tell('close', { boardId: id, reason: 'revoked', retry: false });
  node.cut();
  await clock.advance(600_000);
  t.equal(node.opened.length, 1);
});

t.test('a time that no timer can wait for is an hour', async (t) => {
  const node = new FakeNode();
  node.answers = 503;
  node.retryAfter = '99999999';
  const { clock } = await openPage(t, {}, node);
  await clock.advance(3_590_000);
  t.equal(node.opened.length, 1);
  await clock.advance(20_000);
  t.equal(node.opened.length, 2);
});

t.test('a page that is online again does not wait', async (t) => {
  const { node, browser, clock, tab, live } = await openPage(t);
  browser.random = 0.999_999;
  node.answers = 0;
  node.cut();
  await clock.advance(60_000);
  node.answers = 200;
  tab.tell({ type: 'online' });
  await clock.advance(600);
  t.match(live.status, { name: 'live' });
  const before = node.opened.length;
  for (let each = 0; each < 100; each += 1) {
    tab.tell({ type: 'online' });
    await clock.advance(10);
  }
  t.ok(node.opened.length - before <= 3, 'however often it is told: at most one each half second');
});

t.test('a node that says when to come back is obeyed by the browser', async (t) => {
  const { node, clock, live, id } = await openPage(t);
  const [stream] = node.streams;
  for (const each of node.streams) each.send('close', { reason: 'shutdown', retry: true });
  t.match(live.status, { name: 'behind', reason: 'shutdown' });
  node.cut();
  await clock.advance(20_000);
  t.equal(node.opened.length, 1, 'nothing of ours: the browser knows the delay, and comes back by itself');
  node.write(id, 'a', 'meanwhile');
  stream?.connect();
  await clock.advance(100);
  t.match(live.status, { name: 'live' });
  t.equal(node.opened.length, 1);
  t.equal(live.board(id).state.items.size, 1);
});

t.test('a node that is full says so each time, and is asked no sooner than it says', async (t) => {
  const { node, clock, live } = await openPage(t);
  const [stream] = node.streams;
  const turnAway = () => {
    stream?.send('close', { reason: 'busy', retry: true });
    node.cut();
  };
  turnAway();
  const { begin } = node;
  node.begin = turnAway;
  for (let time = 0; time < 3; time += 1) {
    await clock.advance(30_000);
    stream?.connect();
    t.match(live.status, { name: 'behind', reason: 'busy' });
  }
  await clock.advance(30_000);
  t.equal(node.opened.length, 1, 'by the browser alone');
  node.begin = begin;
  stream?.connect();
  await clock.advance(100);
  t.match(live.status, { name: 'live' });
});

t.test(
  'a stream that comes back by itself has the boards of before: those that came meanwhile are added',
  async (t) => {
    const { node, clock, live } = await openPage(t);
    const [stream] = node.streams;
    for (const each of node.streams) each.send('close', { reason: 'rotated', retry: true });
    node.cut();
    const second = live.board(node.addBoard(2));
    await clock.advance(3000);
    t.equal(node.opened.length, 1, 'the time that the server has named holds for them too');
    stream?.connect();
    await clock.advance(1000);
    t.equal(node.opened.length, 2);
    t.match(second.status, { name: 'live' });
  },
);

t.test('a browser that does not come back in time is helped', async (t) => {
  const { node, clock, live } = await openPage(t);
  for (const each of node.streams) each.send('close', { reason: 'busy', retry: true });
  node.cut();
  await clock.advance(39_000);
  t.equal(node.opened.length, 1);
  await clock.advance(2000);
  t.equal(node.opened.length, 2);
  t.match(live.status, { name: 'live' });
});

t.test('a browser that gave up is told why by fetch, once', async (t) => {
  const { node, clock, live, board } = await openPage(t);
  node.user = undefined;
  node.cut(2);
  await clock.advance(600);
  t.equal(node.requests.filter(({ path }) => path.startsWith('/events')).length, 1);
  t.match(live.status, { name: 'signed-out', reason: 'TB_UNAUTHENTICATED' });
  t.match(board.status, { name: 'signed-out' });
  await clock.advance(600_000);
  t.equal(node.opened.length, 1);
  t.equal(node.requests.length, 1, 'and nobody is asked again');
  node.user = ada;
  live.retry();
  await clock.advance(1000);
  t.match(live.status, { name: 'live' });
});

for (const status of [403, 404]) {
  t.test(`${status} ends the boards, and the client goes on with others`, async (t) => {
    const node = new FakeNode();
    node.answers = status;
    const { clock, live, board } = await openPage(t, {}, node);
    t.match(board.status, { name: 'ended', reason: `TB_${status}` });
    await clock.advance(600_000);
    t.equal(node.opened.length, 1);
    node.answers = 200;
    const other = live.board(node.addBoard(2));
    await clock.advance(1000);
    t.equal(node.opened.at(-1)?.get('boards'), boardId(2));
    t.match(other.status, { name: 'live' });
  });
}

for (const [what, wake] of [
  ['being online again', ({ tab }: Opened) => tab.tell({ type: 'online' })],
  ['a retry', ({ live }: Opened) => live.retry()],
  [
    'a page that comes back as it was',
    async ({ tab, clock }: Opened) => {
      tab.tell({ type: 'pagehide' });
      await clock.advance(100);
      tab.tell({ type: 'pageshow', persisted: true });
    },
  ],
  [
    'a board that is left and shown again',
    async ({ live, clock, id }: Opened) => {
      live.leave(id);
      await clock.advance(100);
      live.board(id);
    },
  ],
] as const) {
  t.test(`${what} does not break a Retry-After`, async (t) => {
    const node = new FakeNode();
    node.answers = 429;
    node.retryAfter = '60';
    const page = await openPage(t, {}, node);
    node.answers = 200;
    for (let second = 0; second < 55; second += 5) {
      await wake(page);
      await page.clock.advance(5000);
    }
    t.equal(node.opened.length, 1);
    await page.clock.advance(6000);
    t.equal(node.opened.length, 2, 'and is no reason to forget the board');
    t.match(page.live.status, { name: 'live' });
  });

  t.test(`${what} brings nobody back whom a node has sent away for a while`, async (t) => {
    const page = await openPage(t);
    for (const each of page.node.streams) each.send('close', { reason: 'busy', retry: true });
    page.node.cut();
    for (let second = 0; second < 28; second += 4) {
      await wake(page);
      await page.clock.advance(3900);
    }
    t.equal(page.node.opened.length, 1);
    await page.clock.advance(15_000);
    t.match(page.live.status, { name: 'live' });
  });
}

t.test('a page that is put away while it waits for the time opens nothing until it comes back', async (t) => {
  const node = new FakeNode();
  node.answers = 429;
  node.retryAfter = '60';
  const { clock, tab, live } = await openPage(t, {}, node);
  tab.tell({ type: 'pagehide' });
  node.answers = 200;
  await clock.advance(600_000);
  t.equal(node.opened.length, 1);
  tab.tell({ type: 'pageshow', persisted: true });
  await clock.advance(1000);
  t.match(live.status, { name: 'live' });
});

for (const status of [429, 503]) {
  t.test(`${status} waits for as long as the server says`, async (t) => {
    const node = new FakeNode();
    node.answers = status;
    node.retryAfter = '60';
    const { clock, live } = await openPage(t, {}, node);
    t.match(live.status, { name: 'behind', reason: `TB_${status}` });
    await clock.advance(58_000);
    t.equal(node.opened.length, 1);
    node.answers = 200;
    await clock.advance(3000);
    t.equal(node.opened.length, 2);
    t.match(live.status, { name: 'live' });
  });
}

t.test('the session ends: the server says so in the last frame', async (t) => {
  const { node, clock, live } = await openPage(t);
  for (const each of node.streams) each.send('close', { reason: 'expired', retry: false });
  await clock.advance(600_000);
  t.match(live.status, { name: 'signed-out', reason: 'expired' });
  t.equal(node.opened.length, 1);
});

t.test('a ticket opens the stream, and is asked for again when it is refused, once', async (t) => {
  const node = new FakeNode();
  node.ticket = 'one';
  const asked: string[][] = [];
  const ticket = async (boards: string[]) => {
    asked.push(boards);
    return node.ticket === 'never' ? 'bad' : (node.ticket ?? '');
  };
  const { clock, live, id } = await openPage(t, { ticket }, node);
  t.match(live.status, { name: 'live' });
  t.equal(node.opened[0]?.get('ticket'), 'one');
  t.strictSame(asked, [[id]]);
  node.cut();
  await clock.advance(3000);
  t.equal(node.opened.length, 2);
  t.equal(asked.length, 1, 'it is good again for a stream that comes back');
  node.ticket = 'two';
  node.cut();
  await clock.advance(5000);
  node.tell('heartbeat', { boardId: id, cursor: 'e-0' });
  t.equal(asked.length, 2);
  t.match(live.status, { name: 'live' });
  t.equal(node.opened.at(-1)?.get('ticket'), 'two');
  live.board(node.addBoard(2));
  await clock.advance(1000);
  t.strictSame(asked.at(-1), [id, boardId(2)], 'other boards need another one');
  node.ticket = 'never';
  node.cut();
  await clock.advance(60_000);
  t.match(live.status, { name: 'signed-out' });
  t.equal(asked.length, 4);
});

t.test('a board whose access has come back is asked for with another ticket: the old one has lost it', async (t) => {
  const asked: string[][] = [];
  const ticket = async (boards: string[]) => `ticket ${asked.push(boards)}`;
  const { node, clock, live, id } = await openPage(t, { ticket });
  const second = node.addBoard(2);
  live.board(second);
  await clock.advance(1000);
  const before = asked.length;
  node.tell('close', { boardId: second, reason: 'revoked', retry: false });
  live.retry();
  await clock.advance(2000);
  t.strictSame(asked.slice(before), [[id, second]]);
  t.equal(node.opened.at(-1)?.get('ticket'), `ticket ${before + 1}`);
  t.match(live.board(second).status, { name: 'live' });
});

t.test('a date in Retry-After is measured by the clock of the page', async (t) => {
  const node = new FakeNode();
  const { clock, live } = await openPage(t, {}, node);
  node.answers = 503;
  node.retryAfter = new Date(clock.now + 60_000).toUTCString();
  node.cut(2);
  await clock.advance(10);
  node.answers = 200;
  await clock.advance(55_000);
  t.equal(node.opened.length, 1);
  await clock.advance(10_000);
  t.match(live.status, { name: 'live' });
});

t.test('a ticket that cannot be had is waited for, as a stream is', async (t) => {
  const node = new FakeNode();
  let isAway = true;
  const ticket = async () => {
    if (isAway) throw new TypeError('fetch failed');
    return 'one';
  };
  const { clock, live } = await openPage(t, { ticket }, node);
  t.match(live.status, { name: 'offline', reason: 'unreachable' });
  isAway = false;
  await clock.advance(3000);
  t.match(live.status, { name: 'live' });
  const refuse = async () => {
    throw Response.json({ code: 'TB_UNAUTHENTICATED' }, { status: 401 });
  };
  const { live: other } = await openPage(t, { ticket: refuse });
  t.match(other.status, { name: 'signed-out', reason: 'TB_UNAUTHENTICATED' });
});

t.test('a page whose ticket is refused is not asked for one again and again', async (t) => {
  let asked = 0;
  const node = new FakeNode();
  node.ticket = 'one';
  const ticket = async () => {
    asked += 1;
    if (asked > 1) throw Response.json({ code: 'TB_UNAUTHENTICATED' }, { status: 401 });
    return 'one';
  };
  const { clock, live } = await openPage(t, { ticket }, node);
  node.ticket = 'two';
  node.cut();
  await clock.advance(600_000);
  t.ok(asked <= 3, `asked ${asked} times`);
  t.match(live.status, { name: 'signed-out', reason: 'TB_UNAUTHENTICATED' });
});

t.test('a stream that is ended at once, whatever the ticket, is not opened for ever', async (t) => {
  const node = new FakeNode();
  const { begin } = node;
  node.begin = (stream, ...rest) => {
    begin.call(node, stream, ...rest);
    stream.send('close', { reason: 'revoked', retry: false });
  };
  const { clock, live } = await openPage(t, { ticket: async () => 'fresh' }, node);
  await clock.advance(600_000);
  t.ok(node.opened.length <= 2, `${node.opened.length} streams`);
  t.match(live.status, { name: 'signed-out', reason: 'revoked' });
});

t.test('a ticket that was too old when there was a node again is replaced, as is one after a sign-in', async (t) => {
  const node = new FakeNode();
  node.ticket = 'one';
  node.answers = 0;
  const ticket = async () => node.ticket ?? '';
  const { clock, live } = await openPage(t, { ticket }, node);
  for (const fresh of ['two', 'three']) {
    await clock.advance(61_000);
    node.ticket = fresh;
    node.answers = 200;
    await clock.advance(40_000);
    t.match(live.status, { name: 'live' });
    node.answers = 0;
    node.cut();
  }
  node.answers = 200;
  node.user = undefined;
  await clock.advance(60_000);
  t.match(live.status, { name: 'signed-out' });
  node.user = ada;
  node.ticket = 'four';
  live.retry();
  await clock.advance(1000);
  t.match(live.status, { name: 'live' });
});
