// A Redis that accepts everything and answers nothing, for longer than a lease.

import t from 'tap';
import { startNodesOnRedis } from '../helpers/nodes-on-redis.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { findFaults } from '../helpers/seqs.ts';
import { until } from '../helpers/until.ts';

/** Over the lease of 8 s: all leases have run out when it answers again. */
const HANG_MS = 9000;
const WRITES = 40;

t.test(
  'while Redis hangs streams and writes go on as before, and afterwards nobody has left (E7, E8)',
  { skip: noPrivateRedis },
  async (t) => {
    const {
      redis,
      streams,
      head,
      openOnEach,
      complete,
      registryIs,
      readiness,
      changes,
      allHeard,
      logged,
      checkOutageLogged,
      medianWrite,
    } = await startNodesOnRedis(t);
    // The first writes prepare their statements.
    await medianWrite(WRITES);
    const before = await medianWrite(WRITES);
    await allHeard();
    const joined = changes();
    t.strictSame(joined, ['join', 'join'], 'one user, as each node has heard');

    redis.pause();
    const pausedAt = performance.now();
    const during = await medianWrite(WRITES);
    t.comment(`a write took ${before.toFixed(1)} ms, and ${during.toFixed(1)} ms while Redis hung (medians)`);
    // Whoever waits for Redis waits for its time limit, 500 ms.
    t.ok(during < 3 * before + 10, 'a write does not wait for Redis');
    await registryIs('down');
    t.match(await readiness(), [{ body: { ready: true } }, { body: { ready: true } }]);
    const openedAt = performance.now();
    await openOnEach(2);
    // Four, one after the other: each would wait 500 ms.
    t.ok(performance.now() - openedAt < 1500, 'streams open');
    streams.shift()?.close();
    const beats = ({ frames }: (typeof streams)[number]) => frames.filter(({ event }) => event === 'heartbeat').length;
    const told = streams.map(beats);
    await until(
      () => streams.every((stream, index) => beats(stream) >= (told[index] ?? 0) + 3),
      'heartbeats on all of them',
    );
    await until(() => performance.now() - pausedAt > HANG_MS, 'the end of the outage', HANG_MS);

    redis.resume();
    await registryIs('up');
    // What is open now, and nothing else.
    await complete();
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
    t.strictSame(changes(), joined, 'nobody has left, and nobody came again');
    t.strictSame(logged(/a lease has ended and was reaped/), [0, 0]);
    checkOutageLogged();
  },
);
