// The same against a real node: what the server says is what the client expects of it.

import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import type { Item } from '../../../src/client/types.ts';
import { Client } from '../../helpers/client.ts';
import { startNode, type TestNode, useDatabase } from '../../helpers/node.ts';
import { until } from '../../helpers/until.ts';
import { browserOf } from '../model/page-of-node.ts';
import { ModelServer, ada as modelAda, bob as modelBob } from '../model/server.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');
const bob = await Client.signUp(node, 'Bob');

/** A board of Ada's on which Bob may write, with an item, and a page that shows it. */
async function begin(t: Test, at: TestNode = node) {
  const boardId = await ada.createBoard();
  const path = `/boards/${boardId}`;
  await ada.post(`${path}/members`, { userId: bob.user.id, role: 'editor' });
  const milk = (await bob.post(`${path}/items`, { text: 'Milk' })).body.item.id as string;
  const browser = browserOf(t, at, ada);
  const page = browser.openPage(boardId);
  await until(() => page.shown.has(milk), 'the board');
  const itemsAt = async () => {
    const { body } = await bob.get(path);
    return Object.fromEntries(body.items.map((item: { id: string }) => [item.id, item]));
  };
  const theirs = (patch: object, id = milk) => bob.patch(`${path}/items/${id}`, patch);
  return { ...browser, boardId, path, milk, page, itemsAt, theirs };
}

t.test('create, update, delete and batch come to be shown as the server has them', async (t) => {
  const { page, milk, itemsAt, theirs } = await begin(t);
  const bread = page.board.create({ text: 'Bread', data: { a: { b: 1 } } });
  const [id = ''] = bread.ids;
  page.board.update(id, { data: { a: { c: 2 } }, x: 1.5 });
  page.board.update(milk, { x: 4 });
  await theirs({ text: 'Oats' });
  const both = page.board.write([
    { op: 'update', id: milk, item: { color: 'red' } },
    { op: 'create', item: { text: 'Jam' } },
  ]);
  for (const { settled } of [bread, both]) t.same(await settled, { status: 'done' });
  t.equal((await page.board.delete(id).settled).status, 'done');
  t.equal((await page.board.update(milk, { x: 4 }).settled).status, 'done', 'what changes nothing is done too');
  const items = await itemsAt();
  await until(() => page.writes.state.unsent === 0 && page.shown.size === 2, 'all of it');
  t.strictSame(Object.fromEntries(page.shown), items);
  t.match(page.shown.get(milk), { text: 'Oats', x: 4, color: 'red' });
});

t.test('a write whose answer was lost is repeated by its key, and done once', async (t) => {
  const { page, milk, boardId, network, openPage } = await begin(t);
  network.answers = 'lost';
  t.same(await page.board.create({ text: 'Rolls' }).settled, { status: 'done' }, 'the event says so as well');
  page.live.close();
  const { sent } = network;
  const { key } = page.board.create({ text: 'Bread' });
  await until(() => sent.some((each) => each.key === key), 'the first attempt');
  const change = page.board.update(milk, { x: 1 });
  await until(() => page.writes.state.kept === 'yes', 'the storage');
  page.end();
  network.answers = 'come';
  const next = openPage(boardId);
  await until(() => next.shown.size === 3 && next.shown.get(milk)?.x === 1, 'the next tab');
  await until(() => next.writes.state.unsent === 0, 'the answers');
  const events = await database.sql(
    'select mutation_id as key from teamboard.board_events where mutation_id = any($1)',
    [[key, change.key]],
  );
  t.equal(events.length, 2);
  t.ok(sent.some((each) => each.key === key && each.isReplay));
});

