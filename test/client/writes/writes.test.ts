// Writes of a page, from the call to the log, against a server in memory and by a clock that the test holds.

import t from 'tap';
import { ada, bob, problem } from '../model/server.ts';
import { createWorld } from '../model/world.ts';

const HOUR_MS = 3_600_000;

/** A page that shows a board with one item of somebody else. */
async function begin() {
  const world = createWorld();
  const milk = world.createTheirs('Milk');
  const page = world.openPage();
  await world.clock.run(100);
  return { ...world, page, milk };
}

t.test('a write is shown at once, and stays while the answer and the event come, whichever is first', async (t) => {
  for (const isStreamSlow of [true, false]) {
    const { page, milk, clock, server, browser } = await begin();
    const { settled, ids, key } = page.board.create({ text: 'Bread', x: 3 });
    page.board.update(milk, { x: 5 });
    await clock.run(0);
    t.match(page.shown.get(ids[0] ?? ''), { text: 'Bread', x: 3, version: 0 });
    t.match(page.shown.get(milk), { text: 'Milk', x: 5, version: 1 });
    t.match(page.writes.state, { unsent: 2, undecided: [], kept: 'saving' });
    server.write(bob, [{ op: 'update', id: milk, item: { text: 'Oats', y: 7 } }]);
    // One of the two ways takes a second.
    browser.slowness = isStreamSlow ? { answers: 0, frames: 1000 } : { answers: 1000, frames: 0 };
    let last = page.shown;
    for (let ms = 0; ms < 1500; ms += 10) {
      await clock.run(10);
      if (page.shown === last) continue;
      last = page.shown;
      t.match([last.get(milk)?.x, last.get(ids[0] ?? '')?.text], [5, 'Bread'], `after ${ms} ms`);
    }
    t.strictSame(await settled, { status: 'done' });
    t.match(page.shown.get(milk), { text: 'Oats', x: 5, y: 7, version: 3 }, 'others have changed other fields');
    t.strictSame(Object.fromEntries(page.shown), Object.fromEntries(server.items));
    t.equal(page.writes.state.unsent, 0);
    t.equal(page.writes.state.kept, 'yes');
    t.equal(browser.kept.size, 0);
    t.equal(server.log.find(({ action, actor }) => action === 'created' && actor?.name === 'Ada')?.mutationId, key);
    t.equal(server.requests.length, 2);
    for (const { headers } of server.requests) t.equal(headers.get('stream-id'), null, 'all tabs are told');
  }
});

t.test('what the server refuses is taken back, kept and told', async (t) => {
  const { page, milk, clock, server } = await begin();
  const refusals = [
    problem(400, 'TB_INVALID'),
    problem(403, 'TB_FORBIDDEN'),
    problem(404, 'TB_NOT_FOUND'),
    problem(409, 'TB_LIMIT_REACHED'),
    problem(413, 'TB_TOO_LARGE'),
    problem(422, 'TB_KEY_REUSED'),
  ];
  for (const refusal of refusals) {
    server.refusal = refusal;
    const { settled, key } = page.board.update(milk, { text: 'Mine' });
    await clock.run(100);
    const code = (refusal.body as { code?: string } | undefined)?.code;
    t.match(await settled, { status: 'refused', problem: { status: refusal.status, ...(code && { code }) } });
    t.equal(page.shown.get(milk)?.text, 'Milk');
    t.match(page.writes.state.undecided, [{ key, status: 'refused', operations: [{ item: { text: 'Mine' } }] }]);
    t.equal(page.board.canUndo, false, 'there is nothing to take back');
    t.equal(page.writes.decide(key, 'theirs'), undefined);
    t.strictSame(page.writes.state.undecided, []);
  }
  t.equal(server.requests.length, refusals.length, 'none was sent again');
  const { key } = page.board.update(milk, { text: 'Mine' });
  await clock.run(100);
  server.refusal = undefined;
  t.ok(page.writes.decide(key, 'mine'));
  await clock.run(100);
  t.equal(server.items.get(milk)?.text, 'Mine', 'or it is tried once more');
});

