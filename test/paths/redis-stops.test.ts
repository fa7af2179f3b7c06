// A Redis that is stopped, and comes back without its data.

import t from 'tap';
import { startNodesOnRedis } from '../helpers/nodes-on-redis.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { findFaults } from '../helpers/seqs.ts';

const WRITES = 40;

t.test(
  'without Redis streams and writes go on, and an empty one is filled again without a leave (E7, E8)',
  { skip: noPrivateRedis },
  async (t) => {
    const {
      redis,
      streams,
      head,
      openOnEach,
      complete,
      registryIs,
      changes,
      allHeard,
      logged,
      checkOutageLogged,
      medianWrite,
    } = await startNodesOnRedis(t);
    await medianWrite(WRITES);
    const before = await medianWrite(WRITES);
    await allHeard();
    t.notOk(changes().includes('leave'));

    await redis.shutdown({ save: false });
    await registryIs('down');
    const during = await medianWrite(WRITES);
    t.comment(`a write took ${before.toFixed(1)} ms, and ${during.toFixed(1)} ms without Redis (medians)`);
    t.ok(during < 3 * before + 10, 'a write does not look for Redis');
    await openOnEach(2);
    streams.shift()?.close();

    await redis.boot();
    const backAt = performance.now();
    await registryIs('up');
    // What is open now, and nothing else.
    await complete();
    t.comment(`complete ${Math.round(performance.now() - backAt)} ms after Redis was back`);
    await medianWrite(2);
    const late = streams.splice(-4);
    const to = head + 3 * WRITES + 2;
    t.strictSame(await findFaults(streams, { from: head + 1, to }), [], 'each event once, in order');
    for (const stream of late) {
      // From where the stream says that it starts: its node may not have heard of the newest event yet.
      const from = Number(stream.frames[0]?.data.cursor.split('-')[1]) + 1;
      t.strictSame(await findFaults([stream], { from, to }), [], 'also on one that opened meanwhile');
    }
    await allHeard();
    t.notOk(changes().includes('leave'), 'nobody has left');
    t.strictSame(logged(/a lease has ended and was reaped/), [0, 0]);
    checkOutageLogged();
  },
);
