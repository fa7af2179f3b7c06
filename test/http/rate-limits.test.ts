// How often one user may write (threat 21).

import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { RateLimit } from '../../src/http/rate-limit.ts';
import { type Answer, Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { until } from '../helpers/until.ts';

const { parse } = JSON;
const database = await useDatabase(t);
/** Two at once, and then one a second. */
const slow = { writesPerSecond: 1, broadcastsPerSecond: 1 };

t.test('who writes too fast is told how long to wait, and nobody else is', async (t) => {
  const node = await startNode(t, database.url, slow);
  const ada = await Client.signUp(node, 'Ada');
  const { body: kept } = await Client.keep(node, {
    name: 'Bob',
    email: 'bob@example.org',
    password: 'correct horse',
  }).then((bob) => bob.post('/tokens', { name: 'ci' }));
  const bob = { authorization: `Bearer ${kept.secret}` };
  const write = (n: number) => ada.post('/boards', { name: `Board ${n}` });
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => write(n)));
  const written = answers.filter(({ status }) => status === 201).length;
  // On a machine that takes seconds for this a token comes back meanwhile.
  t.ok(written >= 2 && written < 20, `${written} of 20 at once`);
  t.equal((await ada.get('/boards')).body.boards.length, written, 'what was refused was not done');
  const refused = answers.find(({ status }) => status === 429) as Answer;
  sameProblem(t, refused, 'TB_TOO_MANY_WRITES');
  t.match(refused.body.detail, /1 times a second, and 2 times at once/);
  t.equal(refused.headers.get('retry-after'), '1');
  t.equal(refused.headers.get('ratelimit'), '"writes";r=0;t=1');
  t.equal(refused.headers.get('ratelimit-policy'), '"writes";q=2;w=2');

  await drain(ada);
  t.equal((await Client.nobody(node).post('/boards', { name: 'Hers' }, bob)).status, 201, 'another user writes on');
  t.equal((await ada.get('/session')).status, 200, 'reads are not counted');
  await delay(1000 * Number(refused.headers.get('retry-after')));
  t.equal((await write(9)).status, 201, 'after the time that was named');
});

t.test('it is the user who is counted, before the body is looked at, and a repeat counts too', async (t) => {
  const node = await startNode(t, database.url, slow);
  const nobody = Client.nobody(node);
  const ada = await Client.keep(node, { name: 'Ada', email: 'ada@example.org', password: 'correct horse' });
  const { body: token } = await ada.post('/tokens', { name: 'ci' });
  const key = { 'idempotency-key': 'k' };
  const first = await ada.post('/boards', { name: 'Plans' }, key);
  t.equal(first.status, 201);
  const repeats = await Promise.all(Array.from({ length: 6 }, () => ada.post('/boards', { name: 'Plans' }, key)));
  t.ok(repeats.some(({ status }) => status === 429));

  const bodies = ['', '{', 'x'.repeat(300_000), { unknown: true }];
  const bearer = { authorization: `Bearer ${token.secret}`, 'content-type': 'application/json' };
  const startedAt = performance.now();
  await drain(ada);
  const unread = await Promise.all([
    ...bodies.flatMap((body) => [ada.post('/boards', body), ada.post('/boards', body)]),
    nobody.post('/boards', { name: 'Plans' }, bearer),
    nobody.post('/boards', { name: 'Plans' }, bearer),
  ]);
  // The drain has left no token. So many have come since, each of which lets one through to another refusal.
  const cameBack = Math.ceil((performance.now() - startedAt) / 1000);
  const refused = unread.filter(({ body }) => body.code === 'TB_TOO_MANY_WRITES').length;
  t.ok(refused >= unread.length - cameBack, `${refused} of ${unread.length}, and ${cameBack} came back`);
  t.equal((await nobody.post('/boards', { name: 'x' })).status, 401, 'who is nobody is not counted');
});

t.test('nobody is kept from taking back a cookie or a token by whoever has stolen it', async (t) => {
  const node = await startNode(t, database.url, slow);
  const ada = await Client.keep(node, { name: 'Ada', email: 'ada2@example.org', password: 'correct horse' });
  const { body: stolen } = await ada.post('/tokens', { name: 'ci' });
  await drain(ada);
  t.equal((await ada.delete(`/tokens/${stolen.token.id}`)).status, 204);
  await drain(ada);
  t.equal((await ada.delete('/sessions')).status, 204);
});