t.test('fields do not decide a refused batch: of which item they are nobody can say', async (t) => {
  const { page, milk, clock, server } = await begin();
  server.refusal = problem(400, 'TB_INVALID');
  const item = { text: 'Mine' };
  const { key } = page.board.write([
    { op: 'update', id: milk, item },
    { op: 'create', item },
  ]);
  await clock.run(100);
  server.refusal = undefined;
  t.equal(page.writes.decide(key, { text: 'Other' }), undefined);
  await clock.run(100);
  t.match(page.writes.state.undecided, [{ key }]);
  t.equal(server.items.get(milk)?.text, 'Milk', 'what was refused is not written again');
});

t.test('what somebody in between answers is no refusal', async (t) => {
  for (const refusal of [{ status: 404 }, { status: 403, body: { code: 'blocked' } }, { status: 200, body: [] }]) {
    const { page, milk, clock, server } = await begin();
    server.refusal = refusal;
    const { settled } = page.board.update(milk, { x: 1 });
    await clock.run(HOUR_MS);
    t.match(page.writes.state, { unsent: 1, undecided: [] }, 'a write waits');
    t.ok(server.requests.length > 100 && server.requests.length < 300, `${server.requests.length} times in an hour`);
    server.refusal = undefined;
    await clock.run(31_000);
    t.same(await settled, { status: 'done' });
  }
  const { page, milk, clock, server } = await begin();
  server.sessionRefusal = { status: 404 };
  const { settled } = page.board.update(milk, { x: 1 });
  await clock.run(HOUR_MS);
  t.match(page.writes.state, { unsent: 1, waiting: 'server' }, 'nobody has to sign in');
  server.sessionRefusal = undefined;
  await clock.run(31_000);
  t.same(await settled, { status: 'done' }, 'nor to say that it works');
});

t.test('what is too large for somebody in between is refused: it would be the next time as well', async (t) => {
  for (const body of [undefined, 'Request Entity Too Large']) {
    const { page, milk, clock, server } = await begin();
    server.refusal = { status: 413, body };
    page.board.update(milk, { text: 'Mine' });
    await clock.run(1000);
    t.match(page.writes.state.undecided, [{ status: 'refused', problem: { status: 413 } }]);
    t.equal(server.requests.length, 1);
  }
});

t.test('a write is sent under its key until it is answered', async (t) => {
  const { page, milk, clock, server } = await begin();
  server.refusal = { status: 502 };
  const { key, settled } = page.board.update(milk, { x: 1 });
  await clock.run(10);
  const other = page.board.update(milk, { x: 2 });
  t.not(other.key, key, 'what may have been done is changed no more');
  await clock.run(60_000);
  const times = server.requests.map(({ at }) => at);
  t.ok(times.length >= 5 && times.length <= 12, `${times.length} times in a minute`);
  t.same(new Set(server.requests.map((request) => `${request.key} ${request.body}`)).size, 1, 'as it was');
  server.refusal = undefined;
  await clock.run(31_000);
  t.same(await settled, { status: 'done' });
  t.equal(server.items.get(milk)?.x, 2);
});

t.test('429 and 503 are waited for as long as they say, whoever says that it works', async (t) => {
  for (const [refusal, ms] of [
    [problem(429, 'TB_TOO_MANY_WRITES', {}, { 'retry-after': '7' }), 7000],
    [problem(503, 'TB_UNAVAILABLE', {}, { 'retry-after': '2' }), 2000],
    [problem(429, 'TB_TOO_MANY_WRITES', {}, { 'retry-after': 'Mon, 04 May 2026 09:00:09 GMT' }), 8900],
    [problem(503, 'TB_UNAVAILABLE', {}, { 'retry-after': '99999999999' }), HOUR_MS],
  ] as const) {
    const { page, milk, clock, server } = await begin();
    server.refusal = refusal;
    page.board.update(milk, { x: 1 });
    page.board.create({ text: 'Bread' });
    await clock.run(20);
    t.equal(page.writes.state.waiting, 'server');
    const before = server.requests.length;
    page.writes.retry();
    page.tab.tell({ type: 'online' });
    await clock.run(ms - 120);
    t.equal(server.requests.length, before, `nothing before ${ms} ms`);
    server.refusal = undefined;
    await clock.run(700);
    t.equal(page.writes.state.unsent, 0);
    t.equal(server.items.get(milk)?.x, 1);
  }
});

