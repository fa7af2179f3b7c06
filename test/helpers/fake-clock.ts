// Time that stands still until a test lets it pass: what happens when does not depend on the machine.

import { mock } from 'node:test';
import type { Teardown } from './teardown.ts';

export interface FakeClock {
  pass(ms: number): void;
}

/**
 * Replaces the timers and `performance.now()` until the end of the test, which must not wait for anything else: nothing
 * that has a timer of its own goes on.
 */
export function useFakeClock(t: Teardown): FakeClock {
  const { now } = performance;
  let ms = Math.round(now.call(performance));
  performance.now = () => ms;
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  t.teardown(() => {
    mock.timers.reset();
    performance.now = now;
  });
  return {
    pass: (passed) => {
      for (const end = ms + passed; ms < end; ) {
        ms = Math.min(end, ms + 1);
        mock.timers.tick(1);
      }
    },
  };
}
