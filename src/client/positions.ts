// Where the others point at, between the positions that they have sent.

import type { Live, LiveBoard } from './live.ts';
import type { User } from './types.ts';

export interface Position {
  user: User;
  x: number;
  y: number;
}

export interface Positions {
  /**
   * @param time default: now
   * @returns where each one is: on the way to what was sent last
   */
  at(time?: number): Position[];
  /** Listens no longer. */
  close(): void;
}

/** So long one takes to get there: two of those that are sent at most every 50 ms, so that it never stands still between. */
const GLIDE_MS = 100;

/**
 * Follows the positions that the others send by that name, as `{x, y}`.
 *
 * @param silenceMs who sends nothing for so long is gone; default: 10 s
 */
export function positions(
  { outside }: Pick<Live, 'outside'>,
  board: LiveBoard,
  name: string,
  silenceMs = 10_000,
): Positions {
  const tracks = new Map<string, { from: Position; to: Position; since: number }>();
  const place = ({ from, to, since }: { from: Position; to: Position; since: number }, time: number): Position => {
    const part = Math.min(1, Math.max(0, (time - since) / GLIDE_MS));
    return { user: to.user, x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
  };
  const ends = [
    board.onBroadcast(({ name: sent, data, from: { user } }) => {
      const { x, y } = (data ?? {}) as Position;
      if (sent !== name || !Number.isFinite(x) || !Number.isFinite(y)) return;
      const since = outside.now();
      const track = tracks.get(user.id);
      const to = { user, x, y };
      tracks.set(user.id, { from: track && since - track.since <= silenceMs ? place(track, since) : to, to, since });
    }),
    board.onChange(({ presence }) => {
      for (const id of tracks.keys()) if (!presence.some((user) => user.id === id)) tracks.delete(id);
    }),
  ];
  return {
    at(time = outside.now()) {
      return [...tracks.values()].filter(({ since }) => time - since <= silenceMs).map((track) => place(track, time));
    },
    close() {
      for (const end of ends) end();
    },
  };
}