t.test(
  'of two that say how long to wait the longer one counts, and a sign-in meanwhile is not forgotten',
  async (t) => {
    for (const other of [
      problem(429, 'TB_TOO_MANY_WRITES', {}, { 'retry-after': '1' }),
      problem(401, 'TB_OTHER_USER'),
    ]) {
      const { page, milk, clock, server, browser } = await begin();
      page.board.update(milk, { x: 1 });
      await clock.run(100);
      const answer = server.answer.bind(server);
      const posts: number[] = [];
      server.answer = (method, path, ...rest) => {
        if (method !== 'POST') return answer(method, path, ...rest);
        posts.push(clock.now);
        if (posts.length > 2) return answer(method, path, ...rest);
        // The second answer comes after the first one.
        browser.slowness.answers = posts.length === 2 ? 300 : 0;
        return posts.length === 2 ? other : problem(503, 'TB_UNAVAILABLE', {}, { 'retry-after': '7' });
      };
      page.board.update(milk, { x: 2 });
      page.board.create({ text: 'Bread' });
      await clock.run(1000);
      t.equal(posts.length, 2);
      t.equal(page.writes.state.waiting, other.status === 401 ? 'sign-in' : 'server');
      const begun = posts[0] ?? 0;
      page.writes.retry();
      await clock.run(20_000);
      t.ok((posts[2] ?? 0) >= begun + 7000, `${(posts[2] ?? 0) - begun} ms`);
      t.equal(page.writes.state.unsent, 0);
      t.equal(server.items.get(milk)?.x, 2);
    }
  },
);

t.test('who is signed out signs in again; and nobody else sends it', async (t) => {
  const { page, milk, clock, server, browser, openPage } = await begin();
  server.user = undefined;
  page.board.update(milk, { x: 1 });
  await clock.run(HOUR_MS);
  t.match(page.writes.state, { waiting: 'sign-in', unsent: 1 });
  t.equal(server.requests.length, 0);
  t.equal(page.shown.get(milk)?.x, 1, 'it is still shown');
  server.user = bob;
  page.returns();
  await clock.run(1000);
  t.equal(page.writes.state.waiting, 'sign-in', 'of somebody else');
  t.equal(server.requests.length, 0);
  // What is left in the browser is neither shown nor sent by the tabs of others.
  page.tab.close();
  const theirs = openPage(bob);
  await clock.run(HOUR_MS);
  t.equal(theirs.shown.get(milk)?.x, 0);
  t.equal(theirs.writes.state.unsent, 0);
  t.equal(browser.kept.size, 1);
  server.user = ada;
  const next = openPage();
  await clock.run(1000);
  t.equal(server.items.get(milk)?.x, 1, 'its own user sends it');
  t.strictSame([next.writes.state.unsent, browser.kept.size], [0, 0]);
});

t.test('somebody else who signs in beside the page, in another tab, does not write what it has written', async (t) => {
  for (const isStreamTold of [true, false]) {
    const { page, milk, clock, server } = await begin();
    page.board.update(milk, { x: 1 });
    await clock.run(100);
    // The cookie is that of all tabs.
    if (isStreamTold) server.signOut();
    server.user = bob;
    const { settled } = page.board.update(milk, { x: 2 });
    await clock.run(HOUR_MS);
    t.match(page.writes.state, { waiting: 'sign-in', unsent: 1 });
    t.equal(server.items.get(milk)?.x, 1);
    t.equal(page.shown.get(milk)?.x, 2);
    server.user = ada;
    page.returns();
    await clock.run(1000);
    t.same(await settled, { status: 'done' });
    t.strictSame(
      server.log.filter(({ action }) => action === 'updated').map(({ actor }) => actor?.name),
      ['Ada', 'Ada'],
    );
  }
});

