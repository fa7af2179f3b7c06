// What a receiver is told: signed, in order, until it is taken, from its own place; and when it is told no more.

import t, { type Test } from 'tap';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { timings } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';
import { makeWebhook, type ReceivedRequest, startReceiver, textOf, verify } from '../helpers/webhook-receiver.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url, { webhookAllowPrivate: true, timings });

async function place(t: Test, events?: string[], on: typeof node = node) {
  const receiver = await startReceiver(t);
  const ada = await Client.signUp(on);
  const boardId = await ada.createBoard();
  const webhook = await makeWebhook(ada, boardId, { url: receiver.url, ...(events && { events }) });
  const write = async (text: string) => (await ada.post(`/boards/${boardId}/items`, { text })).body.item.id as string;
  return { receiver, ada, boardId, webhook, write };
}

const seqOf = ({ body }: ReceivedRequest): number => body.data.seq;
const writeMany = async (write: (text: string) => Promise<string>, count: number) => {
  for (let n = 1; n <= count; n += 1) await write(`note ${n}`);
};

t.test('an event is a signed request, by the scheme of Standard Webhooks', async (t) => {
  const { receiver, boardId, ada, webhook, write } = await place(t);
  const id = await write('Grüße');
  const request = await receiver.next('the event', (each) => textOf(each) === 'Grüße');
  t.doesNotThrow(() => verify(request, webhook.secret));
  t.throws(() => verify({ ...request, text: request.text.replace('Gr', 'gr') }, webhook.secret));
  t.equal(request.headers['content-type'], 'application/json');
  t.match(request.headers['user-agent'], /^Teamboard\/\d/);
  const page = await ada.get(`/boards/${boardId}/events?after=${webhook && (await cursorBefore(ada, boardId))}`, {
    accept: 'application/json',
  });
  const [event] = page.body.events;
  t.equal(event.id, id);
  t.same(request.body, { type: 'item.created', timestamp: event.at, cursor: page.body.cursor, data: event });
  t.equal(request.id, `${boardId}_${page.body.cursor}`);
  await until(async () => (await webhook.read()).cursor === page.body.cursor, 'its place');
  t.ok(Date.parse((await webhook.read()).deliveredAt));
});

async function cursorBefore(ada: Client, boardId: string): Promise<string> {
  const { cursor } = (await ada.get(`/boards/${boardId}`)).body;
  return cursor.replace(/\d+$/, (seq: string) => String(Number(seq) - 1));
}

t.test(
  'whoever writes: each event once taken, in the order of the log, while the receiver fails (E1, E2)',
  async (t) => {
    const { receiver, boardId, write } = await place(t);
    let count = 0;
    receiver.answer = () => {
      count += 1;
      return { status: count % 3 === 0 ? 500 : 200 };
    };
    await writeMany(write, 30);
    await database.sql(
      `insert into teamboard.items (board_id, text) select $1, 'by SQL ' || n from generate_series(1, 30) n`,
      [boardId],
    );
    await until(() => receiver.taken.length >= 60, 'all of them');
    t.same(
      receiver.taken.map(seqOf),
      Array.from({ length: 60 }, (_, index) => index + 3),
    );
    const seqs = receiver.requests.map(seqOf);
    t.ok(
      seqs.every((seq, index) => index === 0 || seq - (seqs[index - 1] ?? 0) <= 1),
      'none is tried before the one before',
    );
  },
);

t.test('an answer that never comes is given up, and what was asked for is asked for again', async (t) => {
  const { receiver, webhook, write } = await place(t);
  let isHung = true;
  receiver.answer = async () => {
    if (isHung) await new Promise(() => {});
    return { status: 200 };
  };
  await write('one');
  const failing = await until(async () => {
    const read = await webhook.read();
    return read.failures > 0 && read;
  }, 'a failure');
  t.match(failing, { lastFailure: 'no answer in time', state: 'active' });
  isHung = false;
  await receiver.next('the event', (each) => textOf(each) === 'one');
  await until(async () => (await webhook.read()).failures === 0, 'a clean slate');
  t.match(await webhook.read(), { failingSince: null, lastFailure: null, nextAttemptAt: null });
});

t.test('Retry-After is waited for, and a redirect is not followed', async (t) => {
  const { receiver, webhook, write } = await place(t);
  const elsewhere = await startReceiver(t);
  receiver.answer = () => ({ status: 307, headers: { location: elsewhere.url, 'retry-after': '3600' } });
  const before = Date.now();
  await write('one');
  const failing = await until(async () => {
    const read = await webhook.read();
    return read.failures > 0 && read;
  }, 'a failure');
  t.match(failing, { failures: 1, lastFailure: 'it answered 307: no redirect is followed' });
  t.ok(Date.parse(failing.nextAttemptAt) - before > 3_500_000, failing.nextAttemptAt);
  t.equal(elsewhere.requests.length, 0);
  receiver.answer = () => ({ status: 200 });
  await until(async () => (await webhook.read()).nextAttemptAt !== null, 'it to wait');
  t.equal(receiver.taken.length, 0);
});

