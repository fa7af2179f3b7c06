// Webhooks as their owners make, see, change and remove them. (Who may is in boards/access-matrix.)

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url, { webhooksPerBoard: 3 });
const url = 'https://hooks.example/teamboard';

t.test('a webhook is made at the present, shown without its secret, changed and deleted', async (t) => {
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const { cursor } = (await ada.get(`/boards/${boardId}`)).body;
  const made = await ada.post(`/boards/${boardId}/webhooks`, {
    url,
    name: ' Ours ',
    events: ['item', 'member.created'],
  });
  t.equal(made.status, 201);
  const { webhook, secret } = made.body;
  t.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  const path = `/boards/${boardId}/webhooks/${webhook.id}`;
  t.equal(made.headers.get('location'), path);
  t.same(webhook, {
    id: webhook.id,
    boardId,
    name: 'Ours',
    url,
    events: ['item', 'member.created'],
    state: 'active',
    pauseReason: null,
    pausedAt: null,
    cursor,
    failures: 0,
    failingSince: null,
    lastFailure: null,
    nextAttemptAt: null,
    deliveredAt: null,
    previousSecretUntil: null,
    ownerId: ada.user.id,
    createdAt: webhook.createdAt,
  });
  t.same((await ada.get(path)).body, { webhook });
  t.same((await ada.get(`/boards/${boardId}/webhooks`)).body, { webhooks: [webhook] });
  const changed = await ada.patch(path, { events: null, name: null, state: 'paused' });
  const { pausedAt } = changed.body.webhook;
  const paused = { ...webhook, events: null, name: null, state: 'paused', pauseReason: 'owner', pausedAt };
  t.same(changed.body, { webhook: paused });
  t.ok(Date.parse(pausedAt));
  t.same((await ada.patch(path, { state: 'active' })).body, { webhook: { ...webhook, events: null, name: null } });
  t.equal((await ada.delete(path)).status, 204);
  sameProblem(t, await ada.get(path), 'TB_NOT_FOUND');
  t.same((await ada.get(`/boards/${boardId}/webhooks`)).body, { webhooks: [] });
});

t.test('another owner who resumes it, or says where it leads, answers for it', async (t) => {
  const [ada, bob] = [await Client.signUp(node), await Client.signUp(node, 'Bob')];
  const boardId = await ada.createBoard();
  await ada.post(`/boards/${boardId}/members`, { userId: bob.user.id, role: 'owner' });
  const { webhook } = (await ada.post(`/boards/${boardId}/webhooks`, { url })).body;
  const path = `/boards/${boardId}/webhooks/${webhook.id}`;
  t.equal((await bob.patch(path, { name: 'x' })).body.webhook.ownerId, ada.user.id);
  t.equal((await bob.patch(path, { url: `${url}/2` })).body.webhook.ownerId, bob.user.id);
  t.equal((await ada.patch(path, { state: 'active' })).body.webhook.ownerId, ada.user.id);
  t.equal((await ada.delete(`/boards/${boardId}/members/${ada.user.id}`)).status, 204);
  t.match((await bob.get(path)).body.webhook, { state: 'paused', pauseReason: 'access' });
});

t.test('an address is https, of the public network, and carries no password', async (t) => {
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const refused = {
    'ftp://hooks.example/': 'must be an address that starts with https://',
    'http://hooks.example/': 'must be an address that starts with https://',
    nonsense: 'must be an address that starts with https://',
    'https://user:pass@hooks.example/': 'must have no user, no password and no fragment',
    'https://hooks.example/#x': 'must have no user, no password and no fragment',
    'https://127.0.0.1/': 'must lead to a public address',
    'https://2130706433/': 'must lead to a public address',
    'https://[::ffff:10.0.0.1]/': 'must lead to a public address',
    [`https://hooks.example/${'ü'.repeat(600)}`]: 'must be at most 2000 characters',
  };
  const { webhook } = (await ada.post(`/boards/${boardId}/webhooks`, { url })).body;
  for (const [address, message] of Object.entries(refused)) {
    const errors = [{ path: '/url', message }];
    sameProblem(t, await ada.post(`/boards/${boardId}/webhooks`, { url: address }), 'TB_INVALID', { errors });
    const changed = await ada.patch(`/boards/${boardId}/webhooks/${webhook.id}`, { url: address });
    sameProblem(t, changed, 'TB_INVALID', { errors });
  }
  t.equal((await ada.get(`/boards/${boardId}/webhooks`)).body.webhooks.length, 1);
});

t.test('a board has so many, also when many are made at once', async (t) => {
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const make = () => ada.post(`/boards/${boardId}/webhooks`, { url });
  const answers = await Promise.all(Array.from({ length: 8 }, make));
  const refused = answers.filter(({ status }) => status !== 201);
  t.equal(refused.length, 5);
  for (const answer of refused) sameProblem(t, answer, 'TB_LIMIT_REACHED');
  t.match(refused[0]?.body.detail, /3 webhooks/);
});

t.test('a repeat with its key makes no second one, and rotates no second time', async (t) => {
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const make = () => ada.post(`/boards/${boardId}/webhooks`, { url }, { 'idempotency-key': 'make' });
  const [first, again] = [await make(), await make()];
  t.equal(again.headers.get('idempotent-replayed'), 'true');
  t.same([again.status, again.body], [201, first.body]);
  const path = `/boards/${boardId}/webhooks/${first.body.webhook.id}`;
  const rotate = () => ada.post(`${path}/secret`, undefined, { 'idempotency-key': 'rotate' });
  const [rotated, repeated] = [await rotate(), await rotate()];
  t.equal(rotated.status, 200);
  t.not(rotated.body.secret, first.body.secret);
  t.same(repeated.body, rotated.body);
  const hours = (Date.parse(rotated.body.webhook.previousSecretUntil) - Date.now()) / 3_600_000;
  t.ok(hours > 23 && hours <= 24.1, `${hours}`);
  const kept = await database.sql('select result::text from teamboard.idempotency_keys where user_id = $1', [
    ada.user.id,
  ]);
  t.notMatch(JSON.stringify(kept), /whsec_/, 'no secret is kept twice');
});

t.test('a replay names a place of this board that its log still reaches', async (t) => {
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const { cursor: other } = (await ada.get(`/boards/${await ada.createBoard()}`)).body;
  const { webhook } = (await ada.post(`/boards/${boardId}/webhooks`, { url })).body;
  const replay = (after: string) => ada.post(`/boards/${boardId}/webhooks/${webhook.id}/replay`, { after });
  const at = (seq: number) => webhook.cursor.replace(/\d+$/, String(seq));
  t.match(await replay(at(0)), { status: 200, body: { webhook: { id: webhook.id, cursor: at(0) } } });
  await database.sql('update teamboard.board_log set trimmed_to = 1 where board_id = $1', [boardId]);
  sameProblem(t, await replay(at(0)), 'TB_TRIMMED');
  t.equal((await replay(at(1))).status, 200);
  sameProblem(t, await replay(other), 'TB_TRIMMED');
  for (const [after, message] of [
    ['nonsense', 'must be a cursor, as snapshots, events and pages have them'],
    [at(9), 'names a place to which the board has not come yet'],
  ] as const) {
    sameProblem(t, await replay(after), 'TB_INVALID', { errors: [{ path: '/after', message }] });
  }
});
