// Whatever the network, the server, other people and the tabs of a browser do: when all is quiet, a page shows what the
// server has; each write is there once, or was told as not done; and undo has restored what it says.
//
//   node build/test/client/writes/property.test.js [runs] [seed]

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';

// Without arguments always the same, so that nobody's work is stopped by what somebody else has made wrong.
const [runs = 1500, seed = process.argv[2] ? Math.floor(Math.random() * 2 ** 31) : 7] = process.argv
  .slice(2)
  .map(Number);

t.setTimeout(60_000 + runs * 500);

t.test('a page and its server agree when all is quiet, and no write is lost, doubled or kept secret', async (t) => {
  t.setTimeout(60_000 + runs * 500);
  const worker = new Worker(new URL('../model/story-worker.js', import.meta.url), { workerData: { runs, seed } });
  const [fault] = await once(worker, 'message');
  t.equal(fault, undefined, `${runs} runs, seed ${seed}`);
  if (fault) t.comment(fault);
});