t.test('refusals are told: no right, no item, no sense, no board', async (t) => {
  const { page, milk, path, theirs } = await begin(t);
  const codeOf = async ({ settled }: { settled: Promise<{ status: string; problem?: { code?: string } }> }) => {
    const { status, problem } = await settled;
    return `${status} ${problem?.code}`;
  };
  t.equal(await codeOf(page.board.update(milk, { text: 'x'.repeat(10_001) })), 'refused TB_INVALID');
  await until(() => page.shown.get(milk)?.text === 'Milk', 'the text from before');
  const gone = (await bob.post(`${path}/items`, { text: 'Gone' })).body.item.id;
  await bob.delete(`${path}/items/${gone}`);
  t.equal(await codeOf(page.board.update(gone, { x: 1 })), 'refused TB_ITEM_GONE');
  t.equal(await codeOf(page.board.create({ id: gone, text: 'again' })), 'refused TB_ID_TAKEN');
  await theirs({ x: 1 });
  const stale = page.board.update(milk, { text: 'Mine', x: 2 }, { ifMatch: 1 });
  t.equal(await codeOf(stale), 'conflict TB_CONFLICT');
  const conflict = page.writes.state.undecided.at(-1)?.conflict;
  t.match(conflict, {
    id: milk,
    base: { version: 1, x: 0, text: 'Milk' },
    mine: { text: 'Mine', x: 2 },
    theirs: { version: 2, x: 1 },
    conflicts: [{ field: 'x', actor: { name: 'Bob' } }],
  });
  t.same(await page.writes.decide(stale.key, { text: 'Mine' })?.settled, { status: 'done' });
  t.match((await bob.get(`${path}/items/${milk}`)).body.item, { text: 'Mine', x: 1, version: 3 });
  await ada.patch(`${path}/members/${bob.user.id}`, { role: 'owner' });
  await bob.patch(`${path}/members/${ada.user.id}`, { role: 'viewer' });
  t.equal(await codeOf(page.board.update(milk, { x: 9 })), 'refused TB_FORBIDDEN');
  await bob.delete(`${path}/members/${ada.user.id}`);
  t.equal(await codeOf(page.board.update(milk, { x: 9 })), 'refused TB_NOT_FOUND');
  t.equal(page.writes.state.undecided.length, 5, 'all of them wait to be read');
});

t.test('undo and redo of all kinds, while somebody else writes', async (t) => {
  const { page, milk, path, itemsAt, theirs } = await begin(t);
  const settle = () => until(() => page.writes.state.unsent === 0, 'the writes');
  const contents = async () =>
    Object.values(await itemsAt())
      .map(({ text, x, y, data, rank }) => `${text} ${x} ${y} ${JSON.stringify(data)} ${rank}`)
      .sort();
  const beginning = await contents();
  page.board.create({ text: 'Bread', rank: 'a5' });
  for (let x = 1; x <= 5; x += 1) page.board.update(milk, { x, data: { [`n${x}`]: x } }, { gesture: 'drag' });
  await settle();
  page.board.delete(milk);
  await settle();
  const end = await contents();
  while (page.board.canUndo) t.same(await page.board.undo()?.made?.settled, { status: 'done' });
  t.strictSame(await contents(), beginning);
  while (page.board.canRedo) t.same(await page.board.redo()?.made?.settled, { status: 'done' });
  t.strictSame(await contents(), end);

  page.board.undo();
  await settle();
  const back = [...page.shown.values()].find(({ text }) => text === 'Milk')?.id ?? '';
  t.not(back, milk);
  // The page has not heard of it when it takes its own back.
  const [undone] = [page.board.undo(), await bob.patch(`${path}/items/${back}`, { text: 'Oats' })];
  t.equal((await undone?.made?.settled)?.status, 'done');
  t.match((await itemsAt())[back], { text: 'Oats', x: 0, data: {} });
  page.board.update(back, { text: 'Mine' });
  await settle();
  await theirs({ text: 'Theirs' }, back);
  await until(() => page.shown.get(back)?.text === 'Theirs', 'the text of somebody else');
  t.strictSame(page.board.undo(), { made: undefined, skipped: [{ id: back, fields: ['text'], isGone: false }] });
});

t.test('who writes more than one may is slowed down, and loses nothing', async (t) => {
  // So slowly that a machine which does much else is faster.
  const slow = await startNode(t, database.url, { writesPerSecond: 1 });
  const { page, milk, network } = await begin(t, slow);
  const made = [1, 2, 3, 4, 5, 6].map((number) =>
    page.board.write(Array.from({ length: 10 }, () => ({ op: 'create', item: { text: `${number}` } }))),
  );
  const moved = page.board.update(milk, { x: 1 });
  for (const { settled } of [...made, moved]) t.same(await settled, { status: 'done' });
  t.ok(network.sent.length > 7, 'some were refused for the moment');
  await until(() => page.shown.size === 61, 'all items');
});

