// A timer for a time of the wall clock, however far away.

/** setTimeout takes no more than 2^31 ms and fires at once beyond; and the clock may be set meanwhile. */
const LOOK_AGAIN_MS = 3_600_000;

/**
 * @param at milliseconds since 1970, by the clock of this node
 * @returns ends the waiting
 */
export function callAt(at: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = () => {
    const left = at - Date.now();
    timer = setTimeout(left > 0 ? wait : callback, Math.max(0, Math.min(Math.ceil(left), LOOK_AGAIN_MS))).unref();
  };
  wait();
  return () => clearTimeout(timer);
}