t.test('the writes of one item go in order, those of others beside them, a few at a time', async (t) => {
  const { page, milk, clock, server, browser } = await begin();
  page.board.create({ text: 'Bread' });
  await clock.run(100);
  browser.slowness.answers = 1000;
  page.board.update(milk, { x: 1 });
  await clock.run(20);
  for (let count = 0; count < 8; count += 1) page.board.create({ text: `${count}` });
  page.board.update(milk, { x: 2 });
  page.board.update(milk, { y: 3 });
  const seen: number[] = [];
  for (let second = 0; second < 4; second += 1) {
    await clock.run(100);
    seen.push(server.requests.length - 1);
    await clock.run(910);
  }
  t.strictSame(seen, [4, 8, 10, 10], 'four at a time');
  const ofMilk = server.requests
    .filter(({ body }) => body.includes(milk))
    .map(({ body }) => JSON.parse(body).operations[0].item);
  t.strictSame(ofMilk, [{ x: 1 }, { x: 2, y: 3 }], 'two that were unsent have become one');
});

t.test('another version is a conflict, which waits until it is decided', async (t) => {
  const decisions = [
    ['mine', { text: 'Mine', x: 4, y: 9 }],
    ['theirs', { text: 'Theirs', x: 0, y: 9 }],
    [{ text: 'Both' }, { text: 'Both', x: 0, y: 9 }],
  ] as const;
  for (const [choice, result] of decisions) {
    const { page, milk, clock, server } = await begin();
    const base = page.shown.get(milk);
    server.write(bob, [{ op: 'update', id: milk, item: { text: 'Theirs', y: 9 } }]);
    const { settled, key } = page.board.update(milk, { text: 'Mine', x: 4 }, { ifMatch: 1 });
    await clock.run(HOUR_MS);
    t.match(await settled, { status: 'conflict', problem: { code: 'TB_CONFLICT' } });
    const theirs = server.items.get(milk);
    const [undecided] = page.writes.state.undecided;
    t.match(undecided, { key, status: 'conflict' });
    t.strictSame(
      { ...undecided?.conflict, conflicts: undecided?.conflict?.conflicts.map(({ field }) => field) },
      { id: milk, base, mine: { text: 'Mine', x: 4 }, theirs, conflicts: ['text'] },
    );
    t.match(page.shown.get(milk), { text: 'Theirs', x: 0 }, 'what is there is shown meanwhile');
    page.writes.decide(key, choice);
    await clock.run(100);
    t.match(server.items.get(milk), result);
    t.strictSame(page.writes.state.undecided, []);
  }
});

t.test('a condition of the page holds on its own writes before it, and on those of nobody else', async (t) => {
  for (const isDisturbed of [false, true]) {
    const { page, milk, clock, server, browser } = await begin();
    browser.slowness.frames = 300;
    page.board.update(milk, { x: 1 });
    await clock.run(10);
    const { settled } = page.board.update(milk, { text: 'Mine' }, { ifMatch: 1 });
    const made = page.board.create({ text: 'Bread' });
    await clock.run(0);
    const onMade = page.board.delete(made.ids[0] ?? '', { ifMatch: page.shown.get(made.ids[0] ?? '')?.version ?? 9 });
    await clock.run(100);
    if (isDisturbed) server.write(bob, [{ op: 'update', id: milk, item: { y: 1 } }]);
    await clock.run(1000);
    t.equal((await settled).status, isDisturbed ? 'conflict' : 'done');
    t.equal((await onMade.settled).status, 'done', 'also on an item that was not made yet');
  }
});

t.test('what is a day old is not sent blindly', async (t) => {
  const { page, milk, clock, server, browser, openPage } = await begin();
  server.refusal = { status: 502 };
  const { key, settled } = page.board.update(milk, { text: 'Mine' });
  await clock.run(24 * HOUR_MS);
  server.refusal = undefined;
  const { length } = server.requests;
  await clock.run(60_000);
  t.match(await settled, { status: 'unknown' });
  t.equal(server.requests.length, length);
  t.match(page.writes.state, {
    unsent: 0,
    undecided: [{ key, status: 'unknown', operations: [{ item: { text: 'Mine' } }] }],
  });
  page.tab.close();
  const next = openPage();
  await clock.run(1000);
  t.equal(next.writes.state.undecided.length, 1, 'nor after a reload');
  const again = next.writes.decide(key, 'mine');
  await clock.run(1000);
  t.same(await again?.settled, { status: 'done' });
  t.not(again?.key, key, 'the old key may mean nothing any more');
  t.equal(server.items.get(milk)?.text, 'Mine');
  t.equal(browser.kept.size, 0);
});

