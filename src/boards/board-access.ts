// Why a write found nothing to write: the board is not the caller's to see, or not the caller's to change.

import type { Reader } from '../access/claims.ts';
import { notFound, Problem } from '../problems/problem.ts';
import type { Role } from './board.ts';
import type { BoardStore } from './board-store.ts';

const rights: Record<'edit' | 'own', { roles: Role[]; detail: string }> = {
  edit: { roles: ['owner', 'editor'], detail: 'Viewers cannot change a board: ask an owner to make you an editor.' },
  own: { roles: ['owner'], detail: 'Only owners can do this: ask one of them.' },
};

/**
 * Looked up only after the write has failed, so that the ordinary write is one round trip.
 *
 * @returns 404 for whoever may not see the board, 403 for whoever lacks the right, and 404 when the right was there
 *   and thus the thing was not
 */
export async function explainRefusal(
  boards: BoardStore,
  right: keyof typeof rights,
  reader: Reader,
  boardId: string,
): Promise<Problem> {
  const role = await boards.roleOf(reader, boardId);
  if (role === undefined || rights[right].roles.includes(role)) return notFound();
  return new Problem('TB_FORBIDDEN', rights[right].detail);
}