t.test('broadcasts are counted apart, and refused before their body is looked at', async (t) => {
  const node = await startNode(t, database.url, { writesPerSecond: 1, broadcastsPerSecond: 2 });
  const ada = await Client.signUp(node, 'Ada');
  const path = `/boards/${await ada.createBoard()}/broadcasts`;
  await drain(ada);
  const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => ada.post(path, { name: 'cursor', data: n })));
  t.ok(answers.filter(({ status }) => status === 202).length >= 4, 'a burst of two seconds, whatever was written');
  const refused = answers.find(({ status }) => status === 429) as Answer;
  sameProblem(t, refused, 'TB_TOO_MANY_BROADCASTS');
  t.equal(refused.headers.get('retry-after'), '1');
  t.equal(refused.headers.get('ratelimit'), '"broadcasts";r=0;t=1');
  t.equal(refused.headers.get('ratelimit-policy'), '"broadcasts";q=4;w=2');
  await until(
    async () => (await ada.post('/boards', { name: 'Mine' })).status === 201,
    'a write, of which none is used',
  );
  const unread = await Promise.all(Array.from({ length: 12 }, () => ada.post(path, 'x'.repeat(8000))));
  t.ok(
    unread.some(({ status }) => status === 429),
    'what is refused for its body counts as well',
  );
});

t.test('each operation of a batch counts as a tenth of a write, before anything is done for it', async (t) => {
  const node = await startNode(t, database.url, { writesPerSecond: 10, broadcastsPerSecond: 1 });
  const ada = await Client.signUp(node, 'Ada');
  const boardId = await ada.createBoard();
  const batch = (size: number) =>
    ada.post(`/boards/${boardId}/batch`, {
      operations: Array.from({ length: size }, () => ({ op: 'create', item: { text: '' } })),
    });
  const items = async () => (await ada.get(`/boards/${boardId}`)).body.items.length;
  const startedAt = performance.now();
  const answers = await Promise.all(Array.from({ length: 20 }, () => batch(100)));
  const done = answers.filter(({ status }) => status === 200).length;
  // Ten writes each, of the 19 that were left, and of ten that come each second.
  const most = Math.floor((20 + (performance.now() - startedAt) / 100) / 10);
  t.ok(done >= 1 && done <= most && done < 20, `${done} of 20 batches, and ${most} at most`);
  t.equal(await items(), done * 100, 'what was refused was not done');
  const refused = answers.find(({ status }) => status === 429) as Answer;
  sameProblem(t, refused, 'TB_TOO_MANY_WRITES');
  // It counts as a write of its own, for which the batches may have left nothing.
  await until(async () => (await batch(0)).status === 400, 'a batch that is none');
});

t.test('more than a bucket holds passes when it is full, and is waited for afterwards', async (t) => {
  // So slow that what a machine takes for it does not matter.
  const node = await startNode(t, database.url, slow);
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const batch = (size: number) =>
    ada.post(`/boards/${boardId}/batch`, {
      operations: Array.from({ length: size }, () => ({ op: 'create', item: { text: '' } })),
    });
  await drain(ada);
  const large = await batch(500);
  sameProblem(t, large, 'TB_TOO_MANY_WRITES');
  t.match(large.headers.get('retry-after'), /^[12]$/);
  // Whatever was refused meanwhile, the two seconds of a bucket fill it. Nothing tells of it: to ask takes a token of it.
  await delay(2100);
  const startedAt = performance.now();
  t.equal((await batch(500)).status, 200);
  const later = await batch(1);
  sameProblem(t, later, 'TB_TOO_MANY_WRITES');
  const wait = Number(later.headers.get('retry-after'));
  const passed = (performance.now() - startedAt) / 1000;
  // Fifty writes, of which the bucket had two; one for each request, and a few for the size of the answer.
  t.ok(wait >= Math.floor(48 - passed) && wait <= 54, `${wait} s, ${passed.toFixed(1)} s later`);
});

t.test('a name can change so often, by whichever way, as each board of the user tells of it', async (t) => {
  const node = await startNode(t, database.url);
  const [guest, ada] = [await Client.signUp(node, 'Eve'), await Client.signUp(node, 'Ada')];
  const change = (body: object) => guest.patch('/users/me', body);
  const names = await Promise.all(Array.from({ length: 14 }, (_, n) => change({ name: `Eve ${n}` })));
  const refused = names.filter(({ status }) => status !== 200);
  t.ok(refused.length >= 1 && refused.length <= 4, `${refused.length} of 14, while one comes back each 5 s`);
  const spendAll = async (user: Client) => {
    while ((await user.patch('/users/me', { name: 'Eve' })).status === 200);
  };
  await spendAll(guest);
  const credentials = { email: 'eve@example.org', password: 'correct horse' };
  for (const answer of [...refused, await change({ name: 'Eva', ...credentials })]) {
    sameProblem(t, answer, 'TB_TOO_MANY_RENAMES');
    const seconds = Number(answer.headers.get('retry-after'));
    t.ok(seconds >= 1 && seconds <= 5, `${seconds} s`);
    t.equal(answer.headers.get('ratelimit'), `"renames";r=0;t=${seconds}`);
    t.equal(answer.headers.get('ratelimit-policy'), '"renames";q=10;w=50');
  }

  t.equal((await ada.patch('/users/me', { name: 'Ada II' })).status, 200, 'others change theirs');
  const kept = await change(credentials);
  t.equal(kept.status, 200, 'what changes no name is not refused');
  const user = guest.after(kept);
  const other = { email: 'eva@example.org', currentPassword: credentials.password };
  await spendAll(user);
  sameProblem(t, await user.patch('/users/me', { ...other, name: 'Eva' }), 'TB_TOO_MANY_RENAMES');
  t.equal((await user.get('/session')).body.user.email, credentials.email, 'all or nothing');
  const { body } = await user.post('/tokens', { name: 'ci' });
  t.equal((await user.delete(`/tokens/${body.token.id}`)).status, 204);
  t.equal((await user.delete('/session')).status, 204);
});

