// Owns waiting for a condition that nothing announces.
import { setTimeout as sleep } from 'node:timers/promises';

const intervalMs = 10;

/** Resolves true as soon as the condition holds, false when it still does not after `timeoutMs`. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) return false;
    await sleep(intervalMs);
  }
  return true;
}
