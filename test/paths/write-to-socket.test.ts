// An event's whole way, from a write to the bytes at the clients.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';

/** The frames of events, byte for byte; who is there may be told before them or after. */
const CHANGED = /(?<=\n\n)event:changed\n[\s\S]*?\n\n/g;

const database = await useDatabase(t);
const node = await startNode(t, database.url);

t.test('a REST write appears on every open stream, byte for byte the same (E1, E3)', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const boardId = await ada.createBoard();
  const one = await openStream(t, node.url, boardId, ada);
  const two = await openStream(t, node.url, boardId, ada);
  const ofMany = await openStream(t, node.url, boardId, { ...ada, beside: [await ada.createBoard()] });
  await Promise.all([one, two, ofMany].map((stream) => stream.next('ready')));

  const { body } = await ada.post(`/boards/${boardId}/items`, { text: 'Hi' }, { 'idempotency-key': 'k-1' });

  await Promise.all([one, two, ofMany].map((stream) => stream.next('changed')));
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
  for (const { raw } of [one, two]) t.strictSame(raw.match(CHANGED), [frame]);
  t.strictSame(ofMany.raw.match(CHANGED), [frame.replace(/id:.*/, `id:${ofMany.lastEventId}`)], 'an id of its own');
  t.match(event.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});
