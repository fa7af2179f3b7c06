// Who opens and closes a board, told to a webhook that has asked for it.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { timings } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';
import { makeWebhook, startReceiver, textOf, verify } from '../helpers/webhook-receiver.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url, { webhookAllowPrivate: true, presenceHandoverSeconds: 0, timings });

t.test('one join for the first stream of a user, one leave after the last, beside the log', async (t) => {
  const receiver = await startReceiver(t);
  const [ada, bob] = [await Client.signUp(node), await Client.signUp(node, 'Bob')];
  const boardId = await ada.createBoard();
  await ada.post(`/boards/${boardId}/members`, { userId: bob.user.id, role: 'viewer' });
  const present = await openStream(t, node.url, boardId, ada);
  await present.next('ready');
  const webhook = await makeWebhook(ada, boardId, {
    url: receiver.url,
    events: ['presence.join', 'presence.leave', 'item'],
  });
  const silent = await startReceiver(t);
  await makeWebhook(ada, boardId, { url: silent.url });
  // Whoever is there when it begins is told to nobody: the next is told when it has begun.
  const post = (text: string) => ada.post(`/boards/${boardId}/items`, { text });
  await post('begun');
  await receiver.next('the note', (each) => textOf(each) === 'begun');
  const [first, second] = [await openStream(t, node.url, boardId, bob), await openStream(t, node.url, boardId, bob)];
  await Promise.all([first.next('ready'), second.next('ready')]);
  const join = await receiver.next('the join', ({ body }) => body.type === 'presence.join');
  const user = { id: bob.user.id, name: 'Bob' };
  t.same(join.body.data, { boardId, user });
  t.doesNotThrow(() => verify(join, webhook.secret));
  t.equal(join.body.cursor, undefined, 'it has no place in the log');
  first.close();
  await until(() => first.closed, 'the end of the first');
  second.close();
  const leave = await receiver.next('the leave', ({ body }) => body.type === 'presence.leave');
  t.same(leave.body.data, { boardId, user });
  await post('over');
  await receiver.next('the note', (each) => textOf(each) === 'over');
  t.same(
    receiver.taken.map(({ body }) => body.type),
    ['item.created', 'presence.join', 'presence.leave', 'item.created'],
  );
  await silent.next('the note', (each) => textOf(each) === 'over');
  t.notOk(
    silent.taken.some(({ body }) => body.type.startsWith('presence')),
    'unless it is named',
  );
  present.close();
});
