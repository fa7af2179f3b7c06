// Boards that are not large are made once for all who ask while nothing changes, and each who asks is still asked about.

import t from 'tap';
import { KeptSnapshots } from '../../src/boards/kept-snapshots.ts';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';

const snapshotAt = (seq: number, epoch = 'aaaaaaaa') => {
  const pieces = [Buffer.from(`{"seq":${seq}`), Buffer.from('}')];
  return { seq, epoch, pieces, bytes: pieces.reduce((sum, piece) => sum + piece.length, 0) };
};

t.test('who comes while a board is read for the first time waits for it, and knows it then', async (t) => {
  const kept = new KeptSnapshots(1000);
  let made = 0;
  const reads = Array.from({ length: 100 }, () =>
    kept.use('board', async (known) => {
      if (known) return { whole: known };
      made += 1;
      return { whole: snapshotAt(7) };
    }),
  );
  const texts = (await Promise.all(reads)).map(({ whole }) => Buffer.concat(whole.pieces).toString());
  t.strictSame([made, new Set(texts)], [1, new Set(['{"seq":7}'])]);
});

t.test('a read that fails fails for nobody else', async (t) => {
  const kept = new KeptSnapshots(1000);
  const failing = kept.use('board', () => Promise.reject(new Error('away')));
  const other = kept.use('board', async (known) => ({ whole: known ?? snapshotAt(1) }));
  await t.rejects(failing, { message: 'away' });
  t.equal((await other).whole.seq, 1);
});

t.test('of two reads of one history the later place stays, whichever is answered last', async (t) => {
  const kept = new KeptSnapshots(1000);
  const keep = (seq: number, epoch?: string) => kept.use('board', async () => ({ whole: snapshotAt(seq, epoch) }));
  const knownSeq = async () => (await kept.use('board', async (known) => ({ whole: known }))).whole?.seq;
  await keep(2);
  await keep(1);
  t.equal(await knownSeq(), 2);
  await keep(1, 'bbbbbbbb');
  t.equal(await knownSeq(), 1, 'another history');
});

t.test('no more is kept than there is room for', async (t) => {
  const kept = new KeptSnapshots(snapshotAt(1).bytes);
  await kept.use('one', async () => ({ whole: snapshotAt(1) }));
  await kept.use('other', async () => ({ whole: snapshotAt(1) }));
  t.equal((await kept.use('one', async (known) => ({ whole: known }))).whole, undefined);
  t.ok((await kept.use('other', async (known) => ({ whole: known }))).whole);
});

const { url, sql } = await useDatabase(t);
const node = await startNode(t, url);
const ada = await Client.signUp(node, 'Ada');
const bob = await Client.signUp(node, 'Bob');

t.test('each change is in what is read after it, whoever has read the board before (E3)', async (t) => {
  const boardId = await ada.createBoard();
  const read = async () => (await ada.get(`/boards/${boardId}`)).body;
  const { cursor } = await read();
  t.strictSame(await read(), { ...(await read()), cursor }, 'as long as nothing changes');
  await ada.post(`/boards/${boardId}/items`, { text: 'by the API' });
  t.strictSame(
    (await read()).items.map(({ text }: { text: string }) => text),
    ['by the API'],
  );
  await sql(`update teamboard.items set text = 'by SQL' where board_id = $1`, [boardId]);
  t.strictSame(
    (await read()).items.map(({ text }: { text: string }) => text),
    ['by SQL'],
  );
  await sql('update teamboard.log_epoch set value = gen_random_uuid()');
  const restored = await read();
  t.not(restored.cursor.split('-')[0], cursor.split('-')[0], 'another history');
  t.equal(restored.items.length, 1);
});

t.test('who is no member reads nothing of a board that others have just read (E6)', async (t) => {
  const boardId = await ada.createBoard();
  await ada.post(`/boards/${boardId}/members`, { userId: bob.user.id, role: 'viewer' });
  const statuses = async () =>
    Promise.all([ada, bob, ada, bob].map(async (one) => (await one.get(`/boards/${boardId}`)).status));
  t.strictSame(await statuses(), [200, 200, 200, 200]);
  await ada.delete(`/boards/${boardId}/members/${bob.user.id}`);
  t.strictSame(await statuses(), [200, 404, 200, 404]);
  await ada.delete(`/boards/${boardId}`);
  t.strictSame(await statuses(), [404, 404, 404, 404]);
});
