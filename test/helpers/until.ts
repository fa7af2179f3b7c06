// Waiting for a condition, which a test does instead of sleeping.

import { setTimeout as delay } from 'node:timers/promises';

/**
 * @param condition tried every 10 ms until it gives something truthy
 * @param what names what is waited for, for the error
 * @throws Error when it has not come after `timeoutMs`
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string,
  timeoutMs = 10_000,
): Promise<Exclude<T, false | undefined | null>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value as Exclude<T, false | undefined | null>;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await delay(10);
  }
}
