// Several nodes: one of them tells a webhook at a time, and another one takes over.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { timings } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';
import { makeWebhook, startReceiver, textOf } from '../helpers/webhook-receiver.ts';

const options = { webhookAllowPrivate: true, timings };

t.test('a node that is lost is followed by another: nothing is missing, nothing out of order (E1)', async (t) => {
  const database = await useDatabase(t);
  const proxy = await startFaultyProxy(t, database.url);
  const first = await startNode(t, proxy.url, options);
  const receiver = await startReceiver(t);
  const ada = await Client.signUp(first);
  const boardId = await ada.createBoard();
  const webhook = await makeWebhook(ada, boardId, { url: receiver.url });
  const post = (at: typeof first, text: string) => ada.at(at).post(`/boards/${boardId}/items`, { text });
  await post(first, 'one');
  await receiver.next('the first', (each) => textOf(each) === 'one');
  const nodeOf = async () =>
    (await database.sql<{ node: string }>('select node from teamboard.webhooks where id = $1', [webhook.id]))[0]?.node;
  const before = await nodeOf();
  const second = await startNode(t, database.url, options);
  proxy.cut();
  for (const text of ['two', 'three', 'four']) t.equal((await post(second, text)).status, 201);
  await receiver.next('the last', (each) => textOf(each) === 'four');
  t.not(await nodeOf(), before);
  const told = receiver.taken.map(textOf);
  t.same([...new Set(told)], ['one', 'two', 'three', 'four'], 'in order, each at least once');
  const seqs = receiver.taken.map(({ body }) => body.data.seq);
  t.same(
    seqs,
    [...seqs].sort((one, other) => one - other),
  );
  await first.close();
});

t.test('one that closes hands over at once; those that are there share what there is', async (t) => {
  const database = await useDatabase(t);
  const receiver = await startReceiver(t);
  const [first, second] = [await startNode(t, database.url, options), await startNode(t, database.url, options)];
  const ada = await Client.signUp(first);
  const boards = await Promise.all(Array.from({ length: 6 }, () => ada.createBoard()));
  for (const boardId of boards) await makeWebhook(ada, boardId, { url: receiver.url });
  const spread = async () =>
    (
      await database.sql<{ count: number }>(
        'select count(*)::int as count from teamboard.webhooks group by node order by count',
      )
    ).map(({ count }) => count);
  await until(async () => JSON.stringify(await spread()) === '[3,3]', 'each to have its half');
  await first.close();
  const here = ada.at(second);
  await Promise.all(boards.map((boardId) => here.post(`/boards/${boardId}/items`, { text: boardId })));
  for (const boardId of boards) await receiver.next('each board', (each) => textOf(each) === boardId);
  t.same(await spread(), [6]);
  t.equal(receiver.taken.length, 6, 'each once');
  const third = await startNode(t, database.url, options);
  await until(async () => JSON.stringify(await spread()) === '[3,3]', 'a new node to have its half');
  await third.close();
});
