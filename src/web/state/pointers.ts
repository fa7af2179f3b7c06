// Where the others point at, between the places that they have sent. Each of their windows has a pointer, also those of
// oneself, but for the one that asks.

import type { LiveBoard } from '../../client/live.ts';
import type { User } from '../../client/types.ts';

export interface Pointer {
  user: User;
  x: number;
  y: number;
}

export interface Pointers {
  /**
   * @param time of `Date.now()`
   * @returns where each one is: on the way to what was sent last
   */
  at(time: number): Pointer[];
  /** @returns whether one of them is under way */
  isMoving(time: number): boolean;
  close(): void;
}

/** What tells a place. */
export interface Sent {
  x: number;
  y: number;
  /** Which of the windows of the user. */
  window: string;
}

interface Track {
  from: Pointer;
  to: Pointer;
  since: number;
}

/** So long one takes to get there: two of those that are sent at most every 50 ms, so that it never stands still between. */
const GLIDE_MS = 100;
/** Who sends nothing for so long is gone. */
const SILENCE_MS = 10_000;
/** Of one user; of more, the one that has been silent longest goes. Whoever sends makes up the names of windows. */
const MOST_WINDOWS = 4;

/** @param own the window that asks */
export function createPointers(board: LiveBoard, own: string): Pointers {
  /** By the user, then by the window, the one that was heard last at the end. */
  const users = new Map<string, Map<string, Track>>();
  const ends = [
    board.onBroadcast(({ name, data, from: { user } }) => {
      const { x, y, window } = (data ?? {}) as Record<keyof Sent, unknown>;
      if (name !== 'cursor' || window === own || !isPlace(x) || !isPlace(y)) return;
      const since = Date.now();
      const to = { user, x, y };
      const windows = users.get(user.id) ?? new Map<string, Track>();
      const key = typeof window === 'string' ? window : '';
      const track = windows.get(key);
      const from = track && since - track.since <= SILENCE_MS ? placeOf(track, since) : to;
      windows.delete(key);
      windows.set(key, { from, to, since });
      const [longest = ''] = windows.keys();
      if (windows.size > MOST_WINDOWS) windows.delete(longest);
      users.set(user.id, windows);
    }),
    board.onChange(({ presence }) => {
      for (const id of users.keys()) if (!presence.some((user) => user.id === id)) users.delete(id);
    }),
  ];
  const tracks = (time: number) =>
    [...users.values()].flatMap((windows) => [...windows.values()]).filter(({ since }) => time - since <= SILENCE_MS);
  return {
    at: (time) => tracks(time).map((track) => placeOf(track, time)),
    isMoving: (time) => tracks(time).some(({ since }) => time - since < GLIDE_MS),
    close() {
      for (const end of ends) end();
    },
  };
}

const isPlace = (value: unknown): value is number => Number.isFinite(value);

function placeOf({ from, to, since }: Track, time: number): Pointer {
  const part = Math.min(1, Math.max(0, (time - since) / GLIDE_MS));
  return { user: to.user, x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}
