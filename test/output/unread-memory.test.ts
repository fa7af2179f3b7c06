// A node with a small heap, and a crowd that asks for much and reads nothing (E5).

import { readFile } from 'node:fs/promises';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { askWithoutReading, createLargeBoard } from '../helpers/large-board.ts';
import { useDatabase } from '../helpers/node.ts';
import { spawnNode } from '../helpers/process.ts';

const MIB = 1024 * 1024;
const HEAP_MIB = 160;
const UNREAD = 51;
/** What others may wait for a small answer meanwhile, on a machine with much else to do. */
const LATENCY_MS = 3000;

t.test('a crowd that reads nothing neither ends a node nor holds up others (E5)', async (t) => {
  const database = await useDatabase(t);
  const node = await spawnNode(t, {
    DATABASE_URL: database.url,
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
    STREAMS_PER_USER: '200',
  });
  const [ada, bob] = [await Client.signUp(node), await Client.signUp(node)];
  const boardId = await createLargeBoard(ada, database, 20 * MIB);
  const small = await bob.createBoard();
  const residentBefore = await residentBytes(node.pid);
  let slowest = 0;
  let asking = true;
  const others = (async () => {
    while (asking) {
      const askedAt = performance.now();
      t.equal((await bob.get(`/boards/${small}`)).status, 200);
      slowest = Math.max(slowest, performance.now() - askedAt);
    }
  })();
  const ask = (path: string, accept?: string) =>
    Array.from({ length: UNREAD }, () => askWithoutReading(t, node, path, ada, accept));
  const answers = await Promise.all([
    ...ask(`/boards/${boardId}`),
    ...ask(`/boards/${boardId}/events?limit=500`),
    ...ask(`/boards/${boardId}/events?snapshot=true`, 'text/event-stream'),
  ]);
  const pages = answers.splice(UNREAD, UNREAD);
  t.ok(
    answers.every(({ statusCode }) => statusCode === 200),
    'all get the board',
  );
  // They are many for the connections of the node to the database, and may be told to come back.
  t.ok(pages.every(({ statusCode, headers }) => statusCode === 200 || headers['retry-after'] !== undefined));
  t.ok(pages.some(({ statusCode }) => statusCode === 200));
  asking = false;
  await others;
  const grownMib = Math.round(((await residentBytes(node.pid)) - residentBefore) / MIB);
  t.comment(`${grownMib} MiB more; the slowest of the others took ${Math.round(slowest)} ms`);
  t.ok(grownMib < 400, `${grownMib} MiB more than before`);
  t.ok(slowest < LATENCY_MS, `${slowest} ms`);
  // It is all there for those who read.
  const { body } = await ada.get(`/boards/${boardId}`);
  t.equal(body.items.length, Math.ceil((20 * MIB) / 10_000));
  t.equal((await ada.get('/session')).status, 200, 'the node is alive');
});

async function residentBytes(pid: number): Promise<number> {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}
