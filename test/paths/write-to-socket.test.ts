// An event's whole way, from a write to the bytes at the clients.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);

t.test('a REST write appears on every open stream, byte for byte the same (E1, E3)', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const boardId = await ada.createBoard();
  const one = await openStream(t, node.url, boardId, ada);
  const two = await openStream(t, node.url, boardId, ada);
  await Promise.all([one.next('ready'), two.next('ready')]);

  const { body } = await ada.post(`/boards/${boardId}/items`, { text: 'Hi' }, { 'idempotency-key': 'k-1' });

  await Promise.all([one.next('changed'), two.next('changed')]);
  const [epoch] = one.frames[0]?.data.cursor.split('-') ?? [];
  const event = {
    seq: 3,
    boardId,
    resource: 'item',
    action: 'created',
    id: body.item.id,
    object: body.item,
    actor: { id: ada.user.id, name: 'Ada' },
    mutationId: 'k-1',
    at: one.frames[1]?.data.at,
  };
  const frame = `event:changed\ndata:${JSON.stringify(event)}\nid:${epoch}-3\n\n`;
  for (const stream of [one, two]) t.equal(stream.raw.slice(-frame.length), frame);
  t.match(event.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});
