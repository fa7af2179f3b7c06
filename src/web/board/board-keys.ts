// Keys that mean the same in each view of the board.

import type { BoardModel } from '../model/board-model.ts';
import { goToNextPart } from './parts.ts';

export interface BoardActions {
  /** Makes a note in the view that is shown. */
  add(): void;
  /** Shows the sheet of keys. */
  help(): void;
  /** @returns whether somebody was followed */
  stopFollowing(): boolean;
  /** Shows what was done on the board. */
  activity(): void;
  /** Shows what the note was, or the chosen one. */
  history(id: string | undefined): void;
  /** Back to now, from the past. @returns whether it was there */
  back(): boolean;
  /** @returns whether it was a key that finds something */
  find(event: KeyboardEvent): boolean;
}

export function onBoardKey(event: KeyboardEvent, model: BoardModel, actions: BoardActions): void {
  const { add, help, stopFollowing, activity, history, back, find } = actions;
  // Also where Escape means something else beside.
  if (event.key === 'Escape') stopFollowing();
  if (event.defaultPrevented || event.altKey) return;
  const [target] = event.composedPath();
  const element = target as Element;
  if (event.key === 'Escape' && !element.closest('dialog') && back()) {
    event.preventDefault();
    return;
  }
  if (event.key === 'F6') {
    goToNextPart(event.currentTarget as HTMLElement, event.shiftKey);
    event.preventDefault();
    return;
  }
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement) return;
  if (find(event)) return;
  const key = event.key.toLowerCase();
  const isCommand = event.ctrlKey || event.metaKey;
  if (isCommand && key === 'z') {
    if (event.shiftKey) model.redo();
    else model.undo();
  } else if (isCommand && key === 'y') model.redo();
  else if (!isCommand && key === 'n' && !(target instanceof HTMLSelectElement)) add();
  else if (event.key === '?') help();
  else if (isCommand || target instanceof HTMLSelectElement) return;
  else if (key === 'a') activity();
  else if (key === 'h') history(element.closest<HTMLElement>('[data-item-id]')?.dataset.itemId);
  else return;
  event.preventDefault();
}