t.test('where the clock was set back by days, nobody knows how old a write is: it is not sent blindly', async (t) => {
  const { milk, clock, server, openPage } = await begin();
  let ahead = 48 * HOUR_MS;
  const page = openPage(ada, { now: () => clock.now + ahead });
  await clock.run(100);
  server.refusal = { status: 502 };
  page.board.update(milk, { x: 1 });
  await clock.run(1000);
  ahead = 0;
  const { length } = server.requests;
  await clock.run(25 * HOUR_MS);
  server.refusal = undefined;
  await clock.run(60_000);
  t.match(page.writes.state.undecided, [{ status: 'unknown' }]);
  t.equal(server.requests.length, length);
});

t.test('a clock that was set back puts nothing before what was written before', async (t) => {
  const { page, milk, clock, server, openPage } = await begin();
  page.tab.close();
  const first = openPage(ada, { now: () => clock.now + HOUR_MS });
  await clock.run(100);
  server.refusal = { status: 502 };
  first.board.update(milk, { x: 1 });
  await clock.run(100);
  first.tab.close();
  const second = openPage();
  await clock.run(100);
  t.equal(second.writes.state.unsent, 1, 'the second has it');
  second.board.update(milk, { x: 2 });
  await clock.run(100);
  second.tab.close();
  const third = openPage();
  await clock.run(100);
  t.equal(third.shown.get(milk)?.x, 2);
  server.refusal = undefined;
  await clock.run(60_000);
  t.match(server.items.get(milk), { x: 2 });
});

t.test('what was never sent is sent after any time without a network, also by the next tab', async (t) => {
  for (const isClosed of [false, true]) {
    const { page, milk, clock, server, browser, openPage } = await begin();
    browser.setOnline(false);
    page.board.update(milk, { text: 'Mine' });
    await clock.run(63 * HOUR_MS);
    if (isClosed) page.tab.close();
    browser.setOnline(true);
    const last = isClosed ? openPage() : page;
    await clock.run(60_000);
    t.match(last.writes.state, { unsent: 0, undecided: [] });
    t.equal(server.items.get(milk)?.text, 'Mine');
  }
});

t.test('unsent writes outlive their tab, in order, and are sent by the next one, once', async (t) => {
  for (const isOpenBefore of [false, true]) {
    const { page, milk, clock, server, browser, openPage } = await begin();
    const other = isOpenBefore ? openPage() : undefined;
    await clock.run(100);
    server.refusal = { status: 502 };
    page.board.update(milk, { x: 1 });
    const { ids } = page.board.create({ text: 'Bread' });
    await clock.run(2000);
    page.board.update(milk, { x: 2 });
    page.board.update(ids[0] ?? '', { text: 'Rolls' });
    await clock.run(20);
    t.equal(page.writes.state.kept, 'yes');
    t.equal(browser.kept.size, 4);
    page.tab.close();
    server.refusal = undefined;
    const next = other ?? openPage();
    await clock.run(60_000);
    t.match(server.items.get(milk), { x: 2, version: 3 });
    t.match(server.items.get(ids[0] ?? ''), { text: 'Rolls', version: 2 });
    t.strictSame([...server.doneByKey.values()], [1, 1, 1, 1]);
    t.strictSame(Object.fromEntries(next.shown), Object.fromEntries(server.items));
    t.equal(browser.kept.size, 0);
  }
});

t.test('what was written for one server is sent to no other one', async (t) => {
  const { page, milk, clock, server, browser, openPage } = await begin();
  server.refusal = { status: 502 };
  page.board.update(milk, { x: 1 });
  await clock.run(1000);
  page.tab.close();
  const elsewhere = openPage(ada, {}, 'http://moved');
  const { length } = server.requests;
  await clock.run(HOUR_MS);
  t.equal(elsewhere.shown.get(milk)?.x, 0, 'nor shown');
  t.equal(elsewhere.writes.state.unsent, 0);
  t.equal(browser.kept.size, 1);
  t.equal(server.requests.length, length, 'whoever answers at the other one');
  server.refusal = undefined;
  openPage(ada, {}, 'http://model/');
  await clock.run(1000);
  t.equal(server.items.get(milk)?.x, 1, 'the next page of its own server sends it');
  t.equal(browser.kept.size, 0);
});

