// GET /boards/:id?at=: the board as it was, told from its log.

import t from 'tap';
import { Trimmer } from '../../src/events/trimmer.ts';
import { Client } from '../helpers/client.ts';
import { askWithoutReading, createLargeBoard } from '../helpers/large-board.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { checkPageTurns } from '../helpers/page-turns.ts';
import { sameProblem } from '../helpers/problem.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');
const json = { accept: 'application/json' };
const MIB = 1024 * 1024;

/** As bytes: what a client compares who keeps what it was sent. */
async function textOf(path: string, client = ada): Promise<string> {
  const response = await fetch(node.url + path, { headers: { cookie: client.cookie } });
  return response.text();
}

const cursorIn = (snapshot: string): string => JSON.parse(snapshot).cursor;
/** The same history, another place. */
const placeBeside = (cursor: string, seq: number) => cursor.replace(/-\d+$/, `-${seq}`);
const seqOf = (cursor: string) => Number(cursor.split('-')[1]);

/** Removes all events that are older than the newest so many. */
async function trim(most: number): Promise<void> {
  const limits = { retentionEvents: most, retentionDays: 0, retentionBytes: 256 * MIB };
  await database.sql(`update teamboard.board_events set at = at - interval '1 day'`);
  await new Trimmer({ pool: database.pool, log: node.app.log, ...limits }).trim();
}

const words = 'The quick brown fox jumps over "the" lazy dog\n\u2028é😀\\ ';
/** Below and above what is stored apart. */
const texts = ['', 'small', words.repeat(4), words.repeat(100)];
const documents = [{}, { a: [1, null, { b: null }], text: null }, { long: words.repeat(60), n: [1e21, -1.5e-7] }];

t.test('at each place byte for byte what a snapshot was then, whatever came later', async (t) => {
  const eve = await Client.signUp(node, 'Eve');
  const id = await ada.createBoard('Plans "A"');
  const path = `/boards/${id}`;
  const kept: string[] = [];
  const keep = async () => void kept.push(await textOf(path));
  await keep();
  const ids: string[] = [];
  for (const [index, text] of texts.entries()) {
    const { body } = await ada.post(`${path}/items`, { text, data: documents[index % 3], x: index + 0.1 });
    ids.push(body.item.id);
    await keep();
  }
  await ada.post(`${path}/members`, { userId: eve.user.id, role: 'viewer' });
  await keep();
  for (let turn = 0; turn < 12; turn += 1) {
    const item = ids[turn % 4];
    const text = texts[(turn * 3 + 1) % 4];
    await ada.patch(`${path}/items/${item}`, turn % 3 === 0 ? { text } : { x: turn, color: 'blue' });
    await keep();
    await ada.patch(`${path}/items/${item}`, { data: { ...documents[turn % 3], turn }, text });
    await keep();
  }
  await ada.patch(path, { name: 'Other plans' });
  await ada.patch(path, { layout: 'list' });
  await keep();
  await ada.patch(`${path}/members/${eve.user.id}`, { role: 'editor' });
  await eve.patch('/users/me', { name: 'Éve' });
  const told = `select from teamboard.members where board_id = $1 and told_name = 'Éve'`;
  await until(async () => (await database.sql(told, [id])).length === 1, 'the board to be told of the name');
  await keep();
  await ada.patch(`${path}/items/${ids[0]}`, { rank: 'Zz' });
  await keep();
  await database.sql(`update teamboard.items set x = 1e21, y = -0.1, text = text || '!' where board_id = $1`, [id]);
  await keep();
  await ada.delete(`${path}/members/${eve.user.id}`);
  await ada.delete(`${path}/items/${ids[3]}`);
  await ada.delete(`${path}/items/${ids[1]}`);
  await keep();
  await database.sql('delete from teamboard.items where board_id = $1', [id]);
  await ada.post(`${path}/items`, { text: 'new' });
  await keep();
  t.ok(kept.length > 35);
  for (const then of kept) t.equal(await textOf(`${path}?at=${cursorIn(then)}`), then, cursorIn(then));
});

t.test('at each place between, as the events up to there make it: inside a transaction too', async (t) => {
  const id = await ada.createBoard();
  const path = `/boards/${id}`;
  await ada.post(`${path}/batch`, {
    operations: Array.from({ length: 5 }, (_, n) => ({ op: 'create', item: { text: `${n}`, rank: `a${n}` } })),
  });
  const client = await database.pool.connect();
  await client.query('begin');
  await client.query(`update teamboard.items set x = x + 1, text = repeat(text, 300) where board_id = $1`, [id]);
  await client.query(`update teamboard.items set x = x + 1, rank = rank || '1' where board_id = $1`, [id]);
  await client.query(`delete from teamboard.items where board_id = $1 and rank > 'a21'`, [id]);
  await client.query('commit');
  client.release();
  const { body: page } = await ada.get(`${path}/events?limit=500`, json);
  t.equal(page.events.length, 19);
  const items = new Map<string, { id: string; rank: string }>();
  for (const { seq, resource, action, object } of page.events) {
    if (resource === 'item' && action !== 'deleted') items.set(object.id, object);
    if (action === 'deleted') items.delete(object.id);
    const sorted = [...items.values()].sort((one, other) => (one.rank < other.rank ? -1 : 1));
    const { body } = await ada.get(`${path}?at=${placeBeside(page.cursor, seq)}`);
    t.strictSame(body.items, sorted, `the items at ${seq}`);
    t.equal(body.members.length, seq > 1 ? 1 : 0, `the members at ${seq}`);
    t.equal(body.cursor, placeBeside(page.cursor, seq));
  }
});

