// Texts that somebody has begun to write, kept over a crash until the server has them. Each is of the account that wrote it: who
// signs in next in this browser reads none of them.

import { remembered } from './remembered.ts';

/** Keeps texts, as localStorage does; undefined where the browser keeps nothing for this page. */
function storage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

const keyOf = (boardId: string, itemId: string) => `teamboard draft ${remembered()?.id} ${boardId} ${itemId}`;

export function keepDraft(boardId: string, itemId: string, text: string): void {
  try {
    storage()?.setItem(keyOf(boardId, itemId), text);
  } catch {
    // Full: the text is on the screen all the same.
  }
}

/** @returns what was written and never became part of the note */
export function readDraft(boardId: string, itemId: string): string | undefined {
  return storage()?.getItem(keyOf(boardId, itemId)) ?? undefined;
}

export function dropDraft(boardId: string, itemId: string): void {
  storage()?.removeItem(keyOf(boardId, itemId));
}

/** Of everybody: who signs out wants nothing left in this browser. */
export function dropDrafts(): void {
  const kept = storage();
  for (const key of Object.keys(kept ?? {})) if (key.startsWith('teamboard draft ')) kept?.removeItem(key);
}
