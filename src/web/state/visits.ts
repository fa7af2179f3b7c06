// Until where somebody has seen a board in this browser, for the next visit.

import { effect, type ReadonlySignal, signal } from '@preact/signals-core';
import type { OpenBoard } from './open-board.ts';

export interface Visit {
  /** The place in the log. */
  cursor: string;
  /** When that was seen: milliseconds since 1970. */
  at: number;
}

const keyOf = (boardId: string, userId: string) => `teamboard visit ${boardId} ${userId}`;

function keepVisit(boardId: string, userId: string, visit: Visit): void {
  try {
    localStorage.setItem(keyOf(boardId, userId), JSON.stringify(visit));
  } catch {
    // The browser keeps nothing for this page, or has no room: the next visit is told of nothing.
  }
}

/** @returns undefined when there was none, as far as this browser knows */
function readVisit(boardId: string, userId: string): Visit | undefined {
  try {
    const { cursor, at } = JSON.parse(localStorage.getItem(keyOf(boardId, userId)) ?? '{}') as Partial<Visit>;
    return typeof cursor === 'string' && typeof at === 'number' ? { cursor, at } : undefined;
  } catch {
    return undefined;
  }
}

export interface Visits {
  /** The one before, when something has happened since; undefined too where it is the first, or nothing is known yet. */
  readonly missed: ReadonlySignal<Visit | undefined>;
  /** The visit is over. */
  close(): void;
}

export function followVisits(board: OpenBoard): Visits {
  const missed = signal<Visit | undefined>(undefined);
  let seen: Visit | undefined;

  function look(): void {
    // What was kept here is what was seen before.
    if (board.head.value === 0 || board.status.value.name !== 'live' || document.hidden) return;
    void board.cursorOf(board.head.value).then(note, () => {});
  }

  function note(cursor: string): void {
    const before = seen ? undefined : readVisit(board.id, board.me.id);
    if (before && before.cursor !== cursor) missed.value = before;
    seen = { cursor, at: Date.now() };
  }

  function leave(): void {
    if (seen) keepVisit(board.id, board.me.id, seen);
  }

  const onVisibility = () => (document.hidden ? leave() : look());
  document.addEventListener('visibilitychange', onVisibility);
  addEventListener('pagehide', leave);
  const end = effect(look);
  return {
    missed,
    close() {
      leave();
      end();
      document.removeEventListener('visibilitychange', onVisibility);
      removeEventListener('pagehide', leave);
    },
  };
}
