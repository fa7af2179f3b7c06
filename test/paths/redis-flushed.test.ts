// FLUSHALL: Redis answers all the time, and has forgotten everything.

import t from 'tap';
import { expectWithin, timed } from '../helpers/bounds.ts';
import { startNodesOnRedis } from '../helpers/nodes-on-redis.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { findFaults } from '../helpers/seqs.ts';
import { timings } from '../helpers/timings.ts';

/** With the next beat the streams are registered again, and 3 s: 5 s with the timings of all nodes. */
const REGISTERED_MS = timings.leases.beatMs + 3000;

t.test(
  'after FLUSHALL every node registers its streams again, nobody leaves, and no stream notices (E7, E8)',
  { skip: noPrivateRedis },
  async (t) => {
    const { redis, streams, head, complete, registryIs, changes, allHeard, logged, timeWrites } =
      await startNodesOnRedis(t);
    let to = head;
    await expectWithin(t, { registeredMs: REGISTERED_MS }, async () => {
      await redis.client.flushall();
      const [registeredMs] = await Promise.all([timed(complete), timeWrites(10)]);
      to += 10;
      return { registeredMs };
    });
    t.strictSame(await findFaults(streams, { from: head + 1, to }), [], 'each event once, in order');
    await allHeard();
    t.notOk(changes().includes('leave'), 'nobody has left');
    await registryIs('up');
    t.strictSame(logged(/was reaped/), [0, 0]);
  },
);
