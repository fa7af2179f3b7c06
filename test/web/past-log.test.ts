// The past of a board, of a real log: each place that the application shows is the snapshot that there was then.

import t from 'tap';
import type { BoardEvent, Item, Snapshot } from '../../src/client/types.ts';
import { createLog } from '../../src/web/past/log.ts';
import { PastBoard } from '../../src/web/past/past-board.ts';
import { restoring, versionsOf } from '../../src/web/past/versions.ts';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const ada = await Client.signUp(node, 'Ada');
const boardId = await ada.createBoard();
const path = `/boards/${boardId}`;
const log = createLog({
  id: boardId,
  async read<Answer>(each: string) {
    const { status, body } = await ada.get(each, { accept: 'application/json' });
    if (status !== 200) throw new Error(`${each}: ${status}`);
    return body as Answer;
  },
  cursorOf: async (seq) => cursor.replace(/\d+$/, `${seq}`),
});

const snapshotNow = async () => (await ada.get(path)).body as Snapshot;
const { cursor } = await snapshotNow();
const seqOf = (snapshot: Snapshot) => Number(snapshot.cursor.split('-')[1]);
const ids = (snapshot: Snapshot) => snapshot.items.map(({ id }) => id);

t.test('each place is the snapshot that was taken there, with large texts too', async (t) => {
  const large = 'x'.repeat(9000);
  const recorded = [await snapshotNow()];
  const write = async (what: () => Promise<{ status: number }>) => {
    const { status } = await what();
    t.ok(status < 300, `${status}`);
    recorded.push(await snapshotNow());
  };
  await write(() => ada.post(`${path}/items`, { text: large, data: { list: ['y'.repeat(5000)], none: null } }));
  const operations = Array.from({ length: 120 }, (_, n) => ({ op: 'create', item: { text: `note ${n}`, x: n } }));
  await write(() => ada.post(`${path}/batch`, { operations }));
  const [first = '', second = '', third = ''] = ids(recorded.at(-1) as Snapshot);
  await write(() => ada.patch(`${path}/items/${first}`, { x: 5 }));
  await write(() => ada.patch(`${path}/items/${first}`, { text: 'short', data: { none: 1 } }));
  await write(() => ada.patch(path, { name: 'Renamed', layout: 'list' }));
  await write(() => ada.delete(`${path}/items/${second}`));
  await write(() => ada.patch(`${path}/items/${third}`, { color: 'red', rank: 'Zz' }));

  const head = seqOf(recorded.at(-1) as Snapshot);
  const past = new PastBoard(log);
  const begin = await log.begin();
  t.equal(begin, 0);
  for (const snapshot of [...recorded.toReversed(), ...recorded]) {
    const then = await past.at(seqOf(snapshot), { first: 1, head });
    t.strictSame(then.board, snapshot.board);
    t.strictSame(then.items, new Map(snapshot.items.map((item) => [item.id, item])), `place ${then.seq}`);
  }
});

t.test('a version that is restored is what it was', async (t) => {
  const { body } = await ada.post(`${path}/items`, { text: 'First', data: { a: { b: 1 }, c: [1] } });
  const itemPath = `${path}/items/${body.item.id}`;
  await ada.patch(itemPath, { text: 'Second', color: 'blue', x: 9, data: { a: { b: null, d: 2 }, c: null } });
  const { body: history } = await ada.get(`${itemPath}/history`);
  const versions = versionsOf(history.events as BoardEvent[]);
  t.strictSame(
    versions.map(({ item }) => item.text),
    ['Second', 'First'],
  );
  const { body: now } = await ada.get(itemPath);
  const then = versions[1]?.item as Item;
  const restored = (await ada.patch(itemPath, restoring(now.item, then))).body.item as Item;
  const { text, color, data } = then;
  t.match(restored, { text, color, x: 9 });
  t.strictSame(restored.data, data);
});