t.test('a storage that keeps nothing is said so, and costs nothing else', async (t) => {
  const { page, milk, clock, server, browser } = await begin();
  browser.isStorageDenied = true;
  server.refusal = { status: 502 };
  page.board.update(milk, { x: 1 });
  await clock.run(100);
  t.equal(page.writes.state.kept, 'no');
  browser.isStorageDenied = false;
  await clock.run(20_000);
  t.equal(page.writes.state.kept, 'yes', 'when there is room again, it is kept after all');
  browser.isStorageDenied = true;
  server.refusal = undefined;
  await clock.run(60_000);
  t.equal(server.items.get(milk)?.x, 1);
  t.strictSame([...server.doneByKey.values()], [1]);
});

t.test('a storage without room lets go of what is over, so that nobody sends it again', async (t) => {
  const { page, milk, clock, server, browser } = await begin();
  page.board.update(milk, { y: 1 });
  await clock.run(100);
  browser.slowness = { answers: 500, frames: 500 };
  page.board.update(milk, { x: 1 });
  await clock.run(20);
  t.equal(browser.kept.size, 1);
  browser.isStorageFull = true;
  server.refusal = { status: 502 };
  page.board.create({ text: 'Bread' });
  await clock.run(1000);
  t.match(page.writes.state, { unsent: 1, kept: 'no' });
  t.equal(server.items.get(milk)?.x, 1);
  t.strictSame([...browser.kept.keys()], [], 'what is done is not there any more');
  browser.isStorageFull = false;
  await clock.run(11_000);
  t.equal(page.writes.state.kept, 'yes');
  t.equal(browser.kept.size, 1);
});

t.test('without locks writes are sent, and not kept', async (t) => {
  const { clock, server, openPage } = createWorld();
  const page = openPage(ada, { locks: undefined });
  await clock.run(100);
  page.board.create({ text: 'Bread' });
  t.equal(page.writes.state.kept, 'no');
  await clock.run(1000);
  t.equal(server.items.size, 1);
});

t.test('a storage that hangs holds up nothing', async (t) => {
  const hanging = await begin();
  hanging.browser.isStorageHanging = true;
  const { settled } = hanging.page.board.update(hanging.milk, { x: 1 });
  await hanging.clock.run(2000);
  t.same(await settled, { status: 'done' });
  t.equal(hanging.page.writes.state.kept, 'no');
});

t.test('a page that closes its writes shows them no more, and leaves them to the next', async (t) => {
  const { page, milk, clock, server, openPage, browser } = await begin();
  browser.setOnline(false);
  page.board.update(milk, { x: 1 });
  await clock.run(100);
  void page.writes.close();
  await clock.run(100);
  t.equal(page.live.board(server.boardId).state.items.get(milk)?.x, 0);
  browser.setOnline(true);
  await clock.run(60_000);
  t.equal(server.requests.length, 0);
  openPage();
  await clock.run(10_000);
  t.equal(server.items.get(milk)?.x, 1);
});