t.test('what is written while nobody is signed in waits for its user', async (t) => {
  const { page, milk, network, itemsAt } = await begin(t);
  network.cookie = 'tb_session=over';
  const { settled } = page.board.update(milk, { x: 1 });
  await until(() => page.writes.state.waiting === 'sign-in', 'the 401');
  network.cookie = bob.cookie;
  const { asked } = network;
  page.writes.retry();
  await until(() => network.asked > asked && page.writes.state.waiting === 'sign-in', 'the answer for Bob');
  t.strictSame(network.sent, [], 'not sent as Bob');
  network.cookie = undefined;
  page.writes.retry();
  t.same(await settled, { status: 'done' });
  const { [milk]: item } = await itemsAt();
  t.match(item, { x: 1, updatedBy: ada.user.id });
});

t.test('whoever signs in beside the page writes nothing of it: the server holds that', async (t) => {
  const { page, milk, network, itemsAt } = await begin(t);
  t.same(await page.board.update(milk, { x: 1 }).settled, { status: 'done' });
  network.cookie = bob.cookie;
  const { settled } = page.board.update(milk, { x: 2 });
  await until(() => page.writes.state.waiting === 'sign-in', 'the refusal');
  t.match((await itemsAt())[milk], { x: 1, updatedBy: ada.user.id });
  network.cookie = undefined;
  page.writes.retry();
  t.same(await settled, { status: 'done' });
  t.match((await itemsAt())[milk], { x: 2, updatedBy: ada.user.id });
});

t.test('what a key stands for, a node and the server of the other tests say alike', async (t) => {
  const boardId = await ada.createBoard();
  await ada.post(`/boards/${boardId}/members`, { userId: bob.user.id, role: 'editor' });
  const model = new ModelServer(Date.now);
  const [milk, bread, [one, two, three]] = [randomUUID(), randomUUID(), [randomUUID(), randomUUID(), randomUUID()]];
  const to = (x: number, ifMatch: number) => [{ op: 'update' as const, id: milk, item: { x }, ifMatch }];
  const writes = [
    ['a new item', 'ada', one, [{ op: 'create', id: milk, item: { text: 'Milk' } }]],
    ['its repeat', 'ada', one, [{ op: 'create', id: milk, item: { text: 'Milk' } }]],
    ['another write by its key', 'ada', one, [{ op: 'create', id: bread, item: { text: 'Bread' } }]],
    ['the key of somebody else', 'bob', one, to(1, 1)],
    ['an old version', 'ada', two, to(2, 1)],
    ['it again: a refusal is not remembered', 'ada', two, to(2, 1)],
    ['the newer version by the same key', 'ada', two, to(2, 2)],
    ['the first attempt, which was late', 'ada', two, to(2, 1)],
    ['the repeat of the second', 'ada', two, to(2, 2)],
    ['what is not there', 'ada', three, [{ op: 'delete', id: bread }]],
    ['what has come to be there', 'ada', undefined, [{ op: 'create', id: bread, item: { text: 'Bread' } }]],
    ['it is there now', 'ada', three, [{ op: 'delete', id: bread }]],
    ['the repeat of a deletion', 'ada', three, [{ op: 'delete', id: bread }]],
    ['an id that was used', 'ada', undefined, [{ op: 'create', id: bread, item: { text: 'Bread' } }]],
    ['a change of nothing', 'bob', undefined, [{ op: 'update', id: milk, item: { x: 2 } }]],
  ] as const;
  const said = ({ status, body }: { status: number; body?: unknown }, isReplay: unknown) => {
    const { code, results, current } = (body ?? {}) as Record<string, never>;
    const versions = (results as Array<{ item: Item | null }> | undefined)?.map(({ item }) => item?.version ?? 0);
    return { status, code, isReplay: isReplay === 'true', versions, current: (current as Item | undefined)?.version };
  };
  for (const [what, who, key, operations] of writes) {
    const [client, user] = who === 'ada' ? [ada, modelAda] : [bob, modelBob];
    const headers = key === undefined ? {} : { 'idempotency-key': key };
    const real = await client.post(`/boards/${boardId}/batch`, { operations }, headers);
    const answer = model.write(user, JSON.parse(JSON.stringify(operations)), key);
    const expected = said(real, real.headers.get('idempotent-replayed'));
    t.strictSame(said(answer, answer.headers?.['idempotent-replayed']), expected, `${what}: ${expected.status}`);
  }
  t.equal(model.reused, 1, 'where two writes with one key could both have been done');
});