t.test('410 pauses it at once, and an owner resumes it where it stood', async (t) => {
  const { receiver, ada, webhook, write } = await place(t);
  receiver.answer = () => ({ status: 410 });
  await write('one');
  await until(async () => (await webhook.read()).state === 'paused', 'the pause');
  t.match(await webhook.read(), {
    pauseReason: 'gone',
    failures: 1,
    lastFailure: 'it answered 410',
    nextAttemptAt: null,
  });
  await until(() => node.logged.some((line) => line.webhookId === webhook.id), 'the line of the log');
  t.match(
    node.logged.find((line) => line.webhookId === webhook.id),
    { msg: /paused: it has answered 410/, level: 40 },
  );
  receiver.answer = () => ({ status: 200 });
  await write('two');
  t.equal((await ada.patch(webhook.path, { state: 'active' })).status, 200);
  await receiver.next('the second', (each) => textOf(each) === 'two');
  t.same(receiver.taken.map(textOf), ['one', 'two']);
});

t.test('who takes nothing for as long as it is tried is paused, and told so', async (t) => {
  const giveUpMs = 700;
  const metricsToken = 'a-token-of-the-operator';
  const own = await startNode(t, (await useDatabase(t)).url, {
    webhookAllowPrivate: true,
    metricsToken,
    timings: { ...timings, webhooks: { ...timings.webhooks, giveUpMs } },
  });
  const { receiver, webhook, write } = await place(t, undefined, own);
  receiver.answer = () => ({ status: 503 });
  await write('one');
  const paused = await until(async () => {
    const read = await webhook.read();
    return read.state === 'paused' && read;
  }, 'the pause');
  t.match(paused, { pauseReason: 'failing', lastFailure: 'it answered 503' });
  t.ok(Date.parse(paused.pausedAt) - Date.parse(paused.failingSince) >= giveUpMs);
  t.ok(paused.failures >= 2, `${paused.failures} attempts`);
  t.match(own.logged.find((line) => line.webhookId === webhook.id)?.msg, /nothing was taken for as long as/);
  t.notMatch(JSON.stringify(own.logged), /whsec_/, 'no secret is logged');
  const scrape = async () =>
    (await fetch(`${own.url}/metrics`, { headers: { authorization: `Bearer ${metricsToken}` } })).text();
  const standing = ['webhooks_paused 1', 'webhooks_held 0', 'webhook_lag_seconds 0'];
  const metrics = await until(async () => {
    const text = await scrape();
    return standing.every((line) => text.includes(`\nteamboard_${line}\n`)) && text;
  }, 'it to be counted as paused, and held by nobody');
  t.match(metrics, `teamboard_webhook_attempts_total{result="failed"} ${paused.failures}\n`);
  t.match(metrics, `teamboard_webhook_attempt_seconds_count ${paused.failures}\n`);
});

t.test('it is told of what it has named', async (t) => {
  const { receiver, boardId, ada, webhook, write } = await place(t, ['item.deleted', 'board']);
  const id = await write('one');
  await ada.patch(`/boards/${boardId}/items/${id}`, { text: 'two' });
  await ada.patch(`/boards/${boardId}`, { name: 'New' });
  await ada.delete(`/boards/${boardId}/items/${id}`);
  await receiver.next('the last', ({ body }) => body.type === 'item.deleted');
  t.same(
    receiver.taken.map(({ body }) => body.type),
    ['board.updated', 'item.deleted'],
  );
  await write('passed over');
  const { cursor } = (await ada.get(`/boards/${boardId}`)).body;
  await until(async () => (await webhook.read()).cursor === cursor, 'its place, past what it is not told');
});

t.test('a replay tells all anew, by the ids of the first time', async (t) => {
  const { receiver, ada, webhook, write } = await place(t);
  await writeMany(write, 3);
  await receiver.next('the third', (each) => textOf(each) === 'note 3');
  await until(async () => /-5$/.test((await webhook.read()).cursor), 'its place');
  const first = receiver.taken.map(({ id }) => id);
  const after = (await webhook.read()).cursor.replace(/\d+$/, '3');
  t.equal((await ada.post(`${webhook.path}/replay`, { after })).status, 200);
  await until(() => receiver.taken.length === 5, 'two of them again');
  t.same(
    receiver.taken.slice(3).map(({ id }) => id),
    first.slice(1),
  );
});