t.test('undo and redo are new writes, and leave what others have written', async (t) => {
  const { page, milk, clock, server } = await begin();
  const { ids } = page.board.create({ text: 'Bread' });
  for (let x = 1; x <= 9; x += 1) {
    page.board.update(milk, { x, y: x }, { gesture: 'drag' });
    await clock.run(15);
  }
  page.board.delete(milk);
  await clock.run(100);
  t.strictSame([page.board.canUndo, page.board.canRedo], [true, false]);
  page.board.undo();
  await clock.run(100);
  const back = [...server.items.values()].find(({ text }) => text === 'Milk');
  t.match(back, { x: 9, y: 9, rank: 'a0' }, 'what was deleted is made again');
  t.not(back?.id, milk, 'under another id: the log remembers the old one');
  server.write(bob, [{ op: 'update', id: back?.id ?? '', item: { y: 77 } }]);
  await clock.run(100);
  const undone = page.board.undo();
  t.strictSame(undone?.skipped, [{ id: back?.id, fields: ['y'], isGone: false }]);
  await clock.run(100);
  t.match(server.items.get(back?.id ?? ''), { x: 0, y: 77 }, 'all of the drag, but what others have changed');
  page.board.undo();
  await clock.run(100);
  t.notOk(server.items.has(ids[0] ?? ''));
  t.strictSame([page.board.canUndo, page.board.canRedo], [false, true]);
  t.equal(page.board.undo(), undefined);
  page.board.redo();
  await clock.run(100);
  t.ok([...server.items.values()].some(({ text }) => text === 'Bread'));
  page.board.redo();
  await clock.run(100);
  t.match(server.items.get(back?.id ?? ''), { x: 9, y: 77 });
  page.board.update(back?.id ?? '', { text: 'Oats' });
  t.equal(page.board.canRedo, false);
});

t.test('a gesture of more than one batch is one step, also when some of it is refused', async (t) => {
  const { page, milk, clock, server } = await begin();
  const operations = Array.from({ length: 620 }, (_, index) => ({
    op: 'create' as const,
    // What takes it back says it again: 620 of them are no batch of the server, by their size neither.
    item: { text: `${index} ${'x'.repeat(2000)}` },
  }));
  for (const batch of [operations.slice(0, 400), operations.slice(400)]) page.board.write(batch, 'import');
  await clock.run(100);
  t.equal(server.items.size, 621);
  const texts = () => [...server.items.values()].map(({ text }) => text).sort();
  const all = texts();
  server.requests.length = 0;
  const undone = page.board.undo();
  t.strictSame(undone?.skipped, []);
  t.equal(undone?.made?.ids.length, 620);
  await clock.run(100);
  t.strictSame([...server.items.keys()], [milk]);
  t.same(await undone?.made?.settled, { status: 'done' });
  t.equal(page.board.canUndo, false);
  const redone = page.board.redo();
  await clock.run(100);
  t.strictSame(texts(), all, 'and all of it comes back');
  t.strictSame([page.board.canUndo, page.board.canRedo], [true, false]);
  t.same(await redone?.made?.settled, { status: 'done' });
  t.ok(
    server.requests.every(({ body }) => JSON.stringify(body).length < 2 ** 20),
    'each of them a batch that a server takes',
  );
  page.board.undo();
  await clock.run(100);
  t.strictSame([...server.items.keys()], [milk]);

  page.board.redo();
  await clock.run(100);
  server.refusal = problem(403, 'TB_FORBIDDEN');
  const refused = page.board.undo();
  await clock.run(100);
  t.equal((await refused?.made?.settled)?.status, 'refused');
  t.strictSame(texts(), all);
});

t.test('a snapshot between a write and its event makes no conflict with oneself', async (t) => {
  for (const isAnswered of [true, false]) {
    for (const isTheirs of [false, true]) {
      const { page, milk, clock, server, browser } = await begin();
      browser.slowness = isAnswered ? { answers: 0, frames: 5000 } : { answers: 5000, frames: 0 };
      if (isTheirs) server.write(bob, [{ op: 'update', id: milk, item: { x: 1 } }]);
      page.board.update(milk, { x: 1 });
      const { settled } = page.board.update(milk, { text: 'Mine' }, { ifMatch: 1 });
      await clock.run(100);
      // What was on its way is lost, and all comes anew: by a snapshot, which holds it.
      server.restart(true);
      browser.setOnline(false);
      browser.slowness.frames = 0;
      browser.setOnline(true);
      await clock.run(20_000);
      t.equal((await settled).status, isTheirs ? 'conflict' : 'done', `${isAnswered ? 'after' : 'before'} the answer`);
    }
  }
});

