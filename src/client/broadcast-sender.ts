// Broadcasts of a page: seldom enough for the server, the last one of each name wins.

import type { Live, LiveBoard } from './live.ts';
import { answerReader } from './problem.ts';
import { createPause } from './small.ts';
import type { Status } from './types.ts';

const LEAST_MS_BETWEEN = 50;
/** A server that did not take one is left alone for so long at least. */
const MUTED_MS = 1000;
/** An answer is waited for no longer. */
const HANG_MS = 10_000;

/**
 * Tells everyone who has the board open, without a trace: cursors, typing. At most every 50 ms for each name, the last one
 * wins. Nothing is sent from a page that nobody sees, or while the board is not `live`. A server that does not take one is left
 * alone for a second at least; who may not send sends no more until the board has become `live` again.
 *
 * @returns sends one
 */
export function sender(
  { outside, request }: Pick<Live, 'outside' | 'request'>,
  board: Pick<LiveBoard, 'id' | 'status'>,
): (name: string, data: unknown) => void {
  const pause = createPause(outside);
  const readAnswer = answerReader(outside);
  /** What is to be sent of each name when its turn comes; undefined: the last one is under way. */
  const slots = new Map<string, { data: unknown } | undefined>();
  /** Over when the server may be asked again. By timers: a clock can be set. */
  let muted: Promise<unknown> | undefined;
  /** While it was so, the server has said that the page may not. */
  let refusedIn: Status | undefined;

  async function post(name: string, { data }: { data: unknown }) {
    const hung = new AbortController();
    const stop = outside.after(HANG_MS, () => hung.abort());
    const answer = await request(`/boards/${board.id}/broadcasts`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name, data }),
      signal: hung.signal,
    }).then(readAnswer, readAnswer);
    stop();
    return answer;
  }

  /** Sends what there is of this name, and comes again until there is nothing. */
  async function turn(name: string): Promise<void> {
    await muted;
    const next = slots.get(name);
    const now = board.status;
    if (!next || outside.isHidden() || now.name !== 'live' || now === refusedIn) {
      slots.delete(name);
      return;
    }
    slots.set(name, undefined);
    const [{ status, retryAfterMs }] = await Promise.all([post(name, next), pause(LEAST_MS_BETWEEN)]);
    if ([401, 403, 404].includes(status)) refusedIn = now;
    // Nobody misses what was lost on the way, but a server that did not take it is left alone.
    else if (status < 200 || status > 299) {
      muted = Promise.all([muted, pause(Math.max(MUTED_MS, retryAfterMs))]);
    }
    void turn(name);
  }

  return (name, data) => {
    if (board.status.name !== 'live') return;
    const isWaiting = slots.has(name);
    slots.set(name, { data });
    if (!isWaiting) void turn(name);
  };
}
