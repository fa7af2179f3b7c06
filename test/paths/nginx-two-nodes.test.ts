// Two nodes behind one nginx, as deploy/nginx.conf has it: nothing is held back, and a stream goes on at the other node.

import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { useDatabase } from '../helpers/node.ts';
import { spawnNode } from '../helpers/process.ts';
import { startProxy } from '../helpers/proxies.ts';
import { startReader } from '../helpers/reader.ts';
import { needs } from '../helpers/shell.ts';
import { until } from '../helpers/until.ts';

const READERS = 6;

t.test('behind nginx', needs('nginx'), async (t) => {
  const database = await useDatabase(t);
  const environment = { DATABASE_URL: database.url, DRAIN_SECONDS: '0', TRUST_PROXY: 'loopback' };
  const nodes = [await spawnNode(t, environment), await spawnNode(t, environment)];
  const proxy = await startProxy(t, 'nginx', ...nodes.map(({ url }) => Number(new URL(url).port)));
  const ada = await Client.signUp(proxy);
  const board = await ada.createBoard();
  const after = (await ada.get(`/boards/${board}`)).body.cursor as string;
  const readers = Array.from({ length: READERS }, () =>
    startReader(t, { address: () => proxy.url, boardId: board, client: ada, after }),
  );
  await until(() => readers.every(({ isOpen }) => isOpen), 'all to be open');
  const opened = () => nodes.map(({ logged }) => logged.filter(({ msg }) => msg === 'stream opened').length);
  let head = 2;
  const write = async (text: string) => {
    const key = { 'idempotency-key': `${head}` };
    // A node that has just ended may have taken it with it, and a worker of nginx that goes ends its idle connections: who
    // repeats it with its key writes it once.
    const post = () => ada.post(`/boards/${board}/items`, { text }, key).catch(() => undefined);
    await until(async () => (await post())?.status === 201, `write ${text}`);
    head += 1;
  };
  const isTold = () => until(() => readers.every(({ seqs }) => seqs.at(-1) === head), `all to be told of ${head}`);

  await t.test('each event is there before the next one is written, and both nodes have streams', async (t) => {
    for (let n = 0; n < 20; n += 1) {
      await write(`alone ${n}`);
      await isTold();
    }
    await until(() => opened().every((count) => count > 0), 'nginx sends streams to both');
    t.equal(opened()[0] ?? 0, READERS - (opened()[1] ?? 0));
  });

  await t.test('nginx -s reload ends no stream, and loses nothing that is written meanwhile (E1, E2)', async (t) => {
    const before = readers.map(({ connections }) => connections.length);
    const writing = (async () => {
      for (let n = 0; n < 40; n += 1) await write(`reloading ${n}`);
    })();
    for (let n = 0; n < 3; n += 1) {
      // What `nginx -s reload` sends.
      process.kill(proxy.pid, 'SIGHUP');
      await wait(100);
    }
    await writing;
    await isTold();
    t.same(
      readers.map(({ connections }) => connections.length),
      before,
      'streams stay with the workers that they have until they end',
    );
  });

  await t.test('a stream whose node is killed goes on at the other one (E1, E2)', async (t) => {
    const [gone] = nodes;
    gone?.kill('SIGKILL');
    await gone?.exit();
    for (let n = 0; n < 10; n += 1) await write(`killed ${n}`);
    await isTold();
    await until(() => readers.every(({ isOpen }) => isOpen), 'all to be open again');
    for (const { connections } of readers) {
      t.ok(
        connections.every(({ status }) => status === undefined || status === 200),
        'and nobody was refused',
      );
    }
  });

  const all = Array.from({ length: head - 2 }, (_, index) => index + 3);
  for (const { seqs, frames } of readers) {
    t.same(seqs, all, 'each event once, in order');
    t.notOk(frames.some(({ event }) => event === 'reset'));
  }
});
