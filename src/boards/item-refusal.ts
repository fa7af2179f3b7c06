// Why items were not written. Asked only after a write has failed, so that the ordinary one is one round trip.

import type { Problem } from '../errors.ts';
import type { ItemPatch } from './board.ts';
import { explainRefusal } from './board-access.ts';
import type { BoardStore } from './board-store.ts';
import { conflictOf } from './conflict.ts';
import type { ReadHistory } from './conflict-store.ts';
import type { ItemAddress } from './item-store.ts';

export interface RefusalSources {
  boards: BoardStore;
  readItemHistory: ReadHistory;
}

/**
 * @param patch undefined for a deletion
 * @returns 404 or 403 as {@link explainRefusal}; TB_CONFLICT when the item is there, in another version
 */
export async function explainItemRefusal(
  { boards, readItemHistory }: RefusalSources,
  userId: string,
  { boardId, itemId, versions }: ItemAddress,
  patch: ItemPatch | undefined,
): Promise<Problem> {
  const refusal = await explainRefusal(boards, 'edit', userId, boardId);
  if (refusal.code !== 'TB_NOT_FOUND' || !versions) return refusal;
  const since = versions.length > 0 ? Math.max(...versions) : undefined;
  const history = await readItemHistory(userId, boardId, itemId, since);
  return history ? conflictOf(history, patch) : refusal;
}
