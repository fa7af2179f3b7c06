// How long to wait after a failure before the next attempt.

export interface Backoff {
  /** After the first failure. Doubled by each that follows. */
  firstMs: number;
  lastMs: number;
}

/**
 * @param failures in a row before this one
 * @returns milliseconds, drawn from the upper half, so that those who failed together do not come back together
 */
export function drawBackoffMs(failures: number, { firstMs, lastMs }: Backoff): number {
  const most = Math.min(lastMs, firstMs * 2 ** failures);
  return Math.round(most / 2 + (Math.random() * most) / 2);
}