t.test('where the log does not reach, or is another one, it is reset first (E2)', async (t) => {
  const { receiver, ada, boardId, webhook, write } = await place(t);
  t.equal((await ada.patch(webhook.path, { state: 'paused' })).body.webhook.state, 'paused');
  await writeMany(write, 3);
  await database.sql('delete from teamboard.board_events where board_id = $1 and seq <= 4', [boardId]);
  await database.sql('update teamboard.board_log set trimmed_to = 4 where board_id = $1', [boardId]);
  await ada.patch(webhook.path, { state: 'active' });
  const trimmed = await receiver.next('the reset', ({ body }) => body.type === 'reset');
  const { cursor } = (await ada.get(`/boards/${boardId}`)).body;
  t.match(trimmed.body, { type: 'reset', cursor, data: { boardId, reason: 'trimmed' } });
  t.equal(trimmed.id, `${boardId}_${cursor}_reset`);
  await write('after');
  const next = await receiver.next('what follows', (each) => textOf(each) === 'after');
  t.equal(seqOf(next), 6);
  await until(async () => /-6$/.test((await webhook.read()).cursor), 'its place');

  await database.sql('update teamboard.log_epoch set value = gen_random_uuid()');
  const epoch = await receiver.next('the other', ({ body }) => body.data.reason === 'epoch');
  t.equal(epoch.body.cursor, (await ada.get(`/boards/${boardId}`)).body.cursor);
});

t.test('a rotated secret signs at once, and the one before beside it', async (t) => {
  const { receiver, ada, webhook, write } = await place(t);
  const { secret } = (await ada.post(`${webhook.path}/secret`, undefined)).body;
  await write('one');
  const both = await receiver.next('the first', (each) => textOf(each) === 'one');
  t.equal(String(both.headers['webhook-signature']).split(' ').length, 2);
  for (const each of [secret, webhook.secret]) t.doesNotThrow(() => verify(both, each));
  await database.sql('update teamboard.webhooks set previous_until = now() where id = $1', [webhook.id]);
  await write('two');
  const alone = await receiver.next('the second', (each) => textOf(each) === 'two');
  t.doesNotThrow(() => verify(alone, secret));
  t.throws(() => verify(alone, webhook.secret));
});

t.test('with the ownership its webhooks end: nothing later than the removal leaves (E6)', async (t) => {
  const { receiver, ada, boardId, webhook, write } = await place(t);
  const bob = await Client.signUp(node, 'Bob');
  await ada.post(`/boards/${boardId}/members`, { userId: bob.user.id, role: 'owner' });
  await write('before');
  await receiver.next('the note', (each) => textOf(each) === 'before');
  t.equal((await bob.patch(`/boards/${boardId}/members/${ada.user.id}`, { role: 'editor' })).status, 200);
  await write('secret');
  t.match((await bob.get(webhook.path)).body.webhook, { state: 'paused', pauseReason: 'access' });
  // Whatever was on its way would come before what bob's own is told.
  const own = await startReceiver(t);
  await makeWebhook(bob, boardId, { url: own.url });
  await write('later');
  await own.next('the note', (each) => textOf(each) === 'later');
  t.notMatch(JSON.stringify(receiver.requests), /secret|later|"editor"/);
});

t.test('a board that is deleted says so, and takes its webhooks with it', async (t) => {
  const { receiver, ada, boardId, write } = await place(t);
  await makeWebhook(ada, boardId, { url: receiver.url }).then(({ path }) => ada.patch(path, { state: 'paused' }));
  await write('one');
  t.equal((await ada.delete(`/boards/${boardId}`)).status, 204);
  const last = await receiver.next('the end', ({ body }) => body.type === 'board.deleted');
  t.equal(last.body.data.id, boardId);
  await until(
    async () => (await database.sql('select from teamboard.webhooks where board_id = $1', [boardId])).length === 0,
    'the webhooks to be gone',
  );
});

t.test('a write never waits for a receiver', async (t) => {
  const { receiver, write, ada } = await place(t);
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let isAsked = false;
  receiver.answer = async () => {
    isAsked = true;
    await released;
    return { status: 200 };
  };
  await write('one');
  await until(() => isAsked, 'a request that hangs');
  await writeMany(write, 20);
  t.equal((await ada.get('/boards')).status, 200);
  t.equal(receiver.taken.length, 0);
  release();
  await receiver.next('the last', (each) => textOf(each) === 'note 20');
});
