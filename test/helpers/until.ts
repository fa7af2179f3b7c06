// Waiting for a condition, which a test does instead of sleeping.

import { setTimeout as delay } from 'node:timers/promises';

/**
 * What one turn counts for at most. In a longer one the machine stood still, or had no time for this process: what is
 * waited for could not come either, or is here and was not yet read.
 */
const LONGEST_TURN_MS = 250;

/** Of a machine that does much else, and is slow: who waits in vain waits long, and nobody else is held up. */
export const PATIENT_MS = 240_000;

/**
 * @param condition tried every 10 ms until it gives something truthy
 * @param what names what is waited for, for the error, as of then
 * @throws Error when it has not come after `timeoutMs` in which the machine ran
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string | (() => string),
  timeoutMs = PATIENT_MS,
): Promise<Exclude<T, false | undefined | null>> {
  let waitedMs = 0;
  for (;;) {
    const begunAt = performance.now();
    const value = await condition();
    if (value) return value as Exclude<T, false | undefined | null>;
    if (waitedMs > timeoutMs) {
      throw new Error(`waited ${timeoutMs} ms in vain for ${typeof what === 'string' ? what : what()}`);
    }
    await delay(10);
    waitedMs += Math.min(performance.now() - begunAt, LONGEST_TURN_MS);
  }
}
