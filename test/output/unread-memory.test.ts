// A node with a small heap, and a crowd that asks for much and reads nothing (E5).

import { readFile } from 'node:fs/promises';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { askWithoutReading, createLargeBoard } from '../helpers/large-board.ts';
import { useDatabase } from '../helpers/node.ts';
import { spawnNode } from '../helpers/process.ts';
import { until } from '../helpers/until.ts';

const MIB = 1024 * 1024;
const HEAP_MIB = 160;
const UNREAD = 51;
/** What others may wait for a small answer meanwhile, half of the time. */
const LATENCY_MS = 1500;

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
  const served: number[] = [];
  let refused = 0;
  let asking = true;
  const others = (async () => {
    while (asking) {
      const askedAt = performance.now();
      const { status, headers } = await bob.get(`/boards/${small}`);
      // On a slow machine the crowd's questions may take more than the 2 s that one waits for a connection to the database.
      if (status === 200) served.push(Math.round(performance.now() - askedAt));
      else refused += 1;
      if (status !== 200) t.strictSame([status, headers.get('retry-after')], [503, '2']);
    }
  })();
  const ask = (path: string, accept?: string) =>
    Array.from({ length: UNREAD }, () => askWithoutReading(t, node, path, ada, accept));
  const answers = await Promise.all([
    ...ask(`/boards/${boardId}`),
    ...ask(`/boards/${boardId}/events?limit=500`),
    ...ask(`/boards/${boardId}/events?snapshot=true`, 'text/event-stream'),
  ]);
  const [boards = [], pages = [], streams = []] = [0, 1, 2].map((kind) =>
    answers.slice(kind * UNREAD, (kind + 1) * UNREAD),
  );
  t.ok(
    streams.every(({ statusCode }) => statusCode === 200),
    'all get a stream',
  );
  // They are many for the connections of the node to the database, and may be told to come back.
  const isServed = ({ statusCode }: (typeof answers)[number]) => statusCode === 200;
  for (const some of [boards, pages]) {
    t.ok(some.every((answer) => isServed(answer) || answer.headers['retry-after'] !== undefined));
  }
  t.ok(pages.some(isServed));
  let given = boards.filter(isServed).length;
  await until(async () => {
    if (given > (3 * UNREAD) / 4) return true;
    if (isServed(await askWithoutReading(t, node, `/boards/${boardId}`, ada))) given += 1;
    return false;
  }, 'nearly all to get the board, at once or when they come back');
  asking = false;
  await others;
  const grownMib = Math.round(((await residentBytes(node.pid)) - residentBefore) / MIB);
  served.sort((a, b) => a - b);
  t.comment(
    `${grownMib} MiB more; others were served in ${served[0]} to ${served.at(-1)} ms, and refused ${refused} times`,
  );
  t.ok(grownMib < 400, `${grownMib} MiB more than before`);
  t.ok((served[served.length >> 1] ?? Infinity) < LATENCY_MS, `${served} ms`);
  t.ok(refused < served.length / 4, `${refused} refusals beside ${served.length} answers`);
  // It is all there for those who read.
  const { body } = await ada.get(`/boards/${boardId}`);
  t.equal(body.items.length, Math.ceil((20 * MIB) / 10_000));
  t.equal((await ada.get('/session')).status, 200, 'the node is alive');
});

async function residentBytes(pid: number): Promise<number> {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}
