// Why a write of a board itself found nothing to write: as of any other, or what it depends on does not hold.

import type { Reader } from '../access/claims.ts';
import type { BoardPatch } from './board.ts';
import { explainRefusal } from './board-access.ts';
import type { BoardCondition } from './board-condition.ts';
import type { ReadBoardHistory } from './board-conflict-store.ts';
import type { BoardStore } from './board-store.ts';
import { conflictOf } from './conflict.ts';

/**
 * @param patch undefined for a deletion
 * @returns 404 or 403 as {@link explainRefusal}; TB_CONFLICT when the board is there, but not as the request wants it
 */
export async function explainBoardRefusal(
  { boards, readBoardHistory }: { boards: BoardStore; readBoardHistory: ReadBoardHistory },
  reader: Reader,
  boardId: string,
  condition: BoardCondition | undefined,
  patch: BoardPatch | undefined,
) {
  const refusal = await explainRefusal(boards, patch ? 'edit' : 'own', reader, boardId);
  if (refusal.code !== 'TB_NOT_FOUND' || !condition) return refusal;
  const history = await readBoardHistory(reader, boardId, condition);
  return history ? conflictOf(history, patch) : refusal;
}
