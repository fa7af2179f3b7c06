// When a webhook that has failed is tried again.

export interface RetryTimings {
  /** After the first failure at most. Doubled by each that follows. */
  firstMs: number;
  lastMs: number;
  /** For how long it is tried. */
  giveUpMs: number;
}

/**
 * Full jitter: anywhere from now to the backoff, so that receivers that came back are not run over by all at once.
 *
 * @param failures in a row before this one
 * @param retryAfterMs what the receiver has asked for: no sooner than that
 */
export function drawRetryMs(
  failures: number,
  retryAfterMs: number,
  { firstMs, lastMs, giveUpMs }: RetryTimings,
): number {
  const backoffMs = Math.random() * Math.min(lastMs, firstMs * 2 ** Math.min(failures, 30));
  return Math.round(Math.min(giveUpMs, Math.max(backoffMs, retryAfterMs)));
}

/** @param field `Retry-After` (RFC 9110, 10.2.3). @returns milliseconds; 0 when it says nothing readable */
export function readRetryAfter(field: string | undefined, nowMs: number): number {
  if (field === undefined) return 0;
  if (/^\d{1,9}$/.test(field)) return Number(field) * 1000;
  const time = Date.parse(field);
  return Number.isNaN(time) ? 0 : Math.max(0, time - nowMs);
}