t.test('as far as the log goes, also where an item was changed for the last time before that', async (t) => {
  const id = await ada.createBoard();
  const path = `/boards/${id}`;
  const kept: string[] = [];
  for (const text of texts) {
    await ada.post(`${path}/items`, { text, data: documents[2] });
    kept.push(await textOf(path));
  }
  const [, , , then = ''] = kept;
  await trim(1);
  const [{ id: old }] = JSON.parse(then).items;
  await ada.patch(`${path}/items/${old}`, { text: 'other', data: {} });
  await ada.delete(`${path}/items/${old}`);
  t.equal(await textOf(`${path}?at=${cursorIn(then)}`), then, 'the last place but one that was kept');
  const [log] = await database.sql('select trimmed_to::int from teamboard.board_log where board_id = $1', [id]);
  const edge = placeBeside(cursorIn(then), log?.trimmed_to);
  t.equal((await ada.get(`${path}?at=${edge}`)).status, 200, 'the place behind which events are');
  for (const gone of [log?.trimmed_to - 1, 1, 0]) {
    sameProblem(t, await ada.get(`${path}?at=${placeBeside(edge, gone)}`), 'TB_TRIMMED', { message: `at ${gone}` });
  }
  await ada.patch(`${path}/items/${JSON.parse(then).items[1].id}`, { x: 1 });
  await database.sql('update teamboard.board_events set before = null where board_id = $1', [id]);
  const older = `${path}?at=${placeBeside(edge, seqOf(cursorIn(then)) + 2)}`;
  sameProblem(t, await ada.get(older), 'TB_TRIMMED', { message: 'an event of before events kept what was before' });
});

t.test('what is no place of this board, and who may not see it', async (t) => {
  const [viewer, stranger] = [await Client.signUp(node, 'Vi'), await Client.signUp(node, 'Stranger')];
  const id = await ada.createBoard();
  const path = `/boards/${id}`;
  await ada.post(`${path}/members`, { userId: viewer.user.id, role: 'viewer' });
  const { cursor } = (await ada.get(path)).body;
  const other = (await ada.get(`/boards/${await ada.createBoard()}`)).body.cursor;
  const at = (place: string) => ada.get(`${path}?at=${place}`);
  for (const text of ['', 'x', '12', `${cursor}0000000000000000`, `${cursor}&at=${cursor}`]) {
    sameProblem(t, await at(text), 'TB_INVALID', { errors: (await at(text)).body.errors, message: text });
  }
  const errors = [{ path: '/at', message: 'names a place to which the board has not come yet' }];
  sameProblem(t, await at(placeBeside(cursor, seqOf(cursor) + 1)), 'TB_INVALID', { errors });
  sameProblem(t, await at(other), 'TB_TRIMMED', { message: 'of another board' });
  sameProblem(t, await at(placeBeside(cursor, 0)), 'TB_TRIMMED', { message: 'before the board was made' });
  t.equal(await textOf(`${path}?at=${cursor}`, viewer), await textOf(path), 'a viewer may, also at the head');
  sameProblem(t, await stranger.get(`${path}?at=${cursor}`), 'TB_NOT_FOUND');
  sameProblem(t, await Client.nobody(node).get(`${path}?at=${cursor}`), 'TB_UNAUTHENTICATED');
  await ada.delete(path);
  sameProblem(t, await at(cursor), 'TB_NOT_FOUND', { message: 'of a board that is gone' });
});

t.test('its ETag is its cursor, and stays', async (t) => {
  const id = await ada.createBoard();
  const path = `/boards/${id}`;
  const { cursor } = (await ada.get(path)).body;
  await ada.post(`${path}/items`, { text: 'later' });
  const first = await ada.get(`${path}?at=${cursor}`);
  t.equal(first.headers.get('etag'), `"${cursor}"`);
  t.strictSame(first.body.items, []);
  const again = await ada.get(`${path}?at=${cursor}`, { 'if-none-match': `"${cursor}"` });
  t.equal(again.status, 304);
  t.equal(again.headers.get('etag'), `"${cursor}"`);
  t.equal((await ada.get(path, { 'if-none-match': `"${cursor}"` })).status, 200, 'and is not that of now');
});

t.test('a large board that was emptied is kept once, for all who ask and read nothing (E5)', async (t) => {
  const id = await createLargeBoard(ada, database, 16 * MIB);
  const then = await textOf(`/boards/${id}`);
  await database.sql('delete from teamboard.items where board_id = $1', [id]);
  const nothingIsKept = () => until(() => node.app.waitingBytes.allowance === 256 * 1024, 'nothing to be kept');
  await nothingIsKept();
  const held = () => process.memoryUsage().arrayBuffers;
  const before = held();
  const path = `/boards/${id}?at=${cursorIn(then)}`;
  const callers = await Promise.all(Array.from({ length: 8 }, () => askWithoutReading(t, node, path, ada)));
  const grown = held() - before;
  t.ok(grown < 3 * then.length, `${Math.round(grown / MIB)} MiB for 8 callers of ${Math.round(then.length / MIB)} MiB`);
  t.equal(await textOf(path), then);
  for (const caller of callers) caller.destroy();
  await nothingIsKept();
});

t.test('who asks for too many places at once is refused some of them, and nobody else (E5)', async (t) => {
  const eve = await Client.signUp(node, 'Eve');
  const id = await ada.createBoard();
  await ada.post(`/boards/${id}/members`, { userId: eve.user.id, role: 'viewer' });
  const { cursor } = (await ada.get(`/boards/${id}`)).body;
  const path = `/boards/${id}?at=${cursor}`;
  await checkPageTurns(
    t,
    database,
    ['board_events'],
    () => eve.get(path),
    () => ada.get(path),
  );
});
