// Why the server ends a stream: what the client is told, and whether coming back makes sense.

/** From which span the client's delay is drawn, so that those who were closed together do not come back together. */
export type RetrySpan = readonly [leastMs: number, mostMs: number];

interface CloseRule {
  /** Whether the next attempt can succeed. */
  retry: boolean;
  retryMs: RetrySpan;
}

export const closeRules = {
  shutdown: { retry: true, retryMs: [1000, 10_000] },
  busy: { retry: true, retryMs: [3000, 30_000] },
  rotated: { retry: true, retryMs: [1000, 5000] },
  slow: { retry: true, retryMs: [3000, 10_000] },
  revoked: { retry: false, retryMs: [30_000, 60_000] },
  expired: { retry: false, retryMs: [30_000, 60_000] },
  deleted: { retry: false, retryMs: [30_000, 60_000] },
} as const satisfies Record<string, CloseRule>;

/** What `close` says. */
export type CloseReason = keyof typeof closeRules;

/**
 * What the log says: the client may also leave, vanish, never have been reached, or be cut off inside a frame of a board
 * that it may not see any more.
 */
export type EndReason = CloseReason | 'client' | 'dead' | 'failed' | 'cut';

/**
 * @returns how soon a client was told to come back when its stream ended, 0 when it was told not to; undefined when it
 *   was told nothing
 */
export function backWithinMs(reason: EndReason): number | undefined {
  if (!isTold(reason)) return undefined;
  const { retry, retryMs } = closeRules[reason];
  return retry ? retryMs[1] : 0;
}

function isTold(reason: EndReason): reason is CloseReason {
  return reason in closeRules;
}

/** @returns a delay in whole milliseconds for the `retry:` field */
export function drawRetryMs([least, most]: RetrySpan): number {
  return Math.round(least + Math.random() * (most - least));
}

/** The first `retry:` of every stream, so that a node's death does not bring everyone back in the same instant. */
export const openingRetryMs: RetrySpan = [1000, 3000];

/** Of a node that somebody ends at the keyboard, to start it again: few follow it, and who does is looking at it. */
export const atKeyboardRetryMs: RetrySpan = [300, 1000];
