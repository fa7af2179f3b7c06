// FLUSHALL: Redis answers all the time, and has forgotten everything.

import t from 'tap';
import { startNodesOnRedis } from '../helpers/nodes-on-redis.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { findFaults } from '../helpers/seqs.ts';

/** A beat comes every 2 s, and the streams are registered again with it. */
const REGISTERED_MS = 5000;

t.test(
  'after FLUSHALL every node registers its streams again, nobody leaves, and no stream notices (E7, E8)',
  { skip: noPrivateRedis },
  async (t) => {
    const { redis, streams, head, complete, readiness, changes, allHeard, logged, medianWrite } =
      await startNodesOnRedis(t);
    for (let round = 0; round < 2; round += 1) {
      await redis.client.flushall();
      const start = performance.now();
      await medianWrite(10);
      await complete();
      const ms = performance.now() - start;
      t.comment(`complete ${Math.round(ms)} ms after FLUSHALL`);
      t.ok(ms < REGISTERED_MS);
    }
    t.strictSame(await findFaults(streams, { from: head + 1, to: head + 20 }), [], 'each event once, in order');
    await allHeard();
    t.notOk(changes().includes('leave'), 'nobody has left');
    t.match(await readiness(), [{ body: { registry: 'up' } }, { body: { registry: 'up' } }]);
    t.strictSame(logged(/redis is away|was reaped/), [0, 0], 'it was never away');
  },
);