t.test('a refused part of a gesture leaves the rest to be taken back', async (t) => {
  for (const isUndoneBefore of [false, true]) {
    const { page, milk, clock, server } = await begin();
    const { ids } = page.board.create({ text: 'Bread' });
    await clock.run(100);
    const [bread = ''] = ids;
    const drag = (texts: readonly [string, string]) =>
      page.board.write(
        [milk, bread].map((id, index) => ({ op: 'update', id, item: { text: texts[index] ?? '' } })),
        'typing',
      );
    drag(['1', '1']);
    await clock.run(2);
    const { settled } = drag(['2', 'refused']);
    if (!isUndoneBefore) await clock.run(100);
    const undone = page.board.undo();
    await clock.run(100);
    t.equal((await settled).status, 'refused');
    t.strictSame(undone?.skipped, []);
    t.same(await undone?.made?.settled, { status: 'done' });
    t.strictSame([server.items.get(milk)?.text, server.items.get(bread)?.text], ['Milk', 'Bread']);
    t.equal(page.board.canUndo, true, 'and what was before it');
  }
});

t.test('an item whose deletion is refused does not come back beside itself', async (t) => {
  const { page, milk, clock, server } = await begin();
  server.write(bob, [{ op: 'update', id: milk, item: { y: 1 } }]);
  page.board.write([{ op: 'delete', id: milk, ifMatch: 1 }], 'tidy');
  const { ids } = page.board.write([{ op: 'create', item: { text: 'Bread' } }], 'tidy');
  const undone = page.board.undo();
  await clock.run(1000);
  t.same(await undone?.made?.settled, { status: 'done' });
  t.notOk(server.items.has(ids[0] ?? ''), 'what was done is taken back');
  t.strictSame([...server.items.keys()], [milk]);
});

t.test('others who write in the moment of an undo are not overwritten', async (t) => {
  const { page, milk, clock, server } = await begin();
  page.board.update(milk, { text: 'Mine' });
  await clock.run(100);
  const first = page.board.undo();
  server.write(bob, [{ op: 'update', id: milk, item: { x: 9 } }]);
  await clock.run(100);
  t.match(server.items.get(milk), { text: 'Milk', x: 9 }, 'another field is no matter');
  t.equal((await first?.made?.settled)?.status, 'done');
  page.board.redo();
  await clock.run(100);
  const second = page.board.undo();
  server.write(bob, [{ op: 'update', id: milk, item: { text: 'Theirs' } }]);
  await clock.run(100);
  t.equal(server.items.get(milk)?.text, 'Theirs');
  t.equal((await second?.made?.settled)?.status, 'conflict', 'it is told');
  const { ids } = page.board.create({ text: 'Bread' });
  await clock.run(100);
  const third = page.board.undo();
  server.write(bob, [{ op: 'update', id: ids[0] ?? '', item: { data: { theirs: 1 } } }]);
  await clock.run(100);
  t.equal((await third?.made?.settled)?.status, 'conflict');
  t.ok(server.items.has(ids[0] ?? ''));
});

t.test('a refusal that was under way while somebody signed in is no reason to wait', async (t) => {
  const { page, milk, clock, server, browser } = await begin();
  browser.slowness.answers = 1000;
  server.user = undefined;
  const { settled } = page.board.update(milk, { x: 1 });
  await clock.run(500);
  server.user = ada;
  page.writes.retry();
  await clock.run(10_000);
  t.same(await settled, { status: 'done' });
  t.equal(page.writes.state.waiting, undefined);
});

t.test(
  'an id is the same in every spelling, and what the page does with its objects later changes nothing',
  async (t) => {
    const { page, clock, server } = await begin();
    const id = 'ABCDEF00-0000-4000-8000-000000000000';
    const board = page.writes.board(server.boardId.toUpperCase());
    t.equal(board, page.board);
    const item = { id, text: 'Bread', data: { a: 1 } };
    const { settled, ids } = board.create(item);
    item.data.a = 2;
    board.update(id, { x: 5 });
    await clock.run(100);
    t.same(await settled, { status: 'done' });
    t.strictSame(ids, [id.toLowerCase()]);
    t.match(server.items.get(id.toLowerCase()), { text: 'Bread', x: 5, data: { a: 1 } });
    t.strictSame(Object.fromEntries(page.shown), Object.fromEntries(server.items));
    t.equal(page.writes.state.unsent, 0);
  },
);
