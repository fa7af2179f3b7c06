// A document is the same text wherever it is shown, and what would become another one is refused.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';

const { url, sql } = await useDatabase(t);
const node = await startNode(t, url);
const ada = await Client.signUp(node, 'Ada');

t.test('events, snapshots, pages and all answers show one text of an item', async (t) => {
  const boardId = await ada.createBoard();
  const board = `/boards/${boardId}`;
  const stream = await openStream(t, node.url, boardId, ada);
  await stream.next('ready');
  const { body } = await ada.post(`${board}/items`, { text: 'x' });
  const path = `${board}/items/${body.item.id}`;
  // As rows are that were written before the table refused what no double keeps.
  await sql('alter table teamboard.items drop constraint items_data_values');
  const written = '{"a": 1.50, "b": 1e500, "c": 12345678901234567890, "d": {"e": [1e21, 0.00]}}';
  await sql('update teamboard.items set data = $2 where id = $1', [body.item.id, written]);
  const [{ text = '' } = {}] = await sql<{ text: string }>(
    'select data::text as text from teamboard.items where id = $1',
    [body.item.id],
  );

  const ask = async (method: string, address: string, body?: unknown, headers = {}) => {
    const answer = await fetch(node.url + address, {
      method,
      headers: { cookie: ada.cookie, accept: 'application/json', 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return answer.text();
  };
  const update = { op: 'update', id: body.item.id, item: { x: 2 } };
  const shown = {
    page: await ask('GET', `${board}/events?limit=500`),
    item: await ask('GET', path),
    snapshot: await ask('GET', board),
    patched: await ask('PATCH', path, { x: 1 }),
    batch: await ask('POST', `${board}/batch`, { operations: [update] }),
    once: await ask('PATCH', path, { x: 3 }, { 'idempotency-key': 'k' }),
    repeated: await ask('PATCH', path, { x: 3 }, { 'idempotency-key': 'k' }),
    conflict: await ask('PATCH', path, { x: 4 }, { 'if-match': '"2"' }),
    'conflict in a batch': await ask('POST', `${board}/batch`, { operations: [{ ...update, ifMatch: 2 }] }),
  };
  for (const [where, answer] of Object.entries(shown)) t.ok(answer.includes(`"data":${text}`), where);
  t.equal(shown.conflict.split(`"data":${text}`).length, 3, 'both as it is and as it was');
  await stream.next('changed', ({ data }) => data.seq === 7);
  t.equal(stream.raw.split(`"data":${text}`).length, 5, 'each event');
});

t.test('a number that would come back as another one is refused, wherever it stands', async (t) => {
  const board = `/boards/${await ada.createBoard()}`;
  const { body } = await ada.post(`${board}/items`, { text: 'x' });
  const item = (data: string) => `{"text":"x","data":${data}}`;
  const inexact = '{"n":[1,12345678901234567890]}';
  for (const answer of [
    await ada.post(`${board}/items`, item(inexact)),
    await ada.patch(`${board}/items/${body.item.id}`, item(inexact), {
      'content-type': 'application/merge-patch+json',
    }),
    await ada.post(`${board}/batch`, `{"operations":[{"op":"create","item":${item(inexact)}}]}`),
    await ada.post(`${board}/broadcasts`, `{"name":"x","data":${inexact}}`),
    await ada.post(`${board}/items`, '{"text":"x","x":0.1000000000000000055511151231257827}'),
  ]) {
    const { errors } = answer.body;
    sameProblem(t, answer, 'TB_INVALID', { errors });
    t.match(errors, [{ path: '/', message: /no number that a double cannot keep/ }]);
  }
  const kept = '{"n":[-0,1.0,1e3,0.1,123456789012345680000,"12345678901234567890"]}';
  const made = await ada.post(`${board}/items`, item(kept));
  t.equal(made.status, 201);
  t.same(made.body.item.data, JSON.parse(kept.replace('-0', '0')));
});
