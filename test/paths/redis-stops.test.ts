// A Redis that is stopped, and comes back without its data.

import t from 'tap';
import { expectWithin } from '../helpers/bounds.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { goThroughOutage } from '../helpers/redis-outage.ts';

t.test(
  'without Redis streams and writes go on, and an empty one is filled again without a leave (E7, E8)',
  { skip: noPrivateRedis },
  (t) =>
    expectWithin(t, { completeMs: 3000 }, () =>
      goThroughOutage(t, {
        keepsData: false,
        begin: (redis) => redis.shutdown({ save: false }),
        end: (redis) => redis.boot(),
      }),
    ),
);
