// Stream-Id: whoever makes a change is not told of it on the stream that knows it already.

import t, { type Test } from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);

/** Two streams of Ada and one of Bob. */
async function openThree(t: Test) {
  const { ada, boardId, stream: own } = await openBoard(t, node);
  const bob = await Client.signUp(node, 'Bob');
  await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
    boardId,
    bob.user.id,
  ]);
  // When one stream of this node has it, all later ones begin after it.
  await own.next('changed');
  const others = [await openStream(t, node.url, boardId, ada), await openStream(t, node.url, boardId, bob)] as const;
  await Promise.all(others.map((stream) => stream.next('ready')));
  const streamId: string = own.frames[0]?.data.streamId;
  const write = (client: Client, text: string, headers: Record<string, string>) =>
    client.post(`/boards/${boardId}/items`, { text }, headers);
  return { ada, bob, boardId, own, others, streamId, write };
}

t.test('in place of its own change a stream gets `own`; all other streams get the event (E2)', async (t) => {
  const { ada, boardId, own, others, streamId, write } = await openThree(t);
  const before = own.raw.length;
  await write(ada, 'mine', { 'stream-id': streamId });
  await write(ada, 'mine too', { 'stream-id': streamId.toUpperCase(), 'idempotency-key': 'k' });
  await write(ada, 'from elsewhere', {});
  await own.next('changed', ({ data }) => data.seq === 6);
  for (const other of others) await other.next('changed', ({ data }) => data.seq === 6);
  const [epoch] = own.frames[0]?.data.cursor.split('-') ?? [];
  const ownFrame = (seq: number, more = '') =>
    `event:own\ndata:{"boardId":"${boardId}","seq":${seq}${more}}\nid:${epoch}-${seq}\n\n`;
  // Who comes is told beside the log, when it is known; and a heartbeat, on a slow machine.
  const log = own.raw.slice(before).replace(/event:(presence|heartbeat)\ndata:.*\n\n/g, '');
  t.equal(log.split('event:changed')[0], ownFrame(4) + ownFrame(5, ',"mutationId":"k"'));
  t.strictSame(own.seqs, [3, 6]);
  for (const other of others) t.strictSame(other.seqs, [4, 5, 6]);

  const again = await openStream(t, node.url, boardId, { ...ada, headers: { 'last-event-id': `${epoch}-3` } });
  await again.next('changed', ({ data }) => data.seq === 6);
  t.strictSame(again.seqs, [4, 5, 6], 'the page may have been loaded anew: another stream gets all');
});

t.test('naming a stream of somebody else hides nothing from them', async (t) => {
  const { bob, own, streamId, write } = await openThree(t);
  t.equal((await write(bob, 'unseen?', { 'stream-id': streamId })).status, 201);
  await own.next('changed', ({ data }) => data.object.text === 'unseen?');
  t.strictSame(own.seqs, [3, 4]);
});

t.test('it is no part of the request that a key stands for, and no address', async (t) => {
  const { ada, write, streamId } = await openThree(t);
  const key = { 'idempotency-key': 'once' };
  t.equal((await write(ada, 'x', { ...key, 'stream-id': streamId })).status, 201);
  const repeat = await write(ada, 'x', key);
  t.match(repeat, { status: 201 });
  t.equal(repeat.headers.get('idempotent-replayed'), 'true', 'also from a page that was loaded anew');
  t.match(await write(ada, 'x', { 'stream-id': 'mine' }), { status: 400, body: { code: 'TB_INVALID' } });
});
