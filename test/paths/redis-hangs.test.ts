// A Redis that accepts everything and answers nothing, for longer than a lease.

import t from 'tap';
import type { EventStream } from '../helpers/event-stream.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { goThroughOutage } from '../helpers/redis-outage.ts';
import { timings } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

/** All leases have run out when it answers again. */
const HANG_MS = timings.leases.leaseMs + 1000;

t.test(
  'while Redis hangs streams and writes go on as before, and afterwards nobody has left (E7, E8)',
  { skip: noPrivateRedis },
  async (t) => {
    let pausedAt = 0;
    await goThroughOutage(t, {
      keepsData: true,
      begin: (redis) => {
        redis.pause();
        pausedAt = performance.now();
      },
      meanwhile: async ({ streams }) => {
        const beats = ({ heartbeats }: EventStream) => heartbeats.length;
        const told = streams.map(beats);
        await until(
          () => streams.every((stream, index) => beats(stream) >= (told[index] ?? 0) + 3),
          'heartbeats on all of them',
        );
        await until(() => performance.now() - pausedAt > HANG_MS, 'the end of the outage');
      },
      end: (redis) => redis.resume(),
    });
  },
);
