// How far the clock of another machine is from this one's.

import type { Warning } from './report.ts';

/** What leases, JWTs and the metrics bear. */
const MOST_APART_MS = 1000;

/**
 * @param ask what time it is there, in ms since 1970
 * @param whose in the words of an operator
 */
export async function compareClock(ask: () => Promise<number>, whose: string): Promise<string | Warning> {
  const askedAt = Date.now();
  const there = await ask();
  const answeredAt = Date.now();
  // Read at some moment between the two.
  const apart = there < askedAt ? there - askedAt : Math.max(0, there - answeredAt);
  const way = `${Math.abs(apart / 1000).toFixed(1)} s ${apart < 0 ? 'behind' : 'before'} this machine's`;
  if (Math.abs(apart) <= MOST_APART_MS) return `as this machine's, to ${answeredAt - askedAt} ms`;
  return { warning: `the clock of ${whose} is ${way}: let both follow the same time (NTP).` };
}