t.test('a batch is charged for its answer, which may be a thousand times as large, and a repeat as well', async (t) => {
  const node = await startNode(t, database.url, { writesPerSecond: 10, broadcastsPerSecond: 1 });
  const parsed: string[] = [];
  t.intercept(JSON, 'parse', {
    value: (text: string, ...rest: []) => {
      parsed.push(String(text).slice(0, 7));
      return parse(text, ...rest);
    },
  });
  for (const headers of [{}, { 'idempotency-key': 'again' }] as Array<Record<string, string>>) {
    const ada = await Client.signUp(node, 'Ada');
    const path = `/boards/${await ada.createBoard()}/batch`;
    const note = { op: 'create', item: { text: 'é'.repeat(8000), data: { a: 'x'.repeat(14_000) } } };
    const made = await ada.post(path, { operations: Array(10).fill(note) });
    t.equal(made.status, 200);
    parsed.length = 0;
    const operations = made.body.results.map(({ id }: { id: string }) => ({ op: 'update', id, item: { x: 1 } }));
    const answers: Answer[] = [];
    const startedAt = performance.now();
    // Each costs one for its operations, and five for 300 KB that it answers.
    for (let n = 0; n < 10; n += 1) answers.push(await ada.post(path, { operations }, headers));
    const refused = answers.filter(({ status }) => status !== 200);
    const seconds = (performance.now() - startedAt) / 1000;
    // A bucket of twenty, and ten more a second.
    const most = Math.ceil((20 + 10 * seconds) / 6);
    t.ok(answers.length - refused.length <= most, `${refused.length} of 10 refused, and ${most} let through at most`);
    t.ok(refused.length <= 9, 'and not all of them');
    for (const answer of refused) sameProblem(t, answer, 'TB_TOO_MANY_WRITES');
    t.notOk(
      parsed.some((text) => text.startsWith('[{')),
      'and the node does not read it',
    );
  }
});

t.test('a bucket of two seconds, and then exactly the rate', async (t) => {
  let now = 1000;
  const limit = new RateLimit(50, () => now);
  t.equal(limit.burst, 100);
  const take = (count: number) =>
    Array.from({ length: count }, () => limit.take('ada')).filter((ms) => ms === 0).length;
  t.equal(take(150), 100);
  t.equal(Math.round(limit.take('ada')), 20);
  now += 19;
  t.equal(take(5), 0);
  now += 1;
  t.equal(take(5), 1);
  now += 500;
  t.equal(take(50), 25, 'what was refused has cost nothing');
  t.equal(limit.take('bob'), 0);
  for (let tick = 0; tick < 10_000; tick += 1) {
    now += 20;
    if (take(1) !== 1) return t.fail(`who keeps to the rate was refused at tick ${tick}`);
  }
  now += 60 * 60_000;
  t.equal(limit.take('ada'), 0);
  t.equal(limit.take('ada', 250, 1), 0, 'a full bucket, but for what the request itself has taken');
  t.equal(Math.round(limit.take('ada')), 151 * 20 + 20, 'is in debt afterwards');
  now += 60 * 60_000;
  t.equal(take(50), 50);
  t.equal(limit.take('ada', 49.5, 0), 0);
  t.equal(Math.round(limit.take('ada', 9, 1)), 8.5 * 20 + 20, 'the wait is for the whole request');
  now += 60 * 60_000;
  t.equal(take(150), 100, 'an hour saves up no more than a burst');
});

/** Writes until the user has no token left. */
async function drain(user: Client): Promise<void> {
  let answers: Answer[];
  do {
    answers = await Promise.all(Array.from({ length: 8 }, () => user.post('/boards', {})));
  } while (answers.at(-1)?.status !== 429);
}
