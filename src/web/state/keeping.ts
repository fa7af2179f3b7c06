// Keeps an open board for when the server cannot be reached: soon after it was read, and seldom while it changes.

import { effect } from '@preact/signals-core';
import { dropBoard, keepBoard } from './kept-boards.ts';
import type { OpenBoard } from './open-board.ts';

const FIRST_MS = 500;
/** To write a large one takes some milliseconds. */
const NEXT_MS = 10_000;

/** @returns what ends that, when it was kept once more */
export function keepOpen(board: OpenBoard): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = FIRST_MS;

  function save(): void {
    clearTimeout(timer);
    timer = undefined;
    // What is old is kept already.
    if (board.status.peek().name !== 'live') return;
    const snapshot = board.snapshot();
    if (!snapshot) {
      timer = setTimeout(save, FIRST_MS);
      return;
    }
    wait = NEXT_MS;
    void keepBoard(board.me.id, snapshot);
  }

  const onVisibility = () => {
    if (document.hidden) save();
  };
  document.addEventListener('visibilitychange', onVisibility);
  const end = effect(() => {
    void board.state.value;
    const { name } = board.status.value;
    if (name === 'ended') void dropBoard(board.me.id, board.id);
    else if (name === 'live') timer ??= setTimeout(save, wait);
  });
  return () => {
    end();
    save();
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', onVisibility);
  };
}
